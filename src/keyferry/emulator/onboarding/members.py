"""One key of the pair, looked up in the emulator's own state: its subscription, its vault, its version."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from keyferry.emulator import clock
from keyferry.emulator.directory import Principal
from keyferry.emulator.emulator import Emulator
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.lookup import live_version
from keyferry.emulator.keys.rows import Version
from keyferry.emulator.management.subscriptions import Subscription, Subscriptions
from keyferry.emulator.management.vault import Vault
from keyferry.emulator.management.vault_records import require_still_live

_PATH: Final = re.compile(r"/keys/([0-9A-Za-z-]{1,127})(?:/([0-9a-fA-F]{32}))?/?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One key of the pair. What could not be found is None; `problem` then says why the key was not.

    Attributes:
        number: 1 or 2.
        identifier: as it was given; `name` and `version` are its parts, version None where none was named.
        call: how the workload's service principal calls the vault.
    """

    number: int
    subscription_id: str
    identifier: str
    subscription: Subscription | None
    vault: Vault | None
    name: str | None
    version: str | None
    key: Version | None
    problem: str
    call: Call | None


def look_up(emulator: Emulator, principal: Principal, number: int, subscription_id: str, identifier: str) -> Member:
    """Find what a key identifier and a subscription's id name.

    Args:
        principal: the workload's service principal.
    """
    host, name, version = _parts(identifier)
    vault = emulator.addresses.vault_of(host) if name else None
    key, call, problem = None, None, "the identifier is not of the form https://VAULT/keys/NAME or …/NAME/VERSION"
    if vault is not None and name is not None:
        call = _call(emulator, vault, principal, f"https://{host}")
        key, problem = _find(call, name, version)
    elif name is not None:
        problem = f"there is no vault at {host}"
    return Member(
        number=number,
        subscription_id=subscription_id,
        identifier=identifier,
        subscription=Subscriptions(emulator.state).find(subscription_id),
        vault=vault,
        name=name,
        version=version,
        key=key,
        problem=problem,
        call=call,
    )


def _parts(identifier: str) -> tuple[str, str | None, str | None]:
    """Host with its port, name and version; no name where it is no key identifier."""
    try:
        parts = urlsplit(identifier)
    except ValueError:
        return "", None, None
    match = _PATH.fullmatch(parts.path)
    if parts.scheme.lower() != "https" or "@" in parts.netloc or parts.query or parts.fragment or match is None:
        return "", None, None
    return parts.netloc.lower(), match[1], match[2] and match[2].lower()


def _call(emulator: Emulator, vault: Vault, principal: Principal, base: str) -> Call:
    return Call(
        state=emulator.state,
        vault=vault,
        principal=principal,
        base=base,
        is_name_of_vault=lambda host: emulator.addresses.is_name_of(host, vault),
        require_vault=lambda connection: require_still_live(connection, vault),
    )


def _find(call: Call, name: str, version: str | None) -> tuple[Version | None, str]:
    try:
        with call.state.read() as connection:
            _, found = live_version(connection, call, name, version, clock.now())
    except AzureFailure as failure:
        return None, failure.message
    return found, ""
