"""Rows of several tables, by their ids, in one statement.

SQLite lets another thread have the interpreter at each step of a statement, so that in a busy server what a row costs
is the statement, not the row. What an operation will ask for is mostly what it asked for the last time; so what of that
is not known already is read at once, and kept for when it is asked for. It is the same row of the same snapshot,
verified in the same way. This is for SQLite alone: its transactions are of one snapshot.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import FromClause, select

from keyferry.errors import IntegrityViolation
from keyferry.store.sealed import RevisedTable
from keyferry.store.statements import Prepared, Row
from keyferry.store.tables import stores
from keyferry.store.transaction import Transaction

#: rows that are read at once; a statement joins at most 64 tables in SQLite, and a row with its event is two
MOST: Final = 16

Wanted = tuple[RevisedTable[Any], str]


def read_together(tx: Transaction, wanted: Sequence[Wanted]) -> None:
    """Read those of these rows that are not kept, each with the newest event about it, for `get` to find."""
    if tx.dialect.name != "sqlite":
        return
    wanted = [each for each in wanted if tx.kept.find(each[0].kind, each[1]) is None][:MOST]
    if not wanted:
        return
    statement = _statement(tuple(table for table, _ in wanted))
    try:
        row = tx.row(statement, **{f"id_{place}": id_ for place, (_, id_) in enumerate(wanted)})
    except IntegrityViolation:  # who asks for that very row will meet it
        return
    if row is None:  # the store's own row is gone: every row is read by itself
        return
    end = 0
    for table, id_ in wanted:
        start, end = end, end + table.width_with_event
        found: Row = row[start:end]
        if found[0] is not None:
            tx.kept.keep(table.kind, id_, [found])


@lru_cache(maxsize=128)
def _statement(tables: tuple[RevisedTable[Any], ...]) -> Prepared:
    source: FromClause = stores
    columns = []
    for place, table in enumerate(tables):
        source, beside = table.joined_to(source, f"id_{place}")
        columns += beside
    return Prepared(select(*columns).select_from(source).limit(1))
