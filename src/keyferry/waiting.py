"""Work that may not wait: for another's transaction, for a disk's sync, for a connection that is in use.

The event loop reads a few rows itself where they are at hand, which is over sooner than a thread would be told to. What
turns out to wait for something is given up there, with nothing done, and begun again in a thread.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class WouldWait(Exception):  # no fault, and nothing that a person hears of
    """The work has to be begun again by somebody who may wait."""


class _Here(threading.local):
    may_wait = True


_here = _Here()


@contextmanager
def without_waiting() -> Iterator[None]:
    """Within the block, this thread may not wait.

    Raises:
        WouldWait: it would have.
    """
    _here.may_wait = False
    try:
        yield
    finally:
        _here.may_wait = True


def about_to_wait() -> None:
    """
    Raises:
        WouldWait: this thread may not.
    """
    if not _here.may_wait:
        raise WouldWait
