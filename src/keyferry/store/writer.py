"""The one thread that writes to SQLite: first come, first served, a savepoint an operation, one commit for a group.

Several threads with `BEGIN IMMEDIATE` and a busy timeout starve each other for seconds. One writer does not, and it
makes many waiting operations durable with a single sync to disk.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from sqlalchemy import Engine

from keyferry.errors import Overloaded
from keyferry.store.transaction import Transaction

LARGEST_GROUP = 64
LONGEST_QUEUE = 4096

Work = Callable[[Transaction], Any]


class Writer:
    """Hands work to the writing thread and waits until it is durable."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: queue.Queue[tuple[Work, Future[Any]] | None] = queue.Queue(LONGEST_QUEUE)
        self._thread = threading.Thread(target=self._serve, name="keyferry-writer", daemon=True)
        self._thread.start()

    def write(self, work: Work) -> Any:
        """Run `work` in a savepoint of the next transaction, and return once that is committed.

        Raises:
            Overloaded: the queue is full.
            Exception: whatever `work` raised; its changes are undone, those of others in the group stand.
        """
        done: Future[Any] = Future()
        try:
            self._queue.put_nowait((work, done))
        except queue.Full:
            raise Overloaded("Too many changes are waiting to be written.", code="overloaded") from None
        return done.result()

    def close(self) -> None:
        """Finish what waits, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            group = [first, *self._waiting()]
            self._write_group([job for job in group if job is not None])
            if None in group:
                return

    def _waiting(self) -> list[tuple[Work, Future[Any]] | None]:
        found: list[tuple[Work, Future[Any]] | None] = []
        while len(found) < LARGEST_GROUP - 1:
            try:
                found.append(self._queue.get_nowait())
            except queue.Empty:
                break
            if found[-1] is None:
                break
        return found

    def _write_group(self, group: list[tuple[Work, Future[Any]]]) -> None:
        outcomes: list[Callable[[], None]] = []
        try:
            connection = self._engine.raw_connection()
            try:
                connection.cursor().execute("BEGIN IMMEDIATE")
                transaction = Transaction(connection.dbapi_connection, self._engine.dialect)  # type: ignore[arg-type]  # open
                outcomes = [self._attempt(transaction, work, done) for work, done in group]
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            finally:
                connection.close()
        except BaseException as failure:  # noqa: BLE001  # whoever waits must hear of it, whatever it is
            for _, done in group:
                done.set_exception(failure)
            return
        transaction.committed()
        for deliver in outcomes:
            deliver()

    @staticmethod
    def _attempt(transaction: Transaction, work: Work, done: Future[Any]) -> Callable[[], None]:
        try:
            with transaction.savepoint():
                result = work(transaction)
        except Exception as failure:  # noqa: BLE001  # it is the waiting caller's, not the writer's
            return lambda failure=failure: done.set_exception(failure)  # type: ignore[misc]  # a default binds it now
        return lambda: done.set_result(result)
