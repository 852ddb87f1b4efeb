"""The management plane's routes, and Microsoft Graph's. More particular paths stand before those that take anything."""

from starlette.routing import Route

from keyferry.emulator.management.routes import deleted_vaults, graph, groups, providers, roles, subscriptions, vaults


def routes() -> list[Route]:
    """Every route, in the order in which they are tried."""
    return [
        *roles.routes(),
        *vaults.routes(),
        *deleted_vaults.routes(),
        *groups.routes(),
        *subscriptions.routes(),
        *providers.routes(),
        *graph.routes(),
    ]
