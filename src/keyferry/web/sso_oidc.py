"""What browsers bring back from an OpenID Connect provider, and what a provider itself tells of sign-outs."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keyferry.clock import SECOND
from keyferry.custody.provider_kinds import Kind
from keyferry.doors.addresses import address_of
from keyferry.errors import InvalidInput, NotAuthenticated, NotFound
from keyferry.identity.single_sign_on import Arrived, SingleSignOn
from keyferry.web import cookies
from keyferry.web.console import Console, console_of
from keyferry.web.refusals import refusal_page
from keyferry.web.sso import arrived

_MOST_FORM_FIELDS = 10
#: OpenID Connect Back-Channel Logout 1.0 section 2.7
_UNCACHED = {"Cache-Control": "no-store"}


async def receive_code(request: Request) -> Response:
    """A provider's answer to a sign-in: a code, which the server exchanges itself."""
    console = console_of(request)
    single_sign_on = _single_sign_on(console)

    def receive() -> Arrived:
        return single_sign_on.receive(
            request.path_params["name"],
            cookies.flow_of(request),
            address_of(request),
            lambda provider, flow: single_sign_on.oidc.receive(provider, request.url.query, flow),
            kind=Kind.OIDC,
            idle_after=console.services.settings.session_idle * SECOND,
        )

    try:
        came = await console.services.crew.plain.run(receive)
    except NotAuthenticated as refusal:  # what was sent is of no use again
        response = refusal_page(console, refusal)
        cookies.forget_flow(request, response)
        return response
    return await arrived(request, console, came)


async def receive_sign_out(request: Request) -> Response:
    """A provider tells of a sign-out by itself; no browser is there."""
    console = console_of(request)
    async with request.form(max_fields=_MOST_FORM_FIELDS, max_files=0) as form:
        token = form.get("logout_token")
    if not isinstance(token, str):
        raise InvalidInput("The form holds no logout_token.", field="logout_token", advice="Send one.")
    receive = partial(
        _single_sign_on(console).receive_back_channel, request.path_params["name"], token, address_of(request)
    )
    try:
        await console.services.crew.plain.run(receive)
    except NotAuthenticated:
        return Response(status_code=400, headers=_UNCACHED)
    return Response(status_code=200, headers=_UNCACHED)


def _single_sign_on(console: Console) -> SingleSignOn:
    """
    Raises:
        NotFound: the server was put together without it.
    """
    found = console.services.single_sign_on
    if found is None:
        raise NotFound("This server has no single sign-on.")
    return found


routes = [
    Route("/sso/{name}/callback", receive_code, methods=["GET"]),
    Route("/sso/{name}/backchannel-logout", receive_sign_out, methods=["POST"]),
]
