"""Bytes as text on the data plane: base64url without padding going out (RFC 7515 section 2), four flavours coming in.

Clients differ: the SDK and az send base64url without padding, others the standard alphabet, others padding with
either. All four say the same bytes, so all four are read.
"""

import base64
import re

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}", re.ASCII)


def encode(value: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def encode_integer(value: int, length: int | None = None) -> str:
    """A number as base64url of its big-endian bytes: as few as it needs, or `length` of them (RFC 7518 section 2)."""
    return encode(value.to_bytes(length if length is not None else max(1, (value.bit_length() + 7) // 8), "big"))


def decode(text: str) -> bytes:
    """Read base64 in the standard or the URL alphabet, padded or not.

    Raises:
        ValueError: a character of neither alphabet, both alphabets at once, a length or a padding that base64 cannot
            have. The message says which, and repeats nothing of the text.
    """
    if _BASE64.fullmatch(text) is None:
        raise ValueError("it has characters that are not base64")
    digits = text.rstrip("=")
    if re.search(r"[+/]", digits) and re.search(r"[-_]", digits):
        raise ValueError("it mixes the standard and the URL alphabet of base64")
    if len(digits) % 4 == 1 or (digits != text and len(text) % 4):
        raise ValueError("it has a length that base64 cannot have")
    standard = digits.replace("-", "+").replace("_", "/")
    return base64.b64decode(standard + "=" * (-len(digits) % 4), validate=True)
