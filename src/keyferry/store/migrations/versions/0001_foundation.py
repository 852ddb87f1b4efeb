"""The tables of the foundation."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table, with the names that `store.tables` gives to constraints and indexes."""
    op.create_table(
        "activity",
        sa.Column("subject_id", sa.Text(), nullable=False, comment="id of a token, user or key version"),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_activity")),
    )
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False, comment="UUIDv7 of the event; part of what its MAC covers"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True, comment="the error's code, of a refusal"),
        sa.Column("actor_id", sa.Text(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=True),
        sa.Column("token_id", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("object_type", sa.Text(), nullable=True),
        sa.Column("object_id", sa.Text(), nullable=True),
        sa.Column("object_name", sa.Text(), nullable=True),
        sa.Column(
            "object_revision",
            sa.BigInteger(),
            nullable=True,
            comment="the revision that this event gave the object; NULL: unchanged",
        ),
        sa.Column("version_id", sa.Text(), nullable=True),
        sa.Column("version_revision", sa.BigInteger(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False, comment="JSON object"),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column(
            "number",
            sa.BigInteger(),
            nullable=True,
            comment="gap-free; given by the sequencer once the event is committed",
        ),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=True, comment="RFC 6962 leaf hash"),
        sa.Column("head", sa.LargeBinary(), nullable=True, comment="hash over the previous head and this leaf"),
        sa.Column(
            "place_mac",
            sa.LargeBinary(),
            nullable=True,
            comment="MAC of the event's place: row, number, leaf hash and head",
        ),
        sa.CheckConstraint("outcome IN ('done', 'refused', 'failed')", name=op.f("ck_audit_events_outcome_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
        sa.UniqueConstraint("number", name=op.f("uq_audit_events_number")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.create_index(
            "ix_audit_events_object",
            ["object_id", "object_revision"],
            unique=False,
            sqlite_where=sa.text("object_revision IS NOT NULL"),
            postgresql_where=sa.text("object_revision IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_audit_events_unnumbered",
            ["id"],
            unique=False,
            sqlite_where=sa.text("number IS NULL"),
            postgresql_where=sa.text("number IS NULL"),
        )
        batch_op.create_index(
            "ix_audit_events_version",
            ["version_id", "version_revision"],
            unique=False,
            sqlite_where=sa.text("version_revision IS NOT NULL"),
            postgresql_where=sa.text("version_revision IS NOT NULL"),
        )

    op.create_table(
        "data_keys",
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False, comment="the data key, wrapped by the root of trust"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("generation", name=op.f("pk_data_keys")),
    )
    op.create_table(
        "groups",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="the group id that people see; never used again"),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column(
            "kek_policy",
            sa.Text(),
            nullable=True,
            comment="whose KEKs are accepted; NULL: as the server's setting says",
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("kek_policy IN ('any', 'registered')", name=op.f("ck_groups_kek_policy_known")),
        sa.CheckConstraint("revision > 0", name=op.f("ck_groups_revision_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("name", name=op.f("uq_groups_name")),
    )
    op.create_table(
        "idempotency",
        sa.Column("id", sa.Text(), nullable=False, comment="HMAC of caller, route and key"),
        sa.Column("request", sa.LargeBinary(), nullable=False, comment="HMAC of the normalised request"),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency")),
    )
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_created_at"), ["created_at"], unique=False)

    op.create_table(
        "keks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False, comment="canonical versioned key identifier"),
        sa.Column("public_key", sa.LargeBinary(), nullable=False, comment="SubjectPublicKeyInfo, DER"),
        sa.Column("spki_sha256", sa.Text(), nullable=False),
        sa.Column("bits", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("registered", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("source IN ('export', 'administrator', 'vault')", name=op.f("ck_keks_source_known")),
        sa.CheckConstraint("revision > 0", name=op.f("ck_keks_revision_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keks")),
        sa.UniqueConstraint("identifier", name=op.f("uq_keks_identifier")),
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("subject", sa.Text(), nullable=False, comment="'user:' name, or 'network:' source network"),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_sign_in_failures")),
    )
    op.create_table(
        "stores",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stores")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "name_folded",
            sa.Text(),
            nullable=False,
            comment="the name without regard to case; names are never used again",
        ),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("default_group_id", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True, comment="Argon2id, PHC string; NULL admits no password"),
        sa.Column(
            "password_set_by",
            sa.Text(),
            nullable=True,
            comment="id of the user who set the password; shown at the next sign-in if another",
        ),
        sa.Column("password_set_at", sa.BigInteger(), nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column(
            "networks", sa.Text(), nullable=True, comment="JSON list of networks; NULL admits every address, [] none"
        ),
        sa.Column("token_epoch", sa.BigInteger(), nullable=False, comment="tokens of an earlier epoch are dead"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("role IN ('administrator', 'key-access-user')", name=op.f("ck_users_role_known")),
        sa.ForeignKeyConstraint(["default_group_id"], ["groups.id"], name=op.f("fk_users_default_group_id")),
        sa.CheckConstraint("revision > 0", name=op.f("ck_users_revision_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name_folded", name=op.f("uq_users_name_folded")),
    )
    op.create_table(
        "keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("owner_user_id", sa.Text(), nullable=True),
        sa.Column("owner_group_id", sa.Text(), nullable=True),
        sa.Column("exportable", sa.Boolean(), nullable=False),
        sa.Column("usages", sa.Text(), nullable=False, comment="allowed operations, sorted, separated by commas"),
        sa.Column("current_version_id", sa.Text(), nullable=False),
        sa.Column("versions", sa.Integer(), nullable=False, comment="how many versions were ever made"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("(owner_user_id IS NULL) <> (owner_group_id IS NULL)", name=op.f("ck_keys_one_owner")),
        sa.ForeignKeyConstraint(["owner_group_id"], ["groups.id"], name=op.f("fk_keys_owner_group_id")),
        sa.ForeignKeyConstraint(["owner_user_id"], ["users.id"], name=op.f("fk_keys_owner_user_id")),
        sa.CheckConstraint("revision > 0", name=op.f("ck_keys_revision_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keys")),
        sa.UniqueConstraint("owner_group_id", "name", name=op.f("uq_keys_owner_group_id_name")),
        sa.UniqueConstraint("owner_user_id", "name", name=op.f("uq_keys_owner_user_id_name")),
    )
    with op.batch_alter_table("keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_keys_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_keys_owner_group_id_id"), ["owner_group_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_keys_owner_user_id_id"), ["owner_user_id", "id"], unique=False)

    op.create_table(
        "memberships",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=op.f("fk_memberships_group_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_memberships_user_id")),
        sa.CheckConstraint("revision > 0", name=op.f("ck_memberships_revision_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
        sa.UniqueConstraint("user_id", "group_id", name=op.f("uq_memberships_user_id_group_id")),
    )
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_memberships_group_id"), ["group_id"], unique=False)

    op.create_table(
        "sign_ins",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("network", sa.Text(), nullable=False, comment="a source network that the user has signed in from"),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sign_ins_user_id")),
        sa.PrimaryKeyConstraint("user_id", "network", name=op.f("pk_sign_ins")),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the secret part"),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("kind IN ('session', 'api')", name=op.f("ck_tokens_kind_known")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tokens_user_id")),
        sa.CheckConstraint("revision > 0", name=op.f("ck_tokens_revision_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
    )
    with op.batch_alter_table("tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tokens_user_id"), ["user_id"], unique=False)

    op.create_table(
        "key_versions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("activation_date", sa.BigInteger(), nullable=True),
        sa.Column("deactivation_date", sa.BigInteger(), nullable=True),
        sa.Column("compromised_at", sa.BigInteger(), nullable=True),
        sa.Column("revocation_reason", sa.Text(), nullable=True),
        sa.Column("revocation_message", sa.Text(), nullable=True),
        sa.Column("destroy_at", sa.BigInteger(), nullable=True),
        sa.Column("destroyed_at", sa.BigInteger(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("material", sa.LargeBinary(), nullable=True, comment="sealed; NULL once erased"),
        sa.Column("public_key", sa.LargeBinary(), nullable=True, comment="SubjectPublicKeyInfo, DER"),
        sa.Column("spki_sha256", sa.Text(), nullable=True),
        sa.Column("thumbprint", sa.Text(), nullable=True),
        sa.Column("check_value", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "(material IS NULL) = (state IN ('destroyed', 'destroyed-compromised'))",
            name=op.f("ck_key_versions_erased_when_destroyed"),
        ),
        sa.CheckConstraint("origin IN ('generated', 'imported')", name=op.f("ck_key_versions_origin_known")),
        sa.CheckConstraint(
            "state IN ('pre-active', 'active', 'deactivated', 'compromised', 'destroyed', 'destroyed-compromised')",
            name=op.f("ck_key_versions_state_known"),
        ),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("fk_key_versions_key_id")),
        sa.CheckConstraint("revision > 0", name=op.f("ck_key_versions_revision_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_versions")),
        sa.UniqueConstraint("key_id", "number", name=op.f("uq_key_versions_key_id_number")),
    )
    with op.batch_alter_table("key_versions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_key_versions_activation_date",
            ["activation_date"],
            unique=False,
            sqlite_where=sa.text("state = 'pre-active' AND activation_date IS NOT NULL"),
            postgresql_where=sa.text("state = 'pre-active' AND activation_date IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_key_versions_deactivation_date",
            ["deactivation_date"],
            unique=False,
            sqlite_where=sa.text("state = 'active' AND deactivation_date IS NOT NULL"),
            postgresql_where=sa.text("state = 'active' AND deactivation_date IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_key_versions_destroy_at",
            ["destroy_at"],
            unique=False,
            sqlite_where=sa.text("destroy_at IS NOT NULL"),
            postgresql_where=sa.text("destroy_at IS NOT NULL"),
        )

    op.create_table(
        "exports",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("version_number", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("key_identifier", sa.Text(), nullable=False),
        sa.Column("kek_sha256", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.Text(), nullable=False),
        sa.Column("file_bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("fk_exports_key_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_exports_user_id")),
        sa.ForeignKeyConstraint(["version_id"], ["key_versions.id"], name=op.f("fk_exports_version_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_exports")),
        sa.UniqueConstraint("id", name=op.f("uq_exports_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("exports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_exports_key_id_number"), ["key_id", "number"], unique=False)
