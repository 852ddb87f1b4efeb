"""Requests that change something come from our own pages, or they are refused before anything of them is read.

Browsers say where a request comes from, in `Sec-Fetch-Site` or, older ones, in `Origin` (Fetch standard, section 3.2),
and no page can make them say otherwise. This also covers forms that are sent before anybody has signed in.
"""

from typing import Final

from starlette.requests import Request

from keyferry.errors import NotPermitted

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def changes(request: Request) -> bool:
    """Whether the method asks for a change (RFC 9110 section 9.2.1)."""
    return request.method not in _SAFE


def require_same_site(request: Request) -> None:
    """
    Raises:
        NotPermitted: the request would change something, and another site's page sent it, or no browser did.
    """
    if not changes(request):
        return
    said = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if said == "same-origin" or (said is None and origin is not None and origin == own):
        return
    raise NotPermitted(
        "This form was sent from another site's page.",
        advice="Open the console yourself and send the form there. Programs use REST, at /api/v1.",
    )
