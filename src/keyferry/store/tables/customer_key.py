"""Requests to Microsoft 365 Customer Key."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text

from keyferry.store.tables.columns import created_at, id_column, metadata, one_of, revision, seal, time_column

customer_key_requests = Table(
    "customer_key_requests",
    metadata,
    id_column(),
    Column("owner_user_id", Text, ForeignKey("users.id")),
    Column("owner_group_id", Text, ForeignKey("groups.id")),
    Column("organization_id", Text, nullable=False, comment="of the Microsoft 365 tenant"),
    Column("scenario", Text),
    Column("workloads", Text, nullable=False, comment="JSON list"),
    Column("keys", Text, nullable=False, comment="JSON list of the two"),
    Column("contacts", Text, nullable=False, comment="JSON object"),
    Column("state", Text, nullable=False),
    Column("reference", Text, comment="what Microsoft calls the request"),
    Column("history", Text, nullable=False, comment="JSON list of the states that it has been in"),
    Column("checks", Text, nullable=False, comment="JSON list of the last runs of the checks"),
    created_at(),
    Column("created_by", Text, nullable=False),
    time_column("updated_at", nullable=False),
    *revision(),
    seal(),
    CheckConstraint("(owner_user_id IS NULL) <> (owner_group_id IS NULL)", name="one_owner"),
    one_of("state", "draft", "validated", "submitted", "accepted", "refused"),
    Index(None, "owner_user_id", "id"),
    Index(None, "owner_group_id", "id"),
)
