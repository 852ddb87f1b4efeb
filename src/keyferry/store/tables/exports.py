"""Key encryption keys, and what left under them."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from keyferry.store.tables.columns import SEQUENCE, created_at, id_column, metadata, one_of, revision, seal

keks = Table(
    "keks",
    metadata,
    id_column(),
    Column("identifier", Text, nullable=False, comment="canonical versioned key identifier"),
    Column("public_key", LargeBinary, nullable=False, comment="SubjectPublicKeyInfo, DER"),
    Column("spki_sha256", Text, nullable=False),
    Column("bits", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("registered", Boolean, nullable=False),
    created_at(),
    Column("created_by", Text, nullable=False),
    *revision(),
    seal(),
    UniqueConstraint("identifier"),
    one_of("source", "export", "administrator", "vault"),
)

exports = Table(
    "exports",
    metadata,
    Column("number", SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),
    Column("key_id", Text, ForeignKey("keys.id"), nullable=False),
    Column("version_id", Text, ForeignKey("key_versions.id"), nullable=False),
    Column("version_number", Integer, nullable=False),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("destination", Text, nullable=False),
    Column("key_identifier", Text, nullable=False),
    Column("kek_sha256", Text, nullable=False),
    Column("file_sha256", Text, nullable=False),
    Column("file_bytes", Integer, nullable=False),
    created_at(),
    seal(),
    UniqueConstraint("id"),
    Index(None, "key_id", "number"),
    sqlite_autoincrement=True,
)
