"""Vaults: made, changed, soft-deleted, recovered and purged, and every rule about that.

The rules are those of `Microsoft.KeyVault/vaults` (learn.microsoft.com/azure/key-vault/general/soft-delete-overview):

- A name is taken in the whole world, by live and by soft-deleted vaults alike, until the vault is purged.
- Retention is 7 to 90 days, 90 if nothing is said, and stays what it was made with.
- Purge protection, once on, stays on; nobody ends a vault that has it, but time does.
- Deleting a vault takes the roles assigned at it along; recovering it does not bring them back.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from keyferry.emulator import clock
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import groups, subscriptions
from keyferry.emulator.management.locations import region
from keyferry.emulator.management.names import require_vault_name, vault_name_advice
from keyferry.emulator.management.vault import FULL_RETENTION_DAYS, AccessPolicy, DeletedVault, Vault
from keyferry.emulator.management.vault_records import (
    LIVE,
    SELECT,
    TYPE,
    deleted_from_row,
    forget_roles,
    from_row,
    live_in_group,
    require,
    soft_delete,
    store,
)
from keyferry.emulator.management.vault_rules import changed, require_free, require_own_policies, require_tenant, taken
from keyferry.emulator.management.vault_settings import CreateMode, VaultSettings
from keyferry.emulator.state import State

__all__ = ["AccessPolicy", "DeletedVault", "Vault", "Vaults"]

_DELETED: Final = "vaults.deleted IS NOT NULL AND vaults.scheduled_purge > :now"

_PROTECTED: Final = "The subscription is registered for mandatoryRetentionPeriodEnabled"


def _nothing() -> None:
    """Nobody listens yet."""


def _keep(connection: sqlite3.Connection, vault: Vault) -> None:
    """Nobody has anything in a vault yet."""


class Vaults:
    """Every vault of the tenant, over the emulator's state.

    Attributes:
        on_change: called after a vault was made, recovered, deleted or purged; the core opens and closes listeners.
        on_purge: called inside the transaction that ends a vault for good, with its connection; takes its keys along.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.on_change: Callable[[], None] = _nothing
        self.on_purge: Callable[[sqlite3.Connection, Vault], None] = _keep

    # live vaults

    def named(self, name: str) -> Vault | None:
        """The live vault of that name, in any case."""
        return _first(self._select(f"{LIVE} AND vaults.name = :name", name=name))

    def all(self) -> tuple[Vault, ...]:
        """Every live vault, in the order in which they were made."""
        return tuple(map(from_row, self._select(f"{LIVE} ORDER BY vaults.created, vaults.rowid")))

    def of(self, subscription_id: str, resource_group: str | None = None) -> tuple[Vault, ...]:
        """The live vaults of a subscription, or of one of its groups, in the order of their names.

        Raises:
            AzureFailure: 404 SubscriptionNotFound, ResourceGroupNotFound.
        """
        with self._state.read() as connection:
            subscriptions.require(connection, subscription_id)
            if resource_group is not None:
                groups.require(connection, subscription_id, resource_group)
        rows = self._select(
            f"{LIVE} AND vaults.subscription_id = :subscription AND vaults.resource_group = coalesce(:group,"
            " vaults.resource_group) ORDER BY vaults.name",
            subscription=subscription_id.lower(),
            group=resource_group,
        )
        return tuple(map(from_row, rows))

    def require(self, subscription_id: str, resource_group: str, name: str) -> Vault:
        """The live vault at that resource id.

        Raises:
            AzureFailure: 404 SubscriptionNotFound, ResourceGroupNotFound, ResourceNotFound.
        """
        with self._state.read() as connection:
            return require(connection, subscription_id, resource_group, name)

    def create(
        self,
        subscription_id: str,
        resource_group: str,
        name: str,
        settings: VaultSettings,
        *,
        rbac_by_default: bool = True,
    ) -> Vault:
        """Make a vault, or with createMode recover take back the soft-deleted one of that name.

        Args:
            rbac_by_default: what `enableRbacAuthorization` is where nothing is said; true since api-version 2026-02-01.

        Raises:
            AzureFailure: 400 VaultNameNotValid, BadRequest; 404; 409 VaultAlreadyExists, ConflictError and what
                `subscriptions.require_key_vault` refuses.
        """
        if settings.create_mode is CreateMode.RECOVER:
            return self.recover(subscription_id, resource_group, name)
        require_vault_name(name)
        with self._writing() as connection:
            subscription = subscriptions.require_key_vault(connection, subscription_id)
            group = groups.require(connection, subscription.id, resource_group)
            require_free(connection, subscription.id, name)
            require_tenant(settings, subscription.tenant_id)
            if settings.sku is None:
                raise AzureFailure(400, "BadRequest", "The parameter 'properties.sku' is required.")
            vault = Vault(
                name=name,
                subscription_id=subscription.id,
                resource_group=group.name,
                location=region(settings.location, TYPE),
                tenant_id=subscription.tenant_id,
                sku=settings.sku,
                retention_days=settings.retention_days or FULL_RETENTION_DAYS,
                purge_protection=settings.purge_protection or False,
                rbac=rbac_by_default if settings.rbac is None else settings.rbac,
                access_policies=settings.access_policies or (),
                tags=settings.tags or {},
                created=clock.now(),
                port=None,
                properties=settings.properties,
            )
            require_own_policies(vault)
            store(connection, vault)
        self.on_change()
        return self._again(name)

    def rewrite(self, vault: Vault, settings: VaultSettings) -> Vault:
        """Change a vault by PUT: tags and further properties become what is said, the rest stays where nothing is.

        Raises:
            AzureFailure: 400 BadRequest for what is fixed; 409 InvalidResourceLocation, as a vault does not move.
        """
        if settings.location is not None and region(settings.location, TYPE) != vault.location:
            raise AzureFailure(
                409,
                "InvalidResourceLocation",
                f"The resource '{vault.name}' already exists in location '{vault.location}' in resource group "
                f"'{vault.resource_group}'. A resource with the same name cannot be created in location "
                f"'{settings.location}'. Please select a new resource name.",
            )
        tags = settings.tags or {}
        return self._alter(
            vault, lambda now: replace(changed(now, settings), tags=tags, properties=settings.properties)
        )

    def update(self, vault: Vault, settings: VaultSettings) -> Vault:
        """Change a vault by PATCH: only what is said changes.

        Raises:
            AzureFailure: 400 BadRequest for what is fixed.
        """
        return self._alter(
            vault,
            lambda now: replace(
                changed(now, settings),
                tags=now.tags if settings.tags is None else settings.tags,
                properties={**now.properties, **settings.properties},
            ),
        )

    def set_policies(self, vault: Vault, change: Callable[[Vault], Iterable[AccessPolicy]]) -> Vault:
        """Give a vault the access policies that `change` makes of it as it then is.

        Raises:
            AzureFailure: 400 BadRequest for another tenant's.
        """
        return self._alter(vault, lambda now: replace(now, access_policies=tuple(change(now))))

    # soft-deleted vaults

    def delete(self, vault: Vault) -> DeletedVault:
        """Soft-delete a vault; the roles assigned at it go."""
        with self._writing() as connection:
            subscriptions.require_writable(connection, vault.subscription_id)
            found = require(connection, vault.subscription_id, vault.resource_group, vault.name)
            deleted = soft_delete(connection, found)
        self.on_change()
        return deleted

    def delete_group(self, group: groups.ResourceGroup) -> None:
        """Delete a resource group with what is in it: its vaults are soft-deleted, the roles assigned there go."""
        with self._writing() as connection:
            subscriptions.require_writable(connection, group.subscription_id)
            for vault in live_in_group(connection, groups.require(connection, group.subscription_id, group.name)):
                soft_delete(connection, vault)
            forget_roles(connection, group.resource_id)
            groups.remove(connection, group)
        self.on_change()

    def deleted(self, subscription_id: str) -> tuple[DeletedVault, ...]:
        """The soft-deleted vaults of a subscription, in the order of their names. Raises as `subscriptions.require`."""
        with self._state.read() as connection:
            subscriptions.require(connection, subscription_id)
        rows = self._select(
            f"{_DELETED} AND vaults.subscription_id = :subscription ORDER BY vaults.name",
            subscription=subscription_id.lower(),
        )
        return tuple(map(deleted_from_row, rows))

    def require_deleted(self, subscription_id: str, location: str, name: str) -> DeletedVault:
        """The soft-deleted vault of that name there. Raises AzureFailure 404 DeletedVaultNotFound."""
        for found in self.deleted(subscription_id):
            if found.vault.name.lower() == name.lower() and found.vault.location == region(location, TYPE):
                return found
        raise AzureFailure(
            404,
            "DeletedVaultNotFound",
            f"The specified deleted vault '{name}' does not exist in location '{location}' of the subscription "
            f"'{subscription_id}'.",
        )

    def recover(self, subscription_id: str, resource_group: str, name: str) -> Vault:
        """Take a soft-deleted vault back as it was, keys and all; not the roles that were assigned at it.

        Raises:
            AzureFailure: 404 DeletedVaultNotFound, ResourceGroupNotFound; 409 VaultAlreadyExists while it lives.
        """
        with self._writing() as connection:
            subscription = subscriptions.require_key_vault(connection, subscription_id)
            group = groups.require(connection, subscription.id, resource_group)
            row = connection.execute(
                f"{SELECT} WHERE vaults.name = ? AND vaults.subscription_id = ? AND vaults.resource_group = ?",
                (name, subscription.id, group.name),
            ).fetchone()
            if row is None:
                raise AzureFailure(
                    404,
                    "DeletedVaultNotFound",
                    f"There is no soft-deleted vault '{name}' of the resource group '{group.name}' to recover.",
                )
            if row["deleted"] is None:
                raise taken(name)
            connection.execute("UPDATE vaults SET deleted = NULL, scheduled_purge = NULL WHERE name = ?", (name,))
        self.on_change()
        return self._again(name)

    def purge(self, deleted: DeletedVault) -> None:
        """End a soft-deleted vault for good, with everything in it.

        Raises:
            AzureFailure: 405 MethodNotAllowed under purge protection or in a protected subscription.
        """
        with self._writing() as connection:
            subscriptions.require_writable(connection, deleted.vault.subscription_id)
            if not deleted.vault.purgeable:
                why = "Purge protection is enabled on the vault" if deleted.vault.purge_protection else _PROTECTED
                raise AzureFailure(
                    405,
                    "MethodNotAllowed",
                    f"Operation 'DeletedVaultPurge' is not allowed. {why}: it is purged when its retention ends.",
                )
            self._end(connection, deleted.vault)
        self.on_change()

    def name_problem(self, name: str) -> tuple[str, str] | None:
        """Why a name cannot be a new vault's: the reason as checkNameAvailability gives it, and a message."""
        advice = vault_name_advice(name)
        if advice is not None:
            return "AccountNameInvalid", advice
        if self._select("vaults.name = :name AND coalesce(vaults.scheduled_purge > :now, 1)", name=name):
            return "AlreadyExists", taken(name).message
        return None

    def purge_what_is_due(self) -> None:
        """End the vaults whose retention period is over."""
        with self._writing():
            pass

    # how it is done

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that begins by ending what is due."""
        with self._state.write() as connection:
            due = connection.execute(f"{SELECT} WHERE vaults.scheduled_purge <= ?", (clock.now(),)).fetchall()
            for row in due:
                self._end(connection, from_row(row))
            yield connection

    def _end(self, connection: sqlite3.Connection, vault: Vault) -> None:
        self.on_purge(connection, vault)
        connection.execute("DELETE FROM vaults WHERE name = ?", (vault.name,))

    def _alter(self, vault: Vault, change: Callable[[Vault], Vault]) -> Vault:
        with self._writing() as connection:
            subscriptions.require_key_vault(connection, vault.subscription_id)
            altered = change(require(connection, vault.subscription_id, vault.resource_group, vault.name))
            require_own_policies(altered)
            store(connection, altered)
        return self._again(vault.name)

    def _again(self, name: str) -> Vault:
        found = self.named(name)
        if found is None:
            raise AzureFailure(409, "ConflictError", f"The vault '{name}' was deleted meanwhile.")
        return found

    def _select(self, condition: str, **values: str | None) -> list[sqlite3.Row]:
        with self._state.read() as connection:
            return connection.execute(f"{SELECT} WHERE {condition}", {**values, "now": clock.now()}).fetchall()


def _first(rows: list[sqlite3.Row]) -> Vault | None:
    return from_row(rows[0]) if rows else None
