"""Issuers whose tokens are taken, and which of their subjects stand for whom."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "trusted_issuers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="never used again"),
        sa.Column("issuer", sa.Text(), nullable=False, comment="what `iss` says, to the letter"),
        sa.Column("audience", sa.Text(), nullable=False, comment="what `aud` must say, to the letter"),
        sa.Column("key_source", sa.Text(), nullable=False),
        sa.Column("key_set_url", sa.Text(), nullable=True, comment="https address of a JWK Set"),
        sa.Column("key_set", sa.Text(), nullable=True, comment="a JWK Set of public keys, JSON"),
        sa.Column(
            "algorithms",
            sa.Text(),
            nullable=False,
            comment="that signatures may be of, sorted, separated by commas",
        ),
        sa.Column("longest_lifetime", sa.BigInteger(), nullable=False),
        sa.Column("clock_skew", sa.BigInteger(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "(key_set IS NOT NULL) = (key_source = 'document')",
            name=op.f("ck_trusted_issuers_document_where_it_is_the_source"),
        ),
        sa.CheckConstraint(
            "(key_set_url IS NOT NULL) = (key_source = 'address')",
            name=op.f("ck_trusted_issuers_address_where_it_is_the_source"),
        ),
        sa.CheckConstraint(
            "key_source IN ('discovery', 'address', 'document')", name=op.f("ck_trusted_issuers_key_source_known")
        ),
        sa.CheckConstraint("revision > 0", name=op.f("ck_trusted_issuers_revision_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trusted_issuers")),
        sa.UniqueConstraint("name", name=op.f("uq_trusted_issuers_name")),
    )
    alive = sa.text("deleted_at IS NULL")
    op.create_index(
        "uq_trusted_issuers_issuer",
        "trusted_issuers",
        ["issuer"],
        unique=True,
        sqlite_where=alive,
        postgresql_where=alive,
    )
    op.create_table(
        "workloads",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("issuer_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="what `sub` must say, to the letter"),
        sa.Column(
            "claims", sa.Text(), nullable=False, comment="JSON object of what further claims must say; {} nothing"
        ),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "networks", sa.Text(), nullable=True, comment="JSON list of networks; NULL admits every address, [] none"
        ),
        sa.Column("epoch", sa.BigInteger(), nullable=False, comment="as of tokens: the user's, or it is dead"),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("revision > 0", name=op.f("ck_workloads_revision_positive")),
        sa.ForeignKeyConstraint(["issuer_id"], ["trusted_issuers.id"], name=op.f("fk_workloads_issuer_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_workloads_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workloads")),
    )
    op.create_index(op.f("ix_workloads_issuer_id_subject"), "workloads", ["issuer_id", "subject"])
    op.create_index(op.f("ix_workloads_user_id_id"), "workloads", ["user_id", "id"])
