"""Refusals that have a page of their own, and the way back in for somebody whose session has ended."""

from collections.abc import Iterator

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from keyferry.doors.body_limit import too_large
from keyferry.doors.faults import log_fault
from keyferry.doors.statuses import status_of
from keyferry.errors import (
    IntegrityViolation,
    InvalidInput,
    KeyferryError,
    NotAuthenticated,
    NotFound,
    Overloaded,
)
from keyferry.web.console import Console, console_of
from keyferry.web.forms import SECRET, Form, read_form
from keyferry.web.same_site import changes
from keyferry.web.visits import address, earlier_user


async def on_refusal(request: Request, error: Exception) -> Response:
    """Whatever a page did not show itself."""
    assert isinstance(error, KeyferryError)
    if isinstance(error, NotAuthenticated):
        return await _sign_in_first(request, error)
    return refusal_page(console_of(request), error)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """What the framework itself refuses."""
    assert isinstance(error, HTTPException)
    console = console_of(request)
    if error.status_code == 413:
        return refusal_page(console, too_large(console.most_body_bytes))
    if error.status_code in {404, 405}:
        return refusal_page(console, NotFound("There is no such page.", advice="Go on from the first page."))
    refusal = InvalidInput("The form cannot be read.", code="malformed-request", advice="Open the page, and try again.")
    return refusal_page(console, refusal)


def refusal_page(console: Console, error: KeyferryError) -> Response:
    """A page that says what was wrong and what to do. Of a fault of our own, it says where the log has more."""
    status = status_of(error)
    reference = log_fault(error) if status == 500 else None
    detail = error.detail
    if reference is not None and not isinstance(error, IntegrityViolation):
        detail = "The server failed; its log has more under this reference."
    response = console.render(
        "refusal.html", status=status, error=error, detail=detail, reference=reference, is_fault=status >= 500
    )
    if isinstance(error, Overloaded):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


async def _sign_in_first(request: Request, refusal: NotAuthenticated) -> Response:
    """The sign-in page; a form that was just sent waits there, without its secrets, to be shown again afterwards."""
    if request.headers.get("hx-request") == "true" and changes(request):  # a form is being filled in, and must stay
        return HTMLResponse("<p>Your session has ended. Send the form to sign in: it comes back.</p>", 401)
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Refresh": "true"})
    if not changes(request):
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(address("sign-in", next="" if asked == "/" else asked), 303)
    form = await read_form(request)
    is_somebodys = await earlier_user(request) is not None
    return console_of(request).render(
        "sign_in.html",
        status=401,
        form=Form(),
        next=request.url.path if is_somebodys else "/",
        kept=list(_kept(form)) if is_somebodys else [],
        interrupted=is_somebodys,
        detail=refusal.detail,
        notice=None if is_somebodys else "Nobody is signed in, so nothing was changed.",
        has_passkeys=console_of(request).services.custody.factors.party is not None,
        awaits_set_up=False,
    )


def _kept(form: Form) -> Iterator[tuple[str, str]]:
    for name, values in form.values.items():
        if name not in SECRET:
            yield from ((name, value) for value in values)
