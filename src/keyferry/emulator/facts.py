"""What a person or a program must know to use an emulator: addresses, ids, and the files to trust and to sign in with.

Whoever serves a home writes them into it as `emulator.json`, so that others can read them without opening the state.
"""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from keyferry.emulator.addresses import DEFAULT_ADDRESS, bracketed
from keyferry.emulator.home import Home, read_private, write_private
from keyferry.errors import CannotStart

if TYPE_CHECKING:
    from keyferry.emulator.emulator import Emulator


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultFacts:
    """A vault: `url` is that of its own listener on loopback; through the proxy it is at `proxied_url`."""

    name: str
    url: str
    subscription: str
    resource_group: str

    @property
    def proxied_url(self) -> str:
        """`https://NAME.vault.azure.net`."""
        return f"https://{self.name.lower()}.vault.azure.net"


#: a few hundred bytes for each vault
MAX_BYTES: Final = 16 * 1024 * 1024
_VAULT: Final = tuple(each.name for each in fields(VaultFacts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """An emulator. URLs have no slash at their end.

    `principals` tells the object id of each application of the tenant, by its application id.
    """

    home: Path
    url: str
    proxy_url: str
    tenant_id: str
    client_id: str
    subscriptions: tuple[str, ...]
    vaults: tuple[VaultFacts, ...]
    principals: dict[str, str]

    @property
    def portal_url(self) -> str:
        """Where a person's browser begins."""
        return f"{self.url}/portal/"

    @property
    def ca_file(self) -> Path:
        """The authority to trust, PEM."""
        return Home(self.home).ca_file

    @property
    def client_secret_file(self) -> Path:
        """The operator application's secret."""
        return Home(self.home).client_secret_file

    @property
    def client_certificate_file(self) -> Path:
        """The operator application's key and certificate, PEM."""
        return Home(self.home).client_certificate_file

    def document(self) -> dict[str, Any]:
        """As JSON, with the files named."""
        files = {
            "ca_file": str(self.ca_file),
            "client_secret_file": str(self.client_secret_file),
            "client_certificate_file": str(self.client_certificate_file),
        }
        vaults = [{**asdict(vault), "proxied_url": vault.proxied_url} for vault in self.vaults]
        return {**asdict(self), "home": str(self.home), "portal_url": self.portal_url, "vaults": vaults, **files}


def gather(emulator: "Emulator") -> Facts:
    """The facts of an emulator that listens."""
    addresses = emulator.addresses
    name = local_name(addresses.address)
    vaults = tuple(
        VaultFacts(
            name=vault.name,
            url=addresses.url_of(vault, name),
            subscription=vault.subscription_id,
            resource_group=vault.resource_group,
        )
        for vault in emulator.vaults.all()
    )
    with emulator.state.read() as connection:
        subscriptions = tuple(row["id"] for row in connection.execute("SELECT id FROM subscriptions ORDER BY rowid"))
    return Facts(
        home=emulator.home.directory,
        url=f"https://{name}:{addresses.main_port}",
        proxy_url=f"http://{bracketed(addresses.proxy_address)}:{addresses.proxy_port()}",
        tenant_id=emulator.directory.tenant_id,
        client_id=emulator.directory.operator.app_id,
        subscriptions=subscriptions,
        vaults=vaults,
        principals={each.app_id: each.object_id for each in emulator.directory.all()},
    )


def local_name(address: str) -> str:
    """What a listener on `address` is called in URLs: `localhost` for 127.0.0.1, else the address."""
    return "localhost" if address == DEFAULT_ADDRESS else bracketed(address)


def write_facts(facts: Facts) -> None:
    """Leave the facts in the home.

    Raises:
        CannotStart: they cannot be written.
    """
    write_private(Home(facts.home).facts_file, json.dumps(facts.document(), indent=2).encode() + b"\n")


def read_facts(home: Home) -> Facts:
    """The facts that were last left in a home.

    Raises:
        CannotStart: no emulator has ever served there, or the file cannot be read.
    """
    advice = f"Start one: keyferry emulator serve --home {home.directory}"
    if not home.facts_file.exists():
        raise CannotStart(f"There is no emulator in {home.directory}.", field="home", advice=advice)
    try:
        found = json.loads(read_private(home.facts_file, max_bytes=MAX_BYTES))
        return Facts(
            home=home.directory,
            vaults=tuple(VaultFacts(**{name: str(vault[name]) for name in _VAULT}) for vault in found["vaults"]),
            subscriptions=tuple(found["subscriptions"]),
            principals={str(name): str(value) for name, value in found["principals"].items()},
            **{name: str(found[name]) for name in ("url", "proxy_url", "tenant_id", "client_id")},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CannotStart(f"{home.facts_file} cannot be read.", field="home", advice=advice) from None
