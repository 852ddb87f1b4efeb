"""Turns at something of which there is little, in the order in which they were asked for."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """So many at once; who came first is next.

    Unlike with a semaphore, one who gives a turn back and asks for the next stands behind those who wait: somebody who
    makes a thousand keys does not keep those waiting who make one.

    Args:
        at_once: how many turns there are.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @contextmanager
    def one(self) -> Iterator[None]:
        """A turn, waited for."""
        with self._lock:
            turn = None if self._free else threading.Event()
            if turn is None:
                self._free -= 1
            else:
                self._waiting.append(turn)
        if turn is not None:
            turn.wait()
        try:
            yield
        finally:
            self._give_back()

    @contextmanager
    def spare(self) -> Iterator[bool]:
        """A turn for what nobody waits for, if one is free; answers whether it is."""
        with self._lock:
            taken = self._free > 0
            self._free -= taken
        try:
            yield taken
        finally:
            if taken:
                self._give_back()

    def _give_back(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1
