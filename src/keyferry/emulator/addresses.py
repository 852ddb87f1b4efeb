"""Under which names each vault answers.

Every vault is NAME.vault.azure.net (through the proxy, which leads to the main listener) and also `localhost:PORT`, at
a port of its own; the main listener's port belongs to the first vault. A key identifier is built from the name by which
the vault was called, and a transfer file may name its vault by any of them.
"""

import ipaddress
import re
import sqlite3
from typing import TYPE_CHECKING, Final

from keyferry.emulator.state import State

if TYPE_CHECKING:
    from keyferry.emulator.management.vaults import Vault, Vaults

VAULT_SUFFIX: Final = ".vault.azure.net"
SIGN_IN_HOST: Final = "login.microsoftonline.com"
MANAGEMENT_HOST: Final = "management.azure.com"
#: of Azure; only at localhost is the emulator's own Graph reached
GRAPH_HOST: Final = "graph.microsoft.com"
DEFAULT_ADDRESS: Final = "127.0.0.1"
MAX_PORT: Final = 65535
_PORT: Final = re.compile(r"\d{1,5}", re.ASCII)
#: the proxy's row among the listeners; no vault's name holds a colon
PROXY: Final = "proxy:"

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS listeners (
    name TEXT PRIMARY KEY,               -- a vault's, in lower case, or 'proxy:'
    port INTEGER NOT NULL,
    main INTEGER NOT NULL DEFAULT 0      -- 1: the main listener is this vault's
) STRICT;
"""


def split_host(host: str) -> tuple[str, int | None]:
    """A Host header's name, in lower case and without brackets, and its port if it gives one that there is."""
    name, colon, port = host.strip().lower().rpartition(":")
    if not colon or "]" in port:
        return host.strip().lower().strip("[]"), None
    return name.strip("[]"), int(port) if _PORT.fullmatch(port) and int(port) <= MAX_PORT else None


def is_local(name: str) -> bool:
    """Whether a host's name means this machine: `localhost`, or a loopback address."""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Addresses:
    """The names of every vault, over the state and the vaults that there are.

    Args:
        address: the loopback address that the listeners have.
        proxy_address: the one that the proxy's listener has.
    """

    def __init__(
        self, state: State, vaults: "Vaults", address: str = DEFAULT_ADDRESS, proxy_address: str = DEFAULT_ADDRESS
    ) -> None:
        self._state = state
        self._vaults = vaults
        self.address = address
        self.proxy_address = proxy_address

    @property
    def main_port(self) -> int:
        """The main listener's port; 443 before there is one."""
        return self.recorded_main_port or 443

    @property
    def recorded_main_port(self) -> int | None:
        """The main listener's port of the last time."""
        return self._value("SELECT port FROM listeners WHERE main = 1")

    def vault_of(self, host: str) -> "Vault | None":
        """The live vault that `host`, a Host header's value, names."""
        name, port = split_host(host)
        if name.endswith(VAULT_SUFFIX):
            return self._vaults.named(name.removesuffix(VAULT_SUFFIX))
        if not is_local(name):
            return None
        with self._state.read() as connection:
            row = connection.execute(
                "SELECT name FROM listeners WHERE port = ? AND name <> ?", (443 if port is None else port, PROXY)
            ).fetchone()
        return None if row is None else self._vaults.named(row["name"])

    def is_name_of(self, host: str, vault: "Vault") -> bool:
        """Whether `host`, with or without a port, is one of the vault's names."""
        found = self.vault_of(host)
        return found is not None and found.name.lower() == vault.name.lower()

    def url_of(self, vault: "Vault", at: str) -> str:
        """The vault's URL (no slash at its end) for who reached the emulator at `at`, a Host header's value.

        Who came to localhost gets the vault's own port there; everybody else NAME.vault.azure.net.
        """
        name, _ = split_host(at)
        port = self.port_of(vault.name)
        if not is_local(name) or port is None:
            return f"https://{vault.name.lower()}{VAULT_SUFFIX}"
        return f"https://{bracketed(name)}:{port}"

    def authority_at(self, host: str) -> str:
        """The sign-in's base URL (no slash at its end) for who reached the emulator at `host`."""
        name, _ = split_host(host)
        return f"https://{bracketed(name)}:{self.main_port}" if is_local(name) else f"https://{SIGN_IN_HOST}"

    def management_at(self, host: str) -> str:
        """The management plane's base URL (no slash at its end) for who reached the emulator at `host`."""
        name, _ = split_host(host)
        return f"https://{bracketed(name)}:{self.main_port}" if is_local(name) else f"https://{MANAGEMENT_HOST}"

    def graph_at(self, host: str) -> str:
        """Microsoft Graph's base URL (no slash at its end) for who reached the emulator at `host`."""
        name, _ = split_host(host)
        return f"https://{bracketed(name)}:{self.main_port}" if is_local(name) else f"https://{GRAPH_HOST}"

    def port_of(self, vault_name: str) -> int | None:
        """The port of the vault's listener; recorded once, kept over restarts where it is still free."""
        return self._value("SELECT port FROM listeners WHERE name = ?", vault_name.lower())

    def proxy_port(self) -> int | None:
        """The proxy's port."""
        return self._value("SELECT port FROM listeners WHERE name = ?", PROXY)

    def main_vault(self) -> str | None:
        """The name of the vault that the main listener belongs to."""
        with self._state.read() as connection:
            row = connection.execute("SELECT name FROM listeners WHERE main = 1").fetchone()
        return None if row is None else str(row["name"])

    def record(self, name: str, port: int, *, main: bool = False) -> None:
        """Keep the port of a vault's listener, or with `PROXY` for a name, the proxy's."""
        with self._state.write() as connection:
            _record(connection, name.lower(), port, main=main)

    def _value(self, statement: str, *values: str) -> int | None:
        with self._state.read() as connection:
            row = connection.execute(statement, values).fetchone()
        return None if row is None else int(row[0])


def bracketed(name: str) -> str:
    """A host's name as it stands in a URL: IPv6 addresses in brackets (RFC 3986 section 3.2.2)."""
    return f"[{name}]" if ":" in name else name


def _record(connection: sqlite3.Connection, name: str, port: int, *, main: bool) -> None:
    # A port is one listener's: who had it before and has none now gets another when it listens again.
    connection.execute("DELETE FROM listeners WHERE port = ? AND name <> ? AND main = 0", (port, name))
    connection.execute(
        "INSERT INTO listeners (name, port, main) VALUES (?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET port = excluded.port, main = excluded.main",
        (name, port, int(main)),
    )
