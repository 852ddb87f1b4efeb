"""The envelope of a ciphertext: which key, which version and which algorithm open it.

    offset  bytes  what
         0      2  the magic: the letters KF, 4B 46
         2      1  the format: 01
         3      1  the algorithm's code: the table below
         4     16  the key's id, as the 16 bytes of the UUID in network order (RFC 9562 section 4)
        20      4  the version's number, unsigned, most significant byte first
        24      …  the body, to the end

    code      algorithm                body
    01 02 03  A128GCM A192GCM A256GCM  nonce (12 bytes) || ciphertext (as long as the plaintext) || tag (16 bytes)
    11 12 13  A128KW  A192KW  A256KW   RFC 3394 section 2.2.1 with the initial value A6A6A6A6A6A6A6A6: 8 bytes longer
    21 22 23  A128KWP A192KWP A256KWP  RFC 5649 section 4.1: padded to a multiple of 8 bytes, and 8 bytes longer
    31        RSA-OAEP-256             RFC 8017 section 7.1.1, SHA-256, MGF1 with SHA-256, empty label; as the modulus
    32        RSA-OAEP                 the same with SHA-1 and MGF1 with SHA-1

The 24 bytes of the header are the beginning of what AES-GCM authenticates beside the ciphertext: its associated data is
`header || the caller's associated data`. The header's length never differs, so that the two cannot be confused. The
bodies of the other algorithms are what their standards say and nothing more, for others to open; a changed header leads
to another key, version or algorithm there, with which the body does not open.
"""

import uuid
from dataclasses import dataclass
from typing import Final

from keyferry.errors import InvalidInput
from keyferry.material.using.methods import BY_CODE, Method

MAGIC: Final = b"KF"
FORMAT: Final = 1
HEADER_BYTES: Final = 24
MOST_VERSIONS: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Header:
    """What an envelope says of itself. `key_id` in its text form; `version` from 1 on."""

    method: Method
    key_id: str
    version: int

    def encode(self) -> bytes:
        """The 24 bytes.

        Raises:
            ValueError: the algorithm has no code, the id is no UUID, or the version's number does not fit.
        """
        if self.method.code is None or not 1 <= self.version <= MOST_VERSIONS:
            raise ValueError("this algorithm, or this version, has no envelope")
        return (
            MAGIC + bytes([FORMAT, self.method.code]) + uuid.UUID(self.key_id).bytes + self.version.to_bytes(4, "big")
        )


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope taken apart; the body is not judged yet. `header_bytes` are the header as it stood."""

    header: Header
    header_bytes: bytes
    body: bytes


def read_envelope(data: bytes, field: str) -> Envelope:
    """Take an envelope apart.

    Args:
        field: what the door calls `data`, for refusals.

    Raises:
        InvalidInput: (`envelope-refused`) it is none, of another format, or names no algorithm or version.
    """
    if data[:2] != MAGIC:
        raise _refused(
            "It does not begin as a ciphertext of Keyferry's does.",
            field,
            "Give the ciphertext as it was answered. For one that was made elsewhere, name the version of the key that "
            "opens it, and the algorithm.",
        )
    if len(data) < HEADER_BYTES:
        detail = f"It ends after {len(data)} bytes; the header alone has {HEADER_BYTES}."
        raise _refused(detail, field, "Give all of the ciphertext.")
    if data[2] != FORMAT:
        raise _refused(f"It is of format {data[2]}; {FORMAT} is known.", field, "Use a newer release of Keyferry.")
    method = BY_CODE.get(data[3])
    if method is None:
        detail = f"It names an algorithm by the code {data[3]}, which stands for none."
        raise _refused(detail, field, "Give the ciphertext as it was answered, or use a newer release of Keyferry.")
    version = int.from_bytes(data[20:24], "big")
    if not 1 <= version <= MOST_VERSIONS:
        detail = f"It names version {version} of its key, which there cannot be."
        raise _refused(detail, field, "Give the ciphertext as it was answered.")
    header = Header(method, str(uuid.UUID(bytes=data[4:20])), version)
    return Envelope(header, data[:HEADER_BYTES], data[HEADER_BYTES:])


def names_key(data: bytes, key_id: str) -> bool:
    """Whether `data` begins as an envelope for this key; what was made elsewhere does so once in 2**152 times."""
    return data[:3] == MAGIC + bytes([FORMAT]) and data[4:20] == uuid.UUID(key_id).bytes


def _refused(detail: str, field: str, advice: str) -> InvalidInput:
    return InvalidInput(detail, code="envelope-refused", field=field, advice=advice)
