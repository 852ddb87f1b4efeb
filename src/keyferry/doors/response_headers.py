"""Headers that every answer carries."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Headers = tuple[tuple[bytes, bytes], ...]

_EVERYWHERE: Final[Headers] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
#: RFC 6797, for a year; said over TLS only, as its section 7.2 asks
_OVER_TLS: Final[Headers] = ((b"strict-transport-security", b"max-age=31536000"),)


class ResponseHeaders:
    """Middleware that adds them.

    Args:
        door: what the door adds of its own. What an answer says of these itself stands.
    """

    def __init__(self, app: ASGIApp, door: Headers) -> None:
        self._app = app
        self._plain = _EVERYWHERE + door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI 3 has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        further = self._plain + (_OVER_TLS if scope.get("scheme") == "https" else ())

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                names = {name for name, _ in given}
                message = {**message, "headers": [*given, *(each for each in further if each[0] not in names)]}
            await send(message)

        await self._app(scope, receive, with_headers)
