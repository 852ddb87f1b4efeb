"""Users and groups that are found by how their names begin."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_LIVING = sa.text("deleted_at IS NULL")


def upgrade() -> None:
    """Have PostgreSQL compare names byte by byte, as SQLite does, so that their indexes answer how one begins."""
    if op.get_bind().dialect.name == "postgresql":
        for table, column in (("users", "name_folded"), ("groups", "name")):
            op.alter_column(table, column, type_=sa.Text(collation="C"), existing_nullable=False)
    op.create_index(
        op.f("ix_users_role_disabled_name_folded"),
        "users",
        ["role", "disabled", "name_folded"],
        sqlite_where=_LIVING,
        postgresql_where=_LIVING,
    )
