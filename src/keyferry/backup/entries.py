"""What a backup holds, as bytes: files of the home, and the rows of every table.

    kind (1 byte) || length of what follows (4 bytes, big-endian) || content

    "f"   a file of the home: length of its name (2 bytes) || name || its bytes
    "t"   a table begins: JSON, {"table": …, "columns": […]}
    "r"   a row of it: a value for each column

A value is `n` (NULL), `i` and 8 bytes (a signed integer, big-endian), `f` and 1 byte (a truth value), or `t` (text in
UTF-8) or `b` (bytes), each with its length in 4 bytes. It is the same whichever database the rows came from.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from keyferry.backup.chunks import ChunkReader
from keyferry.backup.header import damaged
from keyferry.errors import IntegrityViolation

Value = None | bool | int | str | bytes

#: no row that Keyferry writes comes near
LARGEST: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class File:
    """A file of the home; its name is relative to that."""

    name: str
    data: bytes

    def encode(self) -> bytes:
        """The entry's bytes."""
        name = self.name.encode()
        return _entry(b"f", len(name).to_bytes(2) + name + self.data)


@dataclass(frozen=True, slots=True)
class TableBegins:
    """The rows that follow are this table's."""

    table: str
    columns: tuple[str, ...]

    def encode(self) -> bytes:
        """The entry's bytes."""
        return _entry(b"t", json.dumps({"table": self.table, "columns": list(self.columns)}).encode())


@dataclass(frozen=True, slots=True)
class RowValues:
    """A row of the table that began last."""

    values: tuple[Value, ...]

    def encode(self) -> bytes:
        """The entry's bytes.

        Raises:
            IntegrityViolation: it holds what no column of Keyferry's does, or more than Keyferry ever writes.
        """
        return _entry(b"r", b"".join(map(_encoded, self.values)))


Entry = File | TableBegins | RowValues


def read_entries(chunks: ChunkReader) -> Iterator[Entry]:
    """Every entry, in the order in which they were written.

    Raises:
        CannotStart: (`backup-refused`) the file is not as it was written.
    """
    while head := chunks.read(5):
        size = int.from_bytes(head[1:])
        content = chunks.read(size) if len(head) == 5 and size <= LARGEST else b""
        if len(content) != size:
            raise damaged("an entry is cut short")
        try:
            yield _decode(head[:1], content)
        except (ValueError, TypeError, KeyError, IndexError):
            raise damaged("an entry cannot be read") from None


def _entry(kind: bytes, content: bytes) -> bytes:
    if len(content) > LARGEST:
        raise IntegrityViolation(f"A row or file has {len(content)} bytes, more than Keyferry ever writes.")
    return kind + len(content).to_bytes(4) + content


def _decode(kind: bytes, content: bytes) -> Entry:
    if kind == b"f":
        end = 2 + int.from_bytes(content[:2])
        return File(content[2:end].decode(), content[end:])
    if kind == b"t":
        document = json.loads(content)
        return TableBegins(str(document["table"]), tuple(map(str, document["columns"])))
    if kind == b"r":
        return RowValues(tuple(_values(content)))
    raise ValueError("an unknown kind of entry")


def _encoded(value: object) -> bytes:
    if value is None:
        return b"n"
    if isinstance(value, bool):
        return b"f\x01" if value else b"f\x00"
    if isinstance(value, int):
        return b"i" + value.to_bytes(8, signed=True)
    if isinstance(value, str):
        content = value.encode()
        return b"t" + len(content).to_bytes(4) + content
    if isinstance(value, bytes):
        return b"b" + len(value).to_bytes(4) + value
    raise IntegrityViolation(f"A row holds {type(value).__name__}: it was changed behind Keyferry's back.")


def _values(content: bytes) -> Iterator[Value]:
    at = 0
    while at < len(content):
        kind, at = content[at : at + 1], at + 1
        if kind == b"n":
            yield None
            continue
        if kind == b"f":
            yield content[at] == 1
            at += 1
            continue
        size = 8 if kind == b"i" else int.from_bytes(content[at : at + 4])
        at += 0 if kind == b"i" else 4
        part = content[at : at + size]
        if len(part) != size:
            raise ValueError("cut short")
        at += size
        yield _value(kind, part)


def _value(kind: bytes, part: bytes) -> Value:
    if kind == b"i":
        return int.from_bytes(part, signed=True)
    if kind == b"t":
        return part.decode()
    if kind == b"b":
        return part
    raise ValueError("an unknown kind of value")


def checked_columns(columns: Sequence[str], values: Sequence[Value]) -> dict[str, Value]:
    """A row's values by column.

    Raises:
        CannotStart: (`backup-refused`) they are not as many.
    """
    if len(columns) != len(values):
        raise damaged("a row has another number of columns than its table")
    return dict(zip(columns, values, strict=True))
