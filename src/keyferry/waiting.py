"""How work waits: a thread blocks; on the event loop, a fiber steps aside, and the loop goes on with others.

Short work is over sooner on the loop itself than a thread could be told of it, and threads that share one interpreter
take it from each other at every statement. But the loop may not block. So such work runs as a fiber (a greenlet), which
is plain, synchronous code: where a thread would block, for the disk above all, the fiber is set aside as it stands, and
goes on when it is called. Only one runs at a time, and only where it waits do others get in between.

What can neither block nor step aside is given up before it has done anything, and begun again in a thread.
"""

import contextvars
import threading
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, TypeVar

from greenlet import GreenletExit, getcurrent, greenlet

T = TypeVar("T")

#: stacks that a thread keeps for fibers to come
_MOST_IDLE: Final = 64


class WouldWait(Exception):  # no fault, and nothing that a person hears of
    """The work has to be begun again by somebody who may wait."""


class Fiber:
    """Work on an event loop that steps aside where a thread would block.

    Args:
        loop: which it runs on; no other thread may go on with it.
        in_thread: has a thread do something.

    Attributes:
        result, failure: what became of the work, once it has `ended`.
        when_ended: is called then, by the step that ended it.
        hub: where the loop runs, and goes on when the fiber steps aside or ends.
        longest: for how long it has kept the loop from others at most, in seconds of the processor, with what others
            did there for it.
    """

    def __init__(
        self, work: Callable[[], Any], loop: AbstractEventLoop, in_thread: Callable[[Callable[[], None]], None]
    ) -> None:
        self.loop = loop
        self.in_thread = in_thread
        self.has_waited = False
        self.ended = False
        self.result: Any = None
        self.failure: BaseException | None = None
        self.longest = 0.0
        self.when_ended: Callable[[], None] | None = None
        self.hub: greenlet = getcurrent()
        self._work = work
        self._context = contextvars.copy_context()
        self._stack: _Stack | None = None

    def step(self) -> None:
        """Go on until it waits or ends. On its loop, and by no fiber."""
        stack = self._stack
        if stack is None:
            stack = self._stack = _Stack.free()
            stack.fiber, stack.gr_context = self, self._context
        stack.parent = self.hub = getcurrent()
        began = time.thread_time()
        stack.switch()
        self.held_up(time.thread_time() - began)
        if self.ended:
            stack.leave()
            tell, self.when_ended = self.when_ended, None  # which refers to this, as this does to it
            if tell is not None:
                tell()

    def work(self) -> None:
        """All of the work, on the stack that `step` has found."""
        try:
            self.result = self._work()
        except BaseException as raised:  # noqa: BLE001  # whoever waits must hear of it, whatever it is
            self.failure = raised
        self.ended = True

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
        self.hub.switch()


class _Stack(greenlet):
    """What a fiber's calls stand on. One that has ended leaves it to the next: the system is asked for memory once.

    Attributes:
        fiber: whose it is; None while it is free.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fiber: Fiber | None = None

    @staticmethod
    def free() -> "_Stack":
        """One that nobody has, of this thread's, which no other one can go on with."""
        return _idle.stacks.pop() if _idle.stacks else _Stack()

    def leave(self) -> None:
        """The fiber has ended: let go of what it was about."""
        self.fiber = self.gr_context = None
        if not self.dead and len(_idle.stacks) < _MOST_IDLE:
            _idle.stacks.append(self)

    def run(self) -> None:
        """Do the work of one fiber after the other; called by the first one's first step."""
        while (fiber := self.fiber) is not None:
            fiber.work()
            if isinstance(fiber.failure, GreenletExit):  # nobody goes on with it: it is being taken away
                return
            hub = fiber.hub
            del fiber
            hub.switch()


class _Idle(threading.local):
    """Stacks that are free."""

    def __init__(self) -> None:
        self.stacks: list[_Stack] = []


_idle = _Idle()


def this_fiber() -> Fiber | None:
    """The fiber that asks; None in a thread that may block."""
    current = getcurrent()
    return current.fiber if isinstance(current, _Stack) else None


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
