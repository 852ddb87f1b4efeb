"""A sign of life on a terminal while something takes long."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_FIRST = 0.4
_EVERY = 0.5
_BAR = 30


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


@contextmanager
def counting(text: str, total: int) -> Iterator[Callable[[], None]]:
    """Show `text` and how many of `total` are done, on standard error, if that is a terminal; nothing remains of it.

    Answers what is to be called when one more is done.
    """
    if not sys.stderr.isatty() or total == 0:
        yield lambda: None
        return
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        sys.stderr.write("\r" + bar(text, done, total))
        sys.stderr.flush()

    sys.stderr.write("\r" + bar(text, done, total))
    sys.stderr.flush()
    try:
        yield advance
    finally:
        sys.stderr.write("\r" + " " * len(bar(text, total, total)) + "\r")
        sys.stderr.flush()


def bar(text: str, done: int, total: int) -> str:
    """One line, always of the same length: `text`, a bar, and the two numbers."""
    filled = _BAR * done // total
    return f"{text} [{'#' * filled}{'.' * (_BAR - filled)}] {done:>{len(str(total))}}/{total}"


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
