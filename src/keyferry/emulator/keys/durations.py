"""ISO 8601 durations, as rotation policies have them: P90D, P3M, PT48H, P1Y10D."""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_DURATION: Final = re.compile(
    r"P(?=.)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?"
    r"(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?",
    re.ASCII,
)
_LAST_YEAR: Final = 9999


@dataclass(frozen=True, slots=True)
class Duration:
    """A span of calendar months and of time; how long it is depends on when it begins."""

    months: int
    span: timedelta

    def after(self, moment: int) -> int:
        """The moment, in Unix seconds, that comes so long after `moment`; the last second of 9999 at the latest."""
        start = datetime.fromtimestamp(moment, UTC)
        year, month = divmod(start.year * 12 + start.month - 1 + self.months, 12)
        if year > _LAST_YEAR:
            return _last_second()
        day = min(start.day, calendar.monthrange(year, month + 1)[1])
        try:
            return int((start.replace(year=year, month=month + 1, day=day) + self.span).timestamp())
        except OverflowError:
            return _last_second()


def parse(text: str) -> Duration:
    """Read a duration of whole years, months, weeks, days, hours, minutes and seconds (ISO 8601-1 section 5.5.2).

    Raises:
        ValueError: it is none.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError("it is no ISO 8601 duration such as P90D, P3M or P1Y10D")
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return Duration(
        12 * years + months, timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    )


def _last_second() -> int:
    return int(datetime(_LAST_YEAR, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
