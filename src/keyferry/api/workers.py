"""Custody is synchronous: it runs in worker threads, of a bounded number, with a bounded queue before them."""

from collections.abc import Callable
from typing import Final, TypeVar

import anyio
import anyio.to_thread

from keyferry.errors import Overloaded

T = TypeVar("T")

#: seconds that a request waits for a thread before it is turned away
LONGEST_WAIT: Final = 10.0
#: requests that may wait for each that is worked on
WAITING_FOR_EACH: Final = 16


class Workers:
    """
    Args:
        at_once: requests that are worked on at once (the setting `max_concurrency`).
        longest_wait: in seconds.
    """

    def __init__(self, at_once: int, *, longest_wait: float = LONGEST_WAIT) -> None:
        # Two of the same size: places are waited for with a limit of time, and whoever has a place finds a thread.
        # Waiting for the thread itself under a limit of time could lose the result of work that is already done.
        self._places = anyio.Semaphore(at_once, fast_acquire=True)
        self._threads = anyio.CapacityLimiter(at_once)
        self._most_waiting = at_once * WAITING_FOR_EACH
        self._longest_wait = longest_wait

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread.

        Raises:
            Overloaded: (`overloaded`) too many requests wait already, or this one has waited for too long; `work` did
                not begin.
        """
        await self._take_place()
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._threads)
        finally:
            self._places.release()

    async def _take_place(self) -> None:
        if self._places.statistics().tasks_waiting >= self._most_waiting:
            raise Overloaded("Too many requests are waiting.", code="overloaded")
        with anyio.move_on_after(self._longest_wait) as waiting:
            await self._places.acquire()
        if waiting.cancelled_caught:
            raise Overloaded(
                f"The request waited {self._longest_wait:g} seconds, and others are still before it.",
                code="overloaded",
                retry_after=5,
            )
