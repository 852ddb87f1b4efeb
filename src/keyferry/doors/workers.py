"""Custody is synchronous: it runs in worker threads or, what is short, in fibers on the event loop.

Of both there is a bounded number, with a bounded queue before them.
"""

import asyncio
import queue
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import anyio

from keyferry.config.settings import Settings
from keyferry.errors import Overloaded
from keyferry.waiting import Fiber, WouldWait

T = TypeVar("T")

#: seconds that a request waits for a thread before it is turned away
LONGEST_WAIT: Final = 10.0
#: requests that may wait for each that is worked on
WAITING_FOR_EACH: Final = 16
#: seconds that a batch waits for its next chunk to be begun
BATCH_WAIT: Final = 300.0
#: seconds of the processor for which work may hold up the event loop in one go: as long as one thread keeps the
#: interpreter from others
HERE: Final = 0.005
#: of work that is not short, each time after so many is done on the loop all the same, in case it has become so
TRIED_AGAIN_EVERY: Final = 32


class _Job:
    """Work for a thread, and how what becomes of it gets back to the event loop."""

    __slots__ = ("_loop", "_release", "_work", "answer", "failure", "result")

    def __init__(self, work: Callable[[], Any], release: Callable[[], None]) -> None:
        self._work = work
        self._release = release
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Any] = self._loop.create_future()
        self.result: Any = None
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Do the work, in a thread."""
        try:
            self.result = self._work()
        except BaseException as raised:  # noqa: BLE001  # whoever waits must hear of it, whatever it is
            self.failure = raised
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        self._release()
        _answer(self.answer, self.result, self.failure)


class _Pace:
    """For how long work of one kind holds up the loop, of late: whether that is shorter than a thread would be told."""

    __slots__ = ("_asked", "_seconds")

    def __init__(self) -> None:
        self._asked = 0
        self._seconds = 0.0

    def is_short(self) -> bool:
        self._asked += 1
        return self._seconds < HERE or self._asked % TRIED_AGAIN_EVERY == 0

    def took(self, seconds: float) -> None:
        self._seconds += (min(seconds, 4 * HERE) - self._seconds) / 8  # one that was held up itself does not tell


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
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._paces: dict[object, _Pace] = {}
        weakref.finalize(self, _end, self._jobs, self._threads)

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread.

        Raises:
            Overloaded: (`overloaded`) too many requests wait already, or this one has waited for too long; `work` did
                not begin.
        """
        await self._take_place()
        self._require_thread()
        job = _Job(work, self._places.release)
        self._jobs.put(job.run)
        result: T = await job.answer
        return result

    async def briefly(self, work: Callable[[], T], *, kind: object) -> T:
        """Run `work`, which reads and writes a few rows, as a fiber on the event loop; in a thread if it is not short.

        Args:
            kind: what all work of one kind has in common, such as the function: work of a kind that held up the loop
                for too long the last time is done in a thread.

        Raises:
            Overloaded: as for `run`.
        """
        pace = self._paces.setdefault(kind, _Pace())
        if not pace.is_short():
            return await self.run(work)
        await self._take_place()
        fiber = Fiber(work, asyncio.get_running_loop(), self._in_thread)
        fiber.step()
        if not fiber.ended:
            later: T = await self._end_of(fiber, pace)
            return later
        self._places.release()
        pace.took(fiber.longest)
        if isinstance(fiber.failure, WouldWait):  # nothing was done
            return await self.run(work)
        if fiber.failure is not None:
            raise fiber.failure
        result: T = fiber.result
        return result

    async def _end_of(self, fiber: Fiber, pace: _Pace) -> Any:
        """Wait for a fiber that has stepped aside. It is finished also if nobody waits any more."""
        answer = fiber.loop.create_future()

        def tell() -> None:
            self._places.release()
            pace.took(fiber.longest)
            _answer(answer, fiber.result, fiber.failure)

        fiber.when_ended = tell
        return await answer

    async def _take_place(self) -> None:
        with suppress(anyio.WouldBlock):
            self._places.acquire_nowait()
            return
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

    def _in_thread(self, work: Callable[[], None]) -> None:
        """Have a thread do a part of a fiber's work, whose place it has."""
        self._require_thread()
        self._jobs.put(work)

    def _require_thread(self) -> None:
        """Begin a thread if all that there are have work: as many as places that are taken are enough."""
        if len(self._threads) < self._at_once - self._places.value:
            thread = threading.Thread(target=_serve, args=(self._jobs,), name="keyferry-worker", daemon=True)
            thread.start()
            self._threads.append(thread)


@dataclass(frozen=True, slots=True)
class Crew:
    """Every worker of a process, by what they work on: what takes long keeps out nobody who asks for something short.

    Attributes:
        plain: for requests of people and programs that are signed in.
        sign_ins: these wait for their hash.
        batches: these take seconds for each chunk.
    """

    plain: Workers
    sign_ins: Workers
    batches: Workers

    @classmethod
    def of(cls, settings: Settings) -> "Crew":
        """As many of each as the settings say."""
        return cls(
            plain=Workers(settings.max_concurrency),
            sign_ins=Workers(settings.hash_queue + 1),
            batches=Workers(max(1, settings.max_concurrency // 8), longest_wait=BATCH_WAIT),
        )


def _answer(answer: "asyncio.Future[T]", result: T, failure: BaseException | None) -> None:
    if answer.cancelled():
        return
    if failure is None:
        answer.set_result(result)
    else:
        answer.set_exception(failure)


def _serve(jobs: "queue.SimpleQueue[Callable[[], None] | None]") -> None:
    while (run := jobs.get()) is not None:
        run()
        del run  # what it holds is not kept until the next one comes


def _end(jobs: "queue.SimpleQueue[Callable[[], None] | None]", threads: list[threading.Thread]) -> None:
    for _ in threads:
        jobs.put(None)
