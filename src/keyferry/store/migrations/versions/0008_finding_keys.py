"""What keys are found by, kept beside what they are counted by."""

# ruff: noqa: S608  (no text from outside is put into the statement: names of this file's own alone)

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_NEVER = 2**62
_NAME = "SELECT keys.name FROM keys WHERE keys.id = counted_keys.key_id"
_DATE = (
    "SELECT deactivation_date FROM keys JOIN key_versions ON key_versions.id = current_version_id "
    "WHERE keys.id = counted_keys.key_id"
)
_INDEXES = (
    ("owner_id", "key_id"),
    ("name", "key_id"),
    ("owner_id", "name", "key_id"),
    ("deactivates_at", "key_id"),
    ("owner_id", "deactivates_at", "key_id"),
    ("state", "algorithm", "pending", "owner_id"),
)


def upgrade() -> None:
    """Add the columns, fill them from the keys that are counted already, and index them."""
    in_byte_order = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column(
        "counted_keys",
        sa.Column(
            "name", in_byte_order, nullable=False, server_default="~", comment="'~', which sorts last: it has none"
        ),
    )
    op.add_column(
        "counted_keys",
        sa.Column(
            "deactivates_at",
            sa.BigInteger(),
            nullable=False,
            server_default=sa.text(str(_NEVER)),
            comment="its current version's deactivation date; 2**62: it has none",
        ),
    )
    op.execute(
        f"UPDATE counted_keys SET name = coalesce(({_NAME}), '~'), deactivates_at = coalesce(({_DATE}), {_NEVER})"
    )
    for columns in _INDEXES:
        op.create_index(op.f(f"ix_counted_keys_{'_'.join(columns)}"), "counted_keys", columns)
