"""The OpenAPI document: which refusals a route can answer with, and the one form that they all have."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from keyferry.api.models.problem import Problem
from keyferry.api.problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]


def refusals(*statuses: int) -> Responses:
    """Of the OpenAPI document: these statuses, each with problem details."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted(statuses)
    }


#: what any request can be refused with
ALWAYS: Final = (413, 422, 429, 500, 503)
#: what a request that reads can be refused with
READING: Final = refusals(401, 403, 404, 409, *ALWAYS)
#: what a request that changes something can be refused with
CHANGING: Final = refusals(400, 401, 403, 404, 409, 412, 415, *ALWAYS)
#: what a request that has the server do something in a cloud can be refused with
THROUGH_CONNECTION: Final = {**CHANGING, **refusals(502)}
#: what a request that has the server ask an identity provider can be refused with
FETCHING: Final = THROUGH_CONNECTION

#: names of the ways in
TOKEN: Final = "token"  # noqa: S105  # a scheme's name
CLIENT_CERTIFICATE: Final = "client_certificate"
#: OpenAPI 3.1.1 section 4.8.27 (Security Scheme Object)
_MUTUAL_TLS: Final = {
    "type": "mutualTLS",
    "description": (
        "A client certificate that is bound to a user, at the listener for them (`listen_mtls`), in place of a token: "
        "a request with both is refused. A browser would send it along with another site's request, so every request "
        "that comes with one must have the header `X-Keyferry-Request: 1`, and its body, if any, "
        "`Content-Type: application/json`."
    ),
}


def add_document(app: FastAPI) -> None:
    """Give `app` its OpenAPI document, made once, when it is first asked for."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            )
            made["components"]["schemas"] |= _problem_schemas()
            _add_client_certificates(made)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's way to give an application a document of its own


def _add_client_certificates(document: dict[str, Any]) -> None:
    """Say that wherever a token is taken, a client certificate is, too; FastAPI has no word for it."""
    document["components"]["securitySchemes"][CLIENT_CERTIFICATE] = _MUTUAL_TLS
    for operations in document["paths"].values():
        for operation in operations.values():
            if {TOKEN: []} in operation.get("security", ()):
                operation["security"] = [*operation["security"], {CLIENT_CERTIFICATE: []}]


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), "Problem": schema}
