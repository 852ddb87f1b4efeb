"""Keys and their versions; keys that were generated ahead; what owners were reminded of."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    TextClause,
    UniqueConstraint,
    text,
)

from keyferry.store.tables.columns import (
    approvals,
    created_at,
    id_column,
    metadata,
    one_of,
    revision,
    seal,
    time_column,
)

keys = Table(
    "keys",
    metadata,
    id_column(),
    Column("name", Text),
    Column("description", Text),
    Column("algorithm", Text, nullable=False),
    Column("owner_user_id", Text, ForeignKey("users.id")),
    Column("owner_group_id", Text, ForeignKey("groups.id")),
    Column("exportable", Boolean, nullable=False),
    Column("usages", Text, nullable=False, comment="allowed operations, sorted, separated by commas"),
    Column("current_version_id", Text, nullable=False),
    Column("versions", Integer, nullable=False, comment="how many versions were ever made"),
    time_column("rotate_every"),
    time_column("rotate_before"),
    time_column("rotate_at"),
    approvals(),
    created_at(),
    Column("created_by", Text, nullable=False),
    *revision(),
    seal(),
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


def _index_where(column: str, condition: ColumnElement[bool] | TextClause) -> Index:
    """An index on the few rows of key_versions for which `condition` holds."""
    name = f"ix_key_versions_{column}"
    return Index(name, column, sqlite_where=condition, postgresql_where=condition)


key_versions = Table(
    "key_versions",
    metadata,
    id_column(),
    Column("key_id", Text, ForeignKey("keys.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    time_column("activation_date"),
    time_column("deactivation_date"),
    time_column("compromised_at"),
    Column("revocation_reason", Text),
    Column("revocation_message", Text),
    time_column("destroy_at"),
    time_column("destroyed_at"),
    Column("origin", Text, nullable=False),
    Column("material", LargeBinary, comment="sealed; NULL once erased"),
    Column("public_key", LargeBinary, comment="SubjectPublicKeyInfo, DER"),
    Column("spki_sha256", Text),
    Column("thumbprint", Text),
    Column("check_value", Text),
    created_at(),
    Column("created_by", Text, nullable=False),
    *revision(),
    seal(),
    UniqueConstraint("key_id", "number"),
    _index_where("destroy_at", Column("destroy_at").is_not(None)),
    _index_where("activation_date", text("state = 'pre-active' AND activation_date IS NOT NULL")),
    _index_where("deactivation_date", text("state = 'active' AND deactivation_date IS NOT NULL")),
    one_of("state", *_STATES),
    one_of("origin", "generated", "imported"),
    CheckConstraint(
        "(material IS NULL) = (state IN ('destroyed', 'destroyed-compromised'))", name="erased_when_destroyed"
    ),
)

pool_keys = Table(
    "pool_keys",
    metadata,
    id_column(),
    Column("algorithm", Text, nullable=False),
    Column("material", LargeBinary, nullable=False, comment="sealed"),
    Column("public_key", LargeBinary, nullable=False, comment="SubjectPublicKeyInfo, DER"),
    Column("spki_sha256", Text, nullable=False),
    Column("thumbprint", Text, nullable=False),
    created_at(),
    seal(),
    Index(None, "algorithm", "id"),
)

# Unsealed: nothing that grants access depends on it.
reminders = Table(
    "reminders",
    metadata,
    id_column(),
    Column("key_id", Text, ForeignKey("keys.id"), nullable=False),
    Column("version_id", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("days", Integer, nullable=False, comment="how many before it comes"),
    time_column("due_at", nullable=False),
    created_at(),
    one_of("about", "deactivation", "rotation"),
    UniqueConstraint("version_id", "about", "days", "due_at"),
    Index(None, "key_id", "id"),
    Index(None, "due_at"),
)
