"""Which door a request is for: REST and what monitors ask for on one side, the pages of the console on the other."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

_REST: Final = ("/api/", "/healthz", "/readyz", "/metrics")


class Doors:
    """Both doors at one address."""

    def __init__(self, rest: ASGIApp, console: ASGIApp) -> None:
        self._rest = rest
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI 3 has it. What is no request is for REST, which has no more to begin or end."""
        is_page = scope["type"] == "http" and not scope["path"].startswith(_REST)
        await (self._console if is_page else self._rest)(scope, receive, send)
