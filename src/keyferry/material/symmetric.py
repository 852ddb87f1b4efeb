"""AES keys as people have them: the bytes themselves, hexadecimal, or base64 in either alphabet."""

import base64
import binascii
import re
from contextlib import suppress

from keyferry.errors import MaterialRefused
from keyferry.material.algorithms import ALGORITHMS, Algorithm, Family
from keyferry.material.keys import Material
from keyferry.material.refusals import mismatch, not_kept, refused
from keyferry.material.secret import Secret

_HEX = re.compile(rb"[0-9A-Fa-f]+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}")


def read_symmetric(data: bytes, algorithm: Algorithm) -> Material:
    """Read an AES key whose size is known: the length then says which form it is in.

    White space around text is passed over. Bytes of the right number that are all hexadecimal digits or base64 are
    taken for what they most likely are, the text of a shorter key, and refused; a random key looks so once in 2**31
    times at most.

    Raises:
        MaterialRefused: no form gives a key of this size, or the key is degenerate.
    """
    size = algorithm.bits // 8
    text = data.strip()
    if len(data) == size:
        if _BASE64.fullmatch(data):
            raise _text_of_another_size(algorithm)
        return symmetric_material(data, algorithm)
    key = _decode(text, size)
    if key is None:
        raise refused(
            f"The material has {len(data)} bytes, and is no {algorithm.name} key in any form",
            f"Give {size} bytes, or the same as {2 * size} hexadecimal digits or in base64, and nothing else.",
        )
    return symmetric_material(key, algorithm)


def symmetric_material(key: bytes, algorithm: Algorithm | None) -> Material:
    """An AES key's bytes as material: of a size in the table, of the type that was named, and not degenerate.

    Raises:
        MaterialRefused: `material-refused` or `algorithm-mismatch`.
    """
    rows = [row for row in ALGORITHMS.values() if row.family is Family.AES and row.bits == 8 * len(key)]
    if not rows:
        raise not_kept(f"a symmetric key of {8 * len(key)} bits")
    if algorithm is not None and rows[0] is not algorithm:
        raise mismatch(rows[0].name, algorithm)
    if _degenerate(key):
        raise refused(
            "The key repeats a byte or a pattern: it is a placeholder or a fault of what made it, and no secret",
            "Give a key from a random generator, or let Keyferry generate one.",
        )
    return Material(rows[0], Secret(key))


def _decode(text: bytes, size: int) -> bytes | None:
    if len(text) == 2 * size and _HEX.fullmatch(text):
        return bytes.fromhex(text.decode("ascii"))
    if not _BASE64.fullmatch(text):
        return None
    bare = text.rstrip(b"=")
    padded = bare + b"=" * (-len(bare) % 4)
    if text not in (bare, padded):
        return None
    with suppress(binascii.Error):
        key = base64.b64decode(padded.translate(bytes.maketrans(b"-_", b"+/")), validate=True)
        return key if len(key) == size else None
    return None


def _degenerate(key: bytes) -> bool:
    """Whether a pattern of at most half the key's length makes up all of it; for random keys, once in 2**64 at most."""
    return any(key == (key[:period] * len(key))[: len(key)] for period in range(1, len(key) // 2 + 1))


def _text_of_another_size(algorithm: Algorithm) -> MaterialRefused:
    return refused(
        f"The {algorithm.bits // 8} bytes are all hexadecimal digits or base64: they look like the text of a key "
        f"of another size than {algorithm.name}",
        "Name the size that the decoded key has; if these bytes are the key, give them in hexadecimal.",
    )
