"""Custody is synchronous: it runs in worker threads, of a bounded number, with a bounded queue before them."""

import asyncio
import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import anyio

from keyferry.config.settings import Settings
from keyferry.errors import Overloaded
from keyferry.waiting import WouldWait, without_waiting

T = TypeVar("T")

#: seconds that a request waits for a thread before it is turned away
LONGEST_WAIT: Final = 10.0
#: requests that may wait for each that is worked on
WAITING_FOR_EACH: Final = 16
#: seconds that the event loop itself waits for work that is known to be quick
PATIENCE: Final = 0.0004
#: seconds that a batch waits for its next chunk to be begun
BATCH_WAIT: Final = 300.0
#: seconds that work may take which the event loop does itself
HERE: Final = 0.002
#: of work that is not quick, each time after so many is waited for, in case it has become so
TRIED_AGAIN_EVERY: Final = 32


class _Job:
    """Work for a thread, and how what becomes of it gets back to the event loop: by a call there, or by hand."""

    __slots__ = ("_answer", "_by_hand", "_lock", "_loop", "_release", "_work", "ended", "failure", "result", "seconds")

    def __init__(self, work: Callable[[], Any], release: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        self._work = work
        self._release = release
        self._loop = loop
        self._lock = threading.Lock()
        self._by_hand: threading.Lock | None = None
        self._answer: asyncio.Future[Any] | None = None
        self.ended = False
        self.result: Any = None
        self.failure: BaseException | None = None
        self.seconds = 0.0

    def run(self) -> None:
        """Do the work, in a thread."""
        began = time.perf_counter()
        try:
            self.result = self._work()
        except BaseException as raised:  # noqa: BLE001  # whoever waits must hear of it, whatever it is
            self.failure = raised
        self.seconds = time.perf_counter() - began
        with self._lock:
            self.ended = True
            by_hand = self._by_hand
        if by_hand is not None:
            by_hand.release()
            return
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._finish)

    def expect_by_hand(self) -> None:
        """Let the thread hand the result over to `wait`; before the job is given to a thread."""
        self._by_hand = threading.Lock()
        self._by_hand.acquire()

    def wait(self, seconds: float) -> bool:
        """Block for so long at most; whether the job has ended. If not, its end will be a call on the loop."""
        if self._by_hand is None:
            return False
        self._by_hand.acquire(timeout=seconds)
        with self._lock:
            self._by_hand = None
            ended = self.ended
        if ended:
            self._release()
        return ended

    def answer(self) -> "asyncio.Future[Any]":
        """What is awaited for a job that ends by a call on the loop; asked for on the loop, before that call is run."""
        self._answer = self._loop.create_future()
        return self._answer

    def _finish(self) -> None:
        self._release()
        answer = self._answer
        if answer is None or answer.cancelled():
            return
        if self.failure is None:
            answer.set_result(self.result)
        else:
            answer.set_exception(self.failure)


class _Pace:
    """How long work of one kind takes: whether waiting for it is shorter than going away and coming back."""

    __slots__ = ("_asked", "_longest", "_quick")

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._asked = 0
        self._quick = False

    def is_worth_waiting(self) -> bool:
        self._asked += 1
        return self._quick or self._asked % TRIED_AGAIN_EVERY == 0

    def took(self, seconds: float) -> None:
        self._quick = seconds < self._longest


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
        self._paces: dict[object, _Pace] = {}
        weakref.finalize(self, _end, self._jobs, self._threads)

    async def run(self, work: Callable[[], T], *, kind: object = None) -> T:
        """Run `work` in a thread.

        A kind of work that takes no longer than `PATIENCE` is waited for here and now: it is over before the event loop
        could have done anything else, for which it would take the interpreter away from the work again and again.

        Args:
            kind: what all work of one kind has in common, such as the function; None for work of no kind.

        Raises:
            Overloaded: (`overloaded`) too many requests wait already, or this one has waited for too long; `work` did
                not begin.
        """
        await self._take_place()
        self._require_thread()
        job = _Job(work, self._places.release, asyncio.get_running_loop())
        pace = None if kind is None else self._paces.setdefault(kind, _Pace(PATIENCE))
        if pace is not None and pace.is_worth_waiting():
            job.expect_by_hand()
        answer = job.answer()
        self._jobs.put(job)
        if not job.wait(PATIENCE):
            with _noting(job, pace):
                result: T = await answer
                return result
        with _noting(job, pace):
            if job.failure is not None:
                raise job.failure
            handed: T = job.result
            return handed

    async def look(self, work: Callable[[], T], *, kind: object) -> T:
        """Run `work`, which reads a few rows that are at hand: on the event loop itself, or in a thread if it waits.

        What is told to a thread, and back, takes longer than such a read; so the loop is held up for less time by the
        read than by letting it be done elsewhere. Work that was slow the last time is done in a thread.

        Raises:
            Overloaded: as for `run`.
        """
        pace = self._paces.setdefault((kind, HERE), _Pace(HERE))
        if pace.is_worth_waiting():
            began = time.perf_counter()
            try:
                with without_waiting():
                    return work()
            except WouldWait:
                pass  # nothing was done
            finally:
                pace.took(time.perf_counter() - began)
        return await self.run(work, kind=kind)

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


@contextmanager
def _noting(job: _Job, pace: _Pace | None) -> Iterator[None]:
    try:
        yield
    finally:
        if pace is not None and job.ended:
            pace.took(job.seconds)


def _serve(jobs: "queue.SimpleQueue[_Job | None]") -> None:
    while (job := jobs.get()) is not None:
        job.run()
        del job  # what it holds is not kept until the next one comes


def _end(jobs: "queue.SimpleQueue[_Job | None]", threads: list[threading.Thread]) -> None:
    for _ in threads:
        jobs.put(None)
