"""Where a request came from: the address of its connection, or what a proxy that is trusted says of it.

A header is believed from the addresses of the setting `trusted_proxies` alone, and of the header only what these have
written: it is read from its end, over the proxies that are trusted, up to the first address that is not one of them.
What a client has written itself stands before that. `X-Forwarded-For` is read, which every proxy can write; RFC 7239's
`Forwarded` is not: a proxy that writes one of the two hands the other on as the client sent it.
"""

from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from keyferry.identity.networks import NetworkList, normal_address, parse_networks

#: where a request came from when the server cannot say; on no account's list of networks
UNKNOWN_ADDRESS: Final = "unknown"

_HEADER: Final = b"x-forwarded-for"
_PROXIED: Final = "keyferry.proxied"
#: what a proxy adds: a request that came through one is not this machine's, whatever its connection says
_TRACES: Final = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class ProxiedAddresses:
    """Middleware, outside of whatever asks for an address: puts the client's in the place of a trusted proxy's.

    Args:
        trusted: addresses and networks of proxies; without any, requests are left as they are.
    """

    def __init__(self, app: ASGIApp, trusted: tuple[str, ...]) -> None:
        self._app = app
        self._trusted = parse_networks(trusted, field="trusted_proxies")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI 3 has it."""
        client = scope.get("client")
        if self._trusted.networks and client is not None and self._trusted.admits(client[0]):
            said = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name == _HEADER]
            scope = {**scope, _PROXIED: True}
            if said:
                scope["client"] = (client_behind(self._trusted, ",".join(said)), 0)
        await self._app(scope, receive, send)


def address_of(request: HTTPConnection) -> str:
    """The client's address; the connection's own where no trusted proxy says another."""
    return UNKNOWN_ADDRESS if request.client is None else request.client.host


def came_through_proxy(request: HTTPConnection) -> bool:
    """Whether the connection is from a proxy that is trusted, so that what it says of the client may be believed."""
    return bool(request.scope.get(_PROXIED))


def own_address_of(request: HTTPConnection) -> str:
    """As `address_of`, for rules about the server's own machine: what came through any proxy is not from there."""
    proxied = came_through_proxy(request) or any(name in request.headers for name in _TRACES)
    return UNKNOWN_ADDRESS if proxied else address_of(request)


def client_behind(trusted: NetworkList, said: str) -> str:
    """The client's address in the lines of an `X-Forwarded-For` header that a trusted proxy has sent, with commas
    between; `UNKNOWN_ADDRESS` where the proxies have written something that is no address.

    Where all are trusted proxies, the first of them is the client.
    """
    address = UNKNOWN_ADDRESS
    for part in reversed(said.split(",")):
        found = normal_address(_without_port(part.strip(" \t")))
        if found is None:
            return UNKNOWN_ADDRESS
        address = found
        if not trusted.admits(address):
            break
    return address


def _without_port(text: str) -> str:
    """An address as some proxies write one: `192.0.2.7:4711`, `[2001:db8::7]`, `[2001:db8::7]:4711`."""
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        well_formed = bracket and ":" in host and (not port or _is_port(port))
        return host if well_formed else ""
    host, colon, port = text.partition(":")
    return host if colon and "." in host and _is_port(f":{port}") else text


def _is_port(text: str) -> bool:
    number = text.removeprefix(":")
    return text.startswith(":") and number.isascii() and number.isdigit() and len(number) <= 5
