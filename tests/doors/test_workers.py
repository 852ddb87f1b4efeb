"""Work in threads: its result or its fault comes back, whether the event loop waited for it or went on meanwhile."""

import asyncio
import threading
import time
from functools import partial

import anyio
import anyio.lowlevel
import pytest
from tests.loops import run_apart

from keyferry.doors import workers as module
from keyferry.doors.workers import Workers
from keyferry.waiting import about_to_wait

LONG = 0.02


def answer(number: int, seconds: float) -> int:
    time.sleep(seconds)
    return number


def fail() -> None:
    raise LookupError("of the work")


@pytest.mark.parametrize("kind", [None, "a kind"])
@pytest.mark.parametrize("seconds", [0, LONG])
def test_a_result_comes_back_each_time(kind: object, seconds: float) -> None:
    async def story() -> None:
        workers = Workers(2)
        for number in range(2 * module.TRIED_AGAIN_EVERY if not seconds else 3):
            assert await workers.run(partial(answer, number, seconds), kind=kind) == number

    run_apart(story)


@pytest.mark.parametrize("kind", [None, "a kind"])
def test_a_fault_is_raised_where_the_result_was_awaited(kind: object) -> None:
    async def story() -> None:
        workers = Workers(1)
        for _ in range(2 * module.TRIED_AGAIN_EVERY):
            with pytest.raises(LookupError, match="of the work"):
                await workers.run(fail, kind=kind)
        assert await workers.run(lambda: "still here", kind=kind) == "still here"

    run_apart(story)


def test_work_runs_in_another_thread_even_when_it_is_waited_for() -> None:
    async def story() -> None:
        workers = Workers(1)
        threads = {await workers.run(threading.get_ident, kind="quick") for _ in range(module.TRIED_AGAIN_EVERY + 5)}
        assert len(threads) == 1
        assert threading.get_ident() not in threads

    run_apart(story)


def test_work_that_was_quick_and_now_is_not_does_not_hold_up_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRIED_AGAIN_EVERY", 1)  # so that each time is waited for

    async def story() -> None:
        workers, leave, ticks = Workers(2), threading.Event(), 0
        await workers.run(lambda: None, kind="a kind")
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: workers.run(leave.wait, kind="a kind"))
            for _ in range(5):
                await anyio.lowlevel.checkpoint()
                ticks += 1
            assert await workers.run(lambda: "others are served", kind="another") == "others are served"
            leave.set()
        assert ticks == 5

    run_apart(story)


def test_whoever_goes_away_takes_no_place_along_and_frees_none_too_early() -> None:
    async def story() -> None:
        workers, leave = Workers(1), threading.Event()
        task = asyncio.create_task(workers.run(leave.wait))
        await asyncio.sleep(LONG)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert workers._places.value == 0, "the thread still works"
        leave.set()
        assert await workers.run(lambda: "next") == "next"
        assert workers._places.value == 1

    run_apart(story)


def test_no_more_threads_are_begun_than_there_is_work_for() -> None:
    async def story() -> None:
        workers = Workers(8)
        for _ in range(5):
            await workers.run(lambda: None)
        assert len(workers._threads) == 1

    run_apart(story)


def test_threads_end_with_their_workers() -> None:
    async def story() -> list[threading.Thread]:
        workers = Workers(3)
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(lambda: workers.run(lambda: time.sleep(LONG)))
        return list(workers._threads)

    threads = run_apart(story)
    for thread in threads:
        thread.join(timeout=5)
    assert threads
    assert not any(thread.is_alive() for thread in threads)


def test_a_look_is_taken_where_it_is_awaited_once_it_is_known_to_be_short() -> None:
    async def story() -> None:
        workers = Workers(1)
        threads = [await workers.look(threading.get_ident, kind="short") for _ in range(module.TRIED_AGAIN_EVERY + 5)]
        assert set(threads[module.TRIED_AGAIN_EVERY :]) == {threading.get_ident()}

    run_apart(story)


def test_a_look_that_was_long_the_last_time_is_taken_in_a_thread() -> None:
    def look() -> int:
        time.sleep(2 * module.HERE)
        return threading.get_ident()

    async def story() -> None:
        workers = Workers(1)
        threads = [await workers.look(look, kind="long") for _ in range(2 * module.TRIED_AGAIN_EVERY)]
        here = [place for place, thread in enumerate(threads, 1) if thread == threading.get_ident()]
        assert here == [module.TRIED_AGAIN_EVERY, 2 * module.TRIED_AGAIN_EVERY]

    run_apart(story)


def test_a_look_that_would_wait_is_begun_again_in_a_thread_which_may() -> None:
    places: list[int] = []

    def look() -> str:
        places.append(threading.get_ident())
        about_to_wait()
        return "after waiting"

    async def story() -> None:
        workers = Workers(1)
        for _ in range(module.TRIED_AGAIN_EVERY + 1):
            assert await workers.look(look, kind="waits") == "after waiting"
        assert places.count(threading.get_ident()) == 2
        assert len(places) == module.TRIED_AGAIN_EVERY + 3

    run_apart(story)
    about_to_wait()  # the loop's own thread may wait again


def test_a_fault_of_a_look_is_raised_where_it_was_awaited() -> None:
    async def story() -> None:
        workers = Workers(1)
        for _ in range(module.TRIED_AGAIN_EVERY + 2):
            with pytest.raises(LookupError, match="of the work"):
                await workers.look(fail, kind="fails")

    run_apart(story)
