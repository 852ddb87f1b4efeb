"""The sign-in's doors: discovery, published keys, and the token endpoint in both of Entra ID's versions."""

import base64
import json
import uuid
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyferry.emulator.clock import now
from keyferry.emulator.directory import Principal
from keyferry.emulator.emulator import Emulator
from keyferry.emulator.requests import body_of, emulator_of
from keyferry.emulator.sign_in.audiences import GRAPH, MANAGEMENT, VAULTS, local_names
from keyferry.emulator.sign_in.clients import signed_in
from keyferry.emulator.sign_in.discovery import instance_discovery, openid_configuration
from keyferry.emulator.sign_in.refusals import Refusal, SignInRefused
from keyferry.emulator.sign_in.tokens import LIFETIME

#: what may stand for the tenant while a client only looks around
ANY_TENANT: Final = frozenset({"common", "organizations"})
DEFAULT_SCOPE: Final = "/.default"
#: scopes that say nothing about the resource
OPENID_SCOPES: Final = frozenset({"openid", "profile", "email", "offline_access"})
NOT_STORED: Final = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}


def routes() -> list[Route]:
    """Every route of the sign-in."""
    return [
        Route("/common/discovery/instance", instance, methods=["GET"]),
        Route("/{tenant}/v2.0/.well-known/openid-configuration", configuration_2, methods=["GET"]),
        Route("/{tenant}/.well-known/openid-configuration", configuration_1, methods=["GET"]),
        Route("/{tenant}/discovery/v2.0/keys", keys, methods=["GET"]),
        Route("/{tenant}/discovery/keys", keys, methods=["GET"]),
        Route("/{tenant}/oauth2/v2.0/token", token_2, methods=["POST"]),
        Route("/{tenant}/oauth2/token", token_1, methods=["POST"]),
    ]


async def refused(request: Request, error: Exception) -> Response:
    """Answer a refusal."""
    assert isinstance(error, SignInRefused)
    correlation_id = request.headers.get("client-request-id") or str(uuid.uuid4())
    document = error.document(correlation_id[:100])
    return JSONResponse(document, status_code=error.refusal.status, headers=NOT_STORED)


def instance(request: Request) -> Response:
    """Which hosts are this sign-in."""
    emulator = emulator_of(request)
    return JSONResponse(instance_discovery(_authority(request), emulator.directory.tenant_id))


def configuration_1(request: Request) -> Response:
    """The tenant's document, version 1."""
    return _configuration(request, version=1)


def configuration_2(request: Request) -> Response:
    """The tenant's document, version 2."""
    return _configuration(request, version=2)


def keys(request: Request) -> Response:
    """The public keys that verify tokens."""
    return JSONResponse(emulator_of(request).tokens.published())


def token_1(request: Request) -> Response:
    """A token for the `resource` that is asked for; version 1 answers numbers as text."""
    principal, form = _signed_in(request)
    resource = form.get("resource")
    if not resource:
        raise SignInRefused(Refusal.MISSING_PARAMETER, "resource")
    token = _issue(emulator_of(request), principal, resource)
    issued = now()
    answer = {
        "token_type": "Bearer",
        "expires_in": str(LIFETIME - 1),
        "ext_expires_in": str(LIFETIME - 1),
        "expires_on": str(issued + LIFETIME),
        "not_before": str(issued),
        "resource": resource,
        "access_token": token,
    }
    return JSONResponse(answer, headers=NOT_STORED)


def token_2(request: Request) -> Response:
    """A token for the resource whose `/.default` is asked for as `scope`."""
    principal, form = _signed_in(request)
    emulator = emulator_of(request)
    token = _issue(emulator, principal, _resource(form.get("scope")))
    answer: dict[str, Any] = {
        "token_type": "Bearer",
        "expires_in": LIFETIME - 1,
        "ext_expires_in": LIFETIME - 1,
        "access_token": token,
    }
    if form.get("client_info") == "1":
        client = {"uid": principal.object_id, "utid": emulator.directory.tenant_id}
        answer["client_info"] = base64.urlsafe_b64encode(json.dumps(client).encode()).rstrip(b"=").decode()
    return JSONResponse(answer, headers=NOT_STORED)


def _signed_in(request: Request) -> tuple[Principal, dict[str, str]]:
    """Who signs in, and the form in which they ask."""
    directory = emulator_of(request).directory
    _require_tenant(request)
    form = _form(request)
    grant = form.get("grant_type")
    if not grant:
        raise SignInRefused(Refusal.MISSING_PARAMETER, "grant_type")
    if grant != "client_credentials":
        raise SignInRefused(Refusal.GRANT_TYPE, grant)
    return signed_in(directory, form, request.headers.get("authorization"), _endpoints(request)), form


def _require_tenant(request: Request, also: frozenset[str] = frozenset()) -> None:
    tenant_id, given = emulator_of(request).directory.tenant_id, request.path_params["tenant"]
    if given.lower() not in also | {tenant_id}:
        raise SignInRefused(Refusal.UNKNOWN_TENANT, given, tenant_id)


def _form(request: Request) -> dict[str, str]:
    """The body as application/x-www-form-urlencoded; of a parameter that stands twice, the first."""
    try:
        pairs = parse_qsl(body_of(request).decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        raise SignInRefused(Refusal.MISSING_PARAMETER, "grant_type") from None
    return dict(reversed(pairs))


def _resource(scope: str | None) -> str:
    asked = [each for each in (scope or "").split() if each not in OPENID_SCOPES]
    if not asked:
        raise SignInRefused(Refusal.MISSING_PARAMETER, "scope")
    if len(asked) > 1 or not asked[0].endswith(DEFAULT_SCOPE):
        raise SignInRefused(Refusal.SCOPE, " ".join(asked))
    return asked[0].removesuffix(DEFAULT_SCOPE)


def _issue(emulator: Emulator, principal: Principal, resource: str) -> str:
    known = (VAULTS, MANAGEMENT, GRAPH)
    if not any(resource in audience for audience in known) and resource not in local_names(emulator.addresses):
        raise SignInRefused(Refusal.RESOURCE, resource, emulator.directory.tenant_id)
    return emulator.tokens.issue(principal, resource)


def _configuration(request: Request, *, version: int) -> Response:
    emulator = emulator_of(request)
    _require_tenant(request, ANY_TENANT)
    authority = _authority(request)
    graph = emulator.addresses.graph_at(request.headers["host"])
    return JSONResponse(openid_configuration(authority, emulator.directory.tenant_id, version=version, graph=graph))


def _authority(request: Request) -> str:
    return emulator_of(request).addresses.authority_at(request.headers["host"])


def _endpoints(request: Request) -> tuple[str, ...]:
    """The URLs of the token endpoint that was called, for which an assertion may be made out."""
    base = f"{_authority(request)}/{emulator_of(request).directory.tenant_id}"
    return f"{base}/oauth2/v2.0/token", f"{base}/oauth2/token", f"{base}/v2.0", base
