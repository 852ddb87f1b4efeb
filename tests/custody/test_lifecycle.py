"""The state machine alone: which way leads where, and what dates do."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.custody.refusing import refused

from keyferry.custody.lifecycle import (
    ERASED,
    TRANSITIONS,
    RevocationReason,
    State,
    Transition,
    after,
    require_protecting,
    state_at,
)
from keyferry.store.records import KeyVersion

NOW = 1_000_000

# From NIST SP 800-57 part 1 section 7 and KMIP 2.1; what is not listed is refused.
WAYS = {
    "pre-active": {"activate": "active", "compromise": "compromised", "destroy": "destroyed"},
    "active": {"deactivate": "deactivated", "compromise": "compromised"},
    "deactivated": {"compromise": "compromised", "destroy": "destroyed"},
    "compromised": {"destroy": "destroyed-compromised"},
    "destroyed": {"compromise": "destroyed-compromised"},
    "destroyed-compromised": {},
}

EVERY_STEP = list(product(State, Transition))


def version(state: str, **dates: int | None) -> KeyVersion:
    given = dict(dates)
    return KeyVersion(
        id="v",
        key_id="k",
        number=1,
        state=state,
        activation_date=given.get("activation_date"),
        deactivation_date=given.get("deactivation_date"),
        destroy_at=given.get("destroy_at"),
        origin="generated",
        material=None,
        created_at=0,
        created_by="u",
    )


def test_the_table_of_ways_is_complete() -> None:
    expected = {(start, way): end for start, ways in WAYS.items() for way, end in ways.items()}
    assert {(start.value, way.value): end.value for (start, way), end in TRANSITIONS.items()} == expected
    assert set(WAYS) == {state.value for state in State}


@pytest.mark.parametrize(("state", "transition"), EVERY_STEP)
def test_every_step_is_allowed_or_refused(state: State, transition: Transition) -> None:
    target = WAYS[state.value].get(transition.value)
    if target is not None:
        assert after(version(state), transition, NOW) == target
        return
    with refused("state-transition-refused", "state") as refusal:
        after(version(state), transition, NOW)
    assert state.value in refusal.error.detail
    assert transition.value in refusal.error.detail


def test_an_active_key_is_told_to_be_deactivated_before_it_is_destroyed() -> None:
    with refused("state-transition-refused") as refusal:
        after(version("active"), Transition.DESTROY, NOW)
    assert "Deactivate or revoke it first" in refusal.error.advice


@pytest.mark.parametrize("transition", Transition)
def test_while_destruction_is_pending_only_a_compromise_can_be_recorded(transition: Transition) -> None:
    pending = version("deactivated", destroy_at=NOW + 1)
    if transition is Transition.COMPROMISE:
        assert after(pending, transition, NOW) is State.COMPROMISED
        return
    with refused("destruction-pending" if transition is Transition.DESTROY else "state-transition-refused"):
        after(pending, transition, NOW)


@pytest.mark.parametrize("reason", RevocationReason)
def test_a_reason_makes_compromised_or_deactivated(reason: RevocationReason) -> None:
    compromises = reason.value in {"key-compromise", "ca-compromise"}
    assert reason.transition is (Transition.COMPROMISE if compromises else Transition.DEACTIVATE)


def test_reasons_are_those_of_kmip() -> None:
    assert {reason.value for reason in RevocationReason} == {
        "unspecified",
        "key-compromise",
        "ca-compromise",
        "affiliation-changed",
        "superseded",
        "cessation-of-operation",
        "privilege-withdrawn",
    }


@pytest.mark.parametrize(
    ("state", "activation", "deactivation", "expected"),
    [
        ("pre-active", None, None, "pre-active"),
        ("pre-active", NOW + 1, None, "pre-active"),
        ("pre-active", NOW, None, "active"),
        ("pre-active", NOW - 1, NOW + 1, "active"),
        ("pre-active", NOW - 1, NOW, "deactivated"),
        ("pre-active", None, NOW - 1, "pre-active"),
        ("active", NOW - 9, NOW + 1, "active"),
        ("active", NOW - 9, NOW, "deactivated"),
        ("deactivated", NOW - 9, NOW + 9, "deactivated"),
        ("compromised", NOW - 1, NOW, "compromised"),
        ("destroyed", NOW - 1, NOW, "destroyed"),
    ],
)
def test_dates_take_effect_at_their_moment(
    state: str, activation: int | None, deactivation: int | None, expected: str
) -> None:
    found = version(state, activation_date=activation, deactivation_date=deactivation)
    assert state_at(found, NOW) == expected


@pytest.mark.parametrize(
    ("state", "after_it"),
    [("pre-active", "destroyed"), ("deactivated", "destroyed"), ("compromised", "destroyed-compromised")],
)
def test_what_is_due_for_destruction_counts_as_destroyed_from_that_moment(state: str, after_it: str) -> None:
    assert state_at(version(state, destroy_at=NOW + 1), NOW) == state
    assert state_at(version(state, destroy_at=NOW), NOW) == after_it


def test_dates_do_nothing_to_a_version_that_waits_for_its_destruction() -> None:
    waiting = version("pre-active", activation_date=NOW - 1, destroy_at=NOW + 1)
    assert state_at(waiting, NOW) is State.PRE_ACTIVE


@given(
    start=st.sampled_from([state for state in State if state not in ERASED]),
    activation=st.none() | st.integers(0, 100),
    deactivation=st.none() | st.integers(0, 100),
    moments=st.lists(st.integers(0, 100), min_size=2).map(sorted),
)
def test_time_alone_never_leads_back(
    start: State, activation: int | None, deactivation: int | None, moments: list[int]
) -> None:
    order = [State.PRE_ACTIVE, State.ACTIVE, State.DEACTIVATED, State.COMPROMISED]
    found = version(start, activation_date=activation, deactivation_date=deactivation)
    seen = [order.index(state_at(found, moment)) for moment in moments]
    assert seen == sorted(seen)


@pytest.mark.parametrize("state", State)
def test_only_an_active_version_protects(state: State) -> None:
    if state is State.ACTIVE:
        require_protecting(version(state), NOW)
        return
    with refused("key-not-active", "state"):
        require_protecting(version(state), NOW)


@pytest.mark.parametrize("state", ["pre-active", "deactivated", "compromised"])
@pytest.mark.parametrize("due", [NOW - 1, NOW, NOW + 1])
def test_nothing_protects_while_or_after_its_destruction_is_asked_for(state: str, due: int) -> None:
    with refused("destruction-pending"):
        require_protecting(version(state, destroy_at=due), NOW)
