"""Connections to clouds, deployments of key versions there, and Customer Key requests."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the three tables; those that are there stay as they are."""
    _make_connections()
    _make_deployments()
    _make_customer_key_requests()


def _make_connections() -> None:
    op.create_table(
        "connections",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="never used again"),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("cloud", sa.Text(), nullable=False),
        sa.Column("endpoints", sa.Text(), nullable=True, comment="JSON object of addresses, of a custom cloud alone"),
        sa.Column("tenant_id", sa.Text(), nullable=True),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("credential_kind", sa.Text(), nullable=False),
        sa.Column(
            "credential",
            sa.LargeBinary(),
            nullable=True,
            comment="sealed; NULL of a managed identity, and once deleted",
        ),
        sa.Column("credential_set_at", sa.BigInteger(), nullable=False),
        sa.Column("certificate_sha256", sa.Text(), nullable=True),
        sa.Column("certificate_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("vaults", sa.Text(), nullable=False, comment="JSON list of the vaults that it reaches; [] none"),
        sa.Column(
            "groups", sa.Text(), nullable=False, comment="JSON list of ids of the groups whose members may use it"
        ),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "(credential IS NULL) = (credential_kind = 'managed-identity' OR deleted_at IS NOT NULL)",
            name=op.f("ck_connections_credential_kept_while_needed"),
        ),
        sa.CheckConstraint(
            "(endpoints IS NOT NULL) = (cloud = 'custom')", name=op.f("ck_connections_endpoints_of_a_custom_cloud")
        ),
        sa.CheckConstraint(
            "cloud IN ('public', 'us-government', 'china', 'custom')", name=op.f("ck_connections_cloud_known")
        ),
        sa.CheckConstraint(
            "credential_kind IN ('client-secret', 'client-certificate', 'managed-identity')",
            name=op.f("ck_connections_credential_kind_known"),
        ),
        sa.CheckConstraint("revision > 0", name=op.f("ck_connections_revision_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connections")),
        sa.UniqueConstraint("name", name=op.f("uq_connections_name")),
    )


def _make_deployments() -> None:
    op.create_table(
        "deployments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("version_number", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=True, comment="NULL: a client pushes, with its own sign-in"),
        sa.Column("vault", sa.Text(), nullable=False, comment="https://HOST, lower case"),
        sa.Column("name", sa.Text(), nullable=False, comment="of the key in the vault"),
        sa.Column(
            "operations",
            sa.Text(),
            nullable=False,
            comment="that the key shall allow there, sorted, separated by commas",
        ),
        sa.Column("step", sa.Text(), nullable=False, comment="the last one that was recorded"),
        sa.Column("evidence", sa.Text(), nullable=False, comment="JSON object, by step"),
        sa.Column("kek_identifier", sa.Text(), nullable=True, comment="canonical; of the step kek-ready"),
        sa.Column("export_id", sa.Text(), nullable=True, comment="of the step exported"),
        sa.Column("remote_identifier", sa.Text(), nullable=True, comment="of the step imported"),
        sa.Column(
            "problem",
            sa.Text(),
            nullable=True,
            comment="JSON object: what stopped the last push; NULL: nothing since the last step",
        ),
        sa.Column("backup", sa.Text(), nullable=True, comment="JSON object: the newest backup that was taken"),
        sa.Column("observed", sa.Text(), nullable=True, comment="JSON object: what was last seen in the vault"),
        sa.Column("lease_id", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("abandoned_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "step IN ('planned', 'kek-ready', 'exported', 'imported', 'read-back', 'proved')",
            name=op.f("ck_deployments_step_known"),
        ),
        sa.CheckConstraint("(lease_id IS NULL) = (lease_until IS NULL)", name=op.f("ck_deployments_lease_ends")),
        sa.CheckConstraint("revision > 0", name=op.f("ck_deployments_revision_positive")),
        sa.ForeignKeyConstraint(["connection_id"], ["connections.id"], name=op.f("fk_deployments_connection_id")),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("fk_deployments_key_id")),
        sa.ForeignKeyConstraint(["version_id"], ["key_versions.id"], name=op.f("fk_deployments_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployments")),
    )
    with op.batch_alter_table("deployments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deployments_key_id_id"), ["key_id", "id"], unique=False)


def _make_customer_key_requests() -> None:
    op.create_table(
        "customer_key_requests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner_user_id", sa.Text(), nullable=True),
        sa.Column("owner_group_id", sa.Text(), nullable=True),
        sa.Column("organization_id", sa.Text(), nullable=False, comment="of the Microsoft 365 tenant"),
        sa.Column("scenario", sa.Text(), nullable=True),
        sa.Column("workloads", sa.Text(), nullable=False, comment="JSON list"),
        sa.Column("keys", sa.Text(), nullable=False, comment="JSON list of the two"),
        sa.Column("contacts", sa.Text(), nullable=False, comment="JSON object"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True, comment="what Microsoft calls the request"),
        sa.Column("history", sa.Text(), nullable=False, comment="JSON list of the states that it has been in"),
        sa.Column("checks", sa.Text(), nullable=False, comment="JSON list of the last runs of the checks"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "state IN ('draft', 'validated', 'submitted', 'accepted', 'refused')",
            name=op.f("ck_customer_key_requests_state_known"),
        ),
        sa.CheckConstraint(
            "(owner_user_id IS NULL) <> (owner_group_id IS NULL)", name=op.f("ck_customer_key_requests_one_owner")
        ),
        sa.CheckConstraint("revision > 0", name=op.f("ck_customer_key_requests_revision_positive")),
        sa.ForeignKeyConstraint(
            ["owner_group_id"], ["groups.id"], name=op.f("fk_customer_key_requests_owner_group_id")
        ),
        sa.ForeignKeyConstraint(["owner_user_id"], ["users.id"], name=op.f("fk_customer_key_requests_owner_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_key_requests")),
    )
    with op.batch_alter_table("customer_key_requests", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_customer_key_requests_owner_group_id_id"), ["owner_group_id", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_customer_key_requests_owner_user_id_id"), ["owner_user_id", "id"], unique=False
        )
