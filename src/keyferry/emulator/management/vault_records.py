"""How vaults lie in their rows: read, written, soft-deleted, inside a transaction of the caller's."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from keyferry.emulator import clock
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import groups, scopes
from keyferry.emulator.management.vault import AccessPolicy, DeletedVault, Vault

TYPE: Final = "Microsoft.KeyVault/vaults"
DAY: Final = 24 * 60 * 60
LIVE: Final = "vaults.deleted IS NULL"
SELECT: Final = """
SELECT vaults.*, coalesce(subscriptions.mandatory_retention, 0) AS protected_subscription, listeners.port AS port
FROM vaults
LEFT JOIN subscriptions ON subscriptions.id = vaults.subscription_id
LEFT JOIN listeners ON listeners.name = lower(vaults.name)
"""
"""Every column of a vault; needs a WHERE clause and an order of its own."""


def from_row(row: sqlite3.Row) -> Vault:
    """The vault in a row of `SELECT`."""
    return Vault(
        name=row["name"],
        subscription_id=row["subscription_id"],
        resource_group=row["resource_group"],
        location=row["location"],
        tenant_id=row["tenant_id"],
        sku=row["sku"],
        retention_days=row["retention_days"],
        purge_protection=bool(row["purge_protection"]),
        rbac=bool(row["rbac"]),
        access_policies=tuple(_policy(each) for each in json.loads(row["access_policies"])),
        tags=json.loads(row["tags"]),
        created=row["created"],
        port=row["port"],
        properties=json.loads(row["properties"]),
        protected_subscription=bool(row["protected_subscription"]),
    )


def deleted_from_row(row: sqlite3.Row) -> DeletedVault:
    """The soft-deleted vault in a row of `SELECT`."""
    return DeletedVault(from_row(row), row["deleted"], row["scheduled_purge"])


def store(connection: sqlite3.Connection, vault: Vault) -> None:
    """Write the row of a live vault, new or changed; of a changed one, what may change."""
    connection.execute(
        "INSERT INTO vaults (name, subscription_id, resource_group, location, tenant_id, sku, retention_days,"
        " purge_protection, rbac, access_policies, tags, properties, created, deleted, scheduled_purge)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)"
        " ON CONFLICT (name) DO UPDATE SET sku = excluded.sku, purge_protection = excluded.purge_protection,"
        " rbac = excluded.rbac, access_policies = excluded.access_policies, tags = excluded.tags,"
        " properties = excluded.properties",
        (
            vault.name,
            vault.subscription_id,
            vault.resource_group,
            vault.location,
            vault.tenant_id,
            vault.sku,
            vault.retention_days,
            vault.purge_protection,
            vault.rbac,
            json.dumps([_policy_row(policy) for policy in vault.access_policies]),
            json.dumps(dict(vault.tags)),
            json.dumps(dict(vault.properties)),
            vault.created,
        ),
    )


def soft_delete(connection: sqlite3.Connection, vault: Vault) -> DeletedVault:
    """Soft-delete a live vault inside a transaction; the roles assigned at it go."""
    now = clock.now()
    purge = now + vault.retention_days * DAY
    connection.execute("UPDATE vaults SET deleted = ?, scheduled_purge = ? WHERE name = ?", (now, purge, vault.name))
    forget_roles(connection, vault.resource_id)
    return DeletedVault(vault, now, purge)


def forget_roles(connection: sqlite3.Connection, scope: str) -> None:
    """Take away the roles that are assigned at a scope or below it, inside a transaction."""
    key = scopes.key(scope)
    connection.execute(
        "DELETE FROM role_assignments WHERE scope_key = ? OR substr(scope_key, 1, length(?) + 1) = ? || '/'",
        (key, key, key),
    )


def live_in_group(connection: sqlite3.Connection, group: groups.ResourceGroup) -> tuple[Vault, ...]:
    """The live vaults of a resource group, inside a transaction."""
    rows = connection.execute(
        f"{SELECT} WHERE {LIVE} AND vaults.subscription_id = ? AND vaults.resource_group = ?",
        (group.subscription_id, group.name),
    ).fetchall()
    return tuple(map(from_row, rows))


def require(connection: sqlite3.Connection, subscription_id: str, resource_group: str, name: str) -> Vault:
    """The live vault at that resource id, inside a transaction.

    Raises:
        AzureFailure: 404 SubscriptionNotFound, ResourceGroupNotFound, ResourceNotFound.
    """
    group = groups.require(connection, subscription_id, resource_group)
    for vault in live_in_group(connection, group):
        if vault.name.lower() == name.lower():
            return vault
    raise AzureFailure(
        404,
        "ResourceNotFound",
        f"The Resource '{TYPE}/{name}' under resource group '{resource_group}' was not found. For more details please "
        "go to https://aka.ms/ARMResourceNotFoundFix",
    )


def require_still_live(connection: sqlite3.Connection, vault: Vault) -> None:
    """See, inside a transaction, that a vault that was looked up before is still there, and no other of its name.

    Raises:
        AzureFailure: 404 VaultNotFound.
    """
    found = connection.execute(
        "SELECT 1 FROM vaults WHERE deleted IS NULL AND name = ? AND subscription_id = ? AND created = ?",
        (vault.name, vault.subscription_id, vault.created),
    ).fetchone()
    if found is None:
        raise AzureFailure(404, "VaultNotFound", f"The vault {vault.name} was deleted meanwhile.")


def _policy(kept: Mapping[str, Any]) -> AccessPolicy:
    return AccessPolicy(
        tenant_id=kept["tenant_id"],
        object_id=kept["object_id"],
        keys=tuple(kept["keys"]),
        application_id=kept["application_id"],
        others=kept["others"],
    )


def _policy_row(policy: AccessPolicy) -> dict[str, Any]:
    return {
        "tenant_id": policy.tenant_id,
        "object_id": policy.object_id,
        "keys": policy.keys,
        "application_id": policy.application_id,
        "others": policy.others,
    }
