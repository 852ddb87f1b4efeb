"""Who calls which vault, under what name: what every operation of the data plane takes first."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keyferry.emulator.directory import Principal
from keyferry.emulator.state import State

if TYPE_CHECKING:
    from keyferry.emulator.management.vault import Vault


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in, its permission checked.

    Attributes:
        base: `https://HOST[:PORT]` as the caller named the vault; identifiers in the answer begin with it.
        is_name_of_vault: whether a host, with or without a port, is one of the vault's names.
        require_vault: sees, inside a transaction that adds a key, that the vault is still there; raises AzureFailure.
    """

    state: State
    vault: "Vault"
    principal: Principal
    base: str
    is_name_of_vault: Callable[[str], bool]
    require_vault: Callable[[sqlite3.Connection], None]

    def key_url(self, name: str, version: str | None = None) -> str:
        """The identifier of a key, or of a version of it."""
        return f"{self.base}/keys/{name}" if version is None else f"{self.base}/keys/{name}/{version}"

    def deleted_key_url(self, name: str) -> str:
        """Where a deleted key is recovered (`recoveryId`)."""
        return f"{self.base}/deletedkeys/{name}"
