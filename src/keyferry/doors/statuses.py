"""Which exception answers with which HTTP status: one table, for every door that speaks HTTP (RFC 9110 section 15)."""

from collections.abc import Mapping
from typing import Final

from keyferry.errors import (
    CloudFailed,
    Conflict,
    InvalidInput,
    KeyferryError,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Overloaded,
    PreconditionFailed,
    ProviderFailed,
)

#: what a code answers with, where its branch does not say it well enough
STATUS_BY_CODE: Final[Mapping[str, int]] = {
    "malformed-request": 400,
    "method-not-allowed": 405,
    "request-too-large": 413,
    "unsupported-media-type": 415,
    "overloaded": 503,
}

#: what the branches of the exception tree answer with
STATUS: Final[Mapping[type[KeyferryError], int]] = {
    NotAuthenticated: 401,
    NotPermitted: 403,
    NotFound: 404,
    Conflict: 409,
    PreconditionFailed: 412,
    InvalidInput: 422,
    Overloaded: 429,
    CloudFailed: 502,
    ProviderFailed: 502,
    KeyferryError: 500,
}


def status_of(error: KeyferryError) -> int:
    """The status that an error answers with: by its code, else by the nearest branch of the tree."""
    return STATUS_BY_CODE.get(error.code) or next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
