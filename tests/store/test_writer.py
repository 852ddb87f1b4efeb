"""SQLite's one writer: first come, first served, one commit for a group, and nobody answered before it."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine
from tests.store.rows import INSERT, ask, kept

from keyferry.errors import InternalError, Overloaded
from keyferry.store import writer as writing
from keyferry.store.transaction import Transaction
from keyferry.store.writer import Writer


def inserting(id_: str) -> Callable[[Transaction], str]:
    def work(tx: Transaction) -> str:
        tx.run(INSERT, id=id_)
        return id_

    return work


class HeldUp:
    """A writer that is busy until `let_go`, and what was given to it meanwhile, in order: the next group."""

    def __init__(self, writer: Writer, threads: ThreadPoolExecutor) -> None:
        self._writer = writer
        self._threads = threads
        self._release = threading.Event()
        started = threading.Event()

        def hold(tx: Transaction) -> None:
            started.set()
            self._release.wait(20)

        self.first = threads.submit(writer.write, hold)
        started.wait(20)

    def give(self, work: Callable[[Transaction], Any]) -> Future[Any]:
        waiting = len(self._writer._queue)
        given = self._threads.submit(self._writer.write, work)
        while len(self._writer._queue) == waiting and not given.done():
            threading.Event().wait(0.001)
        return given

    def let_go(self) -> None:
        self._release.set()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(120) as pool:
        yield pool


def test_work_is_done_in_the_order_in_which_it_came(writer: Writer, threads: ThreadPoolExecutor) -> None:
    done: list[int] = []
    held = HeldUp(writer, threads)
    given = [held.give(lambda _, n=n: done.append(n)) for n in range(10)]  # type: ignore[misc]  # a default binds it now
    held.let_go()
    for each in given:
        each.result()
    assert done == list(range(10))


def test_a_group_is_one_commit_and_answered_after_it(
    engine: Engine, writer: Writer, threads: ThreadPoolExecutor
) -> None:
    seen: list[set[str]] = []
    held = HeldUp(writer, threads)
    given = [held.give(inserting(f"row {n}")) for n in range(5)]
    answered: list[bool] = []

    def look_around(tx: Transaction) -> None:
        seen.append(kept(engine))
        answered.extend(each.done() for each in given)

    last = held.give(look_around)
    held.let_go()
    last.result()
    assert seen == [set()]
    assert answered == [False] * 5
    assert kept(engine) == {f"row {n}" for n in range(5)}


def test_a_group_has_an_end(engine: Engine, writer: Writer, threads: ThreadPoolExecutor) -> None:
    seen: list[set[str]] = []
    held = HeldUp(writer, threads)
    given = [held.give(inserting(f"row {n}")) for n in range(writing.LARGEST_GROUP)]
    last = held.give(lambda _: seen.append(kept(engine)))
    held.let_go()
    last.result()
    assert seen == [{each.result() for each in given}]


def test_a_failing_operation_undoes_itself_alone(engine: Engine, writer: Writer, threads: ThreadPoolExecutor) -> None:
    def fail(tx: Transaction) -> None:
        tx.run(INSERT, id="bad")
        raise LookupError

    held = HeldUp(writer, threads)
    before, bad, after = held.give(inserting("before")), held.give(fail), held.give(inserting("after"))
    held.let_go()
    assert before.result() == "before"
    assert after.result() == "after"
    with pytest.raises(LookupError):
        bad.result()
    assert kept(engine) == {"before", "after"}


def test_what_breaks_a_constraint_undoes_itself_alone(
    engine: Engine, writer: Writer, threads: ThreadPoolExecutor
) -> None:
    held = HeldUp(writer, threads)
    once, again, other = held.give(inserting("a")), held.give(inserting("a")), held.give(inserting("b"))
    held.let_go()
    once.result()
    other.result()
    with pytest.raises(sqlite3.IntegrityError):
        again.result()
    assert kept(engine) == {"a", "b"}


def test_a_full_disk_lets_nobody_believe_they_were_served(
    engine: Engine, writer: Writer, threads: ThreadPoolExecutor
) -> None:
    """A full database makes SQLite undo the whole transaction, also what others in the group had done before."""
    writer.write(inserting("long ago"))
    pages = ask(engine, "PRAGMA page_count")[0][0]
    held = HeldUp(writer, threads)
    before = held.give(inserting("before"))

    def fill(tx: Transaction) -> None:
        tx._cursor.execute(f"PRAGMA max_page_count={pages + 1}")
        tx.run(INSERT, id="x" * 1_000_000)

    filling, after = held.give(fill), held.give(inserting("after"))
    held.let_go()
    for each in (before, filling, after):
        with pytest.raises(InternalError, match="none of them was made") as undone:
            each.result()
        assert "disk" in undone.value.advice
        assert isinstance(undone.value.__cause__, sqlite3.OperationalError)
    assert kept(engine) == {"long ago"}


def test_the_writer_goes_on_after_a_group_that_failed(engine: Engine, writer: Writer) -> None:
    def end_the_transaction(tx: Transaction) -> None:
        tx._cursor.execute("ROLLBACK")

    with pytest.raises(InternalError):
        writer.write(end_the_transaction)
    assert writer.write(inserting("next")) == "next"
    assert kept(engine) == {"next"}


def test_a_full_queue_refuses(monkeypatch: pytest.MonkeyPatch, engine: Engine, threads: ThreadPoolExecutor) -> None:
    monkeypatch.setattr(writing, "LONGEST_QUEUE", 3)
    writer = Writer(engine)
    held = HeldUp(writer, threads)
    given = [held.give(inserting(f"row {n}")) for n in range(3)]
    with pytest.raises(Overloaded) as refused:
        writer.write(inserting("too many"))
    assert refused.value.code == "overloaded"
    held.let_go()
    for each in given:
        each.result()
    assert writer.write(inserting("later")) == "later"
    writer.close()
    assert kept(engine) == {"row 0", "row 1", "row 2", "later"}


def test_closing_finishes_what_waits_and_refuses_what_comes_later(engine: Engine, threads: ThreadPoolExecutor) -> None:
    writer = Writer(engine)
    held = HeldUp(writer, threads)
    given = [held.give(inserting(f"row {n}")) for n in range(100)]
    closing = threads.submit(writer.close)
    held.let_go()
    closing.result()
    assert kept(engine) == {each.result() for each in given}
    with pytest.raises(Overloaded):
        writer.write(inserting("too late"))
    writer.close()
