"""The certificate that a client has proved to hold the key of: as the TLS layer says, and nobody else.

uvicorn tells an application nothing of TLS; its protocol, extended here, puts the client's certificate where the ASGI
server is about to put it (`scope["extensions"]["tls"]["client_cert"]`, DER). No header of a request comes near it.
"""

import asyncio
from typing import Any, Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_EXTENSION: Final = "tls"
_CERTIFICATE: Final = "client_cert"


class AskingProtocol(HttpToolsProtocol):
    """HTTP on a connection whose client may have presented a certificate."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base has it
        """Keep the certificate of the connection, which stays the same for all its requests."""
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        certificate = None if tls is None else tls.getpeercert(binary_form=True)
        if certificate:
            self.app = _telling(self.app, certificate)


def certificate_of(request: HTTPConnection) -> bytes | None:
    """The certificate that a request's connection was made with, DER; None for none."""
    told: dict[str, Any] = request.scope.get("extensions", {}).get(_EXTENSION, {})
    certificate = told.get(_CERTIFICATE)
    return certificate if isinstance(certificate, bytes) else None


def _telling(app: Any, certificate: bytes) -> ASGIApp:
    async def tell(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})[_EXTENSION] = {_CERTIFICATE: certificate}
        await app(scope, receive, send)

    return tell
