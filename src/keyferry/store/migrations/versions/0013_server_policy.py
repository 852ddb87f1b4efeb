"""The server's policy: who may come in at all."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table. Its one row is sealed, and so written by whoever opens the store next."""
    op.create_table(
        "server_policy",
        sa.Column("id", sa.Text(), nullable=False, comment="the store's"),
        sa.Column(
            "second_factor_roles", sa.Text(), nullable=False, comment="JSON list of roles that need a second factor"
        ),
        sa.Column(
            "networks", sa.Text(), nullable=True, comment="JSON list of networks; NULL admits every address, [] none"
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("revision > 0", name=op.f("ck_server_policy_revision_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_server_policy")),
    )
