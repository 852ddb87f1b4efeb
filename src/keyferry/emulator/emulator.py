"""An emulator that is open: everything that a request may need, in one value."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keyferry.emulator.addresses import Addresses
from keyferry.emulator.directory import Directory
from keyferry.emulator.faults import Faults
from keyferry.emulator.home import Home
from keyferry.emulator.sign_in.tokens import Tokens
from keyferry.emulator.state import State

if TYPE_CHECKING:
    from keyferry.emulator.management.vaults import Vaults


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """What serves a home. Handlers find it at `request.app.state.emulator`, see `requests.emulator_of`."""

    home: Home
    state: State
    directory: Directory
    vaults: "Vaults"
    addresses: Addresses
    faults: Faults
    tokens: Tokens

    def close(self) -> None:
        """Let the state go."""
        self.state.close()
