"""What is to be written in one go, and whoever waits for it: a thread, which blocks, or a fiber, which steps aside."""

import threading
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any

from keyferry.store.transaction import Transaction
from keyferry.waiting import Fiber, this_fiber

Work = Callable[[Transaction], Any]


class Job:
    """An operation, and whoever waits until it is durable: a fiber, or a thread."""

    def __init__(self, work: Work) -> None:
        self.fiber: Fiber | None = this_fiber()
        self._work = work
        self._told = threading.Lock()
        self._result: Any = None
        self._failure: BaseException | None = None
        self._told.acquire()

    @property
    def loop(self) -> AbstractEventLoop | None:
        """Where it is to be done; None for a thread."""
        return None if self.fiber is None else self.fiber.loop

    def attempt(self, transaction: Transaction) -> BaseException | None:
        """Do it in a savepoint; answers what it failed with, which undid it alone."""
        began = time.thread_time()
        self._failure = None
        try:
            with transaction.savepoint():
                self._result = self._work(transaction)
        except Exception as failure:  # noqa: BLE001  # it is the waiting caller's, not the writer's
            self._failure = failure
        if self.fiber is not None:
            self.fiber.held_up(time.thread_time() - began)
        return self._failure

    def fail(self, failure: BaseException) -> None:
        """Let nothing of it have been done."""
        self._failure = failure

    def tell(self) -> None:
        """Let whoever waits go on: a thread, or the fiber, on its loop."""
        if self.fiber is None:
            self._told.release()
        else:
            self.fiber.step()

    def outcome(self) -> Any:
        """Wait; what the operation answered, once it is durable.

        Raises:
            BaseException: what it failed with.
        """
        if self.fiber is None:
            self._told.acquire()
        else:
            self.fiber.step_aside()
        if self._failure is not None:
            raise self._failure
        return self._result
