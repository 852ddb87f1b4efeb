"""How people get in, and what they hold then."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from keyferry.store.tables.columns import created_at, id_column, metadata, one_of, revision, seal, time_column

tokens = Table(
    "tokens",
    metadata,
    id_column(),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the secret part"),
    Column("epoch", BigInteger, nullable=False),
    created_at(),
    time_column("expires_at", nullable=False),
    time_column("revoked_at"),
    Column("idle_after", BigInteger, comment="microseconds without a use after which it ends; NULL: it may lie idle"),
    Column("certificate_id", Text, comment="of the certificate that it was begun with, and ends with"),
    Column("method", Text, comment="what the sign-in began with; NULL: a password"),
    Column("second_factor", Text, comment="what the sign-in was completed with; NULL: nothing"),
    Column("operations", Text, comment="JSON list of the operations that it is for; NULL: all that its user may"),
    Column("key_ids", Text, comment="JSON list of the keys that it reaches; NULL, as group_ids: all"),
    Column("group_ids", Text, comment="JSON list of the groups that it reaches, and whose keys"),
    Column("networks", Text, comment="JSON list of networks; NULL admits every address that its user may use"),
    Column("provider_id", Text, comment="of the identity provider that has vouched for the sign-in; NULL: none"),
    *revision(),
    seal(),
    Index(None, "user_id"),
    Index(
        "ix_tokens_provider_id",
        "provider_id",
        sqlite_where=text("provider_id IS NOT NULL"),
        postgresql_where=text("provider_id IS NOT NULL"),
    ),
    one_of("kind", "session", "api"),
)

factors = Table(
    "factors",
    metadata,
    id_column(),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("secret", LargeBinary, comment="totp: the seed, sealed"),
    Column("last_step", BigInteger, comment="totp: the time step of the last code that was taken"),
    Column("credential_id", LargeBinary, comment="passkey: its id"),
    Column("public_key", LargeBinary, comment="passkey: its public key, COSE"),
    Column("sign_count", BigInteger, comment="passkey: its counter when it was used last"),
    Column("codes", Text, comment="recovery: JSON list of the SHA-256 of each code that is left"),
    time_column("last_used_at"),
    created_at(),
    *revision(),
    seal(),
    UniqueConstraint("credential_id"),
    Index(None, "user_id"),
    one_of("kind", "totp", "passkey", "recovery"),
)

tickets = Table(
    "tickets",
    metadata,
    id_column(),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("needs", Text, nullable=False, comment="what is still to be done before there is a session"),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the secret part"),
    Column("epoch", BigInteger, nullable=False),
    Column("method", Text, nullable=False),
    Column("second_factor", Text),
    Column("network", Text, comment="the network that it may be used from; NULL: any"),
    Column("idle_after", BigInteger, comment="of the session that comes of it"),
    Column("certificate_id", Text, comment="of the certificate that the sign-in began with"),
    created_at(),
    time_column("expires_at", nullable=False),
    Column("provider_id", Text, comment="of the identity provider that has vouched for the sign-in; NULL: none"),
    Column("provider_subject", Text, comment="what a sign-out there names: JSON"),
    Column("provider_session", Text, comment="what the provider calls its session"),
    seal(),
    Index(None, "user_id"),
    Index(None, "expires_at"),
    one_of("needs", "factor", "enrolment", "password", "invitation"),
)

earlier_passwords = Table(
    "earlier_passwords",
    metadata,
    id_column(),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("password_hash", Text, nullable=False),
    created_at(),
    seal(),
    Index(None, "user_id", "id"),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("subject", Text, primary_key=True, comment="'user:' name, or 'network:' source network"),
    Column("failures", Integer, nullable=False),
    time_column("last_at", nullable=False),
)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("user_id", Text, ForeignKey("users.id"), primary_key=True),
    Column("network", Text, primary_key=True, comment="a source network that the user has signed in from"),
    time_column("last_at", nullable=False),
)
