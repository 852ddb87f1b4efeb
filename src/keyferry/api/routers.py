"""Routers for the nouns. Unless it says that it is open, a route asks for the caller first."""

from typing import Final

from fastapi import APIRouter, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.convertors import register_url_convertor

from keyferry.api.callers import GuardedRoute
from keyferry.api.direct import silent
from keyferry.api.documented import TOKEN
from keyferry.api.segments import SegmentConvertor

PREFIX: Final = "/api/v1"

_SCHEME = silent(
    HTTPBearer(
        bearerFormat="kf_…",
        scheme_name=TOKEN,
        description="A session's token, or an API token. There are no cookies.",
        auto_error=False,  # the guarded route answers, with advice
    )
)

register_url_convertor("segment", SegmentConvertor())


def _operation_id(route: APIRoute) -> str:
    return route.name


def guarded_router(noun: str) -> APIRouter:
    """The router of a noun under `/api/v1`; callers without a valid token go no further."""
    return APIRouter(
        prefix=PREFIX,
        tags=[noun],
        route_class=GuardedRoute,
        dependencies=[Security(_SCHEME)],
        generate_unique_id_function=_operation_id,
    )


def open_router(noun: str, prefix: str = PREFIX) -> APIRouter:
    """A router of routes that need no token."""
    return APIRouter(prefix=prefix, tags=[noun], generate_unique_id_function=_operation_id)
