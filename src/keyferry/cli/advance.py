"""How far something that takes long has come, on a terminal."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: seconds between two looks of the line
_EVERY = 0.2


@contextmanager
def advancing() -> Iterator[Callable[[str, int, int], None]]:
    """Gives a function to call with what is being done, and how much of how much is done, as often as one likes.

    The line is on standard error, if that is a terminal; nothing remains of it.
    """
    if not sys.stderr.isatty():
        yield lambda _what, _done, _of: None
        return
    shown, width = time.monotonic(), 0

    def show(what: str, done: int, of: int) -> None:
        nonlocal shown, width
        if time.monotonic() - shown < _EVERY:
            return
        shown = time.monotonic()
        line = f"{what} ... {done:,} of {of:,}"
        width = max(width, len(line))
        sys.stderr.write(f"\r{line:<{width}}")
        sys.stderr.flush()

    try:
        yield show
    finally:
        if width:
            sys.stderr.write("\r" + " " * width + "\r")
            sys.stderr.flush()
