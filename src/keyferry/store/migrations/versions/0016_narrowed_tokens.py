"""Tokens that are narrowed to operations, keys, groups and networks."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_COLUMNS: Final = {
    "operations": "JSON list of the operations that it is for; NULL: all that its user may",
    "key_ids": "JSON list of the keys that it reaches; NULL, as group_ids: all",
    "group_ids": "JSON list of the groups that it reaches, and whose keys",
    "networks": "JSON list of networks; NULL admits every address that its user may use",
}


def upgrade() -> None:
    """Add the columns, NULL at first, so that older seals hold: those tokens are for all that their users may."""
    for name, comment in _COLUMNS.items():
        op.add_column("tokens", sa.Column(name, sa.Text(), nullable=True, comment=comment))
