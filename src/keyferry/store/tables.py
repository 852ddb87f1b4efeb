"""The tables, the same on SQLite and PostgreSQL. Constraints are named and mirror the rules.

Times are integer microseconds UTC, ids lower-case UUIDs in text. A row that a rule depends on carries a `seal` (an
HMAC over its other columns) and, where it can change, a `revision`. `records.py` has a value type for each table.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TextClause,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite gives an ever-growing row number only to a column of type INTEGER; PostgreSQL's INTEGER would end at 2**31.
_Sequence = BigInteger().with_variant(Integer(), "sqlite")

# As Python compares text, whatever the language of the database.
_InByteOrder = Text().with_variant(Text(collation="C"), "postgresql")

#: stands for a key without a name; no name holds it, and it sorts after all of them
BLANK: Final = "~"
#: stands for a date that never comes
NEVER: Final = 2**62


def _id() -> Column[str]:
    return Column("id", Text, primary_key=True)


def _name(name: str, comment: str) -> Column[str]:
    """A name that people search by how it begins: compared byte by byte on both databases."""
    return Column(name, _InByteOrder, nullable=False, comment=comment)


def _time(name: str, *, nullable: bool = True) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _created() -> Column[int]:
    return _time("created_at", nullable=False)


def _revision() -> tuple[Column[int], CheckConstraint]:
    return Column("revision", BigInteger, nullable=False), CheckConstraint("revision > 0", name="revision_positive")


def _seal() -> Column[bytes]:
    return Column("seal", LargeBinary, nullable=False)


def _approvals() -> Column[str]:
    return Column("approvals", Text, comment="JSON object: what needs the approval of others; NULL: nothing")


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def _index_where(column: str, condition: ColumnElement[bool] | TextClause) -> Index:
    """An index on the few rows of key_versions for which `condition` holds."""
    name = f"ix_key_versions_{column}"
    return Index(name, column, sqlite_where=condition, postgresql_where=condition)


stores = Table("stores", metadata, _id(), _created())

data_keys = Table(
    "data_keys",
    metadata,
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False, comment="the data key, wrapped by the root of trust"),
    _created(),
)

server_policy = Table(
    "server_policy",
    metadata,
    Column("id", Text, primary_key=True, comment="the store's"),
    Column("second_factor_roles", Text, nullable=False, comment="JSON list of roles that need a second factor"),
    _time("recovered_at"),
    Column("recovered_user_id", Text, comment="id of whom `keyferry admin recover` let in last"),
    Column("networks", Text, comment="JSON list of networks; NULL admits every address, [] none"),
    _created(),
    *_revision(),
    _seal(),
)

users = Table(
    "users",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    _name("name_folded", "the name without regard to case; names are never used again"),
    Column("role", Text, nullable=False),
    Column("display_name", Text),
    Column("email", Text),
    Column("default_group_id", Text, ForeignKey("groups.id")),
    Column("password_hash", Text, comment="Argon2id, PHC string; NULL admits no password"),
    Column(
        "password_set_by", Text, comment="id of the user who set the password; shown at the next sign-in if another"
    ),
    _time("password_set_at"),
    Column("must_change", Boolean, comment="true: the password is good for setting another one alone"),
    Column("factors", BigInteger, comment="second factors that stand, recovery codes left out; NULL: none ever did"),
    Column("factors_reset_by", Text, comment="id of who took the factors away; shown at the next sign-in if another"),
    _time("factors_reset_at"),
    Column("disabled", Boolean, nullable=False),
    Column("networks", Text, comment="JSON list of networks; NULL admits every address, [] none"),
    Column("token_epoch", BigInteger, nullable=False, comment="tokens of an earlier epoch are dead"),
    _created(),
    _time("deleted_at"),
    *_revision(),
    _seal(),
    UniqueConstraint("name_folded"),
    Index(
        "ix_users_role_disabled_name_folded",
        *("role", "disabled", "name_folded"),
        sqlite_where=text("deleted_at IS NULL"),
        postgresql_where=text("deleted_at IS NULL"),
    ),
    _one_of("role", "administrator", "key-access-user", "auditor"),
)

groups = Table(
    "groups",
    metadata,
    _id(),
    _name("name", "the group id that people see; never used again"),
    Column("description", Text),
    Column("kek_policy", Text, comment="whose KEKs are accepted; NULL: as the server's setting says"),
    _approvals(),
    _created(),
    _time("deleted_at"),
    *_revision(),
    _seal(),
    UniqueConstraint("name"),
    _one_of("kek_policy", "any", "registered"),
)

memberships = Table(
    "memberships",
    metadata,
    _id(),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("group_id", Text, ForeignKey("groups.id"), nullable=False),
    _created(),
    Column("created_by", Text, nullable=False),
    *_revision(),
    _seal(),
    UniqueConstraint("user_id", "group_id"),
    Index(None, "group_id"),
)

tokens = Table(
    "tokens",
    metadata,
    _id(),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the secret part"),
    Column("epoch", BigInteger, nullable=False),
    _created(),
    _time("expires_at", nullable=False),
    _time("revoked_at"),
    Column("idle_after", BigInteger, comment="microseconds without a use after which it ends; NULL: it may lie idle"),
    Column("certificate_id", Text, comment="of the certificate that it was begun with, and ends with"),
    Column("method", Text, comment="what the sign-in began with; NULL: a password"),
    Column("second_factor", Text, comment="what the sign-in was completed with; NULL: nothing"),
    Column("operations", Text, comment="JSON list of the operations that it is for; NULL: all that its user may"),
    Column("key_ids", Text, comment="JSON list of the keys that it reaches; NULL, as group_ids: all"),
    Column("group_ids", Text, comment="JSON list of the groups that it reaches, and whose keys"),
    Column("networks", Text, comment="JSON list of networks; NULL admits every address that its user may use"),
    *_revision(),
    _seal(),
    Index(None, "user_id"),
    _one_of("kind", "session", "api"),
)

certificates = Table(
    "certificates",
    metadata,
    _id(),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, comment="SHA-256 of the certificate, hex: what a caller is known by"),
    Column("certificate", LargeBinary, nullable=False, comment="X.509, DER"),
    Column("subject", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("serial", Text, nullable=False, comment="hex"),
    Column("key_type", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False, comment="as of tokens: the user's, or it is dead"),
    _time("not_before", nullable=False),
    _time("expires_at", nullable=False),
    _created(),
    Column("created_by", Text, nullable=False),
    _time("revoked_at"),
    *_revision(),
    _seal(),
    UniqueConstraint("fingerprint"),
    Index(None, "user_id", "id"),
    Index(None, "origin", "id"),
    _one_of("origin", "issued", "uploaded"),
)

certificate_authorities = Table(
    "certificate_authorities",
    metadata,
    _id(),
    Column("certificate", LargeBinary, nullable=False, comment="X.509, DER"),
    Column("key", LargeBinary, nullable=False, comment="PKCS#8, sealed"),
    _time("expires_at", nullable=False),
    _created(),
    *_revision(),
    _seal(),
)

trusted_issuers = Table(
    "trusted_issuers",
    metadata,
    _id(),
    Column("name", Text, nullable=False, comment="never used again"),
    Column("issuer", Text, nullable=False, comment="what `iss` says, to the letter"),
    Column("audience", Text, nullable=False, comment="what `aud` must say, to the letter"),
    Column("key_source", Text, nullable=False),
    Column("key_set_url", Text, comment="https address of a JWK Set"),
    Column("key_set", Text, comment="a JWK Set of public keys, JSON"),
    Column("algorithms", Text, nullable=False, comment="that signatures may be of, sorted, separated by commas"),
    _time("longest_lifetime", nullable=False),
    _time("clock_skew", nullable=False),
    Column("disabled", Boolean, nullable=False),
    _created(),
    Column("created_by", Text, nullable=False),
    _time("deleted_at"),
    *_revision(),
    _seal(),
    UniqueConstraint("name"),
    Index(
        "uq_trusted_issuers_issuer",
        "issuer",
        unique=True,
        sqlite_where=text("deleted_at IS NULL"),
        postgresql_where=text("deleted_at IS NULL"),
    ),
    _one_of("key_source", "discovery", "address", "document"),
    CheckConstraint("(key_set_url IS NOT NULL) = (key_source = 'address')", name="address_where_it_is_the_source"),
    CheckConstraint("(key_set IS NOT NULL) = (key_source = 'document')", name="document_where_it_is_the_source"),
)

workloads = Table(
    "workloads",
    metadata,
    _id(),
    Column("issuer_id", Text, ForeignKey("trusted_issuers.id"), nullable=False),
    Column("subject", Text, nullable=False, comment="what `sub` must say, to the letter"),
    Column("claims", Text, nullable=False, comment="JSON object of what further claims must say; {} nothing"),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("networks", Text, comment="JSON list of networks; NULL admits every address, [] none"),
    Column("epoch", BigInteger, nullable=False, comment="as of tokens: the user's, or it is dead"),
    _time("expires_at"),
    _created(),
    Column("created_by", Text, nullable=False),
    _time("revoked_at"),
    *_revision(),
    _seal(),
    Index(None, "issuer_id", "subject"),
    Index(None, "user_id", "id"),
)

factors = Table(
    "factors",
    metadata,
    _id(),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("secret", LargeBinary, comment="totp: the seed, sealed"),
    Column("last_step", BigInteger, comment="totp: the time step of the last code that was taken"),
    Column("credential_id", LargeBinary, comment="passkey: its id"),
    Column("public_key", LargeBinary, comment="passkey: its public key, COSE"),
    Column("sign_count", BigInteger, comment="passkey: its counter when it was used last"),
    Column("codes", Text, comment="recovery: JSON list of the SHA-256 of each code that is left"),
    _time("last_used_at"),
    _created(),
    *_revision(),
    _seal(),
    UniqueConstraint("credential_id"),
    Index(None, "user_id"),
    _one_of("kind", "totp", "passkey", "recovery"),
)

tickets = Table(
    "tickets",
    metadata,
    _id(),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("needs", Text, nullable=False, comment="what is still to be done before there is a session"),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the secret part"),
    Column("epoch", BigInteger, nullable=False),
    Column("method", Text, nullable=False),
    Column("second_factor", Text),
    Column("network", Text, comment="the network that it may be used from; NULL: any"),
    Column("idle_after", BigInteger, comment="of the session that comes of it"),
    Column("certificate_id", Text, comment="of the certificate that the sign-in began with"),
    _created(),
    _time("expires_at", nullable=False),
    _seal(),
    Index(None, "user_id"),
    Index(None, "expires_at"),
    _one_of("needs", "factor", "enrolment", "password", "invitation"),
)

earlier_passwords = Table(
    "earlier_passwords",
    metadata,
    _id(),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("password_hash", Text, nullable=False),
    _created(),
    _seal(),
    Index(None, "user_id", "id"),
)

keys = Table(
    "keys",
    metadata,
    _id(),
    Column("name", Text),
    Column("description", Text),
    Column("algorithm", Text, nullable=False),
    Column("owner_user_id", Text, ForeignKey("users.id")),
    Column("owner_group_id", Text, ForeignKey("groups.id")),
    Column("exportable", Boolean, nullable=False),
    Column("usages", Text, nullable=False, comment="allowed operations, sorted, separated by commas"),
    Column("current_version_id", Text, nullable=False),
    Column("versions", Integer, nullable=False, comment="how many versions were ever made"),
    _time("rotate_every"),
    _time("rotate_before"),
    _time("rotate_at"),
    _approvals(),
    _created(),
    Column("created_by", Text, nullable=False),
    *_revision(),
    _seal(),
    CheckConstraint("(owner_user_id IS NULL) <> (owner_group_id IS NULL)", name="one_owner"),
    UniqueConstraint("owner_user_id", "name"),
    UniqueConstraint("owner_group_id", "name"),
    Index(None, "owner_user_id", "id"),
    Index(None, "owner_group_id", "id"),
    Index(None, "name"),
    Index(
        "ix_keys_rotate_at",
        "rotate_at",
        sqlite_where=Column("rotate_at").is_not(None),
        postgresql_where=Column("rotate_at").is_not(None),
    ),
    Index(
        "ix_keys_approvals",
        "id",
        sqlite_where=Column("approvals").is_not(None),
        postgresql_where=Column("approvals").is_not(None),
    ),
)

_STATES = ("pre-active", "active", "deactivated", "compromised", "destroyed", "destroyed-compromised")

key_versions = Table(
    "key_versions",
    metadata,
    _id(),
    Column("key_id", Text, ForeignKey("keys.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    _time("activation_date"),
    _time("deactivation_date"),
    _time("compromised_at"),
    Column("revocation_reason", Text),
    Column("revocation_message", Text),
    _time("destroy_at"),
    _time("destroyed_at"),
    Column("origin", Text, nullable=False),
    Column("material", LargeBinary, comment="sealed; NULL once erased"),
    Column("public_key", LargeBinary, comment="SubjectPublicKeyInfo, DER"),
    Column("spki_sha256", Text),
    Column("thumbprint", Text),
    Column("check_value", Text),
    _created(),
    Column("created_by", Text, nullable=False),
    *_revision(),
    _seal(),
    UniqueConstraint("key_id", "number"),
    _index_where("destroy_at", Column("destroy_at").is_not(None)),
    _index_where("activation_date", text("state = 'pre-active' AND activation_date IS NOT NULL")),
    _index_where("deactivation_date", text("state = 'active' AND deactivation_date IS NOT NULL")),
    _one_of("state", *_STATES),
    _one_of("origin", "generated", "imported"),
    CheckConstraint(
        "(material IS NULL) = (state IN ('destroyed', 'destroyed-compromised'))", name="erased_when_destroyed"
    ),
)

keks = Table(
    "keks",
    metadata,
    _id(),
    Column("identifier", Text, nullable=False, comment="canonical versioned key identifier"),
    Column("public_key", LargeBinary, nullable=False, comment="SubjectPublicKeyInfo, DER"),
    Column("spki_sha256", Text, nullable=False),
    Column("bits", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("registered", Boolean, nullable=False),
    _created(),
    Column("created_by", Text, nullable=False),
    *_revision(),
    _seal(),
    UniqueConstraint("identifier"),
    _one_of("source", "export", "administrator", "vault"),
)

exports = Table(
    "exports",
    metadata,
    Column("number", _Sequence, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),
    Column("key_id", Text, ForeignKey("keys.id"), nullable=False),
    Column("version_id", Text, ForeignKey("key_versions.id"), nullable=False),
    Column("version_number", Integer, nullable=False),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("destination", Text, nullable=False),
    Column("key_identifier", Text, nullable=False),
    Column("kek_sha256", Text, nullable=False),
    Column("file_sha256", Text, nullable=False),
    Column("file_bytes", Integer, nullable=False),
    _created(),
    _seal(),
    UniqueConstraint("id"),
    Index(None, "key_id", "number"),
    sqlite_autoincrement=True,
)

connections = Table(
    "connections",
    metadata,
    _id(),
    Column("name", Text, nullable=False, comment="never used again"),
    Column("description", Text),
    Column("cloud", Text, nullable=False),
    Column("endpoints", Text, comment="JSON object of addresses, of a custom cloud alone"),
    Column("tenant_id", Text),
    Column("client_id", Text),
    Column("credential_kind", Text, nullable=False),
    Column("credential", LargeBinary, comment="sealed; NULL of a managed identity, and once deleted"),
    _time("credential_set_at", nullable=False),
    Column("certificate_sha256", Text),
    _time("certificate_expires_at"),
    Column("vaults", Text, nullable=False, comment="JSON list of the vaults that it reaches; [] none"),
    Column("groups", Text, nullable=False, comment="JSON list of ids of the groups whose members may use it"),
    Column("disabled", Boolean, nullable=False),
    _created(),
    Column("created_by", Text, nullable=False),
    _time("deleted_at"),
    *_revision(),
    _seal(),
    UniqueConstraint("name"),
    _one_of("cloud", "public", "us-government", "china", "custom"),
    _one_of("credential_kind", "client-secret", "client-certificate", "managed-identity"),
    CheckConstraint("(endpoints IS NOT NULL) = (cloud = 'custom')", name="endpoints_of_a_custom_cloud"),
    CheckConstraint(
        "(credential IS NULL) = (credential_kind = 'managed-identity' OR deleted_at IS NOT NULL)",
        name="credential_kept_while_needed",
    ),
)

_STEPS = ("planned", "kek-ready", "exported", "imported", "read-back", "proved")

deployments = Table(
    "deployments",
    metadata,
    _id(),
    Column("key_id", Text, ForeignKey("keys.id"), nullable=False),
    Column("version_id", Text, ForeignKey("key_versions.id"), nullable=False),
    Column("version_number", Integer, nullable=False),
    Column("connection_id", Text, ForeignKey("connections.id"), comment="NULL: a client pushes, with its own sign-in"),
    Column("vault", Text, nullable=False, comment="https://HOST, lower case"),
    Column("name", Text, nullable=False, comment="of the key in the vault"),
    Column("operations", Text, nullable=False, comment="that the key shall allow there, sorted, separated by commas"),
    Column("step", Text, nullable=False, comment="the last one that was recorded"),
    Column("evidence", Text, nullable=False, comment="JSON object, by step"),
    Column("kek_identifier", Text, comment="canonical; of the step kek-ready"),
    Column("export_id", Text, comment="of the step exported"),
    Column("remote_identifier", Text, comment="of the step imported"),
    Column("problem", Text, comment="JSON object: what stopped the last push; NULL: nothing since the last step"),
    Column("backup", Text, comment="JSON object: the newest backup that was taken"),
    Column("observed", Text, comment="JSON object: what was last seen in the vault"),
    Column("lease_id", Text),
    _time("lease_until"),
    _time("abandoned_at"),
    _created(),
    Column("created_by", Text, nullable=False),
    _time("updated_at", nullable=False),
    *_revision(),
    _seal(),
    _one_of("step", *_STEPS),
    CheckConstraint("(lease_id IS NULL) = (lease_until IS NULL)", name="lease_ends"),
    Index(None, "key_id", "id"),
)

customer_key_requests = Table(
    "customer_key_requests",
    metadata,
    _id(),
    Column("owner_user_id", Text, ForeignKey("users.id")),
    Column("owner_group_id", Text, ForeignKey("groups.id")),
    Column("organization_id", Text, nullable=False, comment="of the Microsoft 365 tenant"),
    Column("scenario", Text),
    Column("workloads", Text, nullable=False, comment="JSON list"),
    Column("keys", Text, nullable=False, comment="JSON list of the two"),
    Column("contacts", Text, nullable=False, comment="JSON object"),
    Column("state", Text, nullable=False),
    Column("reference", Text, comment="what Microsoft calls the request"),
    Column("history", Text, nullable=False, comment="JSON list of the states that it has been in"),
    Column("checks", Text, nullable=False, comment="JSON list of the last runs of the checks"),
    _created(),
    Column("created_by", Text, nullable=False),
    _time("updated_at", nullable=False),
    *_revision(),
    _seal(),
    CheckConstraint("(owner_user_id IS NULL) <> (owner_group_id IS NULL)", name="one_owner"),
    _one_of("state", "draft", "validated", "submitted", "accepted", "refused"),
    Index(None, "owner_user_id", "id"),
    Index(None, "owner_group_id", "id"),
)

approval_requests = Table(
    "approval_requests",
    metadata,
    _id(),
    Column("operation", Text, nullable=False, comment="as the audit log has it"),
    Column("covered_as", Text, nullable=False, comment="what policies call it"),
    Column("object_type", Text, nullable=False),
    Column("object_id", Text, comment="NULL: of what is still to be made"),
    Column("object_name", Text),
    Column("requester_id", Text, ForeignKey("users.id"), nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the exact request"),
    Column("facts", Text, nullable=False, comment="JSON object: what is asked for, as the digest covers it"),
    Column("policies", Text, nullable=False, comment="JSON list: whose policies ask for approvals, of whom, how many"),
    Column("state", Text, nullable=False),
    Column("votes", Integer, nullable=False, comment="how many were ever cast"),
    _time("expires_at", nullable=False),
    _time("ended_at"),
    _created(),
    *_revision(),
    _seal(),
    _one_of("state", "pending", "approved", "rejected", "used", "expired", "withdrawn"),
    Index(
        "uq_approval_requests_open",
        *("requester_id", "digest"),
        unique=True,
        sqlite_where=text("state IN ('pending', 'approved')"),
        postgresql_where=text("state IN ('pending', 'approved')"),
    ),
    Index(None, "requester_id", "id"),
    Index(None, "state", "id"),
)

approval_votes = Table(
    "approval_votes",
    metadata,
    _id(),
    Column("request_id", Text, ForeignKey("approval_requests.id"), nullable=False),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("decision", Text, nullable=False),
    Column("note", Text),
    _created(),
    _seal(),
    UniqueConstraint("request_id", "user_id"),
    _one_of("decision", "approve", "reject"),
)

identity_providers = Table(
    "identity_providers",
    metadata,
    _id(),
    Column("name", Text, nullable=False, comment="never used again"),
    Column("kind", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("configuration", Text, nullable=False, comment="JSON object, by kind; holds no secret"),
    Column("credential", LargeBinary, comment="sealed: private keys, or a client's secret; NULL: it needs none"),
    Column("mapping", Text, nullable=False, comment="JSON object: which attributes say what, and tables of values"),
    Column("just_in_time", Boolean, nullable=False, comment="accounts are made at the first sign-in"),
    Column("asks_second_factor", Boolean, nullable=False, comment="it has asked for one: Keyferry does not"),
    Column("clock_skew", Integer, nullable=False, comment="seconds"),
    _time("tested_at"),
    Column("tested_by", Text, comment="id of the user who walked through a sign-in"),
    _created(),
    Column("created_by", Text, nullable=False),
    _time("deleted_at"),
    *_revision(),
    _seal(),
    UniqueConstraint("name"),
    _one_of("kind", "saml", "oidc"),
)

identities = Table(
    "identities",
    metadata,
    _id(),
    Column("provider_id", Text, ForeignKey("identity_providers.id"), nullable=False),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("subject", Text, comment="what the provider calls the person, to the letter; NULL: nobody has come yet"),
    Column("expected", Text, comment="the user name by which the person is known when they come first"),
    _created(),
    Column("created_by", Text, nullable=False),
    *_revision(),
    _seal(),
    UniqueConstraint("provider_id", "subject"),
    UniqueConstraint("provider_id", "expected"),
    UniqueConstraint("provider_id", "user_id"),
    Index(None, "user_id"),
    CheckConstraint("subject IS NOT NULL OR expected IS NOT NULL", name="known_by_something"),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("id", _Sequence, primary_key=True, autoincrement=True),
    Column("uid", Text, nullable=False, comment="UUIDv7 of the event; part of what its MAC covers"),
    _time("at", nullable=False),
    Column("operation", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text, comment="the error's code, of a refusal"),
    Column("actor_id", Text),
    Column("actor_name", Text),
    Column("token_id", Text),
    Column("address", Text),
    Column("object_type", Text),
    Column("object_id", Text),
    Column("object_name", Text),
    Column("object_revision", BigInteger, comment="the revision that this event gave the object; NULL: unchanged"),
    Column("version_id", Text),
    Column("version_revision", BigInteger),
    Column("details", Text, nullable=False, comment="JSON object"),
    Column("mac", LargeBinary, nullable=False),
    Column("number", BigInteger, comment="gap-free; given by the sequencer once the event is committed"),
    Column("leaf_hash", LargeBinary, comment="RFC 6962 leaf hash"),
    Column("head", LargeBinary, comment="hash over the previous head and this leaf"),
    Column("place_mac", LargeBinary, comment="MAC of the event's place: row, number, leaf hash and head"),
    UniqueConstraint("number"),
    Index(
        "ix_audit_events_object",
        "object_id",
        "object_revision",
        sqlite_where=Column("object_revision").is_not(None),
        postgresql_where=Column("object_revision").is_not(None),
    ),
    Index(
        "ix_audit_events_version",
        "version_id",
        "version_revision",
        sqlite_where=Column("version_revision").is_not(None),
        postgresql_where=Column("version_revision").is_not(None),
    ),
    Index(
        "ix_audit_events_unnumbered",
        "id",
        sqlite_where=Column("number").is_(None),
        postgresql_where=Column("number").is_(None),
    ),
    _one_of("outcome", "done", "refused", "failed"),
    sqlite_autoincrement=True,
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("id", Text, primary_key=True, comment="HMAC of caller, route and key"),
    Column("request", LargeBinary, nullable=False, comment="HMAC of the normalised request"),
    Column("resource_id", Text, nullable=False),
    _created(),
    _seal(),
    Index(None, "created_at"),
)

pool_keys = Table(
    "pool_keys",
    metadata,
    _id(),
    Column("algorithm", Text, nullable=False),
    Column("material", LargeBinary, nullable=False, comment="sealed"),
    Column("public_key", LargeBinary, nullable=False, comment="SubjectPublicKeyInfo, DER"),
    Column("spki_sha256", Text, nullable=False),
    Column("thumbprint", Text, nullable=False),
    _created(),
    _seal(),
    Index(None, "algorithm", "id"),
)

# Unsealed: nothing that grants access depends on these.
reminders = Table(
    "reminders",
    metadata,
    _id(),
    Column("key_id", Text, ForeignKey("keys.id"), nullable=False),
    Column("version_id", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("days", Integer, nullable=False, comment="how many before it comes"),
    _time("due_at", nullable=False),
    _created(),
    _one_of("about", "deactivation", "rotation"),
    UniqueConstraint("version_id", "about", "days", "due_at"),
    Index(None, "key_id", "id"),
    Index(None, "due_at"),
)

# Unsealed: they let nobody in. Whoever removes a row of the first can have a signed message taken once more while it is
# still in time; of the second, keep a sign-out at a provider from ending a session.
seen_once = Table(
    "seen_once",
    metadata,
    Column("id", Text, primary_key=True, comment="digest of what may be presented once alone"),
    _time("expires_at", nullable=False),
    Index(None, "expires_at"),
)

provider_sessions = Table(
    "provider_sessions",
    metadata,
    Column("token_id", Text, ForeignKey("tokens.id"), primary_key=True),
    Column("provider_id", Text, ForeignKey("identity_providers.id"), nullable=False),
    Column("subject", Text, nullable=False, comment="what a sign-out there names: JSON"),
    Column("session", Text, comment="what the provider calls its session"),
    _time("expires_at", nullable=False),
    Index(None, "provider_id", "subject"),
    Index(None, "expires_at"),
)

tested_sign_ins = Table(
    "tested_sign_ins",
    metadata,
    _id(),
    Column("outcome", LargeBinary, nullable=False, comment="sealed: what a provider said of a person, in a test"),
    _time("expires_at", nullable=False),
    Index(None, "expires_at"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True, comment="of the job"),
    Column("holder", Text, nullable=False, comment="id of the process that runs it"),
    _time("until", nullable=False),
)

job_runs = Table(
    "job_runs",
    metadata,
    Column("node", Text, primary_key=True, comment="id of the process"),
    Column("name", Text, primary_key=True),
    Column("host", Text, nullable=False, comment="the machine that the process runs on"),
    _time("last_at"),
    _time("next_at"),
    _time("failed_at"),
    Column("failure", Text),
    _time("told_at", nullable=False),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("subject", Text, primary_key=True, comment="'user:' name, or 'network:' source network"),
    Column("failures", Integer, nullable=False),
    _time("last_at", nullable=False),
)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("user_id", Text, ForeignKey("users.id"), primary_key=True),
    Column("network", Text, primary_key=True, comment="a source network that the user has signed in from"),
    _time("last_at", nullable=False),
)

activity = Table(
    "activity",
    metadata,
    Column("subject_id", Text, primary_key=True, comment="id of a token, user or key version"),
    _time("last_used_at", nullable=False),
)

_EVERYBODY = "of a user or group; empty: of everybody"

counted = Table(
    "counted",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False, comment="of the last audit event that was counted"),
)

counted_keys = Table(
    "counted_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("owner_id", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("pending", Integer, nullable=False, comment="1: its destruction is pending"),
    Column("day", Integer, nullable=False, comment="on which its current version was made, since 1970"),
    Column("expires_day", Integer, comment="on which its current version is deactivated"),
    Column("name", _InByteOrder, nullable=False, server_default=BLANK, comment="'~', which sorts last: it has none"),
    Column(
        "deactivates_at",
        BigInteger,
        nullable=False,
        server_default=text(str(NEVER)),
        comment="its current version's deactivation date; 2**62: it has none",
    ),
    Index(None, "owner_id", "key_id"),
    Index(None, "name", "key_id"),
    Index(None, "owner_id", "name", "key_id"),
    Index(None, "deactivates_at", "key_id"),
    Index(None, "owner_id", "deactivates_at", "key_id"),
    Index(None, "state", "algorithm", "pending", "owner_id"),
)

key_counts = Table(
    "key_counts",
    metadata,
    Column("owner_id", Text, primary_key=True, comment=_EVERYBODY),
    Column("algorithm", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("pending", Integer, primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("keys", BigInteger, nullable=False),
)

expiry_counts = Table(
    "expiry_counts",
    metadata,
    Column("owner_id", Text, primary_key=True, comment=_EVERYBODY),
    Column("day", Integer, primary_key=True, comment="on which they are deactivated, since 1970"),
    Column("keys", BigInteger, nullable=False),
)

owner_counts = Table(
    "owner_counts",
    metadata,
    Column("owner_id", Text, primary_key=True),
    Column("keys", BigInteger, nullable=False),
)

activity_counts = Table(
    "activity_counts",
    metadata,
    Column("owner_id", Text, primary_key=True, comment=_EVERYBODY),
    Column("day", Integer, primary_key=True, comment="on which it was done, since 1970"),
    Column("operation", Text, primary_key=True),
    Column("times", BigInteger, nullable=False),
)
