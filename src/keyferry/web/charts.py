"""Charts as they are drawn: where each bar, tick and label lies, for the template `charts.html` to write as SVG.

A chart says its values in words too, and has its table beside it: colour is never all that tells two things apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from keyferry.clock import SECOND, Microseconds

#: units of a bar's row, of which `WIDTH` make a chart's width: at 360 px, one is about a pixel
ROW: Final = 34
WIDTH: Final = 320
_LABEL: Final = 16
_MOST_SERIES: Final = 6

#: of a chart over days, in units: narrow for telephones, wide for the rest
NARROW: Final = (320, 180)
WIDE: Final = (960, 220)
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 8, 24
_TICKS: Final = 4
_STEPS: Final = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Bar:
    """A horizontal bar: its label and value stand above it."""

    label: str
    value: int
    series: int
    y: int
    length: float
    address: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A few values beside each other, one bar each."""

    title: str
    unit: str
    bars: tuple[Bar, ...]
    height: int

    @property
    def words(self) -> str:
        """All that the chart shows."""
        return f"{self.title}: " + ", ".join(f"{bar.label} {bar.value:,}" for bar in self.bars)


@dataclass(frozen=True, slots=True)
class Piece:
    """What one series adds to one day's bar."""

    series: int
    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale, or a day below it: where, and what it says."""

    at: float
    label: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart over days, drawn at one size."""

    width: int
    height: int
    left: int
    right: float
    base: float
    pieces: tuple[Piece, ...]
    scale: tuple[Tick, ...]
    days: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Days:
    """What was done on each day, in a bar of its parts.

    Attributes:
        series: the parts' names, the lowest first.
        rows: a day and its values, in the order of `series`; what the table shows.
    """

    name: str
    title: str
    series: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    narrow: Drawing
    wide: Drawing

    @property
    def totals(self) -> tuple[int, ...]:
        """Of each series, over all days."""
        return tuple(sum(values[place] for _, values in self.rows) for place in range(len(self.series)))

    @property
    def words(self) -> str:
        """What the chart shows, in short."""
        parts = ", ".join(f"{name} {total:,}" for name, total in zip(self.series, self.totals, strict=True))
        return f"{self.title}, {self.rows[0][0]} to {self.rows[-1][0]}: {parts}"


def bars(
    title: str, unit: str, values: Mapping[str, int], *, addresses: Mapping[str, str] | None = None, one: bool = False
) -> Bars:
    """Bars in the order of `values`, each as long as its value is of the largest.

    Args:
        unit: what is counted, for the table's head.
        addresses: pages about a label.
        one: all of one series, where the labels are steps of one thing.
    """
    largest = max(values.values(), default=0) or 1
    drawn = tuple(
        Bar(
            label,
            value,
            1 if one else index % _MOST_SERIES + 1,
            index * ROW + _LABEL,
            max(round(WIDTH * value / largest, 1), 2.0) if value else 0.0,
            (addresses or {}).get(label, ""),
        )
        for index, (label, value) in enumerate(values.items())
    )
    return Bars(title, unit, drawn, len(drawn) * ROW)


def days(name: str, title: str, series: Mapping[str, Sequence[int]], at: Sequence[Microseconds]) -> Days:
    """A bar for each day, in parts.

    Args:
        name: of the chart among those of a page.
        series: by the part's name, its value on each of the days `at`.
        at: each day's beginning; at least one.
    """
    labels = [datetime.fromtimestamp(each / SECOND, UTC).strftime("%Y-%m-%d") for each in at]
    rows = tuple((label, tuple(values[index] for values in series.values())) for index, label in enumerate(labels))
    names = tuple(series)
    return Days(name, title, names, rows, _drawn(names, rows, NARROW), _drawn(names, rows, WIDE))


def ticks(largest: int, most: int = _TICKS) -> tuple[int, ...]:
    """Round numbers from 0 to the first that is not below `largest`: 1, 2 or 5 times a power of ten apart."""
    power = 1
    while True:
        for step in _STEPS:
            if step * power * most >= largest:
                return tuple(range(0, max(largest, 1) + step * power, step * power))[: most + 1]
        power *= 10


def short(number: int) -> str:
    """A number for a scale: 1200000 is `1.2M`."""
    for above, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")):
        if number >= above:
            return f"{number / above:g}{letter}"
    return str(number)


def _drawn(names: tuple[str, ...], rows: Sequence[tuple[str, tuple[int, ...]]], size: tuple[int, int]) -> Drawing:
    width, height = size
    base, right = float(height - _BOTTOM), float(width - _RIGHT)
    scale = ticks(max(sum(values) for _, values in rows))
    unit = (base - _TOP) / scale[-1]
    slot = (right - _LEFT) / len(rows)
    thick = max(slot * 0.8, 1.0)
    pieces = []
    for index, (label, values) in enumerate(rows):
        y = base
        for place, (name, value) in enumerate(zip(names, values, strict=True)):
            tall = value * unit
            y -= tall
            if value:
                x = _LEFT + index * slot + (slot - thick) / 2
                pieces.append(Piece(place + 1, *_rounded(x, y, thick, tall), f"{label}: {name} {value:,}"))
    lines = tuple(Tick(round(base - each * unit, 1), short(each)) for each in scale)
    return Drawing(width, height, _LEFT, right, base, tuple(pieces), lines, _day_ticks(rows, slot, right))


def _rounded(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    return round(x, 2), round(y, 2), round(width, 2), round(height, 2)


def _day_ticks(rows: Sequence[tuple[str, tuple[int, ...]]], slot: float, right: float) -> tuple[Tick, ...]:
    """The first day, the last, and the one in the middle."""
    first, middle, last = rows[0][0], rows[len(rows) // 2][0], rows[-1][0]
    return (
        Tick(_LEFT, first, "start"),
        *((Tick(round(_LEFT + (len(rows) // 2 + 0.5) * slot, 1), middle[5:]),) if len(rows) > 2 else ()),
        *((Tick(right, last, "end"),) if len(rows) > 1 else ()),
    )
