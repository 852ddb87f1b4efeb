"""Subscriptions: what they are called, whether they may be written to, and what they have registered."""

import sqlite3
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from keyferry.emulator import clock
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management.names import is_guid
from keyferry.emulator.state import State

PAID: Final = "PayAsYouGo_2014-09-01"
DEVELOPMENT: Final = "MSDNDevTest_2014-09-01"


class SubscriptionState(StrEnum):
    """`state` of a subscription, as far as the emulator has them."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription. `quota_id` is the offer it was bought under (subscriptionPolicies.quotaId)."""

    id: str
    tenant_id: str
    name: str
    state: SubscriptionState
    quota_id: str
    key_vault_registered: bool
    mandatory_retention: bool

    @property
    def resource_id(self) -> str:
        """Its scope."""
        return f"/subscriptions/{self.id}"


def find(connection: sqlite3.Connection, subscription_id: str) -> Subscription | None:
    """The subscription of that id, in either case."""
    row = connection.execute("SELECT * FROM subscriptions WHERE id = ?", (subscription_id.lower(),)).fetchone()
    return None if row is None else _from_row(row)


def require(connection: sqlite3.Connection, subscription_id: str) -> Subscription:
    """The subscription of that id.

    Raises:
        AzureFailure: 400 InvalidSubscriptionId, 404 SubscriptionNotFound.
    """
    if not is_guid(subscription_id):
        raise AzureFailure(
            400,
            "InvalidSubscriptionId",
            f"The provided subscription identifier '{subscription_id}' is malformed or invalid.",
        )
    found = find(connection, subscription_id)
    if found is None:
        raise AzureFailure(404, "SubscriptionNotFound", f"The subscription '{subscription_id}' could not be found.")
    return found


def require_writable(connection: sqlite3.Connection, subscription_id: str) -> Subscription:
    """The subscription of that id, which may be written to.

    Raises:
        AzureFailure: as `require`, and 409 ReadOnlyDisabledSubscription.
    """
    found = require(connection, subscription_id)
    if found.state is SubscriptionState.DISABLED:
        raise AzureFailure(
            409,
            "ReadOnlyDisabledSubscription",
            f"The subscription '{found.id}' is disabled and therefore marked as read only. You cannot perform any "
            "write actions on this subscription until it is re-enabled.",
        )
    return found


def require_key_vault(connection: sqlite3.Connection, subscription_id: str) -> Subscription:
    """The subscription of that id, which may be written to and may have vaults.

    Raises:
        AzureFailure: as `require_writable`, and 409 MissingSubscriptionRegistration.
    """
    found = require_writable(connection, subscription_id)
    if not found.key_vault_registered:
        raise AzureFailure(
            409,
            "MissingSubscriptionRegistration",
            "The subscription is not registered to use namespace 'Microsoft.KeyVault'. Register it: "
            "`az provider register --namespace Microsoft.KeyVault` (https://aka.ms/rps-not-found).",
        )
    return found


def add(
    connection: sqlite3.Connection, tenant_id: str, name: str, *, quota_id: str = PAID, registered: bool = True
) -> Subscription:
    """A new, enabled subscription with an id of its own."""
    subscription_id = str(uuid.uuid4())
    connection.execute(
        "INSERT INTO subscriptions (id, tenant_id, name, state, quota_id, key_vault_registered, mandatory_retention,"
        " created) VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
        (subscription_id, tenant_id, name, SubscriptionState.ENABLED, quota_id, registered, clock.now()),
    )
    return require(connection, subscription_id)


class Subscriptions:
    """The tenant's subscriptions, over the emulator's state."""

    def __init__(self, state: State) -> None:
        self._state = state

    def all(self) -> tuple[Subscription, ...]:
        """Every subscription, in the order in which they were made."""
        with self._state.read() as connection:
            rows = connection.execute("SELECT * FROM subscriptions ORDER BY created, rowid").fetchall()
        return tuple(_from_row(row) for row in rows)

    def find(self, subscription_id: str) -> Subscription | None:
        """The subscription of that id, if there is one."""
        with self._state.read() as connection:
            return find(connection, subscription_id)

    def require(self, subscription_id: str) -> Subscription:
        """The subscription of that id. Raises as the function of that name."""
        with self._state.read() as connection:
            return require(connection, subscription_id)

    def set_state(self, subscription_id: str, state: SubscriptionState) -> Subscription:
        """Cancel or enable a subscription (Microsoft.Subscription/cancel and /enable).

        Raises:
            AzureFailure: 400 SubscriptionNotEligible for one that has mandatory retention, which cannot be cancelled.
        """
        with self._state.write() as connection:
            found = require(connection, subscription_id)
            if found.mandatory_retention and state is SubscriptionState.DISABLED:
                raise AzureFailure(
                    400,
                    "SubscriptionNotEligible",
                    f"The subscription '{found.id}' is registered for mandatoryRetentionPeriodEnabled and cannot be "
                    "cancelled.",
                )
            connection.execute("UPDATE subscriptions SET state = ? WHERE id = ?", (state, found.id))
            return require(connection, found.id)

    def register_key_vault(self, subscription_id: str, *, registered: bool) -> Subscription:
        """Register or unregister the resource provider Microsoft.KeyVault.

        Raises:
            AzureFailure: 409 CannotUnregisterProvider while there are vaults.
        """
        with self._state.write() as connection:
            found = require_writable(connection, subscription_id)
            used = connection.execute("SELECT 1 FROM vaults WHERE subscription_id = ?", (found.id,)).fetchone()
            if not registered and used:
                raise AzureFailure(
                    409,
                    "CannotUnregisterProvider",
                    "Cannot unregister namespace 'Microsoft.KeyVault': the subscription has vaults, live or "
                    "soft-deleted. Delete and purge them first.",
                )
            connection.execute("UPDATE subscriptions SET key_vault_registered = ? WHERE id = ?", (registered, found.id))
            return require(connection, found.id)

    def register_mandatory_retention(self, subscription_id: str) -> Subscription:
        """Make it a protected subscription (Microsoft.Resources/mandatoryRetentionPeriodEnabled), for good."""
        with self._state.write() as connection:
            found = require_writable(connection, subscription_id)
            connection.execute("UPDATE subscriptions SET mandatory_retention = 1 WHERE id = ?", (found.id,))
            return require(connection, found.id)


def _from_row(row: sqlite3.Row) -> Subscription:
    return Subscription(
        id=row["id"],
        tenant_id=row["tenant_id"],
        name=row["name"],
        state=SubscriptionState(row["state"]),
        quota_id=row["quota_id"],
        key_vault_registered=bool(row["key_vault_registered"]),
        mandatory_retention=bool(row["mandatory_retention"]),
    )
