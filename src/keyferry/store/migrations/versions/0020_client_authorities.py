"""One authority of client certificates after another, and which of them has issued what."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, NULL at first, so that older seals hold."""
    op.add_column("certificate_authorities", sa.Column("retired_at", sa.BigInteger(), nullable=True))
    comment = "of the authority that has issued it; NULL: the first, or none of ours"
    op.add_column("certificates", sa.Column("authority_id", sa.Text(), nullable=True, comment=comment))
