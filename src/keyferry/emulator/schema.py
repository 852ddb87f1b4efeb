"""Every room's tables, and the state that has them."""

from importlib.util import find_spec
from importlib import import_module

from keyferry.emulator import addresses, directory
from keyferry.emulator.home import Home
from keyferry.emulator.state import State


def schemas() -> list[str]:
    found = [directory.SCHEMA, addresses.SCHEMA]
    for room in ("keys", "management", "onboarding"):
        name = f"keyferry.emulator.{room}"
        if find_spec(name) and find_spec(f"{name}.rows"):
            found.append(import_module(f"{name}.rows").SCHEMA)
    return found


def open_state(home: Home) -> State:
    """The state in `home`, with every room's tables; the home is made where it is missing.

    Raises:
        CannotStart: the home or the state cannot be made or opened.
    """
    return State(home.state_file, home.prepare(), schemas())
