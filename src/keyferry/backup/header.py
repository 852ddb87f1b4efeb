"""What a backup says of itself without a key.

    "keyferry-backup-1" and a line feed || length (4 bytes, big-endian) || header, JSON in UTF-8

The header is part of the associated data of every chunk after it: who changes it, changes a file that does not open.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from keyferry.custody.audit_chain import Head
from keyferry.errors import CannotStart

MAGIC = b"keyferry-backup-1\n"
SALT_BYTES = 32
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first part of a backup.

    Attributes:
        store_id: of the store that it is a copy of.
        schema: the revision of its tables.
        created_at: when the snapshot was taken, microseconds UTC.
        version: the release of Keyferry that made it.
        generation: the data key from which the backup's own key is derived.
        salt: 32 random bytes, so that no two backups share a key.
        data_keys: generation -> (data key, wrapped by the root of trust; when it was made).
        head: the audit log's last number and hash.
        counts: table -> rows.
    """

    store_id: str
    schema: str
    created_at: int
    version: str
    generation: int
    salt: bytes
    data_keys: Mapping[int, tuple[bytes, int]]
    head: Head
    counts: Mapping[str, int]

    def encode(self) -> bytes:
        """All bytes that stand before the first chunk."""
        document = {
            "store_id": self.store_id,
            "schema": self.schema,
            "created_at": self.created_at,
            "version": self.version,
            "generation": self.generation,
            "salt": base64.b64encode(self.salt).decode(),
            "data_keys": [
                {"generation": generation, "wrapped": base64.b64encode(wrapped).decode(), "created_at": created_at}
                for generation, (wrapped, created_at) in sorted(self.data_keys.items())
            ],
            "head": str(self.head),
            "counts": dict(self.counts),
        }
        text = json.dumps(document, separators=(",", ":")).encode()
        return MAGIC + len(text).to_bytes(4) + text


def read_header(file: BinaryIO) -> tuple[Header, bytes]:
    """The header at the beginning of `file`, and its SHA-256, which every chunk is bound to.

    Raises:
        CannotStart: (`backup-refused`) the file is no backup, or its header is damaged.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise refused("The file is no backup of Keyferry.", "Name a file that `keyferry backup create` has written.")
    size = int.from_bytes(file.read(4))
    text = file.read(size) if size <= _LARGEST else b""
    try:
        header = _decode(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        raise damaged("its header cannot be read") from None
    return header, hashlib.sha256(MAGIC + size.to_bytes(4) + text).digest()


def digest_of(encoded: bytes) -> bytes:
    """What every chunk is bound to: SHA-256 of an encoded header."""
    return hashlib.sha256(encoded).digest()


def damaged(how: str) -> CannotStart:
    """The refusal of a file that is not as it was written."""
    return refused(f"The backup is damaged: {how}.", "Take another copy of it, or an older backup.")


def refused(detail: str, advice: str, *, field: str = "file") -> CannotStart:
    """The refusal of a backup."""
    return CannotStart(detail, code="backup-refused", field=field, advice=advice)


def _decode(document: dict[str, Any]) -> Header:
    header = Header(
        store_id=_text(document["store_id"]),
        schema=_text(document["schema"]),
        created_at=_number(document["created_at"]),
        version=_text(document["version"]),
        generation=_number(document["generation"]),
        salt=base64.b64decode(document["salt"], validate=True),
        data_keys={
            _number(each["generation"]): (
                base64.b64decode(each["wrapped"], validate=True),
                _number(each["created_at"]),
            )
            for each in document["data_keys"]
        },
        head=Head.parse(_text(document["head"])),
        counts={_text(table): _number(count) for table, count in document["counts"].items()},
    )
    if len(header.salt) != SALT_BYTES or header.generation not in header.data_keys:
        raise ValueError("no salt, or no data key")
    return header


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:  # a boolean is no number
        raise TypeError("no number")
    return value
