"""From a request to a caller, before anything else of the request is read.

Every route that a noun's router makes is guarded: its handler, its parameters and its body are reached only once the
token or the client certificate has been looked at. A handler gets to custody through a `Visit`, and there is no visit
without a caller.

A browser sends a certificate with whatever any page has it send; a token it does not. So a request that comes with a
certificate must have a header that other sites' pages cannot send unasked, and a body that they cannot send as a form
(Fetch standard, sections 2.2.2 and 4.8).
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Concatenate, Final, ParamSpec, TypeVar

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from keyferry.api.direct import Direct, direct_of
from keyferry.config.settings import Settings
from keyferry.custody.caller import Caller
from keyferry.custody.custody import Custody
from keyferry.doors.addresses import address_of
from keyferry.doors.client_certificate import certificate_of
from keyferry.doors.services import Services
from keyferry.doors.workers import Workers
from keyferry.errors import InvalidInput, NotAuthenticated, NotPermitted

#: with the value 1: no form has it, and no script of another site's may send it without being allowed to
OWN_HEADER: Final = "x-keyferry-request"

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Visit:
    """A request by a known caller: the one way from a handler to custody."""

    caller: Caller
    services: Services
    workers: Workers

    @property
    def custody(self) -> Custody:
        """All of custody; its operations are for `ask`."""
        return self.services.custody

    @property
    def settings(self) -> Settings:
        """What the installation has settled."""
        return self.services.settings

    async def ask(self, operation: Callable[Concatenate[Caller, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an operation of custody for the caller, in a worker thread."""
        work = partial(operation, self.caller, *args, **kwargs)
        return await self.workers.run(work)

    async def briefly(self, operation: Callable[Concatenate[Caller, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an operation that reads and writes a few rows, and never many, for the caller: on the event loop itself,
        where the database is a file of this machine.
        """
        if not self.custody.gate.store.is_local:
            return await self.ask(operation, *args, **kwargs)
        work = partial(operation, self.caller, *args, **kwargs)
        return await self.workers.briefly(work, kind=getattr(operation, "__func__", operation))


class GuardedRoute(APIRoute):
    """A route that reads nothing of a request before it knows who sends it.

    Attributes:
        direct: how `Shortcut` answers plain requests, if it can.
    """

    direct: Direct | None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What handles any other request: the caller first, then all that FastAPI does."""
        handle = super().get_route_handler()
        self.direct = direct_of(self, _visit)

        async def guarded(request: Request) -> Response:
            request.state.visit = await receive_caller(request)
            return await handle(request)

        return guarded


async def _visit(request: Request) -> Visit:
    visit: Visit = request.state.visit
    return visit


Visiting = Annotated[Visit, Depends(_visit)]


async def receive_caller(request: Request) -> Visit:
    """The caller whom a request's token, or its connection's certificate, stands for.

    Raises:
        NotAuthenticated: it has neither, none that is good, or both.
        NotPermitted: it has a certificate, and might have been sent by another site's page.
    """
    services: Services = request.app.state.services
    workers: Workers = request.app.state.services.crew.plain
    try:
        certificate = certificate_of(request, from_proxies=services.settings.client_cert_header)
        if certificate is not None:
            return Visit(await _by_certificate(request, services, workers, certificate), services, workers)
        token = _presented(request)
    except NotAuthenticated as refusal:
        services.authenticator.turned_away(refusal, address_of(request))
        raise
    authenticator, address = services.authenticator, address_of(request)
    caller = authenticator.recognise(token, address)  # no thread is needed for a token that was here before
    if caller is None:
        caller = await workers.run(partial(authenticator.authenticate_program, token, address))
    return Visit(caller, services, workers)


async def _by_certificate(request: Request, services: Services, workers: Workers, certificate: bytes) -> Caller:
    if request.headers.getlist("authorization"):
        raise NotAuthenticated(
            "The request presents a token, and its connection a client certificate.",
            field="Authorization",
            advice="Present one of them: it is not for the server to choose who you are.",
        )
    if services.certificates is None:
        raise NotAuthenticated("Client certificates are not taken here.")
    _require_own_program(request)
    authenticator, address = services.certificates, address_of(request)
    caller = authenticator.recognise(certificate, address)
    if caller is None:
        caller = await workers.run(partial(authenticator.authenticate, certificate, address))
    return caller


def _require_own_program(request: Request) -> None:
    """
    Raises:
        NotPermitted: a page of another site could have had a browser send this request.
        InvalidInput: the body is not declared as JSON.
    """
    if request.headers.getlist(OWN_HEADER) != ["1"]:
        raise NotPermitted(
            "The request comes with a client certificate, and without the header that shows that a program sent it.",
            code="cross-site-refused",
            field="X-Keyferry-Request",
            advice="Send `X-Keyferry-Request: 1` with every request that comes with a certificate.",
        )
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if has_body and media_type != "application/json":
        raise InvalidInput(
            "The body is not declared as JSON.",
            code="unsupported-media-type",
            field="Content-Type",
            advice="Send JSON (RFC 8259) in UTF-8, with `Content-Type: application/json`.",
        )


def _presented(request: Request) -> str:
    """The token in the one Authorization header (RFC 6750 section 2.1)."""
    given = request.headers.getlist("authorization")
    if not given:
        raise NotAuthenticated("No token was presented.", field="Authorization")
    scheme, _, token = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated(
            "The Authorization header does not hold one bearer token.",
            field="Authorization",
            advice="Send `Authorization: Bearer kf_…`, once.",
        )
    return token.strip()
