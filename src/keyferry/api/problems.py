"""Refusals as RFC 9457 problem details."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException

from keyferry.doors.faults import log_fault
from keyferry.doors.statuses import status_of
from keyferry.errors import (
    ApprovalRequired,
    IntegrityViolation,
    InternalError,
    InvalidInput,
    KeyferryError,
    NotFound,
    Overloaded,
)

MEDIA_TYPE: Final = "application/problem+json"

_JSON_ADVICE = "Send JSON (RFC 8259) in UTF-8, with `Content-Type: application/json`."
_SCHEMA_ADVICE = "/api/v1/openapi.json says what this request takes."


def problem(
    error: KeyferryError, *, headers: Mapping[str, str] | None = None, status: int | None = None, **further: Any
) -> JSONResponse:
    """The answer to a request that was refused, or that failed.

    An error of Keyferry's own answers with a reference to the log, and with nothing that an outsider could learn from.

    Args:
        status: when it is not the one that the table has for `error`.
        further: extension members (RFC 9457 section 3.2); those that are None are left out.
    """
    status = status or status_of(error)
    kept = problem_members(error, status, **further)
    return JSONResponse(kept, status, {**_headers(error, status), **(headers or {})}, MEDIA_TYPE)


def problem_members(error: KeyferryError, status: int | None = None, **further: Any) -> dict[str, Any]:
    """The members of problem details, as a request is answered with and as stand in the answer to a batch."""
    status = status or status_of(error)
    body: dict[str, Any] = {
        "type": f"urn:keyferry:problem:{error.code}",
        "title": error.title,
        "status": status,
        "detail": error.detail,
        "code": error.code,
        "field": error.field,
        "advice": error.advice or None,
        **further,
    }
    if isinstance(error, ApprovalRequired):
        body["approval_request"] = error.approval_request
    if status == 500:
        body |= _logged(error)
    return {name: value for name, value in body.items() if value is not None}


def add_problem_handlers(app: FastAPI) -> None:
    """Have `app` answer every refusal, its framework's included, with problem details."""
    app.add_exception_handler(KeyferryError, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_refusal)


def refused(request: Request, refusal: KeyferryError | HTTPException) -> JSONResponse:
    """The answer to a request that Keyferry, or its framework, refused."""
    return problem(refusal) if isinstance(refusal, KeyferryError) else _of_framework(request, refusal)


async def _on_refusal(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, (KeyferryError, HTTPException))
    return refused(request, error)


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    """What does not fit the schema. Of what was sent, only the names of fields are repeated."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return problem(_malformed("The body is no JSON."))
    if not _is_json(request) and any(tuple(each["loc"]) == ("body",) and each["type"] != "missing" for each in found):
        return problem(
            InvalidInput(
                "The body is not declared as JSON.",
                code="unsupported-media-type",
                field="Content-Type",
                advice=_JSON_ADVICE,
            )
        )
    first, told = misfit([(_field(each["loc"]), each["msg"]) for each in found])
    return problem(first, errors=told)


def misfit(found: Sequence[tuple[str, str]]) -> tuple[InvalidInput, list[dict[str, str]] | None]:
    """What does not fit the schema, as a refusal that tells the first thing, and all of them if there are several.

    Args:
        found: fields, and what is wrong with each; at least one.
    """
    told = [{"field": field, "detail": f"{message}."} for field, message in found]
    first = InvalidInput(f"{told[0]['field']}: {told[0]['detail']}", field=told[0]["field"], advice=_SCHEMA_ADVICE)
    return first, told if len(told) > 1 else None


def _of_framework(request: Request, error: HTTPException) -> JSONResponse:
    """What the framework itself refuses: an unknown address or method, a body that cannot be read."""
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods_at(request)))  # the framework names those of the first route only
    return problem(_translated(error), headers=headers)


def _translated(error: HTTPException) -> KeyferryError:
    if error.status_code == 404:
        return NotFound(
            "There is nothing at this address.", advice=_SCHEMA_ADVICE.replace("request takes", "server has")
        )
    if error.status_code == 405:
        return InvalidInput(
            "This address does not take that method.",
            code="method-not-allowed",
            advice="The Allow header lists the methods that it takes.",
        )
    if error.status_code == 413:
        return InvalidInput(error.detail, code="request-too-large", field="body", advice="Send less at once.")
    if error.status_code == 400:
        return _malformed("The body cannot be read.")
    return InternalError(f"The framework answered {error.status_code}.")


def _methods_at(request: Request) -> set[str]:
    path: str = request.scope["path"]
    routes = iter_route_contexts(request.app.routes)
    return {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}


def _malformed(detail: str) -> InvalidInput:
    return InvalidInput(detail, code="malformed-request", field="body", advice=_JSON_ADVICE)


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def _field(place: tuple[str | int, ...]) -> str:
    """`("body", "usages", 0)` as `usages.0`; what lies outside the model by the name of its part of the request."""
    parts = [str(part)[:64] for part in place]
    return ".".join(parts[1:]) or parts[0]


def _headers(error: KeyferryError, status: int) -> dict[str, str]:
    if status == 401:
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, Overloaded):
        return {"Retry-After": str(error.retry_after)}
    return {}


def _logged(error: KeyferryError) -> dict[str, Any]:
    reference = log_fault(error)
    if isinstance(error, IntegrityViolation):
        return {"reference": reference}
    return {"reference": reference, "detail": "The server failed; its log has more under this reference."}
