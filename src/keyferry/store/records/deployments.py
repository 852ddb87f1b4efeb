"""Sign-ins at clouds that are kept here, and the keys' way into vaults."""

from dataclasses import dataclass

from keyferry.store.records.rows import Revised


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection(Revised):
    name: str
    description: str | None = None
    cloud: str
    endpoints: str | None = None
    tenant_id: str | None
    client_id: str | None
    credential_kind: str
    credential: bytes | None
    credential_set_at: int
    certificate_sha256: str | None = None
    certificate_expires_at: int | None = None
    vaults: str
    groups: str
    disabled: bool
    created_at: int
    created_by: str
    deleted_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment(Revised):
    key_id: str
    version_id: str
    version_number: int
    connection_id: str | None
    vault: str
    name: str
    operations: str
    step: str
    evidence: str
    kek_identifier: str | None = None
    export_id: str | None = None
    remote_identifier: str | None = None
    problem: str | None = None
    backup: str | None = None
    observed: str | None = None
    lease_id: str | None = None
    lease_until: int | None = None
    abandoned_at: int | None = None
    created_at: int
    created_by: str
    updated_at: int
