"""One door for every plane: which plane a request is for, who calls, and how refusals are answered.

A request goes through these steps:

1. its body is read in whole, within a limit;
2. host and path say which plane it is for, and on the data plane which vault;
3. the plane's token is verified;
4. the plane's `api-version` is checked;
5. a fault that waits for it strikes;
6. the plane's handler answers, in a thread of its own.

Nothing of a request is logged: it may hold tokens and keys.
"""

import asyncio
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Receive, Scope, Send

from keyferry.emulator import control
from keyferry.emulator.addresses import VAULT_SUFFIX, bracketed, split_host
from keyferry.emulator.emulator import Emulator
from keyferry.emulator.endpoints import cloud_endpoints
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.faults import Kind
from keyferry.emulator.keys import routes as keys
from keyferry.emulator.management import routes as management
from keyferry.emulator.onboarding import routes as onboarding
from keyferry.emulator.operations import operation_of
from keyferry.emulator.planes import Plane, plane_of
from keyferry.emulator.portal import application as portal
from keyferry.emulator.portal.pages import show_failure
from keyferry.emulator.portal.visit import HOME
from keyferry.emulator.protocol import hang_up
from keyferry.emulator.requests import emulator_of
from keyferry.emulator.sign_in import routes as sign_in
from keyferry.emulator.sign_in.audiences import GRAPH, MANAGEMENT, local_names
from keyferry.emulator.sign_in.bearer import caller_of_management, caller_of_vault
from keyferry.emulator.sign_in.refusals import SignInRefused
from keyferry.errors import KeyferryError

MAX_BODY: Final = 4 * 1024 * 1024
BODY_SECONDS: Final = 30
VAULT_API_VERSION: Final = re.compile(r"(7\.\d|\d{4}-\d{2}-\d{2})(-preview(\.\d+)?)?", re.ASCII)
API_VERSION: Final = "api-version"
SERVICE_VERSION: Final = "1.9.0.0"


@dataclass(slots=True)
class _Exchange:
    """One request on its way, and what its answer is told to carry."""

    host: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Headers
    state: dict[str, Any]
    answer_headers: dict[str, str] = field(default_factory=dict)
    drops: bool = False


class Application:
    """The emulator as an ASGI application."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        arm = self._plane(management.routes())
        self._planes = {
            Plane.VAULT: self._plane(keys.routes()),
            Plane.MANAGEMENT: arm,
            Plane.GRAPH: arm,
            Plane.CONTROL: self._plane([*control.routes(), *onboarding.routes()]),
            Plane.METADATA: self._plane([Route("/metadata/endpoints", metadata, methods=["GET"])]),
            Plane.SIGN_IN: self._plane(sign_in.routes()),
            Plane.PORTAL: portal.application(emulator),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        assert scope["type"] == "http", "uvicorn is told to speak HTTP alone"
        headers = Headers(scope=scope)
        exchange = _Exchange(
            host=headers.get("host", ""),
            method=scope["method"],
            path=re.sub("/{2,}", "/", scope["path"]),
            query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            headers=headers,
            state={},
        )
        exchange.answer_headers = _common_headers(headers)
        try:
            exchange.state["body"] = await _whole_body(headers, receive)
            plane = await run_in_threadpool(self._admit, exchange)
        except (AzureFailure, KeyferryError) as error:
            failure = error if isinstance(error, AzureFailure) else _damage(error)
            in_portal = exchange.path.startswith(HOME)
            answer = show_failure(None, failure) if in_portal else _answer(failure)
            await answer(scope, receive, _with_headers(send, exchange))
            return
        inner = {**scope, "path": exchange.path, "raw_path": exchange.path.encode(), "state": exchange.state}
        if exchange.drops:
            await self._planes[plane](inner, receive, _swallow)
            await hang_up(scope, receive)
        else:
            await self._planes[plane](inner, receive, _with_headers(send, exchange))

    def _admit(self, exchange: _Exchange) -> Plane:
        """Steps 2 to 5.

        Raises:
            AzureFailure: the request is refused.
        """
        if len(exchange.headers.getlist("host")) != 1:
            raise AzureFailure(400, "BadRequest", "The request names no host, or several.")
        plane = plane_of(exchange.host, exchange.path)
        name, port = split_host(exchange.host)
        exchange.state["base"] = f"https://{bracketed(name)}" + ("" if port in {None, 443} else f":{port}")
        if plane is Plane.VAULT:
            self._admit_to_vault(exchange)
        elif plane in {Plane.MANAGEMENT, Plane.GRAPH, Plane.CONTROL}:
            self._admit_to_management(exchange, plane)
        self._let_faults_strike(exchange, plane)
        return plane

    def _admit_to_vault(self, exchange: _Exchange) -> None:
        vault = self._emulator.addresses.vault_of(exchange.host)
        if vault is None:
            raise AzureFailure(
                404,
                "VaultNotFound",
                f"The emulator has no vault at {exchange.host[:200]}. Look up its vaults with "
                f"`keyferry emulator env`, or make one; through the proxy each is at NAME{VAULT_SUFFIX}.",
            )
        exchange.state["vault"] = vault
        exchange.answer_headers["x-ms-keyvault-region"] = vault.location
        exchange.answer_headers["x-ms-keyvault-service-version"] = SERVICE_VERSION
        authority = self._authority(exchange)
        exchange.state["principal"] = caller_of_vault(self._emulator.tokens, exchange.headers, authority)
        version = exchange.query.get(API_VERSION)
        if version is None:
            raise AzureFailure(400, "BadParameter", "api-version must be specified, for example ?api-version=7.4.")
        if VAULT_API_VERSION.fullmatch(version) is None:
            raise AzureFailure(400, "BadParameter", f"The specified api-version is not supported: {version!r:.60}.")

    def _admit_to_management(self, exchange: _Exchange, plane: Plane) -> None:
        audience = GRAPH if plane is Plane.GRAPH else MANAGEMENT
        exchange.state["principal"] = caller_of_management(
            self._emulator.tokens,
            exchange.headers,
            self._authority(exchange),
            audience.also(local_names(self._emulator.addresses)),
        )
        if plane is Plane.MANAGEMENT and not exchange.query.get(API_VERSION):
            raise AzureFailure(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            )

    def _authority(self, exchange: _Exchange) -> str:
        return f"{self._emulator.addresses.authority_at(exchange.host)}/{self._emulator.directory.tenant_id}"

    def _let_faults_strike(self, exchange: _Exchange, plane: Plane) -> None:
        if plane not in {Plane.VAULT, Plane.MANAGEMENT}:
            return
        operation = operation_of(exchange.method, exchange.path)
        vault = exchange.state["vault"].name.lower() if plane is Plane.VAULT else _vault_in(exchange.path)
        fault = self._emulator.faults.take(operation, vault)
        if fault is not None:
            exchange.drops = fault.kind is Kind.DROP_AFTER_COMMIT
            fault.strike(operation, vault, exchange.path)

    def _plane(self, routes: list[Route]) -> Starlette:
        handlers: dict[Any, Any] = {
            AzureFailure: _failed,
            SignInRefused: sign_in.refused,
            HTTPException: _not_found,
            KeyferryError: _broken,
            Exception: _fault,
        }
        served: list[BaseRoute] = list(routes)
        plane = Starlette(routes=served, exception_handlers=handlers)
        plane.router.redirect_slashes = False
        plane.state.emulator = self._emulator
        return plane


def metadata(request: Request) -> Response:
    """What this cloud says about itself."""
    emulator = emulator_of(request)
    return JSONResponse(cloud_endpoints(emulator.addresses, emulator.directory.tenant_id, request.headers["host"]))


async def _whole_body(headers: Headers, receive: Receive) -> bytes:
    """Read the body.

    Raises:
        AzureFailure: 413 when it is larger than `MAX_BODY`, 408 when it takes longer than `BODY_SECONDS`.
    """
    declared = headers.get("content-length", "0")
    if declared.isascii() and declared.isdigit() and int(declared) > MAX_BODY:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while (message := await receive())["type"] == "http.request":
                body += message.get("body", b"")
                if len(body) > MAX_BODY:
                    raise _too_large()
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        headers_of_end = {"Connection": "close"}
        detail = f"The request's body did not arrive within {BODY_SECONDS} seconds."
        raise AzureFailure(408, "RequestTimeout", detail, headers=headers_of_end) from None
    return bytes(body)


def _too_large() -> AzureFailure:
    detail = f"The request's body is larger than {MAX_BODY} bytes."
    return AzureFailure(413, "RequestTooLarge", detail, headers={"Connection": "close"})


def _common_headers(headers: Headers) -> dict[str, str]:
    """What every answer carries: its own id, the caller's id, and that it is not to be kept."""
    common = {
        "x-ms-request-id": str(uuid.uuid4()),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
        "Pragma": "no-cache",
    }
    given = headers.get("x-ms-client-request-id")
    return common if given is None else common | {"x-ms-client-request-id": given[:200]}


def _with_headers(send: Send, exchange: _Exchange) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in exchange.answer_headers.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers


async def _swallow(message: Message) -> None:
    """Where the answer goes that nobody is to get."""


def _vault_in(path: str) -> str | None:
    """The vault that a path of the management plane names."""
    found = re.search(r"/(?:vaults|deletedvaults)/([^/]+)", path.lower())
    return None if found is None else found[1]


def _answer(failure: AzureFailure) -> Response:
    return JSONResponse(failure.document(), status_code=failure.status, headers=failure.headers)


async def _failed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AzureFailure)
    return _answer(error)


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        detail = f"Method {request.method} is not allowed here."
        return _answer(AzureFailure(405, "MethodNotAllowed", detail, headers=error.headers or {}))
    detail = f"The emulator has nothing at {request.url.path[:200]}."
    return _answer(AzureFailure(error.status_code, "NotFound", detail))


async def _fault(_request: Request, _error: Exception) -> Response:
    """A fault of the emulator's own; its trace goes to standard error."""
    return _answer(AzureFailure(500, "InternalServerError", "The emulator failed; its standard error says where."))


async def _broken(_request: Request, error: Exception) -> Response:
    assert isinstance(error, KeyferryError)
    return _answer(_damage(error))


def _damage(error: KeyferryError) -> AzureFailure:
    """What a home that was damaged makes of a request."""
    return AzureFailure(500, "InternalServerError", f"{error.detail} {error.advice}")
