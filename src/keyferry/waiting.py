"""How work waits: a thread blocks; on the event loop, a fiber steps aside, and the loop goes on with others.

Short work is over sooner on the loop itself than a thread could be told of it, and threads that share one interpreter
take it from each other at every statement. But the loop may not block. So such work runs as a fiber (a greenlet), which
is plain, synchronous code: where a thread would block, for the disk above all, the fiber is set aside as it stands, and
goes on when it is called. Only one runs at a time, and only where it waits do others get in between.

What can neither block nor step aside is given up before it has done anything, and begun again in a thread.
"""

import contextvars
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

T = TypeVar("T")


class WouldWait(Exception):  # no fault, and nothing that a person hears of
    """The work has to be begun again by somebody who may wait."""


class Fiber(greenlet):
    """Work on an event loop that steps aside where a thread would block.

    Args:
        loop: which it runs on; no other thread may go on with it.
        in_thread: has a thread do something.

    Attributes:
        result, failure: what became of the work, once it has `ended`.
        when_ended: is called then, by the step that ended it.
        longest: for how long it has kept the loop from others at most, in seconds of the processor, with what others
            did there for it.
    """

    def __init__(
        self, work: Callable[[], Any], loop: AbstractEventLoop, in_thread: Callable[[Callable[[], None]], None]
    ) -> None:
        super().__init__()
        self.gr_context = contextvars.copy_context()
        self.loop = loop
        self.in_thread = in_thread
        self.has_waited = False
        self.ended = False
        self.result: Any = None
        self.failure: BaseException | None = None
        self.longest = 0.0
        self.when_ended: Callable[[], None] | None = None
        self._work = work
        self._hub: greenlet = getcurrent()

    def run(self) -> None:
        """Do the work; called by the first `step`."""
        try:
            self.result = self._work()
        except BaseException as raised:  # noqa: BLE001  # whoever waits must hear of it, whatever it is
            self.failure = raised
        self.ended = True

    def step(self) -> None:
        """Go on until it waits or ends. On its loop, and by no fiber."""
        self.parent = self._hub = getcurrent()
        began = time.thread_time()
        self.switch()
        self.held_up(time.thread_time() - began)
        if self.ended:
            tell, self.when_ended = self.when_ended, None  # which refers to this, as this does to it
            if tell is not None:
                tell()

    def step_soon(self) -> None:
        """Have the loop go on with it; from any thread."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(self.step)

    def held_up(self, seconds: float) -> None:
        """Note that the loop has worked on this, and on nothing else, for so many seconds of the processor."""
        self.longest = max(self.longest, seconds)

    def step_aside(self) -> None:
        """Let the loop go on with others until somebody calls `step`. By the fiber itself."""
        self.has_waited = True
        self._hub.switch()


def this_fiber() -> Fiber | None:
    """The fiber that asks; None in a thread that may block."""
    current = getcurrent()
    return current if isinstance(current, Fiber) else None


def about_to_wait() -> None:
    """Say that what follows may block for a little, which a fiber does only if it cannot be begun again any more.

    Raises:
        WouldWait: this is a fiber, and has done nothing yet that lasts.
    """
    fiber = this_fiber()
    if fiber is not None and not fiber.has_waited:
        raise WouldWait


def elsewhere(work: Callable[[], T]) -> T:
    """Do what takes long for a processor: a fiber has a thread do it and steps aside, anybody else does it here.

    Raises:
        BaseException: what `work` raises.
    """
    fiber = this_fiber()
    if fiber is None:
        return work()
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as raised:  # noqa: BLE001  # it is raised where it is waited for
            done.set_exception(raised)
        fiber.step_soon()

    fiber.in_thread(run)
    fiber.step_aside()
    return done.result()
