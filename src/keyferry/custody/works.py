"""Periodic works: what a serving process does now and then beside answering."""

import time
from collections.abc import Callable
from dataclasses import dataclass

Runs = Callable[[Callable[[], bool]], object]


@dataclass(frozen=True, slots=True)
class Work:
    """One periodic work.

    Args:
        name: as `keyferry status` and `GET /jobs` say it, and the name of its lease if it has one.
        every: seconds between two runs.
        run: does it. It is given a question to ask between two steps of its own: whether to go on.
        at_once: whether the first run comes with the first tick, rather than when `every` is over.
        at_end: whether a last run is done when the process ends.
    """

    name: str
    every: float
    run: Runs
    at_once: bool = True
    at_end: bool = False


def simply(run: Callable[[], object]) -> Runs:
    """A work that has no steps to ask between."""
    return lambda _go_on: run()


class Timetable:
    """When each of some works is due, by a clock that nobody sets."""

    def __init__(self, works: tuple[Work, ...]) -> None:
        self._works = works
        begun = time.monotonic()
        self._due = {work.name: begun if work.at_once else begun + work.every for work in works}

    def due(self, *, ending: bool = False) -> list[Work]:
        """The works that are due now, in their order; each is due again when its interval has passed.

        Args:
            ending: for the last time: those that want a last run are due, too.
        """
        now = time.monotonic()
        due = [work for work in self._works if now >= self._due[work.name] or (ending and work.at_end)]
        self._due |= {work.name: now + work.every for work in due}
        return due
