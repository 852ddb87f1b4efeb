"""Sessions that end when they lie idle."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, NULL at first, so that older seals hold: those tokens may lie idle."""
    comment = "microseconds without a use after which it ends; NULL: it may lie idle"
    op.add_column("tokens", sa.Column("idle_after", sa.BigInteger(), nullable=True, comment=comment))
