"""What a connection to SQLite has been answered, kept for as long as it would be answered the same.

The caller's own rows are asked for by every operation, and hardly ever change. Whether anybody else has committed
since, SQLite tells by its `data_version`: the same number by which it decides whether the pages that it holds are still
the database's. What the connection changes itself, its statements name. An answer that is given from here is therefore
what the database holds at that moment; it is verified as any other.
"""

import sqlite3
from collections.abc import Hashable
from typing import Final

from keyferry.store.statements import ANY_TABLE, Row

#: rows of one table that are kept, of all answers together; one with an RSA key is of 3 KiB
MOST: Final = 128
#: rows of an answer that is worth keeping
LONGEST: Final = 16


class Kept:
    """Answers of one connection, by the table that they are about. One thread uses it at a time.

    Args:
        keeps: whether anything is kept; on PostgreSQL nothing is, as a row that was waited for is read anew.
    """

    def __init__(self, *, keeps: bool = True) -> None:
        self.keeps = keeps
        self._about: dict[str, _Answers] = {}
        self._changing: set[str] = set()
        self._version: int | None = None

    def begin(self, version: int) -> None:
        """In a transaction that has just begun: forget everything if another connection has committed meanwhile.

        Args:
            version: SQLite's `data_version`, read in the transaction.
        """
        self._changing.clear()
        if version != self._version:
            self._about.clear()
            self._version = version

    def find(self, table: str, asked: Hashable) -> list[Row] | None:
        """What was answered when this was asked of `table`; None if that is not known (any more)."""
        answers = self._about.get(table)
        return None if answers is None else answers.by_question.get(asked)

    def keep(self, table: str, asked: Hashable, rows: list[Row]) -> None:
        """Remember an answer that is made of rows of `table` alone and of the newest events about them."""
        if self.keeps and len(rows) <= LONGEST and self._changing.isdisjoint((table, ANY_TABLE)):
            self._about.setdefault(table, _Answers()).add(asked, rows)

    def changing(self, table: str) -> None:
        """A statement is about to change rows of `table`: what was answered about it is forgotten.

        Nothing of it is kept before `settled`, since the audit event that has to follow is part of an answer too.
        """
        if table == ANY_TABLE:
            self._about.clear()
        else:
            self._about.pop(table, None)
        self._changing.add(table)

    def settled(self) -> None:
        """All that was changed has its audit event, or is undone."""
        self._changing.clear()


class _Answers:
    """About one table; the oldest ones make room."""

    def __init__(self) -> None:
        self.by_question: dict[Hashable, list[Row]] = {}
        self._rows = 0

    def add(self, asked: Hashable, rows: list[Row]) -> None:
        self._rows += len(rows) - len(self.by_question.pop(asked, ()))
        self.by_question[asked] = rows
        while self._rows > MOST or len(self.by_question) > MOST:
            self._rows -= len(self.by_question.pop(next(iter(self.by_question))))


def data_version(connection: sqlite3.Connection) -> int:
    """A number that is another one once another connection has committed; as the transaction sees the database."""
    cursor = connection.execute("PRAGMA data_version")
    (version,) = cursor.fetchone()
    cursor.close()
    return int(version)
