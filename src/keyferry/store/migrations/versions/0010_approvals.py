"""What needs the approval of others, of groups and keys; requests for approval, and votes."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_COVERED = sa.text("approvals IS NOT NULL")
_OPEN = sa.text("state IN ('pending', 'approved')")


def upgrade() -> None:
    """Add the policies, NULL at first, so that older seals hold; then make the two tables."""
    comment = "JSON object: what needs the approval of others; NULL: nothing"
    for table in ("groups", "keys"):
        op.add_column(table, sa.Column("approvals", sa.Text(), nullable=True, comment=comment))
    op.create_index("ix_keys_approvals", "keys", ["id"], sqlite_where=_COVERED, postgresql_where=_COVERED)
    _make_requests()
    _make_votes()


def _make_requests() -> None:
    op.create_table(
        "approval_requests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False, comment="as the audit log has it"),
        sa.Column("covered_as", sa.Text(), nullable=False, comment="what policies call it"),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=True, comment="NULL: of what is still to be made"),
        sa.Column("object_name", sa.Text(), nullable=True),
        sa.Column("requester_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the exact request"),
        sa.Column(
            "facts", sa.Text(), nullable=False, comment="JSON object: what is asked for, as the digest covers it"
        ),
        sa.Column(
            "policies",
            sa.Text(),
            nullable=False,
            comment="JSON list: whose policies ask for approvals, of whom, how many",
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False, comment="how many were ever cast"),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("revision > 0", name=op.f("ck_approval_requests_revision_positive")),
        sa.CheckConstraint(
            "state IN ('pending', 'approved', 'rejected', 'used', 'expired', 'withdrawn')",
            name=op.f("ck_approval_requests_state_known"),
        ),
        sa.ForeignKeyConstraint(["requester_id"], ["users.id"], name=op.f("fk_approval_requests_requester_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_requests")),
    )
    op.create_index(
        "uq_approval_requests_open",
        "approval_requests",
        ["requester_id", "digest"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_index(op.f("ix_approval_requests_requester_id_id"), "approval_requests", ["requester_id", "id"])
    op.create_index(op.f("ix_approval_requests_state_id"), "approval_requests", ["state", "id"])


def _make_votes() -> None:
    op.create_table(
        "approval_votes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("decision IN ('approve', 'reject')", name=op.f("ck_approval_votes_decision_known")),
        sa.ForeignKeyConstraint(["request_id"], ["approval_requests.id"], name=op.f("fk_approval_votes_request_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_approval_votes_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_votes")),
        sa.UniqueConstraint("request_id", "user_id", name=op.f("uq_approval_votes_request_id_user_id")),
    )
