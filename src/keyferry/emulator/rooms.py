"""The room that may not be there: Customer Key's other side, below /emulator/customer-key."""

from importlib import import_module
from importlib.util import find_spec

from starlette.routing import Route

_ROOM = "keyferry.emulator.onboarding"


def onboarding_routes() -> list[Route]:
    """Its routes."""
    return list(import_module(f"{_ROOM}.routes").routes()) if find_spec(_ROOM) and find_spec(f"{_ROOM}.routes") else []
