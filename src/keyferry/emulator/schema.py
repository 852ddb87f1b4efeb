"""Every room's tables, and the state that has them."""

from typing import Final

from keyferry.emulator import addresses, directory
from keyferry.emulator.home import Home
from keyferry.emulator.keys import rows as key_rows
from keyferry.emulator.management import rows as management_rows
from keyferry.emulator.onboarding import rows as onboarding_rows
from keyferry.emulator.state import State

SCHEMAS: Final = (directory.SCHEMA, addresses.SCHEMA, management_rows.SCHEMA, key_rows.SCHEMA, onboarding_rows.SCHEMA)


def open_state(home: Home) -> State:
    """The state in `home`, with every room's tables; the home is made where it is missing.

    Raises:
        CannotStart: the home or the state cannot be made or opened.
    """
    return State(home.state_file, home.prepare(), SCHEMAS)
