"""Schedules: set when a key is made or edited, judged against its dates, and counted from its current version."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.custody.reading import details_of, events_of, later
from tests.custody.refusing import refused

from keyferry import clock
from keyferry.clock import DAY, SECOND
from keyferry.custody.caller import Caller
from keyferry.custody.keys import NO_DATE, KeyEdit
from keyferry.custody.lifecycle import RevocationReason, State
from keyferry.custody.schedules import (
    BEFORE,
    EVERY,
    MOST_DAYS,
    NEVER,
    NO_SCHEDULE,
    UNSAID,
    Schedule,
    deactivation_of_the_next,
    next_rotation,
)
from keyferry.store.records import Key, KeyVersion
from keyferry.testing import Kit

MONTHLY = Schedule(30)


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim")


def edit(
    kit: Kit, caller: Caller, key: str, rotation: Schedule = UNSAID, *, deactivation_date: int | None = None
) -> Key:
    return kit.custody.keys.edit(caller, key, KeyEdit(rotation=rotation, deactivation_date=deactivation_date)).key


def test_a_schedule_counts_from_the_activation_and_back_from_the_deactivation(kit: Kit, kim: Caller) -> None:
    ends = clock.now() + 365 * DAY
    made = kit.key(kim, rotation=Schedule(90, 10), deactivation_date=ends)
    activation = made.version.activation_date or 0
    assert (Schedule.of(made.key), made.key.rotate_at) == (Schedule(90, 10), activation + 90 * DAY)
    assert edit(kit, kim, made.id, Schedule(every_days=NEVER)).rotate_at == ends - 10 * DAY
    assert edit(kit, kim, made.id, Schedule(every_days=360)).rotate_at == ends - 10 * DAY, "the earlier one"
    assert edit(kit, kim, made.id, deactivation_date=ends - 100 * DAY).rotate_at == ends - 110 * DAY
    gone = edit(kit, kim, made.id, NO_SCHEDULE)
    assert (Schedule.of(gone), gone.rotate_at) == (UNSAID, None)
    said = [details_of(event) for event in events_of(kit, "key.edit")]
    assert said == [{"rotate_before": 10}, {"rotate_before": 10, "rotate_every": 360}, {}, {}]


def test_other_edits_leave_the_next_date_alone(kit: Kit, kim: Caller) -> None:
    made = kit.key(kim, rotation=MONTHLY)
    with later(40 * DAY):
        renamed = kit.custody.keys.edit(kit.sign_in("kim"), made.id, KeyEdit(name="other")).key
    assert renamed.rotate_at == made.key.rotate_at


def test_a_version_that_is_too_old_already_is_rotated_in_a_day_not_at_once(kit: Kit, kim: Caller) -> None:
    made = kit.key(kim, activation_date=clock.now() - 100 * DAY)
    before = clock.now()
    due = edit(kit, kim, made.id, MONTHLY).rotate_at
    assert due is not None
    assert before + DAY <= due <= clock.now() + DAY


def test_a_pre_active_key_has_no_next_date_until_it_is_activated(kit: Kit, kim: Caller) -> None:
    made = kit.key(kim, activated=False, rotation=MONTHLY)
    assert made.key.rotate_at is None
    activated = kit.custody.states.activate(kim, made.id)
    assert activated.key.rotate_at == (activated.version.activation_date or 0) + 30 * DAY
    ahead = clock.now() + 5 * DAY
    assert kit.key(kim, activation_date=ahead, rotation=MONTHLY).key.rotate_at == ahead + 30 * DAY


def test_what_is_not_current_moves_no_date(kit: Kit, kim: Caller) -> None:
    made = kit.key(kim, rotation=MONTHLY)
    kit.custody.states.rotate(kim, made.id, activated=False)
    kit.custody.states.activate(kim, made.id, version=2)
    assert kit.custody.keys.show(kim, made.id).key.rotate_at == made.key.rotate_at
    promoted = kit.custody.states.promote(kim, made.id, version=2)
    assert promoted.key.rotate_at == (promoted.version.activation_date or 0) + 30 * DAY


def test_a_rotation_by_hand_counts_anew_and_carries_the_lifetime_over(kit: Kit, kim: Caller) -> None:
    made = kit.key(kim, rotation=Schedule(None, 10), deactivation_date=clock.now() + 100 * DAY)
    lived = (made.version.deactivation_date or 0) - (made.version.activation_date or 0)
    rotated = kit.custody.states.rotate(kim, made.id)
    ends = rotated.version.deactivation_date
    assert ends == (rotated.version.activation_date or 0) + lived
    assert rotated.key.rotate_at == ends - 10 * DAY
    first = kit.custody.keys.show(kim, made.id, version=1)
    assert first.version.deactivation_date == made.version.deactivation_date, "its own"


def test_a_version_out_of_use_hands_no_lifetime_on(kit: Kit, kim: Caller) -> None:
    key = kit.key(kim).id
    kit.custody.states.revoke(kim, key, RevocationReason.SUPERSEDED)
    rotated = kit.custody.states.rotate(kim, key)
    assert (rotated.state, rotated.version.deactivation_date) == (State.ACTIVE, None)


class TestRefusals:
    @pytest.mark.parametrize(
        ("schedule", "field"),
        [
            (Schedule(0), EVERY),
            (Schedule(-1), EVERY),
            (Schedule(MOST_DAYS + 1), EVERY),
            (Schedule(30, MOST_DAYS + 1), BEFORE),
            (Schedule(None, 5), BEFORE),
        ],
    )
    def test_of_a_new_key(self, kit: Kit, kim: Caller, schedule: Schedule, field: str) -> None:
        with refused("invalid-input", field):
            kit.key(kim, rotation=schedule)

    def test_a_key_that_would_be_rotated_over_and_over(self, kit: Kit, kim: Caller) -> None:
        ends = clock.now() + 10 * DAY + 60 * SECOND
        with refused("invalid-input", BEFORE):
            kit.key(kim, rotation=Schedule(None, 10), deactivation_date=ends)
        made = kit.key(kim, rotation=Schedule(None, 9), deactivation_date=ends)
        with refused("invalid-input", BEFORE):
            edit(kit, kim, made.id, deactivation_date=ends - DAY)
        with refused("invalid-input", BEFORE):
            edit(kit, kim, made.id, deactivation_date=NO_DATE)
        assert kit.custody.keys.show(kim, made.id).version.deactivation_date == ends

    def test_a_key_that_is_out_of_use(self, kit: Kit, kim: Caller) -> None:
        made = kit.key(kim, rotation=MONTHLY)
        kit.custody.states.deactivate(kim, made.id)
        with refused("conflict", "rotation"):
            edit(kit, kim, made.id, Schedule(10))
        assert edit(kit, kim, made.id, NO_SCHEDULE).rotate_at is None


VERSION = KeyVersion(
    id="v",
    key_id="k",
    number=1,
    state="active",
    origin="generated",
    material=b"",
    created_at=0,
    created_by="u",
    revision=1,
    seal=b"",
)
DAYS = st.integers(1, MOST_DAYS)


@given(DAYS, DAYS, st.integers(0, 4000 * DAY), st.integers(DAY, 4000 * DAY))
def test_the_next_date_is_the_earlier_of_the_two(every: int, before: int, activation: int, lives: int) -> None:
    version = replace(VERSION, activation_date=activation, deactivation_date=activation + lives)
    both = next_rotation(Schedule(every, before), version, activation)
    assert both == min(activation + every * DAY, activation + lives - before * DAY)
    assert next_rotation(UNSAID, version, activation) is None
    assert deactivation_of_the_next(version, activation) == activation + lives


@given(DAYS, st.integers(0, 4000 * DAY), st.integers(0, 8000 * DAY))
def test_no_age_makes_a_version_due_within_a_day(every: int, activation: int, now: int) -> None:
    version = replace(VERSION, activation_date=activation)
    assert (next_rotation(Schedule(every), version, now) or 0) >= now + DAY
