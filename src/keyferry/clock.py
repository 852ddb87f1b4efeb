"""Time as Keyferry keeps it: integer microseconds since 1970, UTC. The same on every database, exact in a seal."""

import re
import time
from datetime import UTC, datetime, timedelta

from keyferry.errors import InvalidInput

Microseconds = int
SECOND: Microseconds = 1_000_000
DAY: Microseconds = 86_400 * SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def now() -> Microseconds:
    """This moment, by the machine's clock, which may be set back."""
    return time.time_ns() // 1000


def to_rfc3339(moment: Microseconds) -> str:
    """RFC 3339 in UTC, with as many decimals as are needed (none, or six)."""
    return (_EPOCH + timedelta(microseconds=moment)).isoformat().replace("+00:00", "Z")


def from_rfc3339(text: str, *, field: str) -> Microseconds:
    """Read RFC 3339 section 5.6.

    Raises:
        InvalidInput: `text` is no such time, or lies outside the years 1970 to 9999; names `field`.
    """
    advice = "Give a time such as 2030-01-31T12:00:00Z."
    if _RFC_3339.fullmatch(text) is None:
        raise InvalidInput(f"{field} is not a time in the form of RFC 3339.", field=field, advice=advice)
    try:
        delta = datetime.fromisoformat(text.upper()).astimezone(UTC) - _EPOCH
    except (ValueError, OverflowError):
        raise InvalidInput(f"{field} names no possible moment.", field=field, advice=advice) from None
    if delta < timedelta(0):
        raise InvalidInput(f"{field} lies before 1970.", field=field, advice=advice)
    return delta // timedelta(microseconds=1)
