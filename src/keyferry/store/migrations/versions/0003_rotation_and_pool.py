"""Keys that rotate by schedule, what people are reminded of, leases of jobs, and keys made in advance."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SCHEDULED = sa.text("rotate_at IS NOT NULL")


def upgrade() -> None:
    """Add a key's schedule, NULL at first, so that older seals hold; then make the three tables."""
    for name in ("rotate_every", "rotate_before", "rotate_at"):
        op.add_column("keys", sa.Column(name, sa.BigInteger(), nullable=True))
    op.create_index("ix_keys_rotate_at", "keys", ["rotate_at"], sqlite_where=_SCHEDULED, postgresql_where=_SCHEDULED)
    _make_reminders()
    _make_leases()
    _make_pool_keys()


def _make_reminders() -> None:
    op.create_table(
        "reminders",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False, comment="how many before it comes"),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("about IN ('deactivation', 'rotation')", name=op.f("ck_reminders_about_known")),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("fk_reminders_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminders")),
        sa.UniqueConstraint(
            "version_id", "about", "days", "due_at", name=op.f("uq_reminders_version_id_about_days_due_at")
        ),
    )
    op.create_index(op.f("ix_reminders_key_id_id"), "reminders", ["key_id", "id"])
    op.create_index(op.f("ix_reminders_due_at"), "reminders", ["due_at"])


def _make_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False, comment="of the job"),
        sa.Column("holder", sa.Text(), nullable=False, comment="id of the process that runs it"),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )


def _make_pool_keys() -> None:
    op.create_table(
        "pool_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("material", sa.LargeBinary(), nullable=False, comment="sealed"),
        sa.Column("public_key", sa.LargeBinary(), nullable=False, comment="SubjectPublicKeyInfo, DER"),
        sa.Column("spki_sha256", sa.Text(), nullable=False),
        sa.Column("thumbprint", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pool_keys")),
    )
    op.create_index(op.f("ix_pool_keys_algorithm_id"), "pool_keys", ["algorithm", "id"])
