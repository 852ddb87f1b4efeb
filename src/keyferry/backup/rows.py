"""The rows of a store: which tables a backup holds, and how they are read a page at a time."""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Boolean, Column, ColumnElement, Table, bindparam, func, select, tuple_

from keyferry.store.statements import Prepared, Row
from keyferry.store.tables import audit_events, data_keys, job_runs, leases, metadata, pool_keys, tested_sign_ins
from keyferry.store.transaction import Transaction

PAGE: Final = 200

#: kept out: a pool that was restored would hand out a key a second time; a lease is a running process's, a tested
#: sign-in a matter of minutes; data keys are in the header, as nothing else can be read before them
_LEFT_OUT: Final = {pool_keys, leases, job_runs, tested_sign_ins, data_keys}

TABLES: Final = tuple(table for table in metadata.sorted_tables if table not in _LEFT_OUT)
"""The tables in a backup, in an order in which they can be filled: what is referred to comes first."""


class Reading:
    """How one table is read: in pages, in the order of some columns that tell its rows apart."""

    def __init__(self, table: Table, by: list[Column[Any]], *where: ColumnElement[bool]) -> None:
        self._by = [list(table.c).index(column) for column in by]
        first = select(*table.c).where(*where).order_by(*by).limit(PAGE)
        after: list[ColumnElement[Any]] = [bindparam(f"after_{place}") for place in range(len(by))]
        beyond = by[0] > after[0] if len(by) == 1 else tuple_(*by) > tuple_(*after)
        self._first = Prepared(first)
        self._next = Prepared(first.where(beyond))
        self._truths = [place for place, column in enumerate(table.c) if isinstance(column.type, Boolean)]

    def rows(self, tx: Transaction) -> Iterator[Row]:
        """Every row, a page of them in memory at a time."""
        page = tx.rows(self._first)
        while page:
            yield from map(self._alike, page)
            after = {f"after_{place}": page[-1][column] for place, column in enumerate(self._by)}
            page = tx.rows(self._next, **after) if len(page) == PAGE else []

    def _alike(self, row: Row) -> Row:
        """The row as it is on every database: SQLite keeps truth values as 0 and 1."""
        values = list(row)
        for place in self._truths:
            if values[place] in (0, 1):  # (or True, False; anything else stays as strange as it is)
                values[place] = bool(values[place])
        return tuple(values)


def _readings(table: Table) -> list[Reading]:
    if table is audit_events:  # in the order of the chain, so that it can be checked while it is read
        number = audit_events.c.number
        return [
            Reading(table, [number], number.is_not(None)),
            Reading(table, [audit_events.c.id], number.is_(None)),
        ]
    return [Reading(table, list(table.primary_key.columns))]


_READINGS: Final = {table.name: _readings(table) for table in TABLES}
_COUNTS: Final = {table.name: Prepared(select(func.count()).select_from(table)) for table in TABLES}


def count_rows(tx: Transaction) -> dict[str, int]:
    """How many rows each table has."""
    return {name: int(tx.rows(statement)[0][0]) for name, statement in _COUNTS.items()}


def rows_of(tx: Transaction, table: Table) -> Iterator[Row]:
    """Every row of a table."""
    for reading in _READINGS[table.name]:
        yield from reading.rows(tx)
