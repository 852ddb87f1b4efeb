"""The management plane's tables.

Names of vaults and resource groups compare without regard to case, as Azure compares them; ids are kept in lower case.
Times are Unix seconds. A vault keeps its row while it is soft-deleted, so that its name stays taken; the row goes when
the vault is purged. A role assignment's scope is kept as it was given and compared in `scope_key`, in lower case.
"""

from typing import Final

SCHEMA: Final[str] = """
CREATE TABLE IF NOT EXISTS subscriptions (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    quota_id TEXT NOT NULL,
    key_vault_registered INTEGER NOT NULL,
    mandatory_retention INTEGER NOT NULL,
    created INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS subscription_aliases (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    subscription_id TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS resource_groups (
    subscription_id TEXT NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE,
    location TEXT NOT NULL,
    tags TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (subscription_id, name)
) STRICT;
CREATE TABLE IF NOT EXISTS vaults (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    subscription_id TEXT NOT NULL,
    resource_group TEXT NOT NULL COLLATE NOCASE,
    location TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    retention_days INTEGER NOT NULL,
    purge_protection INTEGER NOT NULL,
    rbac INTEGER NOT NULL,
    access_policies TEXT NOT NULL,
    tags TEXT NOT NULL,
    properties TEXT NOT NULL,
    created INTEGER NOT NULL,
    deleted INTEGER,
    scheduled_purge INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS role_assignments (
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    scope_key TEXT NOT NULL,
    role_id TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    principal_type TEXT NOT NULL,
    description TEXT,
    created INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (scope_key, name)
) STRICT;
CREATE TABLE IF NOT EXISTS role_definitions (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL COLLATE NOCASE,
    description TEXT NOT NULL,
    permissions TEXT NOT NULL,
    assignable_scopes TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS finished_operations (
    id TEXT PRIMARY KEY,
    subscription_id TEXT NOT NULL,
    finished INTEGER NOT NULL
) STRICT;
"""
