"""What lies between a password and a session at the browser: a second factor, its setting up, another password.

The ticket goes from page to page in the forms themselves: no cookie stands for a sign-in that is not complete. With it
go where the person wanted to go, and the form that an ended session has interrupted.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import segno
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from keyferry.clock import SECOND
from keyferry.custody.factors import NewTotp
from keyferry.custody.tickets import Needs
from keyferry.doors.addresses import address_of
from keyferry.doors.statuses import status_of
from keyferry.errors import KeyferryError
from keyferry.identity.opening import SignedIn, Unfinished
from keyferry.identity.steps import Steps
from keyferry.material.secret import Secret
from keyferry.web import cookies
from keyferry.web.console import Console, console_of
from keyferry.web.forms import RESUMED, Form, read_form
from keyferry.web.passwords import judge, new_password
from keyferry.web.same_site import require_same_site
from keyferry.web.visits import earlier_user, receive

T = TypeVar("T")

#: the fields of the sign-in's own pages; every other field is of the form that it has interrupted
_OWN: Final = frozenset(
    {
        *("user_name", "password", "password_again", "next", "csrf"),
        *("ticket", "code", "passkey", "enrolment", "factor_kind", "factor_name"),
    }
)


async def go_on(request: Request, console: Console, form: Form, came_to: SignedIn | Unfinished) -> Response:
    """The session that a step has come to, or the page of the next step."""
    kept, wanted = kept_of(form), own_path(form.text("next"))
    user_id = came_to.user_id if isinstance(came_to, Unfinished) else came_to.issued.user.id
    if kept and await earlier_user(request) != user_id:  # the form is another person's
        kept, wanted = [], "/"
    if isinstance(came_to, Unfinished):
        return _step_page(console, Form(), came_to, kept=kept, next_=wanted)
    await _end_earlier(request, console)
    token = came_to.issued.text
    if kept or came_to.notices or came_to.codes:
        response: Response = console.render(
            "continue.html",
            next=wanted,
            kept=kept,
            resumed=RESUMED,
            notices=came_to.notices,
            codes=[code.reveal().decode() for code in came_to.codes],
            form_token=cookies.form_token(token),
        )
    else:
        response = RedirectResponse(wanted, 303)
    cookies.keep_session(request, response, token)
    return response


async def second_factor(request: Request) -> Response:
    """A code, or a passkey, for the ticket."""

    def work(steps: Steps, form: Form, address: str | None) -> SignedIn | Unfinished:
        if form.raw("passkey"):
            return steps.by_passkey(form.raw("ticket"), form.raw("passkey"), address)
        return steps.by_code(form.raw("ticket"), Secret(form.raw("code").encode()), address)

    return await _step(request, work)


async def begin_enrolment(request: Request) -> Response:
    """What a second factor of the kind that was chosen is set up with."""
    require_same_site(request)
    form, console = await read_form(request), console_of(request)
    ticket, address = form.raw("ticket"), address_of(request)
    steps, run = console.services.sign_in.steps, console.services.crew.plain.run
    try:
        unfinished = await run(partial(steps.look, ticket, address))
        more: dict[str, Any] = {}
        if form.text("factor_kind") == "passkey":
            more["options"] = await run(partial(steps.begin_passkey, ticket, address))
        else:
            more["totp"] = TotpPage.of(await run(partial(steps.begin_totp, ticket, address)))
        return _step_page(console, form, unfinished, kept=kept_of(form), next_=own_path(form.text("next")), **more)
    except KeyferryError as refusal:
        return await _refused(request, console, form, refusal)


async def enrol(request: Request) -> Response:
    """The first code of an app, or a passkey that was just made."""

    def work(steps: Steps, form: Form, address: str | None) -> SignedIn | Unfinished:
        ticket, name = form.raw("ticket"), form.text("factor_name")
        if form.raw("passkey"):
            return steps.enrol_passkey(ticket, form.raw("passkey"), name, address)
        code = Secret(form.raw("code").encode())
        return steps.enrol_totp(ticket, form.raw("enrolment"), name, code, address)

    return await _step(request, work)


async def new_password_of_ones_own(request: Request) -> Response:
    """A password that nobody else knows, for the ticket."""

    def work(steps: Steps, form: Form, address: str | None) -> SignedIn | Unfinished:
        return steps.set_password(form.raw("ticket"), new_password(form), address)

    return await _step(request, work, hashes=True)


async def invitation(request: Request) -> Response:
    """The page that an invitation's link leads to. A link that is good no more tells nothing."""
    console, ticket = console_of(request), request.query_params.get("ticket", "")
    run, steps = console.services.crew.plain.run, console.services.sign_in.steps
    try:
        unfinished = await run(partial(steps.look, ticket, address_of(request)))
    except KeyferryError as refusal:
        return _first_page(console, Form().refused(refusal), status_of(refusal), [])
    return _step_page(console, Form(), unfinished, kept=[], next_="/")


async def tell_strength(request: Request) -> Response:
    """How hard the password is to guess, while it is typed; for whoever has a ticket."""
    require_same_site(request)
    form, console = await read_form(request), console_of(request)
    run, steps = console.services.crew.plain.run, console.services.sign_in.steps
    unfinished = await run(partial(steps.look, form.raw("ticket"), address_of(request)))
    strength, refusal = await run(partial(judge, form.raw("password"), unfinished.user_name))
    return console.render("strength.html", strength=strength, refusal=refusal)


async def passkey_options(request: Request) -> Response:
    """What a browser asks an authenticator for, to sign in with a passkey alone; for the page's script."""
    require_same_site(request)
    services = console_of(request).services
    try:
        return JSONResponse(await services.crew.plain.run(services.sign_in.steps.ask_passkey))
    except KeyferryError as refusal:
        return JSONResponse({"detail": f"{refusal.detail} {refusal.advice}"}, status_of(refusal))


async def with_passkey(request: Request) -> Response:
    """A passkey alone."""
    idle_after = console_of(request).services.settings.session_idle * SECOND

    def work(steps: Steps, form: Form, address: str | None) -> SignedIn | Unfinished:
        return steps.with_passkey(form.raw("passkey"), address, idle_after=idle_after)

    return await _step(request, work)


def kept_of(form: Form) -> list[tuple[str, str]]:
    """The fields of the form that the sign-in has interrupted."""
    return [(name, value) for name, values in form.values.items() if name not in _OWN for value in values]


def own_path(wanted: str) -> str:
    """A page of ours to go to, or the first page: nobody is led to another site, however the address is dressed up."""
    plain = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and "\\" not in wanted
    return wanted if plain and wanted.isprintable() and len(wanted) <= 2048 else "/"


class TotpPage:
    """An authenticator app that is being set up, as a page shows it: a picture, and the key as text."""

    def __init__(self, enrolment: str, key: str, picture: Markup) -> None:
        self.enrolment = enrolment
        self.key = key
        self.picture = picture

    @classmethod
    def of(cls, new: NewTotp) -> "TotpPage":
        """The QR code (ISO/IEC 18004) as SVG with presentation attributes alone, which the policy for styles allows."""
        code = segno.make(new.address.reveal().decode(), error="m", micro=False)
        svg = code.svg_inline(
            border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True, title="QR code"
        )
        return cls(new.enrolment, new.key.reveal().decode(), Markup(svg))  # noqa: S704  # of our own making alone


async def _step(
    request: Request, work: Callable[[Steps, Form, str | None], SignedIn | Unfinished], *, hashes: bool = False
) -> Response:
    require_same_site(request)
    form, console = await read_form(request), console_of(request)
    steps, address = console.services.sign_in.steps, address_of(request)
    try:
        crew = console.services.crew
        came_to = await (crew.sign_ins if hashes else crew.plain).run(partial(work, steps, form, address))
    except KeyferryError as refusal:
        return await _refused(request, console, form, refusal)
    return await go_on(request, console, form, came_to)


async def _refused(request: Request, console: Console, form: Form, refusal: KeyferryError) -> Response:
    """The same step once more, with what was wrong; the first step, where the ticket is of no use any more."""
    kept, wanted, status = kept_of(form), own_path(form.text("next")), status_of(refusal)
    steps, address, ticket = console.services.sign_in.steps, address_of(request), form.raw("ticket")
    run = console.services.crew.plain.run
    try:
        is_over = not ticket or refusal.code == "ticket-refused"
        unfinished = None if is_over else await run(partial(steps.look, ticket, address))
        more: dict[str, Any] = {}
        if unfinished is not None and unfinished.needs is Needs.ENROLMENT and form.raw("enrolment"):
            new = await run(partial(steps.again_totp, ticket, form.raw("enrolment"), address))
            more["totp"] = TotpPage.of(new)
    except KeyferryError:
        unfinished, more = None, {}
    if unfinished is None:
        shown = Form.showing(next=wanted).refused(refusal)
        return _first_page(console, shown, status, kept)
    response = _step_page(console, form.refused(refusal), unfinished, kept=kept, next_=wanted, **more)
    response.status_code = status
    return response


def _first_page(console: Console, form: Form, status: int, kept: list[tuple[str, str]]) -> Response:
    from keyferry.web.sign_in import sign_in_page  # noqa: PLC0415  # it leads here

    return sign_in_page(console, form, status=status, kept=kept)


def _step_page(
    console: Console, form: Form, unfinished: Unfinished, *, kept: list[tuple[str, str]], next_: str, **more: Any
) -> Response:
    context: dict[str, Any] = {"options": unfinished.passkey_options, "totp": None, **more}
    return console.render(
        f"sign_in/{unfinished.needs.value}.html",
        form=form,
        unfinished=unfinished,
        ticket=unfinished.ticket.reveal().decode(),
        kept=kept,
        next=next_,
        has_passkeys=console.services.custody.factors.party is not None,
        **context,
    )


async def _end_earlier(request: Request, console: Console) -> None:
    """End the session that this browser had: whoever knew its token is not signed in with the new one."""
    try:
        visit = await receive(request)
        await visit.ask(console.services.custody.tokens.revoke, visit.caller.token_id or "")
    except KeyferryError:
        return


routes = [
    Route("/sign-in/second-factor", second_factor, methods=["POST"]),
    Route("/sign-in/enrolment", begin_enrolment, methods=["POST"]),
    Route("/sign-in/enrolled", enrol, methods=["POST"]),
    Route("/sign-in/new-password", new_password_of_ones_own, methods=["POST"]),
    Route("/sign-in/strength", tell_strength, methods=["POST"]),
    Route("/invitation", invitation, methods=["GET"]),
    Route("/sign-in/passkey", with_passkey, methods=["POST"]),
    Route("/sign-in/passkey-options", passkey_options, methods=["POST"]),
]
