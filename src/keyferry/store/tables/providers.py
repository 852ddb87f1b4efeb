"""Identity providers, whom they vouch for, and what is under way with them."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from keyferry.store.tables.columns import created_at, id_column, metadata, one_of, revision, seal, time_column

identity_providers = Table(
    "identity_providers",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, comment="never used again"),
    Column("kind", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("configuration", Text, nullable=False, comment="JSON object, by kind; holds no secret"),
    Column("credential", LargeBinary, comment="sealed: private keys, or a client's secret; NULL: it needs none"),
    Column("mapping", Text, nullable=False, comment="JSON object: which attributes say what, and tables of values"),
    Column("just_in_time", Boolean, nullable=False, comment="accounts are made at the first sign-in"),
    Column("asks_second_factor", Boolean, nullable=False, comment="it has asked for one: Keyferry does not"),
    Column("clock_skew", Integer, nullable=False, comment="seconds"),
    time_column("tested_at"),
    Column("tested_by", Text, comment="id of the user who walked through a sign-in"),
    created_at(),
    Column("created_by", Text, nullable=False),
    time_column("deleted_at"),
    *revision(),
    seal(),
    UniqueConstraint("name"),
    one_of("kind", "saml", "oidc"),
)

identities = Table(
    "identities",
    metadata,
    id_column(),
    Column("provider_id", Text, ForeignKey("identity_providers.id"), nullable=False),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("subject", Text, comment="what the provider calls the person, to the letter; NULL: nobody has come yet"),
    Column("expected", Text, comment="the user name by which the person is known when they come first"),
    created_at(),
    Column("created_by", Text, nullable=False),
    *revision(),
    seal(),
    UniqueConstraint("provider_id", "subject"),
    UniqueConstraint("provider_id", "expected"),
    UniqueConstraint("provider_id", "user_id"),
    Index(None, "user_id"),
    CheckConstraint("subject IS NOT NULL OR expected IS NOT NULL", name="known_by_something"),
)

# Unsealed: they let nobody in. Whoever removes a row of the first can have a signed message taken once more while it is
# still in time; of the second, keep a sign-out at a provider from ending a session.
seen_once = Table(
    "seen_once",
    metadata,
    Column("id", Text, primary_key=True, comment="digest of what may be presented once alone"),
    time_column("expires_at", nullable=False),
    Index(None, "expires_at"),
)

provider_sessions = Table(
    "provider_sessions",
    metadata,
    Column("token_id", Text, ForeignKey("tokens.id"), primary_key=True),
    Column("provider_id", Text, ForeignKey("identity_providers.id"), nullable=False),
    Column("subject", Text, nullable=False, comment="what a sign-out there names: JSON"),
    Column("session", Text, comment="what the provider calls its session"),
    time_column("expires_at", nullable=False),
    Index(None, "provider_id", "subject"),
    Index(None, "expires_at"),
)

tested_sign_ins = Table(
    "tested_sign_ins",
    metadata,
    id_column(),
    Column("outcome", LargeBinary, nullable=False, comment="sealed: what a provider said of a person, in a test"),
    time_column("expires_at", nullable=False),
    Index(None, "expires_at"),
)
