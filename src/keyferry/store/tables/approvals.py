"""What waits for the approval of others, and what they said."""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from keyferry.store.tables.columns import created_at, id_column, metadata, one_of, revision, seal, time_column

approval_requests = Table(
    "approval_requests",
    metadata,
    id_column(),
    Column("operation", Text, nullable=False, comment="as the audit log has it"),
    Column("covered_as", Text, nullable=False, comment="what policies call it"),
    Column("object_type", Text, nullable=False),
    Column("object_id", Text, comment="NULL: of what is still to be made"),
    Column("object_name", Text),
    Column("requester_id", Text, ForeignKey("users.id"), nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the exact request"),
    Column("facts", Text, nullable=False, comment="JSON object: what is asked for, as the digest covers it"),
    Column("policies", Text, nullable=False, comment="JSON list: whose policies ask for approvals, of whom, how many"),
    Column("state", Text, nullable=False),
    Column("votes", Integer, nullable=False, comment="how many were ever cast"),
    time_column("expires_at", nullable=False),
    time_column("ended_at"),
    created_at(),
    *revision(),
    seal(),
    one_of("state", "pending", "approved", "rejected", "used", "expired", "withdrawn"),
    Index(
        "uq_approval_requests_open",
        *("requester_id", "digest"),
        unique=True,
        sqlite_where=text("state IN ('pending', 'approved')"),
        postgresql_where=text("state IN ('pending', 'approved')"),
    ),
    Index(None, "requester_id", "id"),
    Index(None, "state", "id"),
)

approval_votes = Table(
    "approval_votes",
    metadata,
    id_column(),
    Column("request_id", Text, ForeignKey("approval_requests.id"), nullable=False),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("decision", Text, nullable=False),
    Column("note", Text),
    created_at(),
    seal(),
    UniqueConstraint("request_id", "user_id"),
    one_of("decision", "approve", "reject"),
)
