"""Savepoints within savepoints: what fails is undone, from its beginning on, and nothing besides."""

import sqlite3
from contextlib import nullcontext, suppress
from enum import Enum, auto
from itertools import count
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, delete, insert, select
from tests.store.nesting import Failing, Inside, Steps, nested

from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.tables import activity
from keyferry.store.transaction import Transaction

INSERT = Prepared(insert(activity).values(subject_id=bindparam("id"), last_used_at=0))
ALL = Prepared(select(activity.c.subject_id).order_by(activity.c.subject_id))
CLEAR = Prepared(delete(activity))


class Step(Enum):
    """What happens in a savepoint: a row is written, or two at once; one is appended; all rows are looked at."""

    RUN = auto()
    RUN_MANY = auto()
    APPEND = auto()
    LOOK = auto()


class Rows:
    """Does the steps, and knows by the rule alone which rows are there: those of a savepoint that failed are not."""

    def __init__(self) -> None:
        self.there: list[str] = []
        self._numbers = count()

    def do(self, tx: Transaction, found: Steps[Step]) -> None:
        for step in found:
            if isinstance(step, Inside):
                before = len(self.there)
                step.run(tx, self.do)
                if step.fails:
                    del self.there[before:]
            elif step is Step.RUN:
                tx.run(INSERT, **self._new())
            elif step is Step.RUN_MANY:
                tx.run_many(INSERT, [self._new(), self._new()])
            elif step is Step.APPEND:
                tx.append(activity.name, together, self._new())
            else:
                assert [row[0] for row in tx.rows(ALL)] == self.there

    def _new(self) -> dict[str, str]:
        self.there.append(f"row {next(self._numbers):03}")
        return {"id": self.there[-1]}


def together(tx: Transaction, rows: list[dict[str, Any]]) -> None:
    tx.run_many(INSERT, rows)


@pytest.mark.parametrize("gathers", [False, True], ids=["at once", "gathered"])
@given(st.lists(nested(st.sampled_from(Step), 16), max_size=5).map(tuple))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_fails_is_undone_and_nothing_else(store: Store, gathers: bool, found: Steps[Step]) -> None:
    rows = Rows()

    def write(tx: Transaction) -> None:
        with tx.gathering() if gathers else nullcontext():
            rows.do(tx, found)

    store.write(lambda tx: tx.run(CLEAR))
    store.write(write)
    assert [row[0] for row in store.read(lambda tx: tx.rows(ALL))] == rows.there


def test_rows_that_are_gathered_are_written_in_one_statement(store: Store) -> None:
    written: list[int] = []

    def count_them(tx: Transaction, rows: list[dict[str, Any]]) -> None:
        written.append(len(rows))
        tx.run_many(INSERT, rows)

    def write(tx: Transaction) -> None:
        with tx.gathering():
            for number in range(3):
                with tx.savepoint():
                    tx.append(activity.name, count_them, {"id": f"row {number}"})
            with suppress(Failing), tx.savepoint():
                tx.append(activity.name, count_them, {"id": "undone"})
                raise Failing
        tx.append(activity.name, count_them, {"id": "row 3"})

    store.write(write)
    assert written == [3, 1] if store.is_local else sum(written) == 4
    assert [row[0] for row in store.read(lambda tx: tx.rows(ALL))] == [f"row {number}" for number in range(4)]


def test_rows_that_cannot_be_written_undo_what_they_were_gathered_with(store: Store) -> None:
    def write(tx: Transaction) -> None:
        tx.append(activity.name, together, {"id": "before"})
        with suppress(sqlite3.IntegrityError, psycopg.errors.UniqueViolation), tx.gathering():
            tx.append(activity.name, together, {"id": "row"})
            tx.append(activity.name, together, {"id": "row"})
        tx.append(activity.name, together, {"id": "after"})

    store.write(write)
    assert [row[0] for row in store.read(lambda tx: tx.rows(ALL))] == ["after", "before"]


def test_rows_that_cannot_be_written_are_not_lost_in_a_savepoint_that_is_undone(store: Store) -> None:
    """It is a statement of somebody else's that has them written, in a savepoint of its own."""

    def refuse(_tx: Transaction, _rows: list[dict[str, Any]]) -> None:
        raise Failing

    def write(tx: Transaction) -> None:
        with suppress(Failing), tx.gathering():
            with tx.savepoint():
                tx.append(activity.name, together, {"id": "row"})
                tx.append(activity.name, refuse, {"id": "refused"})
            with suppress(Failing), tx.savepoint():
                tx.rows(ALL)
        tx.append(activity.name, together, {"id": "after"})

    store.write(write)
    assert [row[0] for row in store.read(lambda tx: tx.rows(ALL))] == ["after"]


def test_a_savepoint_with_nothing_in_it_asks_the_database_for_nothing(store: Store) -> None:
    if not store.is_local:  # any fault gives up a transaction of PostgreSQL: it is set at once there
        return
    asked: list[str] = []

    def look(tx: Transaction) -> None:
        tx._cursor.connection.set_trace_callback(asked.append)
        with tx.savepoint(), tx.savepoint():
            tx.rows(ALL)
        with pytest.raises(Failing), tx.savepoint():
            raise Failing
        tx._cursor.connection.set_trace_callback(None)

    store.write(look)
    assert len(asked) == 1
    assert asked[0].startswith("SELECT")
