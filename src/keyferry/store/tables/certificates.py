"""Certificates of clients, and the authority that issues them."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Table, Text, UniqueConstraint

from keyferry.store.tables.columns import created_at, id_column, metadata, one_of, revision, seal, time_column

certificates = Table(
    "certificates",
    metadata,
    id_column(),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, comment="SHA-256 of the certificate, hex: what a caller is known by"),
    Column("certificate", LargeBinary, nullable=False, comment="X.509, DER"),
    Column("subject", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("serial", Text, nullable=False, comment="hex"),
    Column("key_type", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False, comment="as of tokens: the user's, or it is dead"),
    time_column("not_before", nullable=False),
    time_column("expires_at", nullable=False),
    created_at(),
    Column("created_by", Text, nullable=False),
    time_column("revoked_at"),
    Column("authority_id", Text, comment="of the authority that has issued it; NULL: the first, or none of ours"),
    *revision(),
    seal(),
    UniqueConstraint("fingerprint"),
    Index(None, "user_id", "id"),
    Index(None, "origin", "id"),
    one_of("origin", "issued", "uploaded"),
)

certificate_authorities = Table(
    "certificate_authorities",
    metadata,
    id_column(),
    Column("certificate", LargeBinary, nullable=False, comment="X.509, DER"),
    Column("key", LargeBinary, nullable=False, comment="PKCS#8, sealed"),
    time_column("expires_at", nullable=False),
    created_at(),
    time_column("retired_at"),
    *revision(),
    seal(),
)
