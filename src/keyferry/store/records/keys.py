"""Keys and their versions; keys that were generated ahead."""

from dataclasses import dataclass

from keyferry.store.records.rows import Revised, Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(Revised):
    name: str | None = None
    description: str | None = None
    algorithm: str
    owner_user_id: str | None = None
    owner_group_id: str | None = None
    exportable: bool
    usages: str
    current_version_id: str
    versions: int = 1
    rotate_every: int | None = None
    rotate_before: int | None = None
    rotate_at: int | None = None
    approvals: str | None = None
    created_at: int
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVersion(Revised):
    key_id: str
    number: int
    state: str
    activation_date: int | None = None
    deactivation_date: int | None = None
    compromised_at: int | None = None
    revocation_reason: str | None = None
    revocation_message: str | None = None
    destroy_at: int | None = None
    destroyed_at: int | None = None
    origin: str
    material: bytes | None
    public_key: bytes | None = None
    spki_sha256: str | None = None
    thumbprint: str | None = None
    check_value: str | None = None
    created_at: int
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolKey(Sealed):
    algorithm: str
    material: bytes
    public_key: bytes
    spki_sha256: str
    thumbprint: str
    created_at: int
