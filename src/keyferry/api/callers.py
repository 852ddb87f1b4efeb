"""From a request to a caller, before anything else of the request is read.

Every route that a noun's router makes is guarded: its handler, its parameters and its body are reached only once the
token has been looked at. A handler gets to custody through a `Visit`, and there is no visit without a caller.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from keyferry.api.direct import Direct, direct_of
from keyferry.config.settings import Settings
from keyferry.custody.caller import Caller
from keyferry.custody.custody import Custody
from keyferry.doors.addresses import address_of
from keyferry.doors.services import Services
from keyferry.doors.workers import Workers
from keyferry.errors import NotAuthenticated

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
        return await self.workers.run(work, kind=getattr(operation, "__func__", None))

    async def look(self, operation: Callable[Concatenate[Caller, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an operation that reads a few rows, and never many, for the caller: at once where they are at hand."""
        if not self.custody.gate.store.is_local:
            return await self.ask(operation, *args, **kwargs)
        work = partial(operation, self.caller, *args, **kwargs)
        return await self.workers.look(work, kind=getattr(operation, "__func__", operation))


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
    """The caller whom a request's token stands for.

    Raises:
        NotAuthenticated: it has no token, or none that is good.
    """
    services: Services = request.app.state.services
    workers: Workers = request.app.state.services.crew.plain
    try:
        token = _presented(request)
    except NotAuthenticated as refusal:
        services.authenticator.turned_away(refusal, address_of(request))
        raise
    authenticator, address = services.authenticator, address_of(request)
    caller = authenticator.recognise(token, address)  # no thread is needed for a token that was here before
    if caller is None:
        caller = await workers.run(partial(authenticator.authenticate, token, address))
    return Visit(caller, services, workers)


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
