"""The role of an Auditor."""

from alembic import op

from keyferry.store.migrations.checks import replace_check

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let accounts have the role."""
    replace_check("users", op.f("ck_users_role_known"), "role IN ('administrator', 'key-access-user', 'auditor')")
