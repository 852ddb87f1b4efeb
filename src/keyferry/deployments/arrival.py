"""Whether a key is in a vault already: looked at before every import, and after one whose answer was lost."""

import time
from dataclasses import dataclass
from typing import Final

from keyferry.clouds.azure.facts import VaultKey
from keyferry.clouds.azure.vault import AzureVault
from keyferry.deployments.drift import version_of
from keyferry.errors import Conflict
from keyferry.material.keys import fingerprint_spki

#: seconds before each look for a key whose import was not answered
_LOOKS: Final = (0, 1, 3)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What stands under a name.

    Attributes:
        ours: the version that holds our public key; None when none does.
        current: the version that the name alone stands for; None when the name is free.
    """

    ours: VaultKey | None
    current: VaultKey | None


def look(vault: AzureVault, name: str, public_key: bytes) -> Arrival:
    """Look for our public key among all versions of a name.

    Raises:
        Conflict: (`azure-name-deleted`) the name belongs to a deleted key, which would have to be recovered or purged.
    """
    current = vault.find(name)
    if current is None:
        _require_not_deleted(vault, name)
        return Arrival(None, None)
    if current.public_key == public_key:
        return Arrival(current, current)
    for listed in vault.versions(name):
        version = version_of(listed.identifier)
        found = None if version == current.version else vault.get(name, version)
        if found is not None and found.public_key == public_key:
            return Arrival(found, current)
    return Arrival(None, current)


def look_for_lost(vault: AzureVault, name: str, public_key: bytes) -> Arrival:
    """Look for a key whose import was sent and not answered, a few times: it may still be on its way."""
    arrival = Arrival(None, None)
    for seconds in _LOOKS:
        time.sleep(seconds)
        arrival = look(vault, name, public_key)
        if arrival.ours is not None:
            break
    return arrival


def require_free(arrival: Arrival, name: str, *, new_version: bool) -> None:
    """
    Raises:
        Conflict: (`azure-name-taken`) the name is that of another key, and no further version of it was asked for.
    """
    if arrival.current is None or new_version:
        return
    tells = arrival.current.public_key
    print_ = "unknown" if tells is None else fingerprint_spki(tells)
    raise Conflict(
        f"The vault has another key named {name!r} already (SPKI SHA-256 {print_}).",
        code="azure-name-taken",
        field="name",
        advice="Choose another name there (--name), or have ours become its newest version (--new-version).",
    )


def _require_not_deleted(vault: AzureVault, name: str) -> None:
    if vault.deleted(name) is None:
        return
    raise Conflict(
        f"The vault keeps a deleted key named {name!r}, so that the name cannot be used.",
        code="azure-name-deleted",
        field="name",
        advice="Push under another --name; or purge it, where purge protection lets you; or, if it is ours, "
        f"recover it: az keyvault key recover --id {vault.url}/deletedkeys/{name}",
    )
