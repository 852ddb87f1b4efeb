"""The certificate that a client has proved to hold the key of: as the TLS layer says, and nobody else.

uvicorn tells an application nothing of TLS; its protocol, extended here, puts the client's certificate where the ASGI
server is about to put it (`scope["extensions"]["tls"]["client_cert"]`, DER).

Where a proxy ends TLS, it has seen the proof. What it says of it is believed if two settings have it so: the proxy's
address is one of `trusted_proxies`, and `client_cert_header` is on, since a proxy that is trusted for addresses may
well hand on what a client has written itself. It says so in `Client-Cert` (RFC 9440 section 2), once.
"""

import asyncio
import base64
import binascii
import re
from contextlib import suppress
from typing import Any, Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from keyferry.doors.addresses import came_through_proxy
from keyferry.doors.protocol import GatheringProtocol
from keyferry.errors import NotAuthenticated

_EXTENSION: Final = "tls"
_CERTIFICATE: Final = "client_cert"
_HEADER: Final = "client-cert"
#: characters of the header
_LONGEST: Final = 64 * 1024
#: RFC 8941 section 3.3.5
_BYTE_SEQUENCE: Final = re.compile(r":([A-Za-z0-9+/]+={0,2}):", re.ASCII)


class AskingProtocol(GatheringProtocol):
    """HTTP on a connection whose client may have presented a certificate."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base has it
        """Keep the certificate of the connection, which stays the same for all its requests."""
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        certificate = None if tls is None else tls.getpeercert(binary_form=True)
        if certificate:
            self.app = _telling(self.app, certificate)


def certificate_of(request: HTTPConnection, *, from_proxies: bool) -> bytes | None:
    """The certificate that a request's connection was made with, DER; None for none.

    Args:
        from_proxies: whether a trusted proxy is believed about the client's connection to it: the setting
            `client_cert_header`. Its own certificate, should it have one, is then nobody's.

    Raises:
        NotAuthenticated: a trusted proxy has sent a header that is none.
    """
    if from_proxies and came_through_proxy(request):
        return _in_header(request)
    told: dict[str, Any] = request.scope.get("extensions", {}).get(_EXTENSION, {})
    certificate = told.get(_CERTIFICATE)
    return certificate if isinstance(certificate, bytes) else None


def _in_header(request: HTTPConnection) -> bytes | None:
    given = request.headers.getlist(_HEADER)
    if not given:
        return None
    found = _BYTE_SEQUENCE.fullmatch(given[0].strip()) if len(given) == 1 and len(given[0]) <= _LONGEST else None
    with suppress(binascii.Error):
        if found is not None:
            return base64.b64decode(found[1], validate=True)
    raise NotAuthenticated(
        "The Client-Cert header of the proxy holds no certificate.",
        field="Client-Cert",
        advice="Have the proxy set it as RFC 9440 says, in place of what clients send.",
    )


def _telling(app: Any, certificate: bytes) -> ASGIApp:
    async def tell(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})[_EXTENSION] = {_CERTIFICATE: certificate}
        await app(scope, receive, send)

    return tell
