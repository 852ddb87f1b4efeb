"""How a person names a key, a vault, or a deleted key to `az`, by each way into the emulator."""

from dataclasses import dataclass
from enum import StrEnum


class Way(StrEnum):
    """The ways in, as `keyferry emulator env --way` names them."""

    CLOUD = "cloud"
    ID = "id"
    PROXY = "proxy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """A vault as one way reaches it.

    Args:
        argument: what `--vault-name` takes; None where keys are named by `--id`.
        url: without a slash at its end.
        name, group: as the management plane knows the vault.
    """

    argument: str | None
    url: str
    name: str
    group: str

    def key(self, name: str) -> tuple[str, ...]:
        """The arguments that name a key."""
        if self.argument is None:
            return ("--id", f"{self.url}/keys/{name}")
        return ("--vault-name", self.argument, "--name", name)

    def deleted_key(self, name: str) -> tuple[str, ...]:
        """The arguments that name a deleted key."""
        if self.argument is None:
            return ("--id", f"{self.url}/deletedkeys/{name}")
        return ("--vault-name", self.argument, "--name", name)

    def itself(self) -> tuple[str, ...]:
        """The arguments that name the vault to a key command."""
        return ("--id", self.url) if self.argument is None else ("--vault-name", self.argument)
