"""Work in threads, and in fibers on the event loop: what comes of it comes back, and the loop goes on meanwhile."""

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial

import anyio
import anyio.lowlevel
import pytest
from tests.loops import run_apart

from keyferry.doors import workers as module
from keyferry.doors.workers import Workers
from keyferry.errors import Overloaded
from keyferry.waiting import about_to_wait, elsewhere, this_fiber

LONG = 0.02


def answer(number: int, seconds: float) -> int:
    time.sleep(seconds)
    return number


def fail() -> None:
    raise LookupError("of the work")


@pytest.mark.parametrize("seconds", [0, LONG])
def test_a_result_comes_back_each_time(seconds: float) -> None:
    async def story() -> None:
        workers = Workers(2)
        for number in range(3):
            assert await workers.run(partial(answer, number, seconds)) == number

    run_apart(story)


def test_a_fault_is_raised_where_the_result_was_awaited() -> None:
    async def story() -> None:
        workers = Workers(1)
        for _ in range(3):
            with pytest.raises(LookupError, match="of the work"):
                await workers.run(fail)
        assert await workers.run(lambda: "still here") == "still here"

    run_apart(story)


def test_work_runs_in_another_thread() -> None:
    async def story() -> None:
        workers = Workers(1)
        threads = {await workers.run(threading.get_ident) for _ in range(5)}
        assert len(threads) == 1
        assert threading.get_ident() not in threads

    run_apart(story)


def test_work_does_not_hold_up_the_loop() -> None:
    async def story() -> None:
        workers, leave, ticks = Workers(2), threading.Event(), 0
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: workers.run(leave.wait))
            for _ in range(5):
                await anyio.lowlevel.checkpoint()
                ticks += 1
            assert await workers.run(lambda: "others are served") == "others are served"
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


def work_for(seconds: float) -> None:
    """Take so much time of the processor."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def aside() -> None:
    """Wait as a write does: until a thread has the loop go on."""
    fiber = this_fiber()
    if fiber is not None:
        threading.Thread(target=fiber.step_soon).start()
        fiber.step_aside()


class TestBriefly:
    """What is short is done on the loop itself."""

    def test_where_it_is_awaited(self) -> None:
        async def story() -> None:
            workers = Workers(1)
            assert await workers.briefly(threading.get_ident, kind="short") == threading.get_ident()
            assert not workers._threads

        run_apart(story)

    def test_what_is_long_of_late_is_done_in_a_thread_and_tried_again_now_and_then(self) -> None:
        def long() -> int:
            work_for(2 * module.HERE)
            return threading.get_ident()

        async def story() -> None:
            workers = Workers(1)
            threads = [await workers.briefly(long, kind="long") for _ in range(2 * module.TRIED_AGAIN_EVERY)]
            here = [place for place, thread in enumerate(threads, 1) if thread == threading.get_ident()]
            begun = [place for place in here if place % module.TRIED_AGAIN_EVERY]
            assert begun == list(range(1, len(begun) + 1)), "as long as it was not known"
            assert len(begun) < 10
            assert here[len(begun) :] == [module.TRIED_AGAIN_EVERY, 2 * module.TRIED_AGAIN_EVERY]

        run_apart(story)

    def test_one_that_was_held_up_itself_is_no_reason(self) -> None:
        seconds = iter([0.0] * 20 + [20 * module.HERE] + [0.0] * 5)

        def mostly_short() -> int:
            work_for(next(seconds))
            return threading.get_ident()

        async def story() -> None:
            workers = Workers(1)
            assert {await workers.briefly(mostly_short, kind="kind") for _ in range(26)} == {threading.get_ident()}

        run_apart(story)

    def test_what_would_block_is_begun_again_in_a_thread_which_may(self) -> None:
        places: list[int] = []

        def work() -> str:
            places.append(threading.get_ident())
            about_to_wait()
            return "after waiting"

        async def story() -> None:
            workers = Workers(1)
            assert await workers.briefly(work, kind="waits") == "after waiting"
            assert places[0] == threading.get_ident()
            assert places[1:] == [workers._threads[0].ident]
            assert workers._places.value == 1

        run_apart(story)

    @pytest.mark.parametrize("before", [lambda: None, aside])
    def test_a_fault_is_raised_where_it_was_awaited(self, before: Callable[[], None]) -> None:
        def work() -> None:
            before()
            fail()

        async def story() -> None:
            workers = Workers(1)
            for _ in range(3):
                with pytest.raises(LookupError, match="of the work"):
                    await workers.briefly(work, kind="fails")
            assert workers._places.value == 1

        run_apart(story)

    def test_others_get_in_while_it_waits(self) -> None:
        def work(number: int) -> int:
            aside()
            return number

        async def story() -> None:
            workers = Workers(8)
            tasks = [workers.briefly(partial(work, number), kind="waits") for number in range(8)]
            assert await asyncio.gather(*tasks) == list(range(8))
            assert workers._places.value == 8
            assert not workers._threads

        run_apart(story)

    def test_a_part_that_takes_long_is_done_in_a_thread(self) -> None:
        async def story() -> None:
            workers = Workers(1)
            found = await workers.briefly(lambda: elsewhere(threading.get_ident), kind="parts")
            assert found == workers._threads[0].ident

        run_apart(story)

    def test_whoever_goes_away_takes_no_place_along_and_the_work_is_done_all_the_same(self) -> None:
        done: list[str] = []

        async def story() -> None:
            workers, leave = Workers(1), threading.Event()

            def work() -> None:
                elsewhere(lambda: leave.wait(20))
                done.append("all")

            task = asyncio.create_task(workers.briefly(work, kind="kind"))
            await asyncio.sleep(LONG)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert workers._places.value == 0, "it still works"
            leave.set()
            assert await workers.run(lambda: "next") == "next"
            assert done == ["all"]

        run_apart(story)

    def test_no_more_are_under_way_than_there_are_places(self) -> None:
        async def story() -> None:
            workers, leave = Workers(2, longest_wait=LONG), threading.Event()
            waiting = [
                asyncio.create_task(workers.briefly(lambda: elsewhere(lambda: leave.wait(20)), kind="waits"))
                for _ in range(2)
            ]
            await asyncio.sleep(LONG)
            with pytest.raises(Overloaded):
                await workers.briefly(lambda: None, kind="one more")
            leave.set()
            await asyncio.gather(*waiting)
            assert await workers.briefly(lambda: "next", kind="next") == "next"

        run_apart(story)
