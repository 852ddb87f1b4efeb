"""Key vaults: the list, one vault's overview, and what may be done with it there."""

from starlette.responses import Response

from keyferry.emulator.management import access, vault_settings
from keyferry.emulator.management.subscriptions import Subscriptions
from keyferry.emulator.management.vault_records import TYPE
from keyferry.emulator.portal.pages import show
from keyferry.emulator.portal.visit import Visit


def show_all(visit: Visit) -> Response:
    """The vaults that the person may see."""
    found = [
        vault
        for vault in visit.emulator.vaults.all()
        if access.may(visit.emulator.state, visit.principal, f"{TYPE}/read", vault.resource_id)
    ]
    names = {each.id: each.name for each in Subscriptions(visit.emulator.state).all()}
    return show(visit, "vaults.html", vaults=found, subscriptions=names)


def overview(visit: Visit) -> Response:
    """One vault."""
    vault = visit.vault()
    subscription = Subscriptions(visit.emulator.state).require(vault.subscription_id)
    local = visit.emulator.addresses.url_of(vault, visit.request.headers["host"])
    return show(visit, "vault.html", vault=vault, subscription=subscription, local_url=local)


def enable_purge_protection(visit: Visit) -> Response:
    """Turn purge protection on, for good."""
    vault = visit.vault()
    visit.allow(f"{TYPE}/write", vault.resource_id)
    visit.emulator.vaults.update(vault, vault_settings.parse({"properties": {"enablePurgeProtection": True}}))
    return visit.done(f"Purge protection of {vault.name} is on.", "vaults", vault.name)


def delete(visit: Visit) -> Response:
    """Soft-delete a vault."""
    vault = visit.vault()
    visit.allow(f"{TYPE}/delete", vault.resource_id)
    visit.emulator.vaults.delete(vault)
    return visit.done(f"The key vault {vault.name} was deleted. It can be recovered.", "deleted-vaults")
