"""What an emulator starts with: two subscriptions, each with a resource group and a vault fit for a Customer Key.

A Customer Key needs a pair of keys in two subscriptions (learn.microsoft.com/purview/customer-key-set-up): each vault
is Premium, with purge protection, 90 days of retention and roles, and the two regions are not each other's pair.
"""

import sqlite3
from dataclasses import dataclass
from typing import Final

from keyferry.emulator import clock
from keyferry.emulator.directory import Directory, Principal
from keyferry.emulator.management import assignments, groups, roles, subscriptions
from keyferry.emulator.management.vault import FULL_RETENTION_DAYS, Vault
from keyferry.emulator.management.vault_records import store
from keyferry.emulator.state import State


@dataclass(frozen=True, slots=True)
class Beginning:
    """One subscription that is there from the beginning, and what is in it."""

    subscription: str
    group: str
    vault: str
    location: str


BEGINNINGS: Final = (
    Beginning("Keyferry emulator A", "keyferry-a", "keyferry-vault-a", "westeurope"),
    Beginning("Keyferry emulator B", "keyferry-b", "keyferry-vault-b", "swedencentral"),
)
OPERATORS_ROLES: Final = (roles.OWNER, roles.KEY_VAULT_CRYPTO_OFFICER)


def found(state: State, directory: Directory) -> None:
    """Make what an emulator starts with, and let the operator use it; does nothing once there is a subscription."""
    operator = directory.operator
    with state.write() as connection:
        if connection.execute("SELECT 1 FROM subscriptions").fetchone():
            return
        for beginning in BEGINNINGS:
            _begin(connection, directory.tenant_id, operator, beginning)


def _begin(connection: sqlite3.Connection, tenant_id: str, operator: Principal, beginning: Beginning) -> None:
    subscription = subscriptions.add(connection, tenant_id, beginning.subscription)
    groups.put(connection, subscription.id, beginning.group, beginning.location, {})
    vault = Vault(
        name=beginning.vault,
        subscription_id=subscription.id,
        resource_group=beginning.group,
        location=beginning.location,
        tenant_id=tenant_id,
        sku="premium",
        retention_days=FULL_RETENTION_DAYS,
        purge_protection=True,
        rbac=True,
        access_policies=(),
        tags={},
        created=clock.now(),
        port=None,
        properties={"networkAcls": {"bypass": "AzureServices", "defaultAction": "Allow"}},
    )
    store(connection, vault)
    for role in OPERATORS_ROLES:
        assignments.assign(connection, subscription.resource_id, role, operator.object_id, by=operator.object_id)
