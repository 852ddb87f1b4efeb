"""Public keys as files."""

import base64
from typing import Final

#: what a PEM file is sent as; no registered media type is for public keys
PEM_TYPE: Final = "application/x-pem-file"


def pem(spki: bytes) -> str:
    """A DER SubjectPublicKeyInfo as PEM (RFC 7468 section 13)."""
    text = base64.b64encode(spki).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])
