"""Fibers: plain work on an event loop, set aside where it waits; the loop goes on with others, and then with it."""

import asyncio
import contextvars
import gc
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from greenlet import getcurrent
from tests.loops import run_apart

from keyferry.waiting import Fiber, WouldWait, about_to_wait, elsewhere, this_fiber

NAME: contextvars.ContextVar[str] = contextvars.ContextVar("name")


def in_new_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work).start()


def fiber(work: Callable[[], Any]) -> Fiber:
    return Fiber(work, asyncio.get_running_loop(), in_new_thread)


def aside() -> None:
    """What waits, as the writer does: until somebody else has the loop go on."""
    mine = this_fiber()
    assert mine is not None
    in_new_thread(mine.step_soon)
    mine.step_aside()


def work_for(seconds: float) -> None:
    """Take so much time of the processor."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def end_of(started: Fiber) -> Any:
    ended = asyncio.Event()
    started.when_ended = ended.set
    started.step()
    await asyncio.wait_for(ended.wait(), 20)
    if started.failure is not None:
        raise started.failure
    return started.result


def test_work_that_waits_for_nothing_ends_at_its_first_step() -> None:
    async def story() -> None:
        short = fiber(threading.get_ident)
        short.step()
        assert short.ended
        assert short.result == threading.get_ident()
        assert not short.has_waited

    run_apart(story)


def test_a_fault_is_kept_for_whoever_waits() -> None:
    async def story() -> None:
        def fail() -> None:
            aside()
            raise LookupError("of the work")

        with pytest.raises(LookupError, match="of the work"):
            await end_of(fiber(fail))

    run_apart(story)


def test_one_that_steps_aside_lets_others_in_and_goes_on_where_it_was() -> None:
    async def story() -> None:
        told: list[str] = []

        def work(name: str) -> str:
            told.append(f"{name} begins")
            aside()
            told.append(f"{name} goes on")
            return name

        both = await asyncio.gather(end_of(fiber(lambda: work("a"))), end_of(fiber(lambda: work("b"))))
        assert list(both) == ["a", "b"]
        assert told[:2] == ["a begins", "b begins"]
        assert sorted(told[2:]) == ["a goes on", "b goes on"]

    run_apart(story)


def test_all_of_it_runs_in_the_loops_own_thread() -> None:
    async def story() -> None:
        def work() -> set[int]:
            before = threading.get_ident()
            aside()
            return {before, threading.get_ident()}

        assert await end_of(fiber(work)) == {threading.get_ident()}

    run_apart(story)


def test_each_has_the_context_that_it_was_begun_in() -> None:
    async def story() -> None:
        def work() -> str:
            aside()
            NAME.set(NAME.get() + " changed")
            aside()
            return NAME.get()

        async def begun_as(name: str) -> Any:
            NAME.set(name)
            return await end_of(fiber(work)), NAME.get()

        found = await asyncio.gather(begun_as("a"), begun_as("b"))
        assert list(found) == [("a changed", "a"), ("b changed", "b")]

    run_apart(story)


class TestElsewhere:
    """What takes long for a processor."""

    def test_a_fiber_has_a_thread_do_it_and_the_loop_goes_on(self) -> None:
        async def story() -> None:
            leave, ticks = threading.Event(), 0

            def long() -> int:
                leave.wait(20)
                return threading.get_ident()

            task = asyncio.ensure_future(end_of(fiber(lambda: elsewhere(long))))
            for _ in range(5):
                await asyncio.sleep(0)
                ticks += 1
            assert not task.done()
            leave.set()
            assert await task != threading.get_ident()
            assert ticks == 5

        run_apart(story)

    def test_its_fault_is_raised_where_it_was_asked_for(self) -> None:
        async def story() -> str:
            def fail() -> None:
                raise LookupError("elsewhere")

            def work() -> str:
                with pytest.raises(LookupError, match="elsewhere"):
                    elsewhere(fail)
                return "gone on"

            result: str = await end_of(fiber(work))
            return result

        assert run_apart(story) == "gone on"

    def test_anybody_else_does_it_here_and_now(self) -> None:
        assert elsewhere(threading.get_ident) == threading.get_ident()


class TestWhoMayBlock:
    """A thread may; a fiber only if it cannot be begun again any more."""

    def test_a_thread_may(self) -> None:
        assert this_fiber() is None
        about_to_wait()

    def test_a_fiber_that_has_done_nothing_is_begun_again_elsewhere(self) -> None:
        async def story() -> None:
            with pytest.raises(WouldWait):
                await end_of(fiber(about_to_wait))
            about_to_wait()  # the loop's own thread is no fiber any more

        run_apart(story)

    def test_a_fiber_that_has_waited_may(self) -> None:
        async def story() -> str:
            def work() -> str:
                aside()
                about_to_wait()
                return "blocked for a little"

            result: str = await end_of(fiber(work))
            return result

        assert run_apart(story) == "blocked for a little"


def test_it_tells_for_how_long_it_has_held_up_the_loop() -> None:
    async def story() -> Fiber:
        def work() -> None:
            work_for(0.02)
            aside()
            time.sleep(0.05)  # it waits for a disk, or for its turn at the processor, and does not work
            elsewhere(lambda: work_for(0.1))

        worked = fiber(work)
        await end_of(worked)
        return worked

    assert 0.02 <= run_apart(story).longest < 0.05


def test_a_loop_that_is_closed_goes_on_with_nobody() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    Fiber(lambda: None, loop, in_new_thread).step_soon()


def test_one_after_the_other_they_stand_on_the_same_stack_and_know_nothing_of_each_other() -> None:
    async def story() -> None:
        stacks: list[int] = []

        def work() -> str:
            stacks.append(id(getcurrent()))
            seen = NAME.get("nobody's")
            NAME.set("the one before")
            aside()
            return seen

        def failing() -> None:
            NAME.set("the one that failed")
            raise LookupError

        assert await end_of(fiber(work)) == "nobody's"
        with pytest.raises(LookupError):
            await end_of(fiber(failing))
        assert await end_of(fiber(work)) == "nobody's"
        assert this_fiber() is None
        assert len(set(stacks)) == 1

    run_apart(story)


def test_those_that_wait_at_the_same_time_have_a_stack_each() -> None:
    async def story() -> None:
        stacks: set[int] = set()

        def work() -> None:
            stacks.add(id(getcurrent()))
            aside()

        for _ in range(2):
            await asyncio.gather(*(end_of(fiber(work)) for _ in range(3)))
        assert len(stacks) == 3

    run_apart(story)


def test_what_a_fiber_held_is_let_go_when_it_has_ended() -> None:
    class Held:
        pass

    async def story() -> None:
        held = Held()
        seen = weakref.ref(held)

        def work(_held: Held = held) -> None:
            NAME.set("whoever")
            aside()

        ended = fiber(work)
        await end_of(ended)
        del ended, work, held
        gc.collect()
        assert seen() is None

    run_apart(story)
