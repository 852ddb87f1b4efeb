"""What nodes keep as they serve: requests to be answered again, the jobs of all, and when what was used."""

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from keyferry.store.tables.columns import created_at, metadata, seal, time_column

idempotency = Table(
    "idempotency",
    metadata,
    Column("id", Text, primary_key=True, comment="HMAC of caller, route and key"),
    Column("request", LargeBinary, nullable=False, comment="HMAC of the normalised request"),
    Column("resource_id", Text, nullable=False),
    created_at(),
    seal(),
    Index(None, "created_at"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True, comment="of the job"),
    Column("holder", Text, nullable=False, comment="id of the process that runs it"),
    time_column("until", nullable=False),
)

job_runs = Table(
    "job_runs",
    metadata,
    Column("node", Text, primary_key=True, comment="id of the process"),
    Column("name", Text, primary_key=True),
    Column("host", Text, nullable=False, comment="the machine that the process runs on"),
    time_column("last_at"),
    time_column("next_at"),
    time_column("failed_at"),
    Column("failure", Text),
    time_column("told_at", nullable=False),
)

activity = Table(
    "activity",
    metadata,
    Column("subject_id", Text, primary_key=True, comment="id of a token, user or key version"),
    time_column("last_used_at", nullable=False),
)
