"""A vault's deleted keys: recovered, or purged before their time."""

from starlette.responses import Response

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys import deleting, listing
from keyferry.emulator.management.vault import Vault
from keyferry.emulator.portal.forms import Refused
from keyferry.emulator.portal.keys import listed, more
from keyferry.emulator.portal.pages import show
from keyferry.emulator.portal.visit import Visit


def show_all(visit: Visit) -> Response:
    """One page of a vault's deleted keys."""
    return _list(visit, visit.vault())


def recover(visit: Visit) -> Response:
    """Make a deleted key live again."""
    vault, name = visit.vault(), visit.part("key")
    deleting.recover(visit.call(vault, "recover", name), name)
    return visit.done(f"The key {name} was recovered.", "vaults", vault.name, "keys", name)


def purge(visit: Visit) -> Response:
    """Erase a deleted key."""
    vault, name = visit.vault(), visit.part("key")
    if visit.submitted.text("confirm") != name:
        problem = f"Type the key's name, {name}, to purge it. Nothing was purged."
        return _list(visit, vault, Refused({f"confirm-{name}": problem}))
    try:
        deleting.purge(visit.call(vault, "purge", name), name)
    except AzureFailure as failure:
        return _list(visit, vault, Refused.because(failure, f"confirm-{name}"))
    return visit.done(f"The key {name} was purged.", "vaults", vault.name, "deleted-keys")


def _list(visit: Visit, vault: Vault, refused: Refused | None = None) -> Response:
    found = listing.list_deleted(visit.call(vault, "list"), listing.read_page(visit.request.query_params))
    keys = list(map(listed, found["value"]))
    return show(visit, "deleted_keys.html", refused=refused, vault=vault, keys=keys, more=more(found))
