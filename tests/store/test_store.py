"""Reading on a snapshot, writing without loss, the same on both databases."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg
import pytest
from sqlalchemy import bindparam, insert, select, update

from keyferry.errors import Overloaded
from keyferry.store.statements import Prepared
from keyferry.store.store import ATTEMPTS, Store
from keyferry.store.tables import activity
from keyferry.store.transaction import Transaction

THREADS, ROUNDS = 8, 15

INSERT = Prepared(insert(activity).values(subject_id=bindparam("id"), last_used_at=bindparam("value")))
READ = Prepared(select(activity.c.last_used_at).where(activity.c.subject_id == bindparam("id")))
HOLD = Prepared(select(activity.c.last_used_at).where(activity.c.subject_id == bindparam("id")).with_for_update())
WRITE = Prepared(
    update(activity).where(activity.c.subject_id == bindparam("id")).values(last_used_at=bindparam("value"))
)
ALL = Prepared(select(activity.c.subject_id, activity.c.last_used_at).order_by(activity.c.subject_id))


def put(store: Store, id_: str, value: int = 0) -> None:
    store.write(lambda tx: tx.run(INSERT, id=id_, value=value))


def value_of(store: Store, id_: str) -> int:
    row = store.read(lambda tx: tx.row(READ, id=id_))
    assert row is not None
    return int(row[0])


def add_one(tx: Transaction) -> None:
    row = tx.row(HOLD, id="counter")
    assert row is not None
    tx.run(WRITE, id="counter", value=row[0] + 1)


def test_no_update_is_lost_among_threads(store: Store) -> None:
    put(store, "counter")
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda _: [store.write(add_one) for _ in range(ROUNDS)], range(THREADS)))
    assert value_of(store, "counter") == THREADS * ROUNDS


def test_a_failing_write_changes_nothing(store: Store) -> None:
    put(store, "kept", 1)

    def fail(tx: Transaction) -> None:
        tx.run(WRITE, id="kept", value=2)
        tx.run(INSERT, id="new", value=3)
        raise LookupError

    with pytest.raises(LookupError):
        store.write(fail)
    assert store.read(lambda tx: tx.rows(ALL)) == [("kept", 1)]


def test_a_savepoint_undoes_what_is_inside_it_alone(store: Store) -> None:
    def partly(tx: Transaction) -> None:
        tx.run(INSERT, id="before", value=1)
        with pytest.raises(LookupError), tx.savepoint():
            tx.run(INSERT, id="inside", value=2)
            raise LookupError
        tx.run(INSERT, id="after", value=3)

    store.write(partly)
    assert store.read(lambda tx: tx.rows(ALL)) == [("after", 3), ("before", 1)]


def test_a_reader_sees_one_moment(store: Store) -> None:
    put(store, "counter", 1)

    def read_twice(tx: Transaction) -> tuple[object, object]:
        first = tx.row(READ, id="counter")
        store.write(add_one)
        return first, tx.row(READ, id="counter")

    assert store.read(read_twice) == ((1,), (1,))
    assert value_of(store, "counter") == 2


def test_nothing_that_a_reader_writes_is_kept(store: Store) -> None:
    """PostgreSQL refuses the statement; SQLite takes it, and every reading ends in a rollback."""
    with suppress(psycopg.errors.ReadOnlySqlTransaction):
        store.read(lambda tx: tx.run(INSERT, id="stray", value=1))
    assert store.read(lambda tx: tx.rows(ALL)) == []


def test_colliding_transactions_are_run_again(store: Store) -> None:
    """Two transactions of PostgreSQL that wait for each other; SQLite's one writer lets none collide."""
    put(store, "a")
    put(store, "b")
    both_hold_one = threading.Barrier(2, timeout=20)
    tries = {"ab": 0, "ba": 0}

    def crosswise(first: str, second: str) -> Callable[[Transaction], None]:
        def work(tx: Transaction) -> None:
            tries[first + second] += 1
            tx.row(HOLD, id=first)
            if store.engine.dialect.name == "postgresql" and tries[first + second] == 1:
                both_hold_one.wait()
            row = tx.row(HOLD, id=second)
            assert row is not None
            tx.run(WRITE, id=second, value=row[0] + 1)

        return work

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda pair: store.write(crosswise(*pair)), ["ab", "ba"]))
    assert store.read(lambda tx: tx.rows(ALL)) == [("a", 1), ("b", 1)]
    assert sum(tries.values()) >= (3 if store.engine.dialect.name == "postgresql" else 2)


def test_endless_collisions_end_in_a_refusal(store: Store) -> None:
    put(store, "taken")
    tries = []

    def insert_again(tx: Transaction) -> None:
        tries.append(1)
        tx.run(INSERT, id="taken", value=1)

    if store.engine.dialect.name == "postgresql":
        with pytest.raises(Overloaded):
            store.write(insert_again)
        assert len(tries) == ATTEMPTS
    else:
        with pytest.raises(Exception, match="UNIQUE"):
            store.write(insert_again)
        assert len(tries) == 1


def test_scrubbing_leaves_the_connections_as_they_were(store: Store) -> None:
    """VACUUM runs outside transactions; what comes after it must not."""
    for _ in range(3):
        assert store.scrub()

    def fail(tx: Transaction) -> None:
        tx.run(INSERT, id="new", value=3)
        raise LookupError

    for _ in range(20):
        with pytest.raises(LookupError):
            store.write(fail)
    assert store.read(lambda tx: tx.rows(ALL)) == []


def test_scrubbing_says_when_a_reader_keeps_old_pages(store: Store) -> None:
    put(store, "counter")

    def read(tx: Transaction) -> bool:
        tx.row(READ, id="counter")
        store.write(add_one)
        return store.scrub()

    if store.engine.dialect.name == "sqlite":
        assert not store.read(read)
    assert store.scrub()
