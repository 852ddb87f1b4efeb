"""The rooms that the core opens its doors to, and what each gives it.

- `keys.routes.routes()`: the data plane, below a vault's host
- `management.routes.routes()`: the management plane, and what of Microsoft Graph is needed
- `management.founding.found(state, directory)`: what an emulator starts with; does nothing when it is there already
- `onboarding.routes.routes()`: Customer Key's other side, below /emulator/customer-key
- each room's `rows.SCHEMA`
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from starlette.routing import Route


def _routes(room: str) -> list[Route]:
    name = f"keyferry.emulator.{room}"
    if find_spec(name) and find_spec(f"{name}.routes"):
        return list(import_module(f"{name}.routes").routes())
    return []


def vault_routes() -> list[Route]:
    return _routes("keys")


def management_routes() -> list[Route]:
    return _routes("management")


def onboarding_routes() -> list[Route]:
    return _routes("onboarding")


def found(state: Any, directory: Any) -> None:
    name = "keyferry.emulator.management.founding"
    if find_spec(name):
        import_module(name).found(state, directory)
