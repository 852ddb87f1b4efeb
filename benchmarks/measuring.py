"""A row of the table, and how its figure is taken: the median of several runs."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

RUNS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """A figure beside its limit.

    Attributes:
        what: what was measured.
        figure: the median, in `unit`.
        limit: what it is held against.
        at_least: whether the figure has to reach the limit, rather than stay below it.
        spread: the least and the most of the runs.
        details: what else was measured in the same runs, by name and unit; medians.
    """

    what: str
    figure: float
    unit: str
    limit: float
    at_least: bool
    spread: tuple[float, float]
    details: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Figure over limit."""
        return self.figure / self.limit

    @property
    def reached(self) -> bool:
        """Whether the figure is on the right side of its limit."""
        return self.ratio >= 1 if self.at_least else self.ratio <= 1


def row(what: str, unit: str, limit: float, measure: Callable[[], float], *, at_least: bool, runs: int = RUNS) -> Row:
    """Measure `runs` times, and keep the median."""
    figures = [measure() for _ in range(runs)]
    return Row(what, statistics.median(figures), unit, limit, at_least, (min(figures), max(figures)))


def row_of(
    what: str, unit: str, limit: float, runs: Sequence[Mapping[str, float]], *, figure: str, at_least: bool
) -> Row:
    """A row from runs that measured several figures, of which one is held against the limit."""
    medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    held = [run[figure] for run in runs]
    rest = {name: value for name, value in medians.items() if name != figure}
    return Row(what, medians[figure], unit, limit, at_least, (min(held), max(held)), rest)


def seconds(action: Callable[[], object]) -> float:
    """How long `action` takes by the wall clock."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
