"""Which identity provider has vouched for a session, so that it ends with the provider, and with a sign-out there."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, NULL at first, so that older seals hold."""
    comment = "of the identity provider that has vouched for the sign-in; NULL: none"
    op.add_column("tokens", sa.Column("provider_id", sa.Text(), nullable=True, comment=comment))
    there = sa.text("provider_id IS NOT NULL")
    op.create_index(
        op.f("ix_tokens_provider_id"), "tokens", ["provider_id"], sqlite_where=there, postgresql_where=there
    )
    op.add_column("tickets", sa.Column("provider_id", sa.Text(), nullable=True, comment=comment))
    for name, says in {
        "provider_subject": "what a sign-out there names: JSON",
        "provider_session": "what the provider calls its session",
    }.items():
        op.add_column("tickets", sa.Column(name, sa.Text(), nullable=True, comment=says))
