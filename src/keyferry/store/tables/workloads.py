"""Programs that come with a token of somebody else's, and the issuers that are believed."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from keyferry.store.tables.columns import created_at, id_column, metadata, one_of, revision, seal, time_column

trusted_issuers = Table(
    "trusted_issuers",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, comment="never used again"),
    Column("issuer", Text, nullable=False, comment="what `iss` says, to the letter"),
    Column("audience", Text, nullable=False, comment="what `aud` must say, to the letter"),
    Column("key_source", Text, nullable=False),
    Column("key_set_url", Text, comment="https address of a JWK Set"),
    Column("key_set", Text, comment="a JWK Set of public keys, JSON"),
    Column("algorithms", Text, nullable=False, comment="that signatures may be of, sorted, separated by commas"),
    time_column("longest_lifetime", nullable=False),
    time_column("clock_skew", nullable=False),
    Column("disabled", Boolean, nullable=False),
    created_at(),
    Column("created_by", Text, nullable=False),
    time_column("deleted_at"),
    *revision(),
    seal(),
    UniqueConstraint("name"),
    Index(
        "uq_trusted_issuers_issuer",
        "issuer",
        unique=True,
        sqlite_where=text("deleted_at IS NULL"),
        postgresql_where=text("deleted_at IS NULL"),
    ),
    one_of("key_source", "discovery", "address", "document"),
    CheckConstraint("(key_set_url IS NOT NULL) = (key_source = 'address')", name="address_where_it_is_the_source"),
    CheckConstraint("(key_set IS NOT NULL) = (key_source = 'document')", name="document_where_it_is_the_source"),
)

workloads = Table(
    "workloads",
    metadata,
    id_column(),
    Column("issuer_id", Text, ForeignKey("trusted_issuers.id"), nullable=False),
    Column("subject", Text, nullable=False, comment="what `sub` must say, to the letter"),
    Column("claims", Text, nullable=False, comment="JSON object of what further claims must say; {} nothing"),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("networks", Text, comment="JSON list of networks; NULL admits every address, [] none"),
    Column("epoch", BigInteger, nullable=False, comment="as of tokens: the user's, or it is dead"),
    time_column("expires_at"),
    created_at(),
    Column("created_by", Text, nullable=False),
    time_column("revoked_at"),
    *revision(),
    seal(),
    Index(None, "issuer_id", "subject"),
    Index(None, "user_id", "id"),
)
