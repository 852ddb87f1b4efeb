"""Second factors, tickets between the steps of a sign-in, and what an account's first sign-in asks for."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_USERS: tuple[sa.Column[Any], ...] = (
    sa.Column(
        "must_change", sa.Boolean(), nullable=True, comment="true: the password is good for setting another one alone"
    ),
    sa.Column(
        "factors",
        sa.BigInteger(),
        nullable=True,
        comment="second factors that stand, recovery codes left out; NULL: none ever did",
    ),
    sa.Column(
        "factors_reset_by",
        sa.Text(),
        nullable=True,
        comment="id of who took the factors away; shown at the next sign-in if another",
    ),
    sa.Column("factors_reset_at", sa.BigInteger(), nullable=True),
)
_TOKENS: tuple[sa.Column[Any], ...] = (
    sa.Column("method", sa.Text(), nullable=True, comment="what the sign-in began with; NULL: a password"),
    sa.Column("second_factor", sa.Text(), nullable=True, comment="what the sign-in was completed with; NULL: nothing"),
)
_KINDS = "kind IN ('totp', 'passkey', 'recovery')"
_NEEDS = "needs IN ('factor', 'enrolment', 'password', 'invitation')"


def upgrade() -> None:
    """Add the columns, NULL at first, so that older seals hold, and make the tables."""
    for table, columns in (("users", _USERS), ("tokens", _TOKENS)):
        for column in columns:
            op.add_column(table, column)
    op.create_table(
        "factors",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True, comment="totp: the seed, sealed"),
        sa.Column(
            "last_step", sa.BigInteger(), nullable=True, comment="totp: the time step of the last code that was taken"
        ),
        sa.Column("credential_id", sa.LargeBinary(), nullable=True, comment="passkey: its id"),
        sa.Column("public_key", sa.LargeBinary(), nullable=True, comment="passkey: its public key, COSE"),
        sa.Column("sign_count", sa.BigInteger(), nullable=True, comment="passkey: its counter when it was used last"),
        sa.Column(
            "codes", sa.Text(), nullable=True, comment="recovery: JSON list of the SHA-256 of each code that is left"
        ),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(_KINDS, name=op.f("ck_factors_kind_known")),
        sa.CheckConstraint("revision > 0", name=op.f("ck_factors_revision_positive")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_factors_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factors")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_factors_credential_id")),
    )
    op.create_index(op.f("ix_factors_user_id"), "factors", ["user_id"])
    op.create_table(
        "tickets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("needs", sa.Text(), nullable=False, comment="what is still to be done before there is a session"),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the secret part"),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("second_factor", sa.Text(), nullable=True),
        sa.Column("network", sa.Text(), nullable=True, comment="the network that it may be used from; NULL: any"),
        sa.Column("idle_after", sa.BigInteger(), nullable=True, comment="of the session that comes of it"),
        sa.Column("certificate_id", sa.Text(), nullable=True, comment="of the certificate that the sign-in began with"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(_NEEDS, name=op.f("ck_tickets_needs_known")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tickets_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tickets")),
    )
    op.create_index(op.f("ix_tickets_user_id"), "tickets", ["user_id"])
    op.create_index(op.f("ix_tickets_expires_at"), "tickets", ["expires_at"])
    op.create_table(
        "earlier_passwords",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_earlier_passwords_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_earlier_passwords")),
    )
    op.create_index(op.f("ix_earlier_passwords_user_id_id"), "earlier_passwords", ["user_id", "id"])
