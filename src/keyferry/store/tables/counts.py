"""Counts that are kept, and the rows by which keys are found. They follow the audit log.

Unsealed: nothing that grants access depends on them.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, text

from keyferry.store.tables.columns import IN_BYTE_ORDER, metadata

#: stands for a key without a name; no name holds it, and it sorts after all of them
BLANK: Final = "~"
#: stands for a date that never comes
NEVER: Final = 2**62

_EVERYBODY = "of a user or group; empty: of everybody"

counted = Table(
    "counted",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False, comment="of the last audit event that was counted"),
)

counted_keys = Table(
    "counted_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("owner_id", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("pending", Integer, nullable=False, comment="1: its destruction is pending"),
    Column("day", Integer, nullable=False, comment="on which its current version was made, since 1970"),
    Column("expires_day", Integer, comment="on which its current version is deactivated"),
    Column("name", IN_BYTE_ORDER, nullable=False, server_default=BLANK, comment="'~', which sorts last: it has none"),
    Column(
        "deactivates_at",
        BigInteger,
        nullable=False,
        server_default=text(str(NEVER)),
        comment="its current version's deactivation date; 2**62: it has none",
    ),
    Index(None, "owner_id", "key_id"),
    Index(None, "name", "key_id"),
    Index(None, "owner_id", "name", "key_id"),
    Index(None, "deactivates_at", "key_id"),
    Index(None, "owner_id", "deactivates_at", "key_id"),
    Index(None, "state", "algorithm", "pending", "owner_id"),
)

key_counts = Table(
    "key_counts",
    metadata,
    Column("owner_id", Text, primary_key=True, comment=_EVERYBODY),
    Column("algorithm", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("pending", Integer, primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("keys", BigInteger, nullable=False),
)

expiry_counts = Table(
    "expiry_counts",
    metadata,
    Column("owner_id", Text, primary_key=True, comment=_EVERYBODY),
    Column("day", Integer, primary_key=True, comment="on which they are deactivated, since 1970"),
    Column("keys", BigInteger, nullable=False),
)

owner_counts = Table(
    "owner_counts",
    metadata,
    Column("owner_id", Text, primary_key=True),
    Column("keys", BigInteger, nullable=False),
)

activity_counts = Table(
    "activity_counts",
    metadata,
    Column("owner_id", Text, primary_key=True, comment=_EVERYBODY),
    Column("day", Integer, primary_key=True, comment="on which it was done, since 1970"),
    Column("operation", Text, primary_key=True),
    Column("times", BigInteger, nullable=False),
)
