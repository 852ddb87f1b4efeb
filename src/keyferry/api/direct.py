"""The short way through a route: for requests that are plain, without the framework's general bookkeeping.

FastAPI works out for each request anew where every parameter comes from. For a route whose parameters are segments of
the path, one JSON body and what has a default, that is settled when the route is made. A request takes the short way
only if all of it is as expected; any other, a faulty one above all, is handed to FastAPI unchanged, which judges it and
words the refusal. Both ways use the same validators and the same serialiser.
"""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter
from starlette.requests import ClientDisconnect

_JSON = "application/json"
_UNCHANGING = (str, int, Enum, type(None))
_SILENT: set[Any] = set()

D = TypeVar("D", bound=Callable[..., Any])


def silent(dependency: D) -> D:
    """Mark a dependency that gives nothing, and does nothing for a request without the headers that it looks at."""
    _SILENT.add(dependency)
    return dependency


class Direct:
    """A route's short way.

    Args:
        visits: the endpoint's parameters that take the visit.
    """

    def __init__(self, route: APIRoute, visits: tuple[str, ...]) -> None:
        dependant = route.dependant
        self._endpoint: Callable[..., Any] = route.endpoint
        self._status = route.status_code or 200
        self._serialise = TypeAdapter(route.response_model).dump_json
        self._visits = visits
        self._request = dependant.request_param_name
        self._response = dependant.response_param_name
        self._path = tuple(dependant.path_params)
        self._defaults = _defaults(dependant)
        self._headers = tuple(_headers(dependant))
        body = route.body_field
        body_type: Any = None if body is None else body.field_info.annotation
        self._body = None if body is None else TypeAdapter(body_type).validate_json
        self._body_name = dependant.body_params[0].name if dependant.body_params else ""

    async def answer(self, request: Request, visit: object) -> Response | None:
        """The endpoint's answer, or None, with the endpoint not called, for a request that has to go the long way.

        Raises:
            KeyferryError: what the endpoint raises.
        """
        arguments = await self._arguments(request)
        if arguments is None:
            return None
        for name in self._visits:
            arguments[name] = visit
        if self._request is not None:
            arguments[self._request] = request
        further = Response()
        if self._response is not None:
            arguments[self._response] = further
        result = await self._endpoint(**arguments)
        if isinstance(result, Response):
            return result
        response = Response(self._serialise(result, by_alias=True), self._status, media_type=_JSON)
        response.raw_headers += [header for header in further.raw_headers if header[0] != b"content-length"]
        return response

    async def _arguments(self, request: Request) -> dict[str, Any] | None:
        """The endpoint's arguments, from path and body and its defaults; None if anything is not plain."""
        headers = request.headers
        if request.scope["query_string"] or any(name in headers for name in self._headers):
            return None
        arguments = dict(self._defaults)
        for field in self._path:
            arguments[field.name], errors = field.validate(request.path_params.get(field.alias), {}, loc=("path",))
            if errors:
                return None
        if self._body is None:
            return arguments
        if headers.get("content-type") != _JSON:
            return None
        try:
            body = self._body(await request.body())
        except (ValueError, ClientDisconnect):  # pydantic's refusal is a ValueError
            return None
        arguments[self._body_name] = body
        return None if body is None else arguments


def direct_of(route: APIRoute, visiting: Callable[..., Any]) -> Direct | None:
    """The short way through `route`, or None if it has none.

    Args:
        visiting: the dependency that gives an endpoint its visit.
    """
    dependant = route.dependant
    visits = []
    for each in dependant.dependencies:
        if each.call is visiting and each.name:
            visits.append(each.name)
        elif each.call not in _SILENT:
            return None
    optional = (*dependant.query_params, *dependant.header_params)
    plain = (
        isinstance(route.response_model, type)
        and issubclass(route.response_model, BaseModel)
        and not dependant.cookie_params
        and len(dependant.body_params) <= 1
        and not any(field.field_info.is_required() for field in optional)
        and all(isinstance(default, _UNCHANGING) for default in _defaults(dependant).values())
    )
    return Direct(route, tuple(visits)) if plain else None


def _defaults(dependant: Any) -> dict[str, Any]:
    """What the endpoint's parameters in query and header are if they are not given."""
    return {field.name: field.get_default() for field in (*dependant.query_params, *dependant.header_params)}


def _headers(dependant: Any) -> Iterator[str]:
    """The headers that an endpoint and its dependencies look at, in lower case."""
    yield from (field.alias.lower() for field in dependant.header_params)
    for each in dependant.dependencies:
        yield from _headers(each)
