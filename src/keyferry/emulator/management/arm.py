"""What every route of Resource Manager shares: paths in any case, who may call, pages, and work that takes a while."""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyferry.emulator import clock
from keyferry.emulator.directory import Principal
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import access, scopes, subscriptions
from keyferry.emulator.requests import base_of, emulator_of, principal_of

PAGE: Final = 100
_VERSION: Final = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?", re.ASCII)
RETRY_SECONDS: Final = 1


def route(path: str, handler: Callable[[Request], Response], *methods: str) -> Route:
    """A route whose path is matched in any case, as Resource Manager matches them, and whose `api-version` is one.

    That there is an `api-version` at all is checked before; Graph has none.
    """

    def checked(request: Request) -> Response:
        _require_version(request.query_params.get("api-version"))
        return handler(request)

    made = Route(path, checked, methods=list(methods))
    made.path_regex = re.compile(made.path_regex.pattern, re.IGNORECASE)
    return made


def allow(request: Request, action: str, scope: str) -> Principal:
    """The caller, who may do `action` at `scope`.

    Raises:
        AzureFailure: 404 SubscriptionNotFound, 403 AuthorizationFailed.
    """
    emulator, principal = emulator_of(request), principal_of(request)
    subscription_id = scopes.subscription_of(scope)
    if subscription_id is not None:
        with emulator.state.read() as connection:
            subscriptions.require(connection, subscription_id)
    access.require_action(emulator.state, principal, action, scope)
    return principal


def subscription_scope(request: Request) -> str:
    """The scope of the subscription in the request's path."""
    return f"/subscriptions/{request.path_params['subscription']}"


def group_scope(request: Request) -> str:
    """The scope of the resource group in the request's path."""
    return f"{subscription_scope(request)}/resourceGroups/{request.path_params['group']}"


def vault_scope(request: Request) -> str:
    """The scope of the vault in the request's path."""
    return f"{group_scope(request)}/providers/Microsoft.KeyVault/vaults/{request.path_params['vault']}"


def page(request: Request, items: Sequence[Mapping[str, Any]]) -> Response:
    """One page of a list: at most `$top` items, 100 unless said, from `$skiptoken` on; and where the next one is.

    Raises:
        AzureFailure: 400 BadRequest for a `$top` or `$skiptoken` that is no number.
    """
    size = _number(request, "$top", PAGE, 1)
    start = _number(request, "$skiptoken", 0, 0)
    shown: dict[str, Any] = {"value": list(items[start : start + size])}
    if start + size < len(items):
        query = {**request.query_params, "$skiptoken": str(start + size)}
        shown["nextLink"] = f"{base_of(request)}{request.url.path}?{urlencode(query)}"
    return JSONResponse(shown)


def finished_later(request: Request, subscription_id: str, path: str) -> Response:
    """202 for work that clients poll for: `Location` names the operation, which is finished when they look.

    Args:
        path: where operations of this kind are, with a slash at its end.
    """
    operation = str(uuid.uuid4())
    with emulator_of(request).state.write() as connection:
        connection.execute(
            "INSERT INTO finished_operations (id, subscription_id, finished) VALUES (?, ?, ?)",
            (operation, subscription_id.lower(), clock.now()),
        )
    query = urlencode({"api-version": request.query_params["api-version"]})
    location = f"{base_of(request)}{path}{operation}?{query}"
    return Response(status_code=202, headers={"Location": location, "Retry-After": str(RETRY_SECONDS)})


def operation_result(request: Request) -> Response:
    """200 for an operation that was begun in this subscription, as it is finished."""
    allow(request, "Microsoft.Resources/subscriptions/operationresults/read", subscription_scope(request))
    with emulator_of(request).state.read() as connection:
        row = connection.execute(
            "SELECT 1 FROM finished_operations WHERE id = ? AND subscription_id = ?",
            (request.path_params["operation"].lower(), request.path_params["subscription"].lower()),
        ).fetchone()
    if row is None:
        raise AzureFailure(404, "OperationNotFound", "There is no such operation in this subscription.")
    return Response(status_code=200)


def moment(seconds: int) -> str:
    """A time in Unix seconds as Resource Manager shows it (RFC 3339, UTC)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def text_map(given: object, at: str) -> dict[str, str]:
    """A JSON object of texts, such as tags; empty where nothing was given.

    Raises:
        AzureFailure: 400 InvalidRequestContent, naming the member.
    """
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise AzureFailure(400, "InvalidRequestContent", f"The request content was invalid: {at} is no map of texts.")
    return given


def member(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A member of a body that is an object; empty where it is absent.

    Raises:
        AzureFailure: 400 InvalidRequestContent, naming the member.
    """
    found = body.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise AzureFailure(400, "InvalidRequestContent", f"The request content was invalid: {name} is not an object.")
    return found


def _require_version(version: str | None) -> None:
    if version is not None and not _VERSION.fullmatch(version):
        raise AzureFailure(
            400,
            "InvalidApiVersionParameter",
            f"The api-version '{version[:40]}' is invalid. Versions are dates, such as 2026-02-01.",
        )


def _number(request: Request, name: str, default: int, least: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text[:9])):
        raise AzureFailure(400, "BadRequest", f"The query parameter {name} is not a number of at least {least}.")
    return int(text[:9])
