"""The page that makes the first Administrator, opened by the link that the server printed when it started.

Nobody is signed in, so that the link's token is what guards it: no page of another site can know that.
"""

from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from keyferry.clock import SECOND
from keyferry.custody.set_up import SetUp
from keyferry.doors.addresses import own_address_of
from keyferry.doors.statuses import status_of
from keyferry.errors import KeyferryError, NotAuthenticated, NotFound, NotPermitted, Overloaded
from keyferry.identity.opening import Unfinished
from keyferry.web import cookies
from keyferry.web.console import Console, console_of
from keyferry.web.forms import Form, read_form
from keyferry.web.passwords import judge, new_password
from keyferry.web.same_site import changes, require_same_site
from keyferry.web.sign_in_steps import go_on


async def set_up(request: Request) -> Response:
    """The page, and what comes of it."""
    console = console_of(request)
    if not changes(request):
        token = request.query_params.get("token", "")
        await _require(request, console, token)
        return _form_page(console, token, Form())
    require_same_site(request)
    form = await read_form(request)
    await _require(request, console, form.raw("token"))
    try:
        return await _found(request, console, form)
    except NotPermitted:
        raise
    except KeyferryError as refusal:
        response = _form_page(console, form.raw("token"), form.refused(refusal))
        response.status_code = status_of(refusal)
        return response


async def tell_strength(request: Request) -> Response:
    """How hard the password is to guess, while it is typed."""
    require_same_site(request)
    console = console_of(request)
    form = await read_form(request)
    await _require(request, console, form.raw("token"))
    run = console.services.crew.plain.run
    strength, refusal = await run(partial(judge, form.raw("password"), form.text("name")))
    return console.render("strength.html", strength=strength, refusal=refusal)


async def _found(request: Request, console: Console, form: Form) -> Response:
    """Make the first Administrator, and sign them in."""
    services, address, name = console.services, own_address_of(request), form.text("name")
    password = new_password(form)
    await services.crew.plain.run(partial(_service(console).found, form.raw("token"), address, name, password))
    idle_after = services.settings.session_idle * SECOND
    try:
        signed_in = await services.crew.sign_ins.run(
            partial(services.sign_in.sign_in, name, password, address, idle_after=idle_after)
        )
    except (NotAuthenticated, Overloaded):  # the account is made all the same
        return RedirectResponse("/sign-in", 303)
    if isinstance(signed_in, Unfinished):
        return await go_on(request, console, Form.showing(next="/"), signed_in)
    response = RedirectResponse("/", 303)
    token = signed_in.issued.text
    cookies.keep_session(request, response, token)
    message = f"Keyferry is set up. You are signed in as {name}, its first Administrator."
    cookies.keep_message(request, response, cookies.Message(message), token)
    return response


async def _require(request: Request, console: Console, token: str) -> None:
    """
    Raises:
        NotPermitted: the link is not good, or this is another machine.
    """
    await console.services.crew.plain.run(partial(_service(console).require, token, own_address_of(request)))


def _service(console: Console) -> SetUp:
    if console.services.set_up is None:
        raise NotFound("There is no such page.", advice="Go on from the first page.")
    return console.services.set_up


def _form_page(console: Console, token: str, form: Form) -> Response:
    return console.render("set_up.html", form=form, token=token)


routes = [
    Route("/set-up", set_up, methods=["GET", "POST"]),
    Route("/set-up/strength", tell_strength, methods=["POST"]),
]
