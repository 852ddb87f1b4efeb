"""Charts: scales that are round, bars that are as long as their values."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from keyferry.clock import DAY
from keyferry.web.charts import NARROW, WIDE, WIDTH, bars, days, short, ticks


@given(some.integers(min_value=0, max_value=10**12))
def test_a_scale_is_round_begins_at_nothing_and_reaches_the_largest(largest: int) -> None:
    scale = ticks(largest)
    step = scale[1] - scale[0]
    assert scale[0] == 0
    assert scale[-1] >= largest
    assert 2 <= len(scale) <= 5
    assert str(step).rstrip("0") in {"1", "2", "5"}
    assert all(after - before == step for before, after in pairwise(scale))


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0"), (999, "999"), (1000, "1k"), (1_500_000, "1.5M"), (2 * 10**9, "2G")]
)
def test_a_large_number_is_said_in_short(number: int, said: str) -> None:
    assert short(number) == said


def test_a_bar_is_as_long_as_its_value_and_none_is_too_short_to_see() -> None:
    drawn = bars("Keys", "Keys", {"many": 1000, "half": 500, "one": 1, "none": 0}).bars
    assert [bar.length for bar in drawn] == [WIDTH, WIDTH / 2, 2.0, 0.0]


def test_all_values_are_in_words() -> None:
    assert bars("Keys by state", "Keys", {"active": 1200, "destroyed": 0}).words == (
        "Keys by state: active 1,200, destroyed 0"
    )


def test_no_values_make_an_empty_chart() -> None:
    assert bars("Keys", "Keys", {}).bars == ()


@given(some.lists(some.tuples(some.integers(0, 10**9), some.integers(0, 10**9)), min_size=1, max_size=90))
def test_a_days_parts_stand_on_each_other_within_the_drawing(values: list[tuple[int, int]]) -> None:
    at = [day * DAY for day in range(20_000, 20_000 + len(values))]
    chart = days("x", "X", {"a": [a for a, _ in values], "b": [b for _, b in values]}, at)
    assert chart.totals == (sum(a for a, _ in values), sum(b for _, b in values))
    for drawing, (width, height) in ((chart.narrow, NARROW), (chart.wide, WIDE)):
        for piece in drawing.pieces:
            assert 0 <= piece.x <= piece.x + piece.width <= width
            assert 0 <= piece.y <= height
            assert piece.y + piece.height <= drawing.base + 0.1
        assert len(drawing.days) == min(len(values), 3)
