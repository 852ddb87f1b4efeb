"""Custody is synchronous: it runs in worker threads, of a bounded number, with a bounded queue before them."""

import asyncio
import queue
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import anyio

from keyferry.errors import Overloaded

T = TypeVar("T")

#: seconds that a request waits for a thread before it is turned away
LONGEST_WAIT: Final = 10.0
#: requests that may wait for each that is worked on
WAITING_FOR_EACH: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """Work for a thread, and how what becomes of it gets back to the event loop."""

    work: Callable[[], Any]
    answer: "asyncio.Future[Any]"
    release: Callable[[], None]
    loop: asyncio.AbstractEventLoop

    def run(self) -> None:
        result, failure = None, None
        try:
            result = self.work()
        except BaseException as raised:  # noqa: BLE001  # whoever waits must hear of it, whatever it is
            failure = raised
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(self._finish, result, failure)

    def _finish(self, result: Any, failure: BaseException | None) -> None:
        self.release()
        if self.answer.cancelled():
            return
        if failure is None:
            self.answer.set_result(result)
        else:
            self.answer.set_exception(failure)


class Workers:
    """Threads of its own, begun as they are needed: a general pool's bookkeeping costs more than a short read does.

    Args:
        at_once: requests that are worked on at once (the setting `max_concurrency`).
        longest_wait: in seconds.
    """

    def __init__(self, at_once: int, *, longest_wait: float = LONGEST_WAIT) -> None:
        # A place is given back when the work is done, not when whoever waits for it goes away: so whoever has one finds
        # a thread, and no more than `at_once` work.
        self._places = anyio.Semaphore(at_once, fast_acquire=True)
        self._at_once = at_once
        self._most_waiting = at_once * WAITING_FOR_EACH
        self._longest_wait = longest_wait
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        weakref.finalize(self, _end, self._jobs, self._threads)

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread.

        Raises:
            Overloaded: (`overloaded`) too many requests wait already, or this one has waited for too long; `work` did
                not begin.
        """
        await self._take_place()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._require_thread()
        self._jobs.put(_Job(work, answer, self._places.release, loop))
        return await answer

    async def _take_place(self) -> None:
        if self._places.statistics().tasks_waiting >= self._most_waiting:
            raise Overloaded("Too many requests are waiting.", code="overloaded")
        with suppress(anyio.WouldBlock):
            self._places.acquire_nowait()
            return
        with anyio.move_on_after(self._longest_wait) as waiting:
            await self._places.acquire()
        if waiting.cancelled_caught:
            raise Overloaded(
                f"The request waited {self._longest_wait:g} seconds, and others are still before it.",
                code="overloaded",
                retry_after=5,
            )

    def _require_thread(self) -> None:
        """Begin a thread if all that there are have work: as many as places that are taken are enough."""
        if len(self._threads) < self._at_once - self._places.value:
            thread = threading.Thread(target=_serve, args=(self._jobs,), name="keyferry-worker", daemon=True)
            thread.start()
            self._threads.append(thread)


def _serve(jobs: "queue.SimpleQueue[_Job | None]") -> None:
    while (job := jobs.get()) is not None:
        job.run()
        del job  # what it holds is not kept until the next one comes


def _end(jobs: "queue.SimpleQueue[_Job | None]", threads: list[threading.Thread]) -> None:
    for _ in threads:
        jobs.put(None)
