"""Signing in and out in a browser."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from keyferry.clock import SECOND
from keyferry.doors.addresses import address_of
from keyferry.doors.client_certificate import certificate_of
from keyferry.doors.statuses import status_of
from keyferry.errors import KeyferryError, NotAuthenticated
from keyferry.identity.flows import LASTS
from keyferry.identity.single_sign_on import Offer
from keyferry.material.secret import Secret
from keyferry.web import cookies
from keyferry.web.console import Console, console_of
from keyferry.web.forms import Form, read_form
from keyferry.web.pages import form_page
from keyferry.web.same_site import changes, require_same_site
from keyferry.web.sign_in_steps import go_on, kept_of, own_path
from keyferry.web.visits import Visit, receive

_NOTICES: Final = {
    "signed-out": "You are signed out.",
    "ended": "Your session has ended.",
    "signed-out-everywhere": "You are signed out, here and at your identity provider.",
    "password-changed": "Your password was changed. Sign in with it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateOffer:
    """What the sign-in page says of certificates.

    Attributes:
        is_sent: the browser has come with one; `name` is whose, None for nobody's.
        address: where it would be asked for one.
    """

    is_sent: bool = False
    name: str | None = None
    address: str = ""


async def sign_in(request: Request) -> Response:
    """The sign-in page, and what comes of it."""
    if not changes(request):
        return await _show(request)
    require_same_site(request)
    form = await read_form(request)
    console = console_of(request)
    try:
        return await _signed_in(request, console, form)
    except KeyferryError as refusal:
        return await _refused(request, console, form, refusal)


async def with_certificate(request: Request) -> Response:
    """A session for whom the certificate stands that the browser has come with."""
    require_same_site(request)
    form = await read_form(request)
    console = console_of(request)
    services = console.services
    try:
        certificate = certificate_of(request, from_proxies=services.settings.client_cert_header)
        if certificate is None or services.certificates is None:
            raise NotAuthenticated(
                "Your browser came without a certificate.",
                advice="Import the certificate's file into the browser, close all of its windows, and choose it then.",
            )
        idle_after = services.settings.session_idle * SECOND
        opening = partial(services.certificates.open_session, certificate, address_of(request), idle_after=idle_after)
        return await go_on(request, console, form, await services.crew.plain.run(opening))
    except KeyferryError as refusal:
        return await _refused(request, console, form, refusal)


async def _refused(request: Request, console: Console, form: Form, refusal: KeyferryError) -> Response:
    return sign_in_page(
        console,
        form.refused(refusal),
        status=status_of(refusal),
        kept=kept_of(form),
        offers=await _offers(console),
        certificate=await _certificate(request, console),
    )


async def _show(request: Request) -> Response:
    try:
        await receive(request)
    except NotAuthenticated:
        wanted = own_path(request.query_params.get("next", ""))
        notice = _NOTICES.get(request.query_params.get("notice", ""))
        console = console_of(request)
        return sign_in_page(
            console,
            Form.showing(next=wanted),
            notice=notice,
            offers=await _offers(console),
            certificate=await _certificate(request, console),
        )
    return RedirectResponse("/", 303)


async def _signed_in(request: Request, console: Console, form: Form) -> Response:
    services = console.services
    password = Secret(form.raw("password").encode())
    signing_in = partial(
        services.sign_in.sign_in,
        form.text("user_name"),
        password,
        address_of(request),
        idle_after=services.settings.session_idle * SECOND,
    )
    return await go_on(request, console, form, await services.crew.sign_ins.run(signing_in))


async def sign_out(visit: Visit, _form: Form) -> Response:
    """End the session, here and wherever else its token is; and lead to its provider's, if one has vouched for it."""
    token_id = visit.caller.token_id or ""
    single_sign_on = visit.console.services.single_sign_on
    begun = None if single_sign_on is None else await visit.work(partial(single_sign_on.begin_sign_out, token_id))
    await visit.ask(visit.custody.tokens.revoke, token_id)
    response: Response = RedirectResponse("/sign-in?notice=signed-out", 303)
    if begun is not None and single_sign_on is not None:  # a form's answer may not redirect to another site: a page may
        response = visit.console.render("signed_out.html", address=begun.address)
        cookies.keep_flow(visit.request, response, single_sign_on.flows.seal(begun.flow), LASTS // SECOND)
    cookies.forget_session(visit.request, response)
    return response


def sign_in_page(
    console: Console,
    form: Form,
    *,
    status: int = 200,
    kept: list[tuple[str, str]] | None = None,
    notice: str | None = None,
    offers: Sequence[Offer] = (),
    certificate: CertificateOffer | None = None,
) -> Response:
    """The page of the first step."""
    return console.render(
        "sign_in.html",
        status=status,
        form=form,
        next=own_path(form.text("next")),
        kept=kept or [],
        interrupted=bool(kept),
        detail=None,
        notice=notice,
        offers=[] if kept else offers,
        certificate=certificate,
        has_passkeys=console.services.custody.factors.party is not None,
        awaits_set_up=console.services.set_up is not None and console.services.set_up.was_offered,
    )


async def _offers(console: Console) -> list[Offer]:
    """The providers that people may sign in through."""
    single_sign_on = console.services.single_sign_on
    return [] if single_sign_on is None else await console.services.crew.plain.run(single_sign_on.offers)


async def _certificate(request: Request, console: Console) -> CertificateOffer | None:
    """What the page says of certificates: whose the browser has come with, or where it is asked for one."""
    services, settings = console.services, console.services.settings
    if services.certificates is None:
        return None
    try:
        certificate = certificate_of(request, from_proxies=settings.client_cert_header)
    except NotAuthenticated:
        return None
    if certificate is not None:
        look = partial(services.certificates.name_of, certificate, address_of(request))
        return CertificateOffer(is_sent=True, name=await services.crew.plain.run(look))
    if settings.listen_mtls is None:
        return None
    here, there = request.scope["server"][1], settings.listen_mtls.port
    if there in {0, here}:
        return None
    return CertificateOffer(address=f"https://{_bracketed(request.url.hostname or '')}:{there}/sign-in")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def _ask_sign_out(visit: Visit, form: Form) -> Response:
    return visit.page("sign_out.html", form=form)


routes = [
    Route("/sign-in", sign_in, methods=["GET", "POST"]),
    Route("/sign-in/certificate", with_certificate, methods=["POST"]),
    form_page("/sign-out", _ask_sign_out, sign_out),
]
