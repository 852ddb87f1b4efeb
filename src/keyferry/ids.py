"""Identifiers of objects: UUIDv7, lower case (RFC 9562 section 5.7), so that ids sort by the time they were made."""

import os
import re
import time

_MILLISECOND = 1_000_000
_SHAPE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def new_id() -> str:
    """A fresh UUIDv7: 48 bits of milliseconds, 12 of a millisecond's fraction (section 6.2, method 3), 62 random."""
    milliseconds, rest = divmod(time.time_ns(), _MILLISECOND)
    fraction = (rest << 12) // _MILLISECOND
    random = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    value = (milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | random
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def first_id_at(milliseconds: int) -> str:
    """What sorts before every id that is made from then on: a number of milliseconds since 1970, and nothing else."""
    digits = f"{milliseconds:012x}"
    return f"{digits[:8]}-{digits[8:]}-"


def is_id_shaped(text: str) -> bool:
    """Whether `text` has the shape of a UUID. Names of that shape are refused, so that none can be taken for an id."""
    return _SHAPE.fullmatch(text) is not None
