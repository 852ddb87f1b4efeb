"""References that hold a slash, in one segment of a path: `/keys/GROUP%2FNAME/exports`.

RFC 3986 section 2.4: a path is separated into segments first, and each is decoded afterwards. Servers hand the path on
already decoded, in which `%2F` can no longer be told from a slash. So it is made anew from the raw path, each segment
decoded once and escaped so that no slash of its own shows, and the `segment` convertor takes the escapes away.
"""

from urllib.parse import quote, unquote

from starlette.convertors import Convertor
from starlette.types import ASGIApp, Receive, Scope, Send


class SegmentConvertor(Convertor[str]):
    """`{key:segment}`: one segment, decoded."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """Take the escapes of `separated` away."""
        return value.replace("%2F", "/").replace("%25", "%")

    def to_string(self, value: str) -> str:
        """As it is written in a URL."""
        return quote(value, safe="")


class Segments:
    """Middleware that gives the router a path whose slashes all separate."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI 3 has it."""
        if scope["type"] == "http" and b"%" in (scope.get("raw_path") or b""):
            scope["path"] = separated(scope["raw_path"])  # no copy: the access log finds the route in this scope
        await self._app(scope, receive, send)


def separated(raw_path: bytes) -> str:
    """The path as the convertor expects it; bytes that are no UTF-8 become U+FFFD, which is in no name."""
    segments = raw_path.decode("ascii", "replace").split("/")
    return "/".join(unquote(segment).replace("%", "%25").replace("/", "%2F") for segment in segments)
