"""Accounts with an allow-list of networks, found without looking through all others."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_LIMITED = sa.text("deleted_at IS NULL AND networks IS NOT NULL")


def upgrade() -> None:
    """Index those accounts alone, as people look for them."""
    op.create_index(
        op.f("ix_users_networks_role_disabled_name_folded"),
        "users",
        ["role", "disabled", "name_folded"],
        sqlite_where=_LIMITED,
        postgresql_where=_LIMITED,
    )
