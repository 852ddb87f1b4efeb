"""Signing in and out through an identity provider, in a browser. What providers send comes from their pages: none of
it is believed before it has verified, and none of it carries a session.
"""

from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from keyferry.clock import SECOND
from keyferry.doors.addresses import address_of
from keyferry.errors import InvalidInput, NotAuthenticated, NotFound
from keyferry.identity.flows import LASTS, Begun, Flow
from keyferry.identity.provider_sign_in import Trial
from keyferry.identity.single_sign_on import Arrived, SingleSignOn
from keyferry.web import cookies
from keyferry.web.addresses import address
from keyferry.web.console import Console, console_of
from keyferry.web.forms import Form
from keyferry.web.refusals import refusal_page
from keyferry.web.sign_in_steps import go_on, own_path

_MOST_FORM_FIELDS = 10


async def begin(request: Request) -> Response:
    """Send the browser to a provider."""
    console = console_of(request)
    wanted = own_path(request.query_params.get("next", ""))
    name = request.path_params["name"]
    begun = await console.services.crew.plain.run(partial(_single_sign_on(console).begin, name, wanted=wanted))
    return sent(request, console, begun)


def sent(request: Request, console: Console, begun: Begun) -> Response:
    """Send the browser away, with what it is to keep until it comes back."""
    response = RedirectResponse(begun.address, 303)
    cookies.keep_flow(request, response, _single_sign_on(console).flows.seal(begun.flow), LASTS // SECOND)
    return response


async def saml_metadata(request: Request) -> Response:
    """Ours, for a provider that is enabled or not: it has to be told first."""
    console = console_of(request)
    single_sign_on = _single_sign_on(console)

    def made() -> bytes:
        provider = single_sign_on.provider(request.path_params["name"])
        if provider.kind != "saml":
            raise NotFound("This provider does not speak SAML.", field="provider")
        return single_sign_on.saml.metadata(provider)

    content = await console.services.crew.plain.run(made)
    return Response(content, media_type="application/samlmetadata+xml")


async def saml_answer(request: Request) -> Response:
    """A provider's answer to a sign-in (SAML, HTTP-POST)."""
    console = console_of(request)
    single_sign_on = _single_sign_on(console)
    async with request.form(max_fields=_MOST_FORM_FIELDS, max_files=0) as form:
        message, relay = form.get("SAMLResponse"), form.get("RelayState")
    if not isinstance(message, str):
        raise InvalidInput("The form holds no SAMLResponse.", field="SAMLResponse", advice="Begin at the sign-in page.")

    def of_relay(flow: Flow | None) -> Flow | None:
        return flow if flow is not None and flow.id == relay else None

    def receive() -> Arrived:
        return single_sign_on.receive(
            request.path_params["name"],
            cookies.flow_of(request),
            address_of(request),
            lambda provider, flow: single_sign_on.saml.receive(provider, message, flow),
            which=of_relay,
            idle_after=console.services.settings.session_idle * SECOND,
        )

    try:
        came = await console.services.crew.plain.run(receive)
    except NotAuthenticated as refusal:  # no page to sign in and go on with: what was sent is of no use again
        return refusal_page(console, refusal)
    return await arrived(request, console, came)


async def arrived(request: Request, console: Console, came: Arrived) -> Response:
    """Into the session that was opened; after a test, to what it has shown."""
    if isinstance(came.result, Trial):
        response: Response = RedirectResponse(
            address("settings", "sso", came.result.provider, "tested", came.result.test_id), 303
        )
    else:
        response = await go_on(request, console, Form.showing(next=came.wanted), came.result)
    cookies.forget_flow(request, response)
    return response


async def saml_sign_out(request: Request) -> Response:
    """A provider signs somebody out, or answers when we did (SAML, HTTP-Redirect)."""
    console = console_of(request)
    receive = partial(
        _single_sign_on(console).receive_sign_out,
        request.path_params["name"],
        request.url.query,
        cookies.flow_of(request),
        address_of(request),
    )
    try:
        answer = await console.services.crew.plain.run(receive)
    except NotAuthenticated as refusal:
        return refusal_page(console, refusal)
    if answer is None:
        response = RedirectResponse("/sign-in?notice=signed-out-everywhere", 303)
        cookies.forget_flow(request, response)
        return response
    response = RedirectResponse(answer, 303)
    cookies.forget_session(request, response)
    return response


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
    Route("/sso/{name}", begin, methods=["GET"]),
    Route("/sso/{name}/metadata", saml_metadata, methods=["GET"]),
    Route("/sso/{name}/acs", saml_answer, methods=["POST"]),
    Route("/sso/{name}/slo", saml_sign_out, methods=["GET"]),
]
