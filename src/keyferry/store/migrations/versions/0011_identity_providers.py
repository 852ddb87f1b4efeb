"""Identity providers, whom they vouch for, and what a sign-in through one leaves."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; those that are there stay as they are."""
    _make_providers()
    _make_identities()
    _make_rows_that_pass()


def _make_providers() -> None:
    op.create_table(
        "identity_providers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="never used again"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("configuration", sa.Text(), nullable=False, comment="JSON object, by kind; holds no secret"),
        sa.Column(
            "credential",
            sa.LargeBinary(),
            nullable=True,
            comment="sealed: private keys, or a client's secret; NULL: it needs none",
        ),
        sa.Column(
            "mapping",
            sa.Text(),
            nullable=False,
            comment="JSON object: which attributes say what, and tables of values",
        ),
        sa.Column("just_in_time", sa.Boolean(), nullable=False, comment="accounts are made at the first sign-in"),
        sa.Column(
            "asks_second_factor", sa.Boolean(), nullable=False, comment="it has asked for one: Keyferry does not"
        ),
        sa.Column("clock_skew", sa.Integer(), nullable=False, comment="seconds"),
        sa.Column("tested_at", sa.BigInteger(), nullable=True),
        sa.Column("tested_by", sa.Text(), nullable=True, comment="id of the user who walked through a sign-in"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("kind IN ('saml', 'oidc')", name=op.f("ck_identity_providers_kind_known")),
        sa.CheckConstraint("revision > 0", name=op.f("ck_identity_providers_revision_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_providers")),
        sa.UniqueConstraint("name", name=op.f("uq_identity_providers_name")),
    )


def _make_identities() -> None:
    op.create_table(
        "identities",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column(
            "subject",
            sa.Text(),
            nullable=True,
            comment="what the provider calls the person, to the letter; NULL: nobody has come yet",
        ),
        sa.Column(
            "expected",
            sa.Text(),
            nullable=True,
            comment="the user name by which the person is known when they come first",
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "subject IS NOT NULL OR expected IS NOT NULL", name=op.f("ck_identities_known_by_something")
        ),
        sa.CheckConstraint("revision > 0", name=op.f("ck_identities_revision_positive")),
        sa.ForeignKeyConstraint(["provider_id"], ["identity_providers.id"], name=op.f("fk_identities_provider_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_identities_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identities")),
        sa.UniqueConstraint("provider_id", "expected", name=op.f("uq_identities_provider_id_expected")),
        sa.UniqueConstraint("provider_id", "subject", name=op.f("uq_identities_provider_id_subject")),
        sa.UniqueConstraint("provider_id", "user_id", name=op.f("uq_identities_provider_id_user_id")),
    )
    op.create_index(op.f("ix_identities_user_id"), "identities", ["user_id"], unique=False)


def _make_rows_that_pass() -> None:
    op.create_table(
        "seen_once",
        sa.Column("id", sa.Text(), nullable=False, comment="digest of what may be presented once alone"),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seen_once")),
    )
    op.create_table(
        "provider_sessions",
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="what a sign-out there names: JSON"),
        sa.Column("session", sa.Text(), nullable=True, comment="what the provider calls its session"),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["identity_providers.id"], name=op.f("fk_provider_sessions_provider_id")
        ),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], name=op.f("fk_provider_sessions_token_id")),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_provider_sessions")),
    )
    op.create_table(
        "tested_sign_ins",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column(
            "outcome",
            sa.LargeBinary(),
            nullable=False,
            comment="sealed: what a provider said of a person, in a test",
        ),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tested_sign_ins")),
    )
    op.create_index(
        op.f("ix_provider_sessions_provider_id_subject"), "provider_sessions", ["provider_id", "subject"], unique=False
    )
    for table in ("seen_once", "provider_sessions", "tested_sign_ins"):
        op.create_index(op.f(f"ix_{table}_expires_at"), table, ["expires_at"], unique=False)
