"""The audit log."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    id: int = 0
    uid: str
    at: int
    operation: str
    outcome: str
    code: str | None = None
    actor_id: str | None = None
    actor_name: str | None = None
    token_id: str | None = None
    address: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    object_name: str | None = None
    object_revision: int | None = None
    version_id: str | None = None
    version_revision: int | None = None
    details: str = "{}"
    mac: bytes = b""
    number: int | None = None
    leaf_hash: bytes | None = None
    head: bytes | None = None
    place_mac: bytes | None = None
