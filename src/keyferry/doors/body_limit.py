"""No body is larger than the setting `max_body_bytes`, whether it declares its length or comes in chunks."""

from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keyferry.errors import InvalidInput


class BodyLimit:
    """Middleware; a body that declares itself too large is not read, and one that turns out to be is not read further.

    Args:
        most: in bytes.
        answer: words a refusal, as the door answers.
    """

    def __init__(self, app: ASGIApp, most: int, *, answer: Callable[[InvalidInput], Response]) -> None:
        self._app = app
        self._answer = answer
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI 3 has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._declares_too_much(scope):
            answer = self._answer(too_large(self._most))
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)
            return
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                # The framework lets no exception but its own out of the reading of a body.
                raise HTTPException(413, too_large(self._most).detail, {"Connection": "close"})
            return message

        await self._app(scope, limited, send)

    def _declares_too_much(self, scope: Scope) -> bool:
        declared = [value for name, value in scope["headers"] if name == b"content-length"]
        return any(value.isdigit() and int(value[:20]) > self._most for value in declared)


def too_large(most: int) -> InvalidInput:
    """The refusal of a body of more than `most` bytes."""
    return InvalidInput(
        f"The body is larger than {most} bytes.", code="request-too-large", field="body", advice="Send less at once."
    )
