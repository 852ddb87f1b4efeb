"""One transaction on one connection: prepared statements in, plain rows out."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

from keyferry.errors import IntegrityViolation
from keyferry.store.kept import Kept
from keyferry.store.statements import Compiled, Prepared, Row

Columns = dict[str, Any]
Append = Callable[["Transaction", list[Columns]], None]


@dataclass(slots=True)
class _Mark:
    """A savepoint that is under way.

    Attributes:
        name: what it is called in the database; None while it has nothing to undo.
        waiting: rows that are still to be written, each with what writes them. While there are any, no savepoint within
            this one has a name.
    """

    name: str | None = None
    waiting: list[tuple[Append, Columns]] = field(default_factory=list)


class Transaction:
    """Runs statements inside a transaction that the store has begun and will end.

    Args:
        kept: what the connection has been answered before, and that is so still; None for nothing.

    Attributes:
        kept: what would be answered the same once more.
    """

    def __init__(self, connection: DBAPIConnection, dialect: Dialect, kept: Kept | None = None) -> None:
        self.dialect = dialect
        self.kept = kept or Kept(keeps=dialect.name == "sqlite")
        self._cursor: DBAPICursor = connection.cursor()
        self._marks: list[_Mark] = []
        self.gathers = False
        """Whether rows that are appended wait for others."""
        self._unwritten: Exception | None = None
        self._awaiting_event: set[tuple[str, int]] = set()
        self.asked: list[tuple[Any, str]] = []
        """Every table and id that was asked for, in order."""

    def close(self) -> None:
        """Give the connection back without a statement that is still open; it would keep an old snapshot alive."""
        self._cursor.close()

    def rows(self, statement: Prepared, /, **parameters: Any) -> list[Row]:
        """All rows that a query answers, as tuples in the order of its columns."""
        try:
            self._execute(statement, parameters)
            return list(self._cursor.fetchall())
        except sqlite3.OperationalError as failure:
            _require_readable(failure)
            raise

    def row(self, statement: Prepared, /, **parameters: Any) -> Row | None:
        """The first row that a query answers, or None."""
        rows = self.first(statement, **parameters)
        return rows[0] if rows else None

    def first(self, statement: Prepared, /, **parameters: Any) -> list[Row]:
        """As `row`: of one row or of none."""
        try:
            self._execute(statement, parameters)
            found = self._cursor.fetchone()
        except sqlite3.OperationalError as failure:
            _require_readable(failure)
            raise
        return [] if found is None else [found]

    def run(self, statement: Prepared, /, **parameters: Any) -> int:
        """Execute and answer how many rows it changed."""
        self._set_savepoint()
        self._execute(statement, parameters)
        return int(self._cursor.rowcount)

    def run_many(self, statement: Prepared, parameters: Iterable[Mapping[str, Any]]) -> None:
        """Execute once for each set of parameters; not at all for none."""
        compiled = statement.compiled(self.dialect)
        values = [compiled.parameters(each) for each in parameters]
        if values:
            self._set_savepoint()
            self._note_change(compiled)
            self._cursor.executemany(compiled.sql, cast("list[dict[str, Any]]", values))

    def append(self, table: str, write: Append, row: Columns) -> None:
        """Have `write` write a new row of `table`: at once or, while rows are gathered, together with others."""
        if self.gathers:
            self.kept.changing(table)
            self._marks[-1].waiting.append((write, row))
        else:
            write(self, [row])

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """What is appended inside is written together, before the next statement or else at the end.

        Nobody can tell but by the time that it takes: a statement finds every row there, and a savepoint that is undone
        takes along those that were appended in it.

        Raises:
            Exception: rows could not be written, of whichever savepoint; all that was done inside is undone.
        """
        with self.savepoint():
            self.gathers, self._unwritten = True, None
            try:
                yield
                self._settle()
                if self._unwritten is not None:
                    raise self._unwritten
            finally:
                self.gathers = False

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What is done inside is undone if it raises; the transaction goes on."""
        self._marks.append(_Mark())
        if self.dialect.name != "sqlite":  # PostgreSQL gives up a transaction after any fault, also of a query
            self._set_savepoint()
        try:
            yield
            self._hand_on()
        except BaseException:
            if (name := self._marks[-1].name) is not None:
                self._cursor.execute(f"ROLLBACK TO SAVEPOINT {name}")
            raise
        finally:
            name = self._marks.pop().name
            if name is not None and (not self._marks or name != self._marks[-1].name):
                self._cursor.execute(f"RELEASE SAVEPOINT {name}")
            self._awaiting_event.clear()
            if not self._marks:  # what follows may be somebody else's
                self.kept.settled()
                self.asked.clear()

    def await_event(self, row_id: str, revision: int) -> None:
        """Note that a row was written at `revision` in this savepoint, and that its audit event is still to come."""
        self._awaiting_event.add((row_id, revision))

    def awaits_event(self, row_id: str, revision: int) -> bool:
        """Whether `await_event` noted this row at this revision, in the savepoint that is under way."""
        return (row_id, revision) in self._awaiting_event

    def _hand_on(self) -> None:
        """Leave what waits in the innermost savepoint to the one around it, if nothing of it is in the database yet."""
        mark = self._marks[-1]
        if mark.waiting and mark.name is None:
            self._marks[-2].waiting += mark.waiting
        elif mark.waiting:
            self._settle()

    def _settle(self) -> None:
        """Write what waits, each row as if the savepoints within its own had not begun."""
        for depth, mark in enumerate(self._marks, start=1):
            if not mark.waiting:
                continue
            waiting, mark.waiting = mark.waiting, []
            together: dict[Append, list[Columns]] = {}
            for write, row in waiting:
                together.setdefault(write, []).append(row)
            within = self._marks[depth:]
            del self._marks[depth:]
            try:
                for write, rows in together.items():
                    write(self, rows)
            except Exception as failure:
                if within:  # whoever meets this asks for something else, and may go on when they have undone their own
                    self._unwritten = failure
                raise
            finally:
                self._marks += within

    def _set_savepoint(self) -> None:
        """Before the first change since the last `savepoint`: one for all that have nothing to undo yet."""
        if self.gathers:
            self._settle()
        if not self._marks or self._marks[-1].name is not None:
            return
        first = next(depth for depth, mark in enumerate(self._marks) if mark.name is None)
        name = f"s{first}"  # the same at the same depth: statements that are alike are prepared once
        self._cursor.execute(f"SAVEPOINT {name}")
        for mark in self._marks[first:]:
            mark.name = name

    def _execute(self, statement: Prepared, parameters: Mapping[str, Any]) -> None:
        if self.gathers:
            self._settle()
        compiled = statement.compiled(self.dialect)
        self._note_change(compiled)
        self._cursor.execute(compiled.sql, compiled.parameters(parameters))

    def _note_change(self, compiled: Compiled) -> None:
        if compiled.changes is not None:
            self.kept.changing(compiled.changes)


def _require_readable(failure: sqlite3.OperationalError) -> None:
    """
    Raises:
        IntegrityViolation: the failure is a text that is no UTF-8; SQLite keeps any, and Keyferry writes none.
    """
    if "decode to UTF-8" in str(failure):
        raise IntegrityViolation(
            "A row holds a text that is no UTF-8: it was changed behind Keyferry's back."
        ) from failure
