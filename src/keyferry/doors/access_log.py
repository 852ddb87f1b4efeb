"""One line for each request: what was asked for, how it ended, how long it took. Never queries, headers or bodies."""

import re
import time
from collections.abc import Callable

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keyferry.errors import InternalError

log = structlog.get_logger("keyferry.access")

_LONGEST_PATH = 256
_PLAIN = re.compile(rb"[!-~]*").fullmatch

Note = Callable[[str, str | None, int, float], None]
Answer = Callable[[InternalError], Response]


class AccessLog:
    """Middleware, the outermost: it also answers for faults that nothing further in has caught.

    Args:
        note: told of each request too: its method, its route's path if it has one, the status, and the seconds it took.
        answer: words a fault, as the door answers.
    """

    def __init__(self, app: ASGIApp, *, note: Note, answer: Answer) -> None:
        self._app = app
        self._answer = answer
        self._note = note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI 3 has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as fault:
            if status:
                raise  # an answer has begun: nothing can be said any more but that the connection breaks
            await self._answer(_fault(fault))(scope, receive, noting)
        finally:
            seconds = time.perf_counter() - began
            self._note(scope["method"], getattr(scope.get("route"), "path_format", None), status, seconds)
            log.info(
                "request",
                method=scope["method"],
                path=_shown(scope),
                status=status,
                ms=round(1000 * seconds, 1),
                address=(scope.get("client") or ("unknown",))[0],
            )


def _fault(cause: Exception) -> InternalError:
    fault = InternalError(f"{type(cause).__name__} was not expected.")
    fault.__cause__ = cause
    return fault


def _shown(scope: Scope) -> str:
    """The path as it was sent, percent-encoded: nothing in it can end a line of the log."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode("ascii", "backslashreplace")
    if len(raw) <= _LONGEST_PATH and _PLAIN(raw):
        return raw.decode("ascii")
    return "".join(chr(byte) if 32 < byte < 127 else f"%{byte:02X}" for byte in raw[:_LONGEST_PATH])
