"""The one connection that writes to SQLite, and what it writes: a savepoint an operation, a commit for a group.

One thread uses it at a time; who, `keyferry.store.writer` says.
"""

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Final, cast

from sqlalchemy import Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import PoolProxiedConnection

from keyferry.errors import InternalError
from keyferry.store.engine import BUSY_TIMEOUT
from keyferry.store.job import Job
from keyferry.store.kept import Kept, data_version
from keyferry.store.transaction import Transaction
from keyferry.store.turnstile import Turnstile

_NO_TIMEOUT: Final = "busy_timeout=0"


class Pen:
    """A transaction at a time: `begin` or `begin_now`, `write`, then `commit`, or `undo` after any fault.

    Attributes:
        writing_thread: which is writing a group just now; None between them.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pooled: PoolProxiedConnection | None = None
        self._waits = True
        self._kept = Kept()
        self.writing_thread: int | None = None
        self._turnstile = Turnstile(Path(engine.url.database)) if engine.url.database else None

    def begin(self) -> None:
        """Wait for SQLite's lock, for as long as the connection's timeout says."""
        connection = self._connection(waits=True)
        with self._turnstile.passing() if self._turnstile else nullcontext():
            connection.execute("BEGIN IMMEDIATE").close()
        self._kept.begin(data_version(connection))

    def begin_now(self) -> bool:
        """Take SQLite's lock if nobody has it, nor waits for it; whether that was so."""
        connection = self._connection(waits=False)
        if self._turnstile is not None and not self._turnstile.is_free():
            return False
        try:
            connection.execute("BEGIN IMMEDIATE").close()
        except sqlite3.OperationalError:  # whatever it is, who waits will meet it again
            return False
        self._kept.begin(data_version(connection))
        return True

    def write(self, group: Sequence[Job]) -> None:
        """Do what is to be done, each in a savepoint of its own.

        Raises:
            InternalError: the database undid the whole group.
        """
        connection = self._connection()
        self.writing_thread = threading.get_ident()
        try:
            driver = cast("DBAPIConnection", connection)
            with closing(Transaction(driver, self._engine.dialect, self._kept)) as transaction:
                for job in group:
                    failure = job.attempt(transaction)
                    _require_still_open(connection, failure)
        finally:
            self.writing_thread = None

    def commit(self) -> None:
        """Make it durable."""
        self._connection().commit()

    def undo(self) -> None:
        """Undo what is not committed, by closing the connection; what follows is done with another one."""
        pooled, self._pooled = self._pooled, None
        if pooled is not None:
            pooled.invalidate()
            pooled.close()

    def close(self) -> None:
        """Let everything go."""
        self.undo()
        if self._turnstile is not None:
            self._turnstile.close()
            self._turnstile = None

    def _connection(self, *, waits: bool | None = None) -> sqlite3.Connection:
        if self._pooled is None:
            self._pooled, self._waits, self._kept = self._engine.raw_connection(), True, Kept()
        connection = cast("sqlite3.Connection", self._pooled.driver_connection)
        if waits is not None and waits != self._waits:
            connection.execute(f"PRAGMA {BUSY_TIMEOUT if waits else _NO_TIMEOUT}").close()
            self._waits = waits
        return connection


def _require_still_open(connection: sqlite3.Connection, failure: BaseException | None) -> None:
    """On a full disk, SQLite ends the transaction and undoes all of it, those before in the group included.

    Raises:
        InternalError: it did.
    """
    if not connection.in_transaction:
        raise InternalError(
            "The database undid a whole group of changes; none of them was made.",
            advice="Look whether the disk is full or failing, then try again.",
        ) from failure
