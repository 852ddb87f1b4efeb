"""A sign of life on a terminal while something takes long."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_FIRST = 0.4
_EVERY = 0.5


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show `text` and the seconds that have passed, on standard error, if that is a terminal; nothing remains of it."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    ticker = threading.Thread(target=_tick, args=(text, done), daemon=True)
    ticker.start()
    try:
        yield
    finally:
        done.set()
        ticker.join()


def _tick(text: str, done: threading.Event) -> None:
    started = time.monotonic()
    wait, width = _FIRST, 0
    while not done.wait(wait):
        line = f"{text} ... {time.monotonic() - started:.0f} s"
        width = max(width, len(line))
        sys.stderr.write(f"\r{line}")
        sys.stderr.flush()
        wait = _EVERY
    if width:
        sys.stderr.write("\r" + " " * width + "\r")
        sys.stderr.flush()
