"""Soft-deleted key vaults: recovered, or purged before their time."""

from starlette.responses import Response

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import access
from keyferry.emulator.management.subscriptions import Subscriptions
from keyferry.emulator.management.vault import DeletedVault
from keyferry.emulator.management.vault_records import TYPE
from keyferry.emulator.portal.forms import WHOLE, Refused
from keyferry.emulator.portal.pages import show
from keyferry.emulator.portal.visit import Visit

READ = "Microsoft.KeyVault/deletedVaults/read"
PURGE = "Microsoft.KeyVault/locations/deletedVaults/purge/action"


def show_all(visit: Visit) -> Response:
    """The deleted vaults of every subscription in which the person may see them."""
    return _list(visit)


def recover(visit: Visit) -> Response:
    """Take a deleted vault back, with its keys."""
    vault = _deleted(visit).vault
    visit.allow(f"{TYPE}/write", vault.resource_id)
    try:
        visit.emulator.vaults.recover(vault.subscription_id, vault.resource_group, vault.name)
    except AzureFailure as failure:
        return _list(visit, Refused.because(failure, WHOLE))
    return visit.done(f"The key vault {vault.name} was recovered.", "vaults", vault.name)


def purge(visit: Visit) -> Response:
    """End a deleted vault for good."""
    deleted = _deleted(visit)
    vault = deleted.vault
    visit.allow(PURGE, f"/subscriptions/{vault.subscription_id}")
    if visit.submitted.text("confirm") != vault.name:
        problem = f"Type the vault's name, {vault.name}, to purge it. Nothing was purged."
        return _list(visit, Refused({f"confirm-{vault.name}": problem}))
    try:
        visit.emulator.vaults.purge(deleted)
    except AzureFailure as failure:
        return _list(visit, Refused.because(failure, f"confirm-{vault.name}"))
    return visit.done(f"The key vault {vault.name} was purged.", "deleted-vaults")


def _list(visit: Visit, refused: Refused | None = None) -> Response:
    return show(visit, "deleted_vaults.html", refused=refused, deleted=_every(visit))


def _every(visit: Visit) -> list[DeletedVault]:
    return [
        deleted
        for subscription in Subscriptions(visit.emulator.state).all()
        if access.may(visit.emulator.state, visit.principal, READ, subscription.resource_id)
        for deleted in visit.emulator.vaults.deleted(subscription.id)
    ]


def _deleted(visit: Visit) -> DeletedVault:
    name = visit.part("vault")
    for each in _every(visit):
        if each.vault.name.lower() == name.lower():
            return each
    raise AzureFailure(404, "DeletedVaultNotFound", f"There is no deleted vault named {name}.")
