"""Savepoints within savepoints: what fails is undone, from its beginning on, and nothing besides."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, delete, insert, select

from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.tables import activity
from keyferry.store.transaction import Transaction

INSERT = Prepared(insert(activity).values(subject_id=bindparam("id"), last_used_at=0))
ALL = Prepared(select(activity.c.subject_id).order_by(activity.c.subject_id))
CLEAR = Prepared(delete(activity))


@dataclass(frozen=True)
class Write:
    """A row is written; or, with `many`, two at once."""

    many: bool = False


@dataclass(frozen=True)
class Inside:
    """A savepoint with what happens in it, which fails at its end or does not."""

    steps: tuple["Write | Inside", ...]
    fails: bool


steps = st.recursive(
    st.builds(Write, st.booleans()),
    lambda inner: st.builds(Inside, st.lists(inner, max_size=3).map(tuple), st.booleans()),
    max_leaves=12,
)


class Failing(Exception):
    """What a savepoint fails with."""


def expected(found: tuple[Write | Inside, ...], names: Iterator[int]) -> list[str]:
    """The rows that are left, by the rule alone: those of a savepoint that fails are not."""
    left: list[str] = []
    for step in found:
        if isinstance(step, Write):
            left += [name(next(names)) for _ in range(2 if step.many else 1)]
        else:
            inner = expected(step.steps, names)
            left += [] if step.fails else inner
    return left


def name(number: int) -> str:
    return f"row {number:03}"


def do(tx: Transaction, found: tuple[Write | Inside, ...], names: Iterator[int]) -> None:
    for step in found:
        if isinstance(step, Inside):
            with suppress(Failing), tx.savepoint():
                do(tx, step.steps, names)
                if step.fails:
                    raise Failing
        elif step.many:
            tx.run_many(INSERT, [{"id": name(next(names))} for _ in range(2)])
        else:
            tx.run(INSERT, id=name(next(names)))


@given(st.lists(steps, max_size=5).map(tuple))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_fails_is_undone_and_nothing_else(store: Store, found: tuple[Write | Inside, ...]) -> None:
    store.write(lambda tx: tx.run(CLEAR))
    store.write(lambda tx: do(tx, found, count()))
    assert [row[0] for row in store.read(lambda tx: tx.rows(ALL))] == expected(found, count())


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
