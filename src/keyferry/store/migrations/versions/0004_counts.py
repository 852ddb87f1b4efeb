"""Counts of keys and of what was done with them, kept beside the rows that they count."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, empty: what is in the store is counted while it serves, from the first audit event on."""
    op.create_table(
        "counted",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="of the last audit event that was counted"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counted")),
    )
    op.execute("INSERT INTO counted (id, number) VALUES (1, 0)")
    op.create_table(
        "counted_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("pending", sa.Integer(), nullable=False, comment="1: its destruction is pending"),
        sa.Column("day", sa.Integer(), nullable=False, comment="on which its current version was made, since 1970"),
        sa.Column("expires_day", sa.Integer(), nullable=True, comment="on which its current version is deactivated"),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_counted_keys")),
    )
    op.create_table(
        "key_counts",
        sa.Column("owner_id", sa.Text(), nullable=False, comment="of a user or group; empty: of everybody"),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("pending", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("keys", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "algorithm", "state", "pending", "day", name=op.f("pk_key_counts")),
    )
    op.create_table(
        "expiry_counts",
        sa.Column("owner_id", sa.Text(), nullable=False, comment="of a user or group; empty: of everybody"),
        sa.Column("day", sa.Integer(), nullable=False, comment="on which they are deactivated, since 1970"),
        sa.Column("keys", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "day", name=op.f("pk_expiry_counts")),
    )
    op.create_table(
        "owner_counts",
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("keys", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_owner_counts")),
    )
    op.create_table(
        "activity_counts",
        sa.Column("owner_id", sa.Text(), nullable=False, comment="of a user or group; empty: of everybody"),
        sa.Column("day", sa.Integer(), nullable=False, comment="on which it was done, since 1970"),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "day", "operation", name=op.f("pk_activity_counts")),
    )
