"""Encryption in chunks: whoever reads one knows that it is the next one, and whether it is the last.

Each chunk is AES-256-GCM (SP 800-38D) under a key that this backup alone has:

    length of what follows (4 bytes, big-endian) || ciphertext || tag (16)

    nonce             0 (3 bytes) || the chunk's number, from 0 (8 bytes) || 1 for the last one, else 0 (1 byte)
    associated data   SHA-256 of the header

So a chunk that was cut off, moved, repeated, left out, or taken from another backup does not verify: the STREAM
construction of Hoang, Reyhanitabar, Rogaway and Vizard (2015). After the last chunk the file ends.
"""

from collections.abc import Iterator
from io import BufferedReader
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keyferry.backup.header import SALT_BYTES, Header, damaged
from keyferry.material.sealing import Sealer

CHUNK_BYTES: Final = 256 * 1024
_TAG_BYTES = 16


def cipher_of(sealer: Sealer, salt: bytes, generation: int) -> AESGCM:
    """The cipher of one backup: its key is derived from a data key, and so opens with the root of trust alone."""
    if len(salt) != SALT_BYTES:
        raise ValueError("a backup's salt has 32 bytes")
    return AESGCM(sealer.derive(f"backup {salt.hex()}", generation=generation).reveal())


class ChunkWriter:
    """Writes bytes as chunks; holds one of them in memory."""

    def __init__(self, file: BinaryIO, cipher: AESGCM, bound_to: bytes) -> None:
        self._file = file
        self._cipher = cipher
        self._bound_to = bound_to
        self._waiting = bytearray()
        self._number = 0

    def write(self, data: bytes) -> None:
        """Append `data`. A whole chunk is kept back until more comes, as the last one is sealed as such."""
        self._waiting += data
        while len(self._waiting) > CHUNK_BYTES:
            self._seal(bytes(self._waiting[:CHUNK_BYTES]), last=False)
            del self._waiting[:CHUNK_BYTES]

    def finish(self) -> None:
        """Write the last chunk."""
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, plaintext: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._number, last=last), plaintext, self._bound_to)
        self._file.write(len(sealed).to_bytes(4) + sealed)
        self._number += 1


class ChunkReader:
    """Reads what `ChunkWriter` has written, a chunk at a time."""

    def __init__(self, file: BufferedReader, cipher: AESGCM, bound_to: bytes) -> None:
        self._chunks = _opened(file, cipher, bound_to)
        self._ready = b""
        self._at = 0

    def read(self, size: int) -> bytes:
        """Exactly so many bytes; fewer only at the end.

        Raises:
            CannotStart: (`backup-refused`) the file is not as it was written.
        """
        parts, missing = [], size
        while missing:
            if self._at == len(self._ready) and not self._next():
                break
            part = self._ready[self._at : self._at + missing]
            self._at += len(part)
            missing -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _next(self) -> bool:
        chunk = next(self._chunks, None)
        self._ready, self._at = chunk or b"", 0
        return chunk is not None


def _opened(file: BufferedReader, cipher: AESGCM, bound_to: bytes) -> Iterator[bytes]:
    number, last = 0, False
    while not last:
        size = int.from_bytes(file.read(4))
        sealed = file.read(size) if _TAG_BYTES <= size <= CHUNK_BYTES + _TAG_BYTES else b""
        if not sealed or len(sealed) != size:
            raise damaged(f"it breaks off in chunk {number}")
        # Only a last chunk may be followed by nothing: looking one byte ahead says which of the two nonces it has.
        last = not file.peek(1)
        try:
            plaintext = cipher.decrypt(_nonce(number, last=last), sealed, bound_to)
        except InvalidTag:
            raise damaged(f"chunk {number} does not verify, or the file goes on where it should not") from None
        yield plaintext
        number += 1


def _nonce(number: int, *, last: bool) -> bytes:
    return bytes(3) + number.to_bytes(8) + (b"\x01" if last else b"\x00")


def chunks_of(header: Header, sealer: Sealer, file: BufferedReader, bound_to: bytes) -> ChunkReader:
    """The chunks after a header that was read from `file`."""
    return ChunkReader(file, cipher_of(sealer, header.salt, header.generation), bound_to)
