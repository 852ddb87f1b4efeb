"""The audit log."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text, UniqueConstraint

from keyferry.store.tables.columns import SEQUENCE, metadata, one_of, time_column

audit_events = Table(
    "audit_events",
    metadata,
    Column("id", SEQUENCE, primary_key=True, autoincrement=True),
    Column("uid", Text, nullable=False, comment="UUIDv7 of the event; part of what its MAC covers"),
    time_column("at", nullable=False),
    Column("operation", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text, comment="the error's code, of a refusal"),
    Column("actor_id", Text),
    Column("actor_name", Text),
    Column("token_id", Text),
    Column("address", Text),
    Column("object_type", Text),
    Column("object_id", Text),
    Column("object_name", Text),
    Column("object_revision", BigInteger, comment="the revision that this event gave the object; NULL: unchanged"),
    Column("version_id", Text),
    Column("version_revision", BigInteger),
    Column("details", Text, nullable=False, comment="JSON object"),
    Column("mac", LargeBinary, nullable=False),
    Column("number", BigInteger, comment="gap-free; given by the sequencer once the event is committed"),
    Column("leaf_hash", LargeBinary, comment="RFC 6962 leaf hash"),
    Column("head", LargeBinary, comment="hash over the previous head and this leaf"),
    Column("place_mac", LargeBinary, comment="MAC of the event's place: row, number, leaf hash and head"),
    UniqueConstraint("number"),
    Index(
        "ix_audit_events_object",
        "object_id",
        "object_revision",
        sqlite_where=Column("object_revision").is_not(None),
        postgresql_where=Column("object_revision").is_not(None),
    ),
    Index(
        "ix_audit_events_version",
        "version_id",
        "version_revision",
        sqlite_where=Column("version_revision").is_not(None),
        postgresql_where=Column("version_revision").is_not(None),
    ),
    Index(
        "ix_audit_events_unnumbered",
        "id",
        sqlite_where=Column("number").is_(None),
        postgresql_where=Column("number").is_(None),
    ),
    one_of("outcome", "done", "refused", "failed"),
    sqlite_autoincrement=True,
)
