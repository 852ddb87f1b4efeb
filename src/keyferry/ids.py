"""Identifiers of objects: UUIDv7, lower case (RFC 9562 section 5.7), so that ids sort by the time they were made."""

import os
import time
import uuid

_MILLISECOND = 1_000_000


def new_id() -> str:
    """A fresh UUIDv7: 48 bits of milliseconds, 12 of a millisecond's fraction (section 6.2, method 3), 62 random."""
    milliseconds, rest = divmod(time.time_ns(), _MILLISECOND)
    fraction = (rest << 12) // _MILLISECOND
    random = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    value = (milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | random
    return str(uuid.UUID(int=value))


def is_id_shaped(text: str) -> bool:
    """Whether `text` has the shape of a UUID. Names of that shape are refused, so that none can be taken for an id."""
    parts = text.lower().split("-")
    return [len(part) for part in parts] == [8, 4, 4, 4, 12] and all(
        c in "0123456789abcdef" for part in parts for c in part
    )
