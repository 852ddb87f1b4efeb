"""The store: read on a snapshot, write through the one writer (SQLite) or in a transaction of its own (PostgreSQL)."""

import random
import time
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

from sqlalchemy import Engine

from keyferry.errors import Overloaded
from keyferry.store.connections import Connections
from keyferry.store.engine import BUSY_TIMEOUT
from keyferry.store.transaction import Transaction
from keyferry.store.writer import Writer
from keyferry.waiting import about_to_wait

T = TypeVar("T")

ATTEMPTS = 5
_APART = 0.05  # seconds

# A checkpoint that waits for readers keeps everybody from writing meanwhile.
_SCRUB_TIMEOUT = "busy_timeout=250"

# Two transactions got in each other's way; the second, run again, sees what the first has done. A unique constraint is
# broken only so: every operation looks first.
_COLLISIONS = ("SerializationFailure", "DeadlockDetected", "UniqueViolation")


class Store:
    """Two ways in, `read` and `write`, alike on both databases. Both answer plain values: no cursor outlives them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = Writer(engine) if engine.dialect.name == "sqlite" else None
        self._connections = Connections(engine)
        errors = getattr(engine.dialect.loaded_dbapi, "errors", None)  # psycopg's: it is loaded where it is used
        self._collisions = tuple(getattr(errors, name) for name in _COLLISIONS) if self._writer is None else ()

    @property
    def is_local(self) -> bool:
        """Whether a read waits for no other machine and for nobody's lock."""
        return self._writer is not None

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on a snapshot, without locks."""
        if self._writer is None:
            return self._read_on_postgresql(work)
        with self._connections.reading() as transaction:
            return work(transaction)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` and return once its changes are durable; if it raises, nothing is changed.

        `work` may run more than once (on PostgreSQL, when two transactions collide), so it changes nothing but rows.

        Raises:
            WouldWait: it waits for another machine, and this is a fiber that can still be begun again in a thread.
        """
        if self._writer:
            result: T = self._writer.write(work)
            return result
        about_to_wait()
        for attempt in range(ATTEMPTS):
            try:
                return self._write_on_postgresql(work)
            except self._collisions:
                time.sleep(attempt * random.uniform(0, _APART))  # noqa: S311  # so that two do not collide in step
        raise Overloaded("Other changes to the same objects kept getting in the way.", code="overloaded")

    def scrub(self) -> bool:
        """Let nothing that was erased linger in files that this process may rewrite; answers whether that is done.

        SQLite overwrites freed pages with zeros (`secure_delete`); old pages stay in the write-ahead log until it is
        checkpointed and cut, which is done here, and cannot be while somebody reads an older snapshot. PostgreSQL keeps
        dead rows until it vacuums: it is asked to.
        """
        if self._writer is None:
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM key_versions, connections, identity_providers")
            return True
        pooled = self.engine.raw_connection()
        cursor = pooled.cursor()
        try:
            cursor.execute(f"PRAGMA {_SCRUB_TIMEOUT}")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (busy, _, _) = cursor.fetchall()[0]
            return not busy
        finally:
            cursor.execute(f"PRAGMA {BUSY_TIMEOUT}")
            cursor.close()
            pooled.close()

    def close(self) -> None:
        """Finish the writes that wait, then close every connection."""
        if self._writer:
            self._writer.close()
        self._connections.close()
        self.engine.dispose()

    def _read_on_postgresql(self, work: Callable[[Transaction], T]) -> T:
        connection = self.engine.raw_connection()
        try:
            connection.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            with closing(Transaction(connection.dbapi_connection, self.engine.dialect)) as transaction:  # type: ignore[arg-type]  # open
                return work(transaction)
        finally:
            connection.rollback()
            connection.close()

    def _write_on_postgresql(self, work: Callable[[Transaction], T]) -> T:
        connection = self.engine.raw_connection()
        try:
            with closing(Transaction(connection.dbapi_connection, self.engine.dialect)) as transaction:  # type: ignore[arg-type]  # open
                result = work(transaction)
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        finally:
            connection.close()
        return result
