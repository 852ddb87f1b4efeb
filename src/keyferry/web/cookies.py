"""The cookies: who is signed in, what the last action came to, and a sign-in that is under way elsewhere.

The first holds a session's token. No script can read it, no other site's page can send it along with a form (`Lax`),
and over TLS no other host and no plain connection can set it (`__Host-`, RFC 6265bis section 4.1.3.2). Both end with
the browser; the session ends earlier if it lies idle or is revoked. The third comes back with a form that an identity
provider's page sends (`None`); it is sealed, lasts for minutes, and lets nobody in by itself.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from keyferry.material.secret import Secret

_SESSION: Final = "keyferry-session"
_MESSAGE: Final = "keyferry-message"
_FLOW: Final = "keyferry-sso"
_LONGEST_MESSAGE: Final = 600


@dataclass(frozen=True, slots=True)
class Message:
    """What an action came to, for the page after it. `kind` is `done` or `warning`."""

    text: str
    kind: str = "done"


def session_of(request: Request) -> Secret | None:
    """The token that the browser keeps, or None."""
    text = request.cookies.get(_name(request, _SESSION))
    return Secret(text.encode()) if text else None


def keep_session(request: Request, response: Response, token: Secret) -> None:
    """Have the browser keep a session's token in place of the one that it had."""
    _set(request, response, _SESSION, token.reveal().decode())


def forget_session(request: Request, response: Response) -> None:
    """Have the browser forget the session."""
    _delete(request, response, _SESSION)


def keep_message(request: Request, response: Response, message: Message, token: Secret) -> None:
    """Have the next page of the session show a message."""
    content = json.dumps([message.kind, message.text[:_LONGEST_MESSAGE]]).encode()
    signed = base64.urlsafe_b64encode(content) + b"." + _tag(token, content).encode()
    _set(request, response, _MESSAGE, signed.decode())


def take_message(request: Request, token: Secret) -> Message | None:
    """The message that the page before left; None for none, or one that this session did not leave."""
    encoded, _, tag = request.cookies.get(_name(request, _MESSAGE), "").partition(".")
    try:
        content = base64.urlsafe_b64decode(encoded.encode())
    except ValueError:
        return None
    if not same(tag, _tag(token, content)):
        return None
    kind, text = json.loads(content)
    return Message(text, kind)


def forget_message(request: Request, response: Response) -> None:
    """It has been shown."""
    if _name(request, _MESSAGE) in request.cookies:
        _delete(request, response, _MESSAGE)


def flow_of(request: Request) -> str | None:
    """What the browser keeps of a sign-in that is under way at an identity provider."""
    return request.cookies.get(_name(request, _FLOW))


def keep_flow(request: Request, response: Response, sealed: str, seconds: int) -> None:
    """Have the browser keep it; browsers take such a cookie over TLS, and on this machine."""
    name = _name(request, _FLOW)
    response.set_cookie(name, sealed, seconds, path="/", secure=True, httponly=True, samesite="none")


def forget_flow(request: Request, response: Response) -> None:
    """It has come back, or is of no more use."""
    response.delete_cookie(_name(request, _FLOW), path="/", secure=True, httponly=True, samesite="none")


def form_token(token: Secret) -> str:
    """What every form of a session carries, and no other site's page can know."""
    return _tag(token, b"form")


def same(given: str, expected: str) -> bool:
    """Whether two texts are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _tag(token: Secret, content: bytes) -> str:
    return hmac.new(token.reveal(), b"keyferry console " + content, hashlib.sha256).hexdigest()


def _name(request: Request, name: str) -> str:
    return f"__Host-{name}" if request.url.scheme == "https" else name


def _set(request: Request, response: Response, name: str, value: str) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(_name(request, name), value, path="/", secure=secure, httponly=True, samesite="lax")


def _delete(request: Request, response: Response, name: str) -> None:
    secure = request.url.scheme == "https"
    response.delete_cookie(_name(request, name), path="/", secure=secure, httponly=True, samesite="lax")
