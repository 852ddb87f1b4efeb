"""Bytes as REST carries them."""

import base64
import binascii

from keyferry.errors import ClientFailed


def base64url(data: bytes) -> str:
    """`data` as base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64(text: object) -> bytes:
    """The bytes of a file in an answer, in standard base64 (RFC 4648 section 4).

    Raises:
        ClientFailed: (`answer-refused`) it is no such text.
    """
    if not isinstance(text, str) or not text.isascii():
        raise _unreadable()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise _unreadable() from None


def from_base64url(text: object) -> bytes:
    """The bytes of a member of an answer, in base64url without padding (RFC 4648 section 5).

    Raises:
        ClientFailed: (`answer-refused`) it is no such text.
    """
    if not isinstance(text, str) or not text.isascii() or set(text) & set("+/="):
        raise _unreadable()
    try:
        padded = text + "=" * (-len(text) % 4)
        return base64.b64decode(padded.translate(str.maketrans("-_", "+/")), validate=True)
    except binascii.Error:
        raise _unreadable() from None


def _unreadable() -> ClientFailed:
    return ClientFailed(
        "The server's answer holds bytes that cannot be read.",
        code="answer-refused",
        advice="Check that server and command line are of the same version.",
    )
