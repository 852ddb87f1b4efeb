"""The console, put together."""

import gzip
from functools import lru_cache, partial
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keyferry.doors.access_log import AccessLog
from keyferry.doors.addresses import ProxiedAddresses
from keyferry.doors.body_limit import BodyLimit
from keyferry.doors.response_headers import ResponseHeaders
from keyferry.doors.services import Services
from keyferry.errors import KeyferryError
from keyferry.web import (
    account,
    approvals,
    audit,
    azure,
    certificates,
    client_authorities,
    connections,
    customer_key,
    dashboard,
    deployments,
    exports,
    factors,
    groups,
    identities,
    key_edit,
    key_export,
    key_making,
    key_page,
    key_reassign,
    key_states,
    keys,
    passwords,
    providers,
    set_up,
    settings,
    sign_in,
    sign_in_steps,
    sso,
    sso_oidc,
    trusted_issuers,
    user_forms,
    users,
    workloads,
)
from keyferry.web.console import Console, console_of
from keyferry.web.refusals import on_http_exception, on_refusal, refusal_page
from keyferry.web.templates import StaticFile

#: in this order: addresses of words come before those that take any word
_NOUNS = (
    account,
    approvals,
    audit,
    azure,
    certificates,
    client_authorities,
    connections,
    customer_key,
    dashboard,
    deployments,
    exports,
    factors,
    groups,
    identities,
    key_edit,
    key_export,
    key_making,
    key_reassign,
    key_states,
    key_page,
    keys,
    passwords,
    providers,
    set_up,
    settings,
    sign_in,
    sso,
    sign_in_steps,
    sso_oidc,
    trusted_issuers,
    user_forms,
    users,
    workloads,
)

#: Content Security Policy level 3: scripts and styles are files of ours, and nothing in a page is either
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", _POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
)


def create_console(services: Services) -> Starlette:
    """The application that serves every address which is not REST's."""
    console = Console.of(services)
    answer = partial(refusal_page, console)
    app = Starlette(
        routes=[*(route for noun in _NOUNS for route in noun.routes), *_static_routes(console)],
        exception_handlers={KeyferryError: on_refusal, HTTPException: on_http_exception},
        middleware=[
            Middleware(ProxiedAddresses, trusted=services.settings.trusted_proxies),
            Middleware(ResponseHeaders, door=_HEADERS),
            Middleware(AccessLog, note=services.figures.note, answer=answer),
            Middleware(BodyLimit, most=console.most_body_bytes, answer=answer),
        ],
    )
    app.router.redirect_slashes = False
    app.state.console = console
    return app


def _static_routes(console: Console) -> list[Route]:
    return [Route(file.address, _static, methods=["GET"]) for file in console.static.values()]


async def _static(request: Request) -> Response:
    file = next(each for each in console_of(request).static.values() if each.address == request.url.path)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    content = file.content
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = _compressed(file), "gzip"
    return Response(content, headers=headers, media_type=file.media_type)


@lru_cache(maxsize=32)
def _compressed(file: StaticFile) -> bytes:
    return gzip.compress(file.content, 9)
