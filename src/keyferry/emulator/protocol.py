"""HTTP as uvicorn speaks it, and one thing more: a handler may end its connection without an answer."""

from collections.abc import Callable
from typing import Any, Final, cast

from starlette.types import Receive, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

#: the ASGI extension's name: a callable that ends the connection at once
ABORT: Final = "keyferry.abort"


class AbortableProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which lets the application end the TCP connection."""

    def on_message_begin(self) -> None:
        """Hand the application the means to end the connection, as an ASGI extension of this request."""
        super().on_message_begin()
        extensions = cast(dict[str, Any], self.scope.setdefault("extensions", {}))
        extensions[ABORT] = self.transport.abort

    def hang_up_if_idle(self) -> None:
        """End the connection unless a request is under way; its client is not waited for."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request, whatever its type says
        if cycle is None or cycle.response_complete:
            self.transport.abort()


async def hang_up(scope: Scope, receive: Receive) -> None:
    """End the connection of a request that has not been answered; returns once it has ended."""
    abort: Callable[[], None] = scope["extensions"][ABORT]
    abort()
    while (await receive())["type"] != "http.disconnect":
        pass
