"""The installation: which store it is, the data keys it is sealed by, and what holds for the whole server."""

from sqlalchemy import Column, Integer, LargeBinary, Table, Text

from keyferry.store.tables.columns import created_at, id_column, metadata, revision, seal, time_column

stores = Table("stores", metadata, id_column(), created_at())

data_keys = Table(
    "data_keys",
    metadata,
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False, comment="the data key, wrapped by the root of trust"),
    created_at(),
)

server_policy = Table(
    "server_policy",
    metadata,
    Column("id", Text, primary_key=True, comment="the store's"),
    Column("second_factor_roles", Text, nullable=False, comment="JSON list of roles that need a second factor"),
    time_column("recovered_at"),
    Column("recovered_user_id", Text, comment="id of whom `keyferry admin recover` let in last"),
    Column("networks", Text, comment="JSON list of networks; NULL admits every address, [] none"),
    created_at(),
    *revision(),
    seal(),
)
