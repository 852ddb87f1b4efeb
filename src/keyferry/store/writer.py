"""The one thread that writes to SQLite: first come, first served, a savepoint an operation, one commit for a group.

Several threads with `BEGIN IMMEDIATE` and a busy timeout starve each other for seconds. One writer does not, and it
makes many waiting operations durable with a single sync to disk.
"""

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Engine

from keyferry.errors import InternalError, Overloaded
from keyferry.store.transaction import Transaction
from keyferry.store.turnstile import Turnstile

LARGEST_GROUP = 64
LONGEST_QUEUE = 4096

Work = Callable[[Transaction], Any]


@dataclass(frozen=True, slots=True)
class _Job:
    work: Work
    done: Future[Any]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a job, told to whoever waits once the group is durable."""

    job: _Job
    result: Any = None
    failure: Exception | None = None

    def deliver(self) -> None:
        if self.failure is None:
            self.job.done.set_result(self.result)
        else:
            self.job.done.set_exception(self.failure)


class Writer:
    """Hands work to the writing thread and waits until it is durable."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: queue.Queue[_Job | None] = queue.Queue(LONGEST_QUEUE)
        self._closing = threading.Lock()
        self._closed = False
        self._turnstile = Turnstile(Path(engine.url.database)) if engine.url.database else None
        self._thread = threading.Thread(target=self._serve, name="keyferry-writer", daemon=True)
        self._thread.start()

    def write(self, work: Work) -> Any:
        """Run `work` in a savepoint of the next transaction, and return once that is committed.

        Raises:
            Overloaded: the queue is full, or the store is closing.
            InternalError: the database undid the whole group, this work and all that was to be committed with it.
            Exception: whatever `work` raised; its changes are undone, those of others in the group stand.
        """
        job = _Job(work, Future())
        with self._closing:
            if self._closed:
                raise Overloaded("The store is closing.", code="overloaded")
            try:
                self._queue.put_nowait(job)
            except queue.Full:
                raise Overloaded("Too many changes are waiting to be written.", code="overloaded") from None
        return job.done.result()

    def close(self) -> None:
        """Finish what waits, then end the thread; what comes later is refused."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()
        with self._closing:
            if self._turnstile is not None:
                self._turnstile.close()
                self._turnstile = None

    def _serve(self) -> None:
        while True:
            group = [self._queue.get(), *self._waiting()]
            jobs = [job for job in group if job is not None]
            if jobs:  # not to wait, when it is closed, for others who write
                self._write_group(jobs)
            if None in group:
                return

    def _waiting(self) -> list[_Job | None]:
        found: list[_Job | None] = []
        while len(found) < LARGEST_GROUP - 1:
            try:
                found.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return found

    def _write_group(self, group: list[_Job]) -> None:
        try:
            outcomes = self._commit(group)
        except BaseException as failure:  # noqa: BLE001  # whoever waits must hear of it, whatever it is
            for job in group:
                job.done.set_exception(failure)
            return
        for outcome in outcomes:
            outcome.deliver()

    def _commit(self, group: list[_Job]) -> list[_Outcome]:
        connection = self._engine.raw_connection()
        try:
            driver = cast("sqlite3.Connection", connection.driver_connection)
            with self._turnstile.passing() if self._turnstile else nullcontext():
                driver.execute("BEGIN IMMEDIATE").close()
            outcomes = []
            with closing(Transaction(connection.dbapi_connection, self._engine.dialect)) as transaction:  # type: ignore[arg-type]  # open
                for job in group:
                    outcomes.append(_attempt(transaction, job))
                    _require_still_open(driver, outcomes[-1])
            connection.commit()
            return outcomes
        except BaseException:
            connection.rollback()
            raise
        finally:
            connection.close()


def _attempt(transaction: Transaction, job: _Job) -> _Outcome:
    try:
        with transaction.savepoint():
            return _Outcome(job, job.work(transaction))
    except Exception as failure:  # noqa: BLE001  # it is the waiting caller's, not the writer's
        return _Outcome(job, failure=failure)


def _require_still_open(connection: sqlite3.Connection, outcome: _Outcome) -> None:
    """On a full disk, SQLite ends the transaction and undoes all of it, those before in the group included.

    Raises:
        InternalError: it did.
    """
    if not connection.in_transaction:
        raise InternalError(
            "The database undid a whole group of changes; none of them was made.",
            advice="Look whether the disk is full or failing, then try again.",
        ) from outcome.failure
