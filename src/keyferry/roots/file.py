"""`file:PATH`: a random key in a file that only its owner may read.

The file holds one line of ASCII, so that it can be copied by hand or printed, and be recognised by whoever finds it:

    keyferry-root-key-1.KEY.CHECKSUM

KEY is 32 bytes in base64url without padding (RFC 4648 section 5); CHECKSUM is the first 8 hex digits of SHA-256 over
everything before it. The checksum finds a slip of the hand; it protects nothing.
"""

import base64
import hashlib
import re
from pathlib import Path

from keyferry.errors import CannotStart
from keyferry.material.secret import Secret
from keyferry.private_files import create_private, read_private
from keyferry.roots.base import RootKey, new_root_key

_PREFIX = "keyferry-root-key-1."
_LINE = re.compile(r"(keyferry-root-key-1\.([A-Za-z0-9_-]{43})\.)([0-9a-f]{8})", re.ASCII)
_LINE_CHARACTERS = len(_PREFIX) + 43 + 1 + 8
_MAX_BYTES = 1024


def create(uri: str, path: Path) -> RootKey:
    """Make a root key and its file, mode 0600.

    Raises:
        CannotStart: as `save`.
    """
    return save(uri, path, new_root_key())


def save(uri: str, path: Path, key: Secret) -> RootKey:
    """Put a root key that exists into a new file, mode 0600.

    Raises:
        CannotStart: (`already-initialised`) something stands at `path`; it is never written over.
    """
    create_private(path, _encode(key), what="root key", field="root")
    return RootKey(uri, key)


def open_(uri: str, path: Path) -> RootKey:
    """Read a root key from its file.

    Raises:
        CannotStart: (`root-unavailable`) there is no such file, others can read it, or it holds no whole root key.
    """
    data = read_private(path, what="root key", max_bytes=_MAX_BYTES, code="root-unavailable", field="root")
    return RootKey(uri, _decode(data, path))


def _encode(key: Secret) -> bytes:
    text = _PREFIX + base64.urlsafe_b64encode(key.reveal()).decode().rstrip("=") + "."
    return f"{text}{_checksum(text)}\n".encode()


def _decode(data: bytes, path: Path) -> Secret:
    line = data.removesuffix(b"\n").decode("ascii", errors="replace")
    if not line.startswith(_PREFIX):
        raise _refused(
            f"The file at {path} holds no Keyferry root key.", "Check that the setting root names the right file."
        )
    if len(line) != _LINE_CHARACTERS:
        detail = f"The root key at {path} has {len(line)} characters instead of {_LINE_CHARACTERS}."
        raise _refused(detail)
    match = _LINE.fullmatch(line)
    if match is None or match[3] != _checksum(match[1]):
        raise _refused(f"The root key at {path} was changed: its checksum does not match.")
    return Secret(base64.urlsafe_b64decode(match[2] + "="))


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _refused(detail: str, advice: str = "Restore the root key from its copy.") -> CannotStart:
    return CannotStart(detail, code="root-unavailable", field="root", advice=advice)
