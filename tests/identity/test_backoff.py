"""How long a sign-in must wait after failures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.clock import DAY, SECOND
from keyferry.identity.backoff import (
    NONE,
    PER_SOURCE,
    PER_USER,
    Failures,
    Limit,
    after_failure,
    sign_in_wait,
    wait,
)

NOW = 1_900_000_000 * SECOND


def failed(times: int, limit: Limit = PER_SOURCE) -> Failures:
    failures = NONE
    for _ in range(times):
        failures = after_failure(failures, limit, NOW)
    return failures


def test_four_failures_are_free_and_then_the_wait_doubles_to_fifteen_minutes() -> None:
    waits = [wait(failed(times), PER_SOURCE, NOW) for times in range(18)]
    assert waits == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


def test_a_users_wait_ends_at_thirty_seconds() -> None:
    waits = [wait(failed(times, PER_USER), PER_USER, NOW) for times in (4, 5, 9, 10, 11, 1000)]
    assert waits == [0, 1, 16, 30, 30, 30]


def test_the_wait_runs_out_to_the_microsecond_and_is_rounded_up() -> None:
    failures = failed(7)
    assert wait(failures, PER_SOURCE, NOW + 1) == 4
    assert wait(failures, PER_SOURCE, NOW + 3 * SECOND) == 1
    assert wait(failures, PER_SOURCE, NOW + 4 * SECOND - 1) == 1
    assert wait(failures, PER_SOURCE, NOW + 4 * SECOND) == 0


def test_a_failure_is_forgiven_every_ten_quiet_minutes() -> None:
    ten_minutes = 600 * SECOND
    assert after_failure(failed(10), PER_SOURCE, NOW + ten_minutes - 1).count == 11
    assert after_failure(failed(10), PER_SOURCE, NOW + ten_minutes) == Failures(10, NOW + ten_minutes)
    assert after_failure(failed(10), PER_SOURCE, NOW + 5 * ten_minutes).count == 6
    assert after_failure(failed(10), PER_SOURCE, NOW + DAY).count == 1


def test_the_longer_of_the_two_waits_holds() -> None:
    assert sign_in_wait(failed(7, PER_USER), NONE, NOW, source_is_known=False) == 4
    assert sign_in_wait(NONE, failed(7), NOW, source_is_known=False) == 4
    assert sign_in_wait(failed(6, PER_USER), failed(8), NOW, source_is_known=False) == 8


def test_a_flood_from_elsewhere_keeps_nobody_from_where_they_work() -> None:
    flooded = failed(100_000, PER_USER)
    assert sign_in_wait(flooded, NONE, NOW, source_is_known=True) == 0
    assert sign_in_wait(flooded, NONE, NOW, source_is_known=False) == 30


def test_a_known_network_that_fails_itself_waits_like_any_other() -> None:
    assert sign_in_wait(NONE, failed(15), NOW, source_is_known=True) == 900


@pytest.mark.parametrize("limit", [PER_SOURCE, PER_USER])
@given(count=st.integers(0, 10**12), last=st.integers(0, 2**53), now=st.integers(0, 2**53))
def test_no_wait_is_longer_than_the_limit_whatever_the_clock_does(
    limit: Limit, count: int, last: int, now: int
) -> None:
    failures = Failures(count, last)
    assert 0 <= wait(failures, limit, now) <= limit.longest
    assert wait(failures, limit, last + limit.longest * SECOND) == 0
    assert 1 <= after_failure(failures, limit, now).count <= count + 1


def test_guessing_all_day_from_one_network_gets_few_guesses() -> None:
    failures, now, guesses = NONE, NOW, 0
    while now < NOW + DAY:
        failures, guesses = after_failure(failures, PER_SOURCE, now), guesses + 1
        now += max(1, wait(failures, PER_SOURCE, now)) * SECOND
    assert guesses < 200
