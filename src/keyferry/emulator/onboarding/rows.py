"""The stand-in's tables: onboarding requests with what was found, and the Customer Keys that were activated.

Of an activated pair is kept what the service would keep: the tenant's root secret as each of the two keys wrapped it,
and its SHA-256 to know it again by. The secret itself is kept nowhere.
"""

from typing import Final

SCHEMA: Final[str] = """
CREATE TABLE IF NOT EXISTS onboarding_requests (
    id TEXT PRIMARY KEY,
    created INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    mode TEXT NOT NULL,
    content TEXT NOT NULL,
    content_sha256 TEXT NOT NULL,
    validation TEXT NOT NULL,
    enablement TEXT NOT NULL,
    passed TEXT NOT NULL,
    failed TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS customer_keys (
    request_id TEXT PRIMARY KEY REFERENCES onboarding_requests (id),
    content_sha256 TEXT NOT NULL UNIQUE,
    key1 TEXT NOT NULL,
    key2 TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    wrapped1 BLOB NOT NULL,
    wrapped2 BLOB NOT NULL,
    secret_sha256 BLOB NOT NULL,
    activated INTEGER NOT NULL
) STRICT;
"""
