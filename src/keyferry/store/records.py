"""A frozen value for each row, field by field as in `tables.py`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A row that a rule depends on. `seal` is empty until the row is written."""

    id: str
    seal: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revised(Sealed):
    """A sealed row that changes: each change raises `revision` by one."""

    revision: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPolicy(Revised):
    second_factor_roles: str = "[]"
    recovered_at: int | None = None
    recovered_user_id: str | None = None
    networks: str | None = None
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Revised):
    name: str
    name_folded: str
    role: str
    display_name: str | None = None
    email: str | None = None
    default_group_id: str | None = None
    password_hash: str | None = None
    password_set_by: str | None = None
    password_set_at: int | None = None
    must_change: bool | None = None
    factors: int | None = None
    factors_reset_by: str | None = None
    factors_reset_at: int | None = None
    disabled: bool = False
    networks: str | None = None
    token_epoch: int = 1
    created_at: int
    deleted_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Revised):
    name: str
    description: str | None = None
    kek_policy: str | None = None
    approvals: str | None = None
    created_at: int
    deleted_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership(Revised):
    user_id: str
    group_id: str
    created_at: int
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Token(Revised):
    user_id: str
    kind: str
    name: str
    digest: bytes
    epoch: int
    created_at: int
    expires_at: int
    revoked_at: int | None = None
    idle_after: int | None = None
    certificate_id: str | None = None
    method: str | None = None
    second_factor: str | None = None
    operations: str | None = None
    key_ids: str | None = None
    group_ids: str | None = None
    networks: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate(Revised):
    user_id: str
    name: str
    origin: str
    fingerprint: str
    certificate: bytes
    subject: str
    issuer: str
    serial: str
    key_type: str
    epoch: int
    not_before: int
    expires_at: int
    created_at: int
    created_by: str
    revoked_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateAuthority(Revised):
    certificate: bytes
    key: bytes
    expires_at: int
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer(Revised):
    name: str
    issuer: str
    audience: str
    key_source: str
    key_set_url: str | None = None
    key_set: str | None = None
    algorithms: str
    longest_lifetime: int
    clock_skew: int
    disabled: bool = False
    created_at: int
    created_by: str
    deleted_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload(Revised):
    issuer_id: str
    subject: str
    claims: str
    user_id: str
    name: str
    networks: str | None = None
    epoch: int
    expires_at: int | None
    created_at: int
    created_by: str
    revoked_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor(Revised):
    user_id: str
    kind: str
    name: str
    secret: bytes | None = None
    last_step: int | None = None
    credential_id: bytes | None = None
    public_key: bytes | None = None
    sign_count: int | None = None
    codes: str | None = None
    last_used_at: int | None = None
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket(Sealed):
    user_id: str
    needs: str
    digest: bytes
    epoch: int
    method: str
    second_factor: str | None = None
    network: str | None = None
    idle_after: int | None = None
    certificate_id: str | None = None
    created_at: int
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierPassword(Sealed):
    user_id: str
    password_hash: str
    created_at: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Kek(Revised):
    identifier: str
    public_key: bytes
    spki_sha256: str
    bits: int
    source: str
    registered: bool
    created_at: int
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Export(Sealed):
    number: int = 0
    key_id: str
    version_id: str
    version_number: int
    user_id: str
    destination: str
    key_identifier: str
    kek_sha256: str
    file_sha256: str
    file_bytes: int
    created_at: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerKeyRequest(Revised):
    owner_user_id: str | None = None
    owner_group_id: str | None = None
    organization_id: str
    scenario: str | None = None
    workloads: str
    keys: str
    contacts: str
    state: str
    reference: str | None = None
    history: str
    checks: str
    created_at: int
    created_by: str
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest(Revised):
    operation: str
    covered_as: str
    object_type: str
    object_id: str | None = None
    object_name: str | None = None
    requester_id: str
    digest: bytes
    facts: str
    policies: str
    state: str
    votes: int = 0
    expires_at: int
    ended_at: int | None = None
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalVote(Sealed):
    request_id: str
    user_id: str
    decision: str
    note: str | None = None
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProvider(Revised):
    name: str
    kind: str
    enabled: bool = False
    configuration: str
    credential: bytes | None = None
    mapping: str
    just_in_time: bool = False
    asks_second_factor: bool = False
    clock_skew: int
    tested_at: int | None = None
    tested_by: str | None = None
    created_at: int
    created_by: str
    deleted_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity(Revised):
    provider_id: str
    user_id: str
    subject: str | None = None
    expected: str | None = None
    created_at: int
    created_by: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency(Sealed):
    request: bytes
    resource_id: str
    created_at: int
