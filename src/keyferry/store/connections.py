"""Connections to SQLite that readers leave to the next one, with what they were answered: a pool's bookkeeping costs as
much as a short read.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final, cast

from sqlalchemy import Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from keyferry.store.kept import Kept, data_version
from keyferry.store.transaction import Transaction
from keyferry.waiting import about_to_wait

#: connections that are kept back from the engine's pool while nobody uses them, and never more than half of the pool
MOST: Final = 16


class Connections:
    """The last ones that were used, on top of the engine's pool."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        pool = engine.pool
        self._most = min(MOST, pool.size() // 2) if isinstance(pool, QueuePool) else 0  # the rest is for others
        # its `append` and `pop` are atomic
        self._idle: list[tuple[PoolProxiedConnection, Kept]] = []

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that sees one snapshot; it is undone at the end, and writes nothing.

        Raises:
            WouldWait: none is idle, and this is a fiber that can still be begun again in a thread.
        """
        try:
            pooled, kept = self._idle.pop()
        except IndexError:
            about_to_wait()
            pooled, kept = self._engine.raw_connection(), Kept()
        driver = cast("sqlite3.Connection", pooled.driver_connection)
        try:
            driver.execute("BEGIN").close()
            kept.begin(data_version(driver))
            with closing(Transaction(cast("DBAPIConnection", driver), self._engine.dialect, kept)) as transaction:
                yield transaction
            driver.rollback()
        except BaseException:
            pooled.close()  # the pool rolls back, and looks after what is broken
            raise
        if len(self._idle) < self._most:
            self._idle.append((pooled, kept))
        else:
            pooled.close()

    def close(self) -> None:
        """Give all of them back to the pool."""
        while self._idle:
            self._idle.pop()[0].close()
