"""Who was let back in from the command line last, for Administrators to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, NULL at first, so that older seals hold."""
    op.add_column(
        "server_policy",
        sa.Column("recovered_at", sa.BigInteger(), nullable=True),
    )
    op.add_column(
        "server_policy",
        sa.Column(
            "recovered_user_id", sa.Text(), nullable=True, comment="id of whom `keyferry admin recover` let in last"
        ),
    )
