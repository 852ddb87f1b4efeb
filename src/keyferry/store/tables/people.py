"""Users, groups, and who is in which."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text, UniqueConstraint, text

from keyferry.store.tables.columns import (
    approvals,
    created_at,
    id_column,
    metadata,
    name_column,
    one_of,
    revision,
    seal,
    time_column,
)

users = Table(
    "users",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    name_column("name_folded", "the name without regard to case; names are never used again"),
    Column("role", Text, nullable=False),
    Column("display_name", Text),
    Column("email", Text),
    Column("default_group_id", Text, ForeignKey("groups.id")),
    Column("password_hash", Text, comment="Argon2id, PHC string; NULL admits no password"),
    Column(
        "password_set_by", Text, comment="id of the user who set the password; shown at the next sign-in if another"
    ),
    time_column("password_set_at"),
    Column("must_change", Boolean, comment="true: the password is good for setting another one alone"),
    Column("factors", BigInteger, comment="second factors that stand, recovery codes left out; NULL: none ever did"),
    Column("factors_reset_by", Text, comment="id of who took the factors away; shown at the next sign-in if another"),
    time_column("factors_reset_at"),
    Column("disabled", Boolean, nullable=False),
    Column("networks", Text, comment="JSON list of networks; NULL admits every address, [] none"),
    Column("token_epoch", BigInteger, nullable=False, comment="tokens of an earlier epoch are dead"),
    created_at(),
    time_column("deleted_at"),
    *revision(),
    seal(),
    UniqueConstraint("name_folded"),
    Index(
        "ix_users_role_disabled_name_folded",
        *("role", "disabled", "name_folded"),
        sqlite_where=text("deleted_at IS NULL"),
        postgresql_where=text("deleted_at IS NULL"),
    ),
    Index(
        "ix_users_networks_role_disabled_name_folded",
        *("role", "disabled", "name_folded"),
        sqlite_where=text("deleted_at IS NULL AND networks IS NOT NULL"),
        postgresql_where=text("deleted_at IS NULL AND networks IS NOT NULL"),
    ),
    one_of("role", "administrator", "key-access-user", "auditor"),
)

groups = Table(
    "groups",
    metadata,
    id_column(),
    name_column("name", "the group id that people see; never used again"),
    Column("description", Text),
    Column("kek_policy", Text, comment="whose KEKs are accepted; NULL: as the server's setting says"),
    approvals(),
    created_at(),
    time_column("deleted_at"),
    *revision(),
    seal(),
    UniqueConstraint("name"),
    one_of("kek_policy", "any", "registered"),
)

memberships = Table(
    "memberships",
    metadata,
    id_column(),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("group_id", Text, ForeignKey("groups.id"), nullable=False),
    created_at(),
    Column("created_by", Text, nullable=False),
    *revision(),
    seal(),
    UniqueConstraint("user_id", "group_id"),
    Index(None, "group_id"),
)
