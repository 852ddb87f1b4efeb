"""The REST door, put together."""

from fastapi import FastAPI

from keyferry import __version__
from keyferry.api import (
    approvals,
    audit,
    batches,
    certificates,
    client_authorities,
    connections,
    customer_key_requests,
    deployments,
    exports,
    factors,
    groups,
    health,
    identity_providers,
    keks,
    key_metrics,
    keys,
    metrics,
    reminders,
    server_policy,
    sessions,
    sign_in_steps,
    states,
    tokens,
    trusted_issuers,
    users,
    uses,
    versions,
    workloads,
)
from keyferry.api.documented import add_document
from keyferry.api.problems import add_problem_handlers, problem
from keyferry.api.routers import PREFIX
from keyferry.api.segments import Segments
from keyferry.api.shortcut import Shortcut
from keyferry.doors.access_log import AccessLog
from keyferry.doors.addresses import ProxiedAddresses
from keyferry.doors.body_limit import BodyLimit
from keyferry.doors.response_headers import ResponseHeaders
from keyferry.doors.services import Services

# The busiest first: routes are tried in this order.
_NOUNS = (
    exports,
    keys,
    uses,
    versions,
    states,
    batches,
    tokens,
    certificates,
    client_authorities,
    deployments,
    groups,
    users,
    keks,
    connections,
    customer_key_requests,
    identity_providers,
    key_metrics,
    reminders,
    approvals,
    trusted_issuers,
    workloads,
    audit,
    server_policy,
    factors,
    sessions,
)

_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)

_DESCRIPTION = (
    "Keyferry generates, guards and governs encryption keys, and ferries them, wrapped, to the clouds that ask for "
    "them. Times are RFC 3339 in UTC, bytes base64url without padding unless said otherwise, errors problem details "
    "(RFC 9457). Callers present a token, or come with a client certificate to the address that asks for one; with a "
    "certificate, every request has the header `X-Keyferry-Request: 1`, and a body only as `application/json`."
)


def create_app(services: Services) -> FastAPI:
    """The application: every route under `/api/v1` needs a token, but signing in and the OpenAPI document."""
    app = FastAPI(
        title="Keyferry",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # the usual pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # it would see bodies, which hold secrets
    )
    app.state.services = services
    for router in (
        *(noun.router for noun in _NOUNS),
        sessions.opened,
        sign_in_steps.opened,
        health.router,
        metrics.router,
    ):
        app.router.routes.extend(router.routes)  # a router inside the application would cost each request a search
    add_problem_handlers(app)
    add_document(app)
    app.add_middleware(Shortcut, routes=app.routes)  # the last to be added is the first to see a request
    app.add_middleware(Segments)
    app.add_middleware(BodyLimit, most=services.settings.max_body_bytes, answer=problem)
    app.add_middleware(AccessLog, note=services.figures.note, answer=problem)
    app.add_middleware(ResponseHeaders, door=_HEADERS)
    if services.settings.trusted_proxies:
        app.add_middleware(ProxiedAddresses, trusted=services.settings.trusted_proxies)
    return app
