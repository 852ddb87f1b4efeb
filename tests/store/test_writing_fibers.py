"""What fibers write: done on their event loop, committed by a thread, in turn with what threads write."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert
from tests.loops import run_apart
from tests.store.rows import INSERT, kept
from tests.store.test_kept import ONE

from keyferry.doors.workers import Workers
from keyferry.errors import InternalError, Overloaded
from keyferry.store.tables import activity
from keyferry.store.transaction import Transaction
from keyferry.store.turnstile import Turnstile
from keyferry.store.writer import LARGEST_HERE, Writer
from keyferry.waiting import Fiber

#: seconds: more than enough for the loop to have run what it was called for
SOON = 0.05


def inserting(id_: str, told: list[str] | None = None) -> Callable[[Transaction], int]:
    """Work that inserts a row, says so, and answers which thread has done it."""

    def work(tx: Transaction) -> int:
        tx.run(INSERT, id=id_)
        if told is not None:
            told.append(id_)
        return threading.get_ident()

    return work


def waits_more_than(writer: Writer, before: int) -> bool:
    return len(writer._queue) > before


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110  # it is a thread's doing, which sets no event of the loop
        await asyncio.sleep(0.001)


async def write(workers: Workers, writer: Writer, work: Callable[[Transaction], Any]) -> Any:
    return await workers.briefly(lambda: writer.write(work), kind="writes")


def test_it_is_done_on_the_loop_and_answered_once_it_is_durable(engine: Engine, writer: Writer) -> None:
    async def story() -> None:
        workers = Workers(4)

        def look_and_write() -> tuple[int, set[str]]:
            thread = writer.write(inserting("row"))
            return thread, kept(engine)

        thread, seen = await workers.briefly(look_and_write, kind="writes")
        assert thread == threading.get_ident()
        assert seen == {"row"}

    run_apart(story)


def test_what_another_process_has_committed_is_seen_on_the_loop(engine: Engine, writer: Writer) -> None:
    def seen(tx: Transaction) -> bool:
        return bool(ONE.answer(tx, {"id": "row"}))

    async def story() -> list[bool]:
        workers = Workers(4)
        before = [await write(workers, writer, seen) for _ in range(2)]
        with engine.begin() as theirs:
            theirs.execute(insert(activity).values(subject_id="row", last_used_at=0))
        return [*before, await write(workers, writer, seen)]

    assert run_apart(story) == [False, False, True]


def test_several_that_wait_are_one_commit(engine: Engine, writer: Writer) -> None:
    seen: list[set[str]] = []

    async def story() -> None:
        workers = Workers(LARGEST_HERE)
        works: list[Callable[[Transaction], Any]] = [inserting(f"row {n}") for n in range(LARGEST_HERE - 1)]
        await asyncio.gather(*(write(workers, writer, each) for each in [*works, lambda _: seen.append(kept(engine))]))

    run_apart(story)
    assert seen == [set()]
    assert len(kept(engine)) == LARGEST_HERE - 1


def test_a_group_on_the_loop_has_an_end(engine: Engine, writer: Writer) -> None:
    seen: list[set[str]] = []

    async def story() -> None:
        workers = Workers(2 * LARGEST_HERE)
        works: list[Callable[[Transaction], Any]] = [inserting(f"row {n}") for n in range(LARGEST_HERE)]
        await asyncio.gather(*(write(workers, writer, each) for each in [*works, lambda _: seen.append(kept(engine))]))

    run_apart(story)
    assert seen == [{f"row {n}" for n in range(LARGEST_HERE)}]


def test_fibers_and_threads_are_written_for_in_the_order_in_which_they_came(engine: Engine, writer: Writer) -> None:
    told: list[str] = []
    started, leave = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        started.set()
        leave.wait(20)

    async def story() -> None:
        workers = Workers(8)
        held = asyncio.create_task(workers.run(lambda: writer.write(hold)))
        await until(started.is_set)
        tasks = []
        for number in range(6):
            work, waiting = inserting(f"row {number}", told), len(writer._queue)
            if number % 3 == 2:
                tasks.append(asyncio.create_task(workers.run(partial(writer.write, work))))
            else:
                tasks.append(asyncio.create_task(write(workers, writer, work)))
            await until(partial(waits_more_than, writer, waiting))
        leave.set()
        threads = await asyncio.gather(held, *tasks)
        assert [each == threading.get_ident() for each in threads[1:]] == [True, True, False, True, True, False]

    run_apart(story)
    assert told == [f"row {number}" for number in range(6)]
    assert kept(engine) == set(told)


def test_one_that_fails_undoes_itself_alone(engine: Engine, writer: Writer) -> None:
    def fail(tx: Transaction) -> None:
        tx.run(INSERT, id="bad")
        raise LookupError

    async def story() -> list[Any]:
        workers = Workers(4)
        works: list[Callable[[Transaction], Any]] = [inserting("before"), fail, inserting("after")]
        return await asyncio.gather(*(write(workers, writer, each) for each in works), return_exceptions=True)

    before, bad, after = run_apart(story)
    assert isinstance(bad, LookupError)
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert kept(engine) == {"before", "after"}


def test_a_full_disk_lets_nobody_believe_they_were_served(engine: Engine, writer: Writer) -> None:
    writer.write(inserting("long ago"))

    def fill(tx: Transaction) -> None:
        (pages,) = tx._cursor.execute("PRAGMA page_count").fetchone()
        tx._cursor.execute(f"PRAGMA max_page_count={pages + 1}")
        tx.run(INSERT, id="x" * 1_000_000)

    async def story() -> list[Any]:
        workers = Workers(4)
        works = [inserting("before"), fill, inserting("after")]
        return await asyncio.gather(*(write(workers, writer, each) for each in works), return_exceptions=True)

    for each in run_apart(story):
        assert isinstance(each, InternalError)
        assert "none of them was made" in each.detail
    assert kept(engine) == {"long ago"}
    assert writer.write(inserting("next"))
    assert kept(engine) == {"long ago", "next"}


def test_a_commit_that_fails_is_everybodys_failure(
    engine: Engine, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    async def story() -> list[Any]:
        workers = Workers(4)
        works = [inserting("one"), inserting("two")]
        return await asyncio.gather(*(write(workers, writer, each) for each in works), return_exceptions=True)

    with monkeypatch.context() as broken:
        broken.setattr(writer._pen, "commit", fail)
        assert [type(each) for each in run_apart(story)] == [sqlite3.OperationalError] * 2
    assert kept(engine) == set()
    assert writer.write(inserting("next"))
    assert kept(engine) == {"next"}


@pytest.mark.parametrize("in_the_way", ["a transaction", "the turnstile"])
def test_another_process_that_writes_holds_up_the_write_and_not_the_loop(
    tmp_path: Path, engine: Engine, writer: Writer, in_the_way: str
) -> None:
    file = tmp_path / "keyferry.db"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    turnstile = Turnstile(file)

    async def story() -> None:
        workers, ticks = Workers(4), 0
        task = asyncio.create_task(write(workers, writer, inserting("row")))
        for _ in range(10):
            await asyncio.sleep(SOON / 10)
            ticks += 1
        assert ticks == 10
        assert not task.done()
        release()
        assert await task != threading.get_ident(), "the thread waited, and so it was the one to write"
        assert await write(workers, writer, inserting("next")) == threading.get_ident()

    if in_the_way == "a transaction":
        other.execute("BEGIN IMMEDIATE")

        def release() -> None:
            other.execute("COMMIT")

        run_apart(story)
    else:
        leave, entered = threading.Event(), threading.Event()

        def stand() -> None:
            with turnstile.passing():
                entered.set()
                leave.wait(20)

        def release() -> None:
            leave.set()

        with ThreadPoolExecutor(1) as threads:
            threads.submit(stand)
            assert entered.wait(20)
            run_apart(story)
    assert kept(engine) == {"row", "next"}
    turnstile.close()
    other.close()


def test_who_is_writing_cannot_wait_for_another_write(engine: Engine, writer: Writer) -> None:
    """It would wait for its own end; so it is a fault, and neither the thread nor the loop stands still."""

    def nested(_: Transaction) -> None:
        writer.write(inserting("inner"))

    async def story() -> None:
        with pytest.raises(InternalError, match="by the same hand"):
            await write(Workers(1), writer, nested)

    run_apart(story)
    with pytest.raises(InternalError, match="by the same hand"):
        writer.write(nested)
    assert writer.write(inserting("next"))
    assert kept(engine) == {"next"}


def in_a_thread_of_its_own(story: Callable[[], None]) -> None:
    """Event loops beside a browser: see `tests.loops`."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(story).result()


def waiting_on(loop: asyncio.AbstractEventLoop, work: Callable[[], Any]) -> Fiber:
    """A fiber of that loop that has begun, by hand: nobody runs the loop."""
    fiber = Fiber(work, loop, lambda _: None)
    fiber.step()
    return fiber


def test_closing_writes_for_a_loop_that_does_not_come_any_more(engine: Engine) -> None:
    """It was called, and stopped before it came: what it was called for is not lost, and nobody waits for it."""

    def story() -> None:
        writer, loop = Writer(engine), asyncio.new_event_loop()
        waiting = waiting_on(loop, lambda: writer.write(inserting("row")))
        assert not waiting.ended
        writer.close()
        assert kept(engine) == {"row"}
        loop.run_until_complete(asyncio.sleep(0))  # it comes, and finds nothing to do but to go on with the fiber
        assert waiting.ended
        with pytest.raises(Overloaded):
            writer.write(inserting("too late"))
        loop.close()

    in_a_thread_of_its_own(story)


def test_a_loop_that_is_closed_is_written_for_in_the_thread(engine: Engine, writer: Writer) -> None:
    started, leave = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        started.set()
        leave.wait(20)

    def story() -> None:
        loop = asyncio.new_event_loop()
        with ThreadPoolExecutor(1) as threads:
            held = threads.submit(writer.write, hold)
            assert started.wait(20)
            waiting = waiting_on(loop, lambda: writer.write(inserting("row")))
            loop.close()
            leave.set()
            held.result()
        assert writer.write(inserting("next"))
        assert kept(engine) == {"row", "next"}
        assert not waiting.ended

    in_a_thread_of_its_own(story)


@pytest.mark.parametrize("seconds", [0, 0.001, 0.003, 0.01, 0.03, 0.1])
def test_closing_among_many_who_write_loses_nothing_and_leaves_nobody_waiting(engine: Engine, seconds: float) -> None:
    writer = Writer(engine)
    acknowledged: list[str] = []

    def write_on(who: str) -> None:
        """Until the store closes."""
        for number in range(100_000):
            name = f"{who} {number}"
            try:
                writer.write(inserting(name))
            except Overloaded:
                return
            acknowledged.append(name)

    async def story() -> None:
        workers = Workers(12)
        writing = [workers.briefly(partial(write_on, f"fiber {n}"), kind=n) for n in range(6)]
        writing += [workers.run(partial(write_on, f"thread {n}")) for n in range(3)]
        tasks = [asyncio.ensure_future(each) for each in writing]
        await asyncio.sleep(seconds)
        await workers.run(writer.close)
        await asyncio.wait_for(asyncio.gather(*tasks), 20)

    run_apart(story)
    assert kept(engine) == set(acknowledged)
    assert writer._state.name == "FREE"
    assert not writer._queue
