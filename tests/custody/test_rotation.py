"""Rotation by schedule: once for a date, whatever the clock and however long the server stood still."""

from collections.abc import Callable

import pytest
from sqlalchemy import text
from tests.custody.reading import details_of, events_of, later, rows

from keyferry import clock
from keyferry.clock import DAY, SECOND, to_rfc3339
from keyferry.custody.caller import Caller
from keyferry.custody.keys import NewKey
from keyferry.custody.lifecycle import RevocationReason, State
from keyferry.custody.schedules import Schedule
from keyferry.testing import Kit

MONTHLY = Schedule(30)


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim")


def versions_in(kit: Kit) -> int:
    return len(rows(kit, "key_versions"))


def test_a_key_that_is_due_gets_a_new_current_version(kit: Kit, kim: Caller) -> None:
    made = kit.key(kim, "ec-p256", "tenant", usages=("sign",), rotation=MONTHLY)
    assert kit.custody.rotation.run() == 0
    with later(30 * DAY + SECOND):
        assert kit.custody.rotation.run() == 1
        assert kit.custody.rotation.run() == 0, "once for a date"
        by = kit.sign_in("kim")
        found = kit.custody.keys.show(by, made.id)
        assert (found.version.number, found.state, found.is_current) == (2, State.ACTIVE, True)
        assert (found.key.usages, found.key.name, found.version.origin) == ("sign", "tenant", "generated")
        assert found.key.rotate_at == (found.version.activation_date or 0) + 30 * DAY
        first = kit.custody.keys.show(by, made.id, version=1)
        assert (first.state, first.version.deactivation_date) == (State.ACTIVE, None), "the older one goes on"
        assert first.version.spki_sha256 != found.version.spki_sha256
    (event,) = events_of(kit, "key.rotate")
    assert (event.actor_id, event.actor_name, event.object_id, event.object_name) == (None, None, made.id, "tenant")
    assert details_of(event) == {
        "by": "schedule",
        "current": True,
        "due_at": to_rfc3339(made.key.rotate_at or 0),
        "next_at": to_rfc3339(found.key.rotate_at),
        "version": 2,
    }
    kit.background.tick()
    assert kit.custody.audit.verify(kit.administrator).findings == ()


def test_the_lifetime_is_carried_over(kit: Kit, kim: Caller) -> None:
    made = kit.key(kim, rotation=Schedule(None, 10), deactivation_date=clock.now() + 100 * DAY)
    lived = (made.version.deactivation_date or 0) - (made.version.activation_date or 0)
    with later(90 * DAY + SECOND):
        assert kit.custody.rotation.run() == 1
        found = kit.custody.keys.show(kit.sign_in("kim"), made.id)
        ends = found.version.deactivation_date
        assert ends == (found.version.activation_date or 0) + lived
        assert found.key.rotate_at == ends - 10 * DAY


def test_after_a_downtime_of_months_a_key_is_rotated_once(kit: Kit, kim: Caller) -> None:
    made = kit.key(kim, rotation=MONTHLY)
    with later(400 * DAY):
        kit.custody.jobs.run()
        assert kit.custody.rotation.run() == 1
        assert kit.custody.rotation.run() == 0
    assert versions_in(kit) == 2
    with later(431 * DAY):
        assert kit.custody.rotation.run() == 1
    assert [details_of(event)["version"] for event in events_of(kit, "key.rotate")] == [2, 3]
    assert made.key.versions == 1


def test_a_clock_that_is_set_back_rotates_nothing_again(kit: Kit, kim: Caller) -> None:
    kit.key(kim, rotation=MONTHLY)
    with later(31 * DAY):
        assert kit.custody.rotation.run() == 1
    assert kit.custody.rotation.run() == 0
    for days in (29, 30, 31, 60):
        with later(days * DAY):
            assert kit.custody.rotation.run() == 0
    assert versions_in(kit) == 2


def _deactivate(kit: Kit, by: Caller, key: str) -> None:
    kit.custody.states.deactivate(by, key)


def _compromise(kit: Kit, by: Caller, key: str) -> None:
    kit.custody.states.revoke(by, key, RevocationReason.KEY_COMPROMISE)


def _destroy(kit: Kit, by: Caller, key: str) -> None:
    kit.custody.states.deactivate(by, key)
    kit.custody.states.destroy(by, key)


@pytest.mark.parametrize("change", [_deactivate, _compromise, _destroy])
def test_a_key_that_is_out_of_use_is_not_rotated(
    kit: Kit, kim: Caller, change: Callable[[Kit, Caller, str], None]
) -> None:
    key = kit.key(kim, rotation=Schedule(1)).id
    change(kit, kim, key)
    with later(DAY + SECOND):
        assert kit.custody.rotation.run() == 0
        assert kit.custody.rotation.run() == 0
    assert versions_in(kit) == 1


def test_a_key_whose_date_of_deactivation_came_first_is_not_rotated(kit: Kit, kim: Caller) -> None:
    kit.key(kim, rotation=Schedule(None, 1), deactivation_date=clock.now() + 10 * DAY)
    with later(11 * DAY):
        assert kit.custody.rotation.run() == 0, "whether or not a job has recorded it"
        kit.custody.jobs.run()
        assert kit.custody.rotation.run() == 0


def test_an_imported_key_is_followed_by_a_version_that_is_generated(kit: Kit, kim: Caller) -> None:
    new = NewKey(algorithm="aes-128", rotation=MONTHLY)
    made = kit.custody.keys.import_(kim, new, bytes(range(16)).hex().encode())
    with later(31 * DAY):
        assert kit.custody.rotation.run() == 1
        listed = kit.custody.keys.versions(kit.sign_in("kim"), made.id)
    assert [each.version.origin for each in listed] == ["imported", "generated"]
    assert listed[1].version.created_by == "schedule"


def test_a_row_that_was_changed_is_left_and_told_once(kit: Kit, kim: Caller) -> None:
    kit.key(kim, rotation=MONTHLY)
    sound = kit.key(kim, rotation=Schedule(31)).id
    with kit.installation.store.engine.begin() as connection:
        connection.execute(text("UPDATE keys SET rotate_at = 1 WHERE rotate_every = :days"), {"days": 30 * DAY})
    with later(32 * DAY):
        assert kit.custody.rotation.run() == 1, "the others are rotated all the same"
        assert kit.custody.rotation.run() == 0
    assert [details_of(event)["by"] for event in events_of(kit, "key.rotate", "failed")] == ["schedule"]
    assert [event.object_id for event in events_of(kit, "key.rotate")] == [sound]


def test_a_run_ends_when_it_is_told_to(kit: Kit, kim: Caller) -> None:
    for _ in range(3):
        kit.key(kim, rotation=MONTHLY)
    answers = iter([True, False])
    with later(31 * DAY):
        assert kit.custody.rotation.run(lambda: next(answers)) == 1
        assert kit.custody.rotation.run() == 2
