"""The services that tokens are for, and the names by which each may be asked for. Names compare exactly."""

from dataclasses import dataclass
from typing import Final

from keyferry.emulator.addresses import Addresses, bracketed


@dataclass(frozen=True, slots=True)
class Audience:
    """A service, by its names."""

    names: frozenset[str]

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def also(self, names: frozenset[str]) -> "Audience":
        """The same service, with further names."""
        return Audience(self.names | names)


#: no slash at its end: a vault refuses a token for https://vault.azure.net/
VAULTS: Final = Audience(frozenset({"https://vault.azure.net", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"}))
MANAGEMENT: Final = Audience(
    frozenset(
        {
            "https://management.core.windows.net/",
            "https://management.core.windows.net",
            "https://management.azure.com/",
            "https://management.azure.com",
        }
    )
)
GRAPH: Final = Audience(
    frozenset(
        {
            "https://graph.microsoft.com/",
            "https://graph.microsoft.com",
            "00000003-0000-0000-c000-000000000000",
        }
    )
)


def local_names(addresses: Addresses) -> frozenset[str]:
    """What a cloud that was registered at the main listener calls its management plane and its Graph."""
    port = addresses.main_port
    hosts = {"localhost", bracketed(addresses.address)}
    return frozenset(f"https://{host}:{port}{slash}" for host in hosts for slash in ("", "/"))
