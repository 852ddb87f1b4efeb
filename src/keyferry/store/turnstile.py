"""Turns at writing to SQLite, for processes: a busy server lets a command beside it get in.

Who waits for SQLite's lock looks again every now and then; a server that has always something to write takes the lock
again a moment after it has let it go, and a command next to it would not meet that moment for seconds. So whoever wants
to begin passes here first, and stays in the way until it has begun: the other, when it is done, comes behind.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from keyferry.private_files import PRIVATE_MODE

#: seconds after which one goes on all the same: a process that was stopped in the way stops nobody else for good
LONGEST: Final = 5.0
_LOOK_EVERY: Final = 0.001


class Turnstile:
    """A lock (flock) on a file beside the database; the file holds nothing."""

    def __init__(self, database: Path) -> None:
        path = database.with_name(f"{database.name}-turn")
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, PRIVATE_MODE)

    @contextmanager
    def passing(self, *, within: float = LONGEST) -> Iterator[None]:
        """Be in the way while the block, which begins a transaction, runs; after so many seconds in any case."""
        mine = self._wait(within)
        try:
            yield
        finally:
            if mine:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def is_free(self) -> bool:
        """Whether nobody is in the way, just now."""
        free = self._enter()
        if free:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return free

    def close(self) -> None:
        """Let the file go."""
        os.close(self._descriptor)

    def _wait(self, within: float) -> bool:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self._enter():
                return True
            time.sleep(_LOOK_EVERY)
        return False

    def _enter(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
