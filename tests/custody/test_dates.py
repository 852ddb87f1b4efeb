"""Dates take effect at their moment, whether or not a job has run; jobs record them afterwards and say so."""

from collections.abc import Callable

import pytest
from tests.custody.reading import details_of, events_of, later, rows
from tests.custody.refusing import refused

from keyferry import clock
from keyferry.clock import DAY, SECOND
from keyferry.custody.caller import Caller
from keyferry.custody.keys import NO_DATE, KeyEdit
from keyferry.custody.lifecycle import State
from keyferry.testing import Kek, Kit


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim")


def recorded(kit: Kit) -> list[str]:
    return [row["state"] for row in rows(kit, "key_versions")]


def test_a_key_becomes_active_and_inactive_by_its_dates(kit: Kit, kim: Caller, kek: Kek) -> None:
    now = clock.now()
    key = kit.key(kim, "ec-p256", activation_date=now + 60 * SECOND, deactivation_date=now + 120 * SECOND).key.id
    assert kit.custody.keys.show(kim, key).state is State.PRE_ACTIVE
    with refused("key-not-active", "state"):
        kit.export(kim, key, kek)
    with later(90 * SECOND):
        assert kit.custody.keys.show(kim, key).state is State.ACTIVE
        assert kit.export(kim, key, kek).export.key_id == key
    with later(121 * SECOND):
        assert kit.custody.keys.show(kim, key).state is State.DEACTIVATED
        with refused("key-not-active", "state"):
            kit.export(kim, key, kek)
    assert recorded(kit) == ["pre-active"], "no job has run"


def test_a_job_records_what_dates_have_done_and_says_so(kit: Kit, kim: Caller) -> None:
    now = clock.now()
    key = kit.key(kim, activation_date=now + 60 * SECOND, deactivation_date=now + 120 * SECOND).key.id
    assert kit.custody.jobs.run() == 0
    with later(61 * SECOND):
        assert kit.custody.jobs.run() == 1
        assert recorded(kit) == ["active"]
    with later(121 * SECOND):
        assert kit.custody.jobs.run() == 1
        assert kit.custody.jobs.run() == 0
        assert recorded(kit) == ["deactivated"]
    activated, deactivated = events_of(kit, "key.activate")[-1], events_of(kit, "key.deactivate")[-1]
    for event, state in ((activated, "active"), (deactivated, "deactivated")):
        assert (event.actor_id, event.actor_name, event.object_id) == (None, None, key)
        assert details_of(event) == {"by": "date", "state": state, "version": 1}


def test_a_job_that_comes_late_records_the_last_state_alone(kit: Kit, kim: Caller) -> None:
    now = clock.now()
    kit.key(kim, activation_date=now + 60 * SECOND, deactivation_date=now + 120 * SECOND)
    with later(DAY):
        assert kit.custody.jobs.run() == 1
    assert recorded(kit) == ["deactivated"]
    assert events_of(kit, "key.activate") == []


def test_an_activation_date_that_has_passed_makes_a_key_active_since_then(kit: Kit, kim: Caller) -> None:
    since = clock.now() - DAY
    made = kit.key(kim, activation_date=since)
    assert (made.state, made.version.activation_date) == (State.ACTIVE, since)


@pytest.mark.parametrize(
    ("activation", "deactivation", "field"),
    [(None, -SECOND, "deactivation_date"), (DAY, DAY, "deactivation_date"), (DAY, SECOND, "deactivation_date")],
)
def test_dates_that_contradict_each_other(
    kit: Kit, kim: Caller, activation: int | None, deactivation: int, field: str
) -> None:
    now = clock.now()
    with refused("invalid-input", field):
        kit.key(
            kim,
            activation_date=None if activation is None else now + activation,
            deactivation_date=now + deactivation,
        )


def test_pre_active_with_an_activation_date_says_the_same_thing_twice(kit: Kit, kim: Caller) -> None:
    with refused("invalid-input", "activation_date"):
        kit.key(kim, activated=False, activation_date=clock.now() + DAY)


class TestEditing:
    def test_dates_that_have_not_come_are_moved(self, kit: Kit, kim: Caller) -> None:
        now = clock.now()
        key = kit.key(kim, activation_date=now + 100 * SECOND).key.id
        edit = KeyEdit(activation_date=now + 200 * SECOND, deactivation_date=now + 300 * SECOND)
        kit.custody.keys.edit(kim, key, edit)
        with later(101 * SECOND):
            assert kit.custody.keys.show(kim, key).state is State.PRE_ACTIVE
        with later(201 * SECOND):
            assert kit.custody.keys.show(kim, key).state is State.ACTIVE
        with later(301 * SECOND):
            assert kit.custody.keys.show(kim, key).state is State.DEACTIVATED

    def test_a_pre_active_key_gets_an_activation_date(self, kit: Kit, kim: Caller) -> None:
        key = kit.key(kim, activated=False).key.id
        edited = kit.custody.keys.edit(kim, key, KeyEdit(activation_date=clock.now() - SECOND))
        assert edited.state is State.ACTIVE

    def test_what_has_come_to_pass_is_not_dated_anew(self, kit: Kit, kim: Caller) -> None:
        key = kit.key(kim).key.id
        with refused("conflict", "activation_date"):
            kit.custody.keys.edit(kim, key, KeyEdit(activation_date=clock.now() + DAY))
        kit.custody.states.deactivate(kim, key)
        with refused("conflict", "deactivation_date"):
            kit.custody.keys.edit(kim, key, KeyEdit(deactivation_date=clock.now() + DAY))

    def test_a_date_that_has_passed_unrecorded_has_passed(self, kit: Kit, kim: Caller) -> None:
        now = clock.now()
        key = kit.key(kim, deactivation_date=now + 60 * SECOND).key.id
        with later(61 * SECOND), refused("conflict", "deactivation_date"):
            kit.custody.keys.edit(kim, key, KeyEdit(deactivation_date=now + DAY))

    def test_a_deactivation_date_lies_ahead_and_after_the_activation(self, kit: Kit, kim: Caller) -> None:
        now = clock.now()
        key = kit.key(kim, activation_date=now + DAY).key.id
        for date in (now - DAY, now + DAY - SECOND, now + DAY):
            with refused("invalid-input", "deactivation_date"):
                kit.custody.keys.edit(kim, key, KeyEdit(deactivation_date=date))
        assert kit.custody.keys.show(kim, key).version.deactivation_date is None

    def test_a_version_that_is_to_be_destroyed_keeps_its_dates(self, kit: Kit, kim: Caller) -> None:
        key = kit.key(kim, activated=False).key.id
        kit.custody.states.destroy(kim, key)
        with refused("destruction-pending", "state"):
            kit.custody.keys.edit(kim, key, KeyEdit(activation_date=clock.now() + DAY))


def test_a_key_is_not_activated_after_the_date_on_which_it_should_have_stopped(kit: Kit, kim: Caller) -> None:
    now = clock.now()
    key = kit.key(kim, activated=False, deactivation_date=now + 60 * SECOND).key.id
    with later(61 * SECOND):
        with refused("invalid-input", "deactivation_date"):
            kit.custody.states.activate(kim, key)
        kit.custody.keys.edit(kim, key, KeyEdit(deactivation_date=now + DAY))
        assert kit.custody.states.activate(kim, key).state is State.ACTIVE


def test_changes_start_from_the_state_that_dates_have_made(kit: Kit, kim: Caller) -> None:
    now = clock.now()
    key = kit.key(kim, deactivation_date=now + 60 * SECOND).key.id
    with refused("state-transition-refused", "state"):
        kit.custody.states.destroy(kim, key)
    with later(61 * SECOND):
        with refused("state-transition-refused", "state"):
            kit.custody.states.deactivate(kim, key)
        kit.custody.states.destroy(kim, key)
        assert recorded(kit) == ["deactivated"]
    with later(8 * DAY):
        kit.custody.jobs.run()
    assert recorded(kit) == ["destroyed"]


def test_one_job_settles_more_than_a_batch(make_kit: Callable[..., Kit], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyferry.custody.jobs.BATCH", 3)
    kit = make_kit(destruction_pending="0s")
    kim = kit.user("kim")
    for _ in range(7):
        kit.custody.states.destroy(kim, kit.key(kim, activated=False).key.id)
    assert kit.custody.jobs.run() == 7
    assert recorded(kit) == ["destroyed"] * 7


def test_a_date_that_lies_ahead_can_be_taken_away(kit: Kit, kim: Caller) -> None:
    ahead = clock.now() + 30 * SECOND
    key = kit.key(kim, activation_date=ahead, deactivation_date=ahead + DAY).key.id
    edited = kit.custody.keys.edit(kim, key, KeyEdit(activation_date=NO_DATE, deactivation_date=NO_DATE))
    assert (edited.version.activation_date, edited.version.deactivation_date) == (None, None)
    with later(60 * SECOND):
        assert kit.custody.keys.show(kim, key).state is State.PRE_ACTIVE
