"""The portal's pages: which there are, and what every request passes before one answers.

1. A POST comes from the portal's own origin (`Sec-Fetch-Site`, `Origin`), so that no other page drives it.
2. Somebody is signed in, else the sign-in page is where they are led.
3. A form has the session's token.
4. The page's handler answers, in a thread of its own; what it refuses is shown as a page.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from keyferry.emulator.emulator import Emulator
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.planes import nothing_at
from keyferry.emulator.portal import (
    deleted_keys,
    deleted_vaults,
    key_creation,
    keys,
    offer_form,
    offers,
    vault_access,
    vault_creation,
    vaults,
)
from keyferry.emulator.portal.forms import NOTHING, Submitted, parse
from keyferry.emulator.portal.pages import show_failure, show_stranger, static_file
from keyferry.emulator.portal.session import Session, Sessions
from keyferry.emulator.portal.visit import HOME, Visit, path_to
from keyferry.emulator.requests import base_of, body_of, emulator_of
from keyferry.errors import KeyferryError

Page = Callable[[Visit], Response]

VAULT: Final = "/portal/vaults/{vault}"
KEY: Final = VAULT + "/keys/{key}"
VERSION: Final = KEY + "/{version}"
DELETED_KEY: Final = VAULT + "/deleted-keys/{key}"
DELETED_VAULT: Final = "/portal/deleted-vaults/{vault}"
OFFER: Final = "/portal/customer-key/{offer}"

TABLE: Final[tuple[tuple[str, str, Page], ...]] = (
    ("GET", "/portal/", vaults.show_all),
    ("GET", "/portal/vaults/create", vault_creation.begin),
    ("POST", "/portal/vaults/create", vault_creation.go_on),
    ("GET", VAULT, vaults.overview),
    ("POST", f"{VAULT}/purge-protection", vaults.enable_purge_protection),
    ("POST", f"{VAULT}/delete", vaults.delete),
    ("GET", f"{VAULT}/access", vault_access.show_all),
    ("POST", f"{VAULT}/access", vault_access.add),
    ("POST", f"{VAULT}/access/remove", vault_access.remove),
    ("GET", f"{VAULT}/keys", keys.show_all),
    ("GET", f"{VAULT}/create-key", key_creation.begin),
    ("POST", f"{VAULT}/create-key", key_creation.create),
    ("GET", f"{VAULT}/deleted-keys", deleted_keys.show_all),
    ("POST", f"{DELETED_KEY}/recover", deleted_keys.recover),
    ("POST", f"{DELETED_KEY}/purge", deleted_keys.purge),
    ("GET", KEY, keys.show_key),
    ("POST", f"{KEY}/backup", keys.download_backup),
    ("POST", f"{KEY}/rotate", keys.rotate),
    ("POST", f"{KEY}/delete", keys.delete),
    ("GET", VERSION, keys.show_version),
    ("GET", f"{VERSION}/public-key", keys.download_public_key),
    ("POST", f"{VERSION}/enable", keys.enable),
    ("POST", f"{VERSION}/disable", keys.disable),
    ("GET", "/portal/deleted-vaults", deleted_vaults.show_all),
    ("POST", f"{DELETED_VAULT}/recover", deleted_vaults.recover),
    ("POST", f"{DELETED_VAULT}/purge", deleted_vaults.purge),
    ("GET", "/portal/customer-key", offers.show_all),
    ("GET", "/portal/customer-key/create", offer_form.begin),
    ("POST", "/portal/customer-key/create", offer_form.submit),
    ("GET", OFFER, offers.show_one),
    ("POST", f"{OFFER}/activate", offers.activate),
)
"""Every page and every form; a path that could be read in two ways comes before the wider one."""

#: where a sign-in may lead on to: the portal's own pages
_NEXT: Final = re.compile(r"/portal/(?!/)[A-Za-z0-9/_-]*", re.ASCII)


def application(emulator: Emulator) -> Starlette:
    """The portal as an application; `app.py` has read the body, and calls it for the plane of this name alone."""
    routes: list[BaseRoute] = [
        Route("/", to_portal, methods=["GET"]),
        Route("/portal", to_portal, methods=["GET"]),
        Route("/portal/sign-in", show_sign_in, methods=["GET"]),
        Route("/portal/sign-in", sign_in, methods=["POST"]),
        Route("/portal/sign-out", sign_out, methods=["POST"]),
        Route("/portal/static/{mark}/{name}", static_file, methods=["GET"]),
        *(Route(path, _endpoint(page), methods=[method]) for method, path, page in TABLE),
    ]
    handlers: dict[Any, Any] = {
        AzureFailure: _failed,
        HTTPException: _not_found,
        KeyferryError: _damaged,
        Exception: _fault,
    }
    made = Starlette(routes=routes, exception_handlers=handlers)
    made.router.redirect_slashes = False
    made.state.emulator = emulator
    made.state.sessions = Sessions()
    return made


def to_portal(request: Request) -> Response:
    """Lead a browser to the portal; whatever asks for no page is told what there is, as at any other path."""
    if "text/html" not in request.headers.get("accept", ""):
        failure = nothing_at(request.url.path)
        return JSONResponse(failure.document(), status_code=failure.status)
    return RedirectResponse(HOME, status_code=303)


def show_sign_in(request: Request) -> Response:
    """Who will be signed in."""
    if _sessions(request).find(_cookie(request)) is not None:
        return RedirectResponse(HOME, status_code=303)
    operator = emulator_of(request).directory.operator
    return show_stranger("sign_in.html", operator=operator, lead_to=_next(request.query_params.get("next", "")))


async def sign_in(request: Request) -> Response:
    """Sign the operator in, in a session of its own whatever cookie was there before."""
    _require_own_origin(request)
    submitted = await parse(request.headers, body_of(request))
    _sessions(request).end(_cookie(request))
    secret, _ = _sessions(request).begin()
    answer = RedirectResponse(_next(submitted.text("next")), status_code=303)
    answer.set_cookie(_cookie_name(request), secret, path="/", secure=True, httponly=True, samesite="strict")
    return answer


async def sign_out(request: Request) -> Response:
    """End the session."""
    _require_own_origin(request)
    session = _sessions(request).find(_cookie(request))
    if session is not None:
        _require_own_form(session, await parse(request.headers, body_of(request)))
        _sessions(request).end(_cookie(request))
    answer = RedirectResponse(path_to("sign-in"), status_code=303)
    answer.delete_cookie(_cookie_name(request), path="/", secure=True, httponly=True, samesite="strict")
    return answer


def _endpoint(page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if request.method == "POST":
            _require_own_origin(request)
        session = _sessions(request).find(_cookie(request))
        if session is None:
            lead_to = request.url.path if request.method != "POST" else HOME
            return RedirectResponse(f"{path_to('sign-in')}?next={_next(lead_to)}", status_code=303)
        submitted = NOTHING
        if request.method == "POST":
            submitted = await parse(request.headers, body_of(request))
            _require_own_form(session, submitted)
        visit = Visit(request, emulator_of(request), session, submitted)
        try:
            return await run_in_threadpool(page, visit)
        except AzureFailure as failure:
            return show_failure(visit, failure)

    return endpoint


def _require_own_origin(request: Request) -> None:
    """Raises AzureFailure 403, unless the portal's own pages send the request; every browser says whose do."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if (site, origin) == (None, None) or site not in {None, "same-origin"} or origin not in {None, base_of(request)}:
        raise AzureFailure(
            403, "CrossSiteRequest", "The request came from another site's page. Open the portal and use its forms."
        )


def _require_own_form(session: Session, submitted: Submitted) -> None:
    if not session.owns(submitted.text("form_token")):
        raise AzureFailure(
            403, "FormExpired", "The form is of another sign-in. Go back, load its page again, and send it again."
        )


def _next(path: str) -> str:
    return path if _NEXT.fullmatch(path) else HOME


def _sessions(request: Request) -> Sessions:
    sessions = request.app.state.sessions
    assert isinstance(sessions, Sessions)
    return sessions


def _cookie(request: Request) -> str | None:
    return request.cookies.get(_cookie_name(request))


def _cookie_name(request: Request) -> str:
    """Cookies know no ports: by its main listener's, an emulator tells its own from those of another beside it."""
    return f"__Host-keyferry-emulator-{emulator_of(request).addresses.main_port}"


async def _failed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AzureFailure)
    return show_failure(None, error)


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return show_failure(None, AzureFailure(405, "MethodNotAllowed", f"{request.method} is not for this page."))
    detail = "The portal has no such page. Begin with its key vaults."
    return show_failure(None, AzureFailure(error.status_code, "NotFound", detail))


async def _damaged(_request: Request, error: Exception) -> Response:
    assert isinstance(error, KeyferryError)
    return show_failure(None, AzureFailure(500, "InternalServerError", f"{error.detail} {error.advice}"))


async def _fault(_request: Request, _error: Exception) -> Response:
    """A fault of the emulator's own; its trace goes to standard error."""
    detail = "The emulator failed; its standard error says where."
    return show_failure(None, AzureFailure(500, "InternalServerError", detail))
