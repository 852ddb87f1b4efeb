"""Routes to pages. Each is guarded: who asks, and from where, is settled before a page's own code runs.

A form page is shown by one function and acted on by another. What custody refuses is shown on the same page, beside the
field that it is about, with what the person had typed; nothing was changed then.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keyferry.doors.statuses import status_of
from keyferry.errors import IntegrityViolation, InternalError, InvalidInput, KeyferryError, NotAuthenticated, NotFound
from keyferry.web import cookies
from keyferry.web.forms import Form, read_form
from keyferry.web.same_site import changes, require_same_site
from keyferry.web.visits import Visit, receive

Show = Callable[[Visit], Awaitable[Response]]
ShowForm = Callable[[Visit, Form], Awaitable[Response]]
Act = Callable[[Visit, Form], Awaitable[Response]]

#: refusals that are about more than what the form holds: they have a page of their own
_BEYOND_THE_FORM = (NotAuthenticated, NotFound, IntegrityViolation, InternalError)


def page(path: str, show: Show) -> Route:
    """A page that is looked at."""

    async def endpoint(request: Request) -> Response:
        return await show(await receive(request))

    return Route(path, endpoint, methods=["GET"])


def form_page(path: str, show: ShowForm, act: Act) -> Route:
    """A page with a form. `act` does what it asks for, and answers where to go next."""

    async def endpoint(request: Request) -> Response:
        if not changes(request):
            return await show(await receive(request), Form())
        return await _sent(request, show, act)

    return Route(path, endpoint, methods=["GET", "POST"])


def action(path: str, act: Act, show: ShowForm) -> Route:
    """A button on a page, which is shown again with what was refused."""

    async def endpoint(request: Request) -> Response:
        return await _sent(request, show, act)

    return Route(path, endpoint, methods=["POST"])


async def _sent(request: Request, show: ShowForm, act: Act) -> Response:
    """
    1. It comes from our own page. 2. Somebody is signed in. 3. The form carries the session's token.
    4. A form that a sign-in had interrupted is shown again; any other is acted on.
    """
    require_same_site(request)
    visit = await receive(request)
    form = await read_form(request)
    _require_token(visit, form)
    if form.resumed:
        return await show(visit, replace(form, was_sent=True))
    try:
        return await act(visit, form)
    except _BEYOND_THE_FORM:
        raise
    except KeyferryError as refusal:
        response = await show(visit, form.refused(refusal))
        response.status_code = status_of(refusal)
        return response


def _require_token(visit: Visit, form: Form) -> None:
    if not cookies.same(form.raw("csrf"), cookies.form_token(visit.token)):
        raise InvalidInput(
            "This form belongs to another session.",
            field="csrf",
            advice="Nothing was changed. Open the page again, fill it in, and send it.",
        )
