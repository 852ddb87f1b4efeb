"""Reminders: 30, 7 and 1 day ahead, each once, for those who may see the key, until the date has passed or moved."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs
from tests.custody.reading import details_of, events_of, later, rows
from tests.custody.refusing import refused
from tests.statements import sql_of

from keyferry import clock
from keyferry.clock import DAY, SECOND, to_rfc3339
from keyferry.custody import reminders, rotation
from keyferry.custody.caller import Caller
from keyferry.custody.keys import KeyEdit
from keyferry.custody.reminders import About, Reminder
from keyferry.custody.schedules import Schedule
from keyferry.testing import Kit


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim", groups=("payments",))


def remind(kit: Kit) -> int:
    kit.custody.jobs.run()
    return kit.custody.reminding.run()


def seen(kit: Kit, name: str = "kim") -> list[tuple[About, int]]:
    """What somebody is reminded of just now."""
    return [(each.about, each.days) for each in listed(kit, name)]


def listed(kit: Kit, name: str) -> tuple[Reminder, ...]:
    return kit.custody.reminders.list(kit.sign_in(name), size=100).items


@pytest.fixture
def deactivated_in_100_days(kit: Kit, kim: Caller) -> str:
    return kit.key(kim, name="tenant", group="payments", deactivation_date=clock.now() + 100 * DAY).id


def test_a_deactivation_is_told_three_times_each_once(kit: Kit, deactivated_in_100_days: str) -> None:
    assert remind(kit) == 0
    for days_ahead, told in ((31, None), (30, 30), (12, 30), (7, 7), (3, 7), (1, 1), (0.5, 1)):
        with later(int((100 - days_ahead) * DAY) + SECOND), capture_logs() as logs:
            fresh = told is not None and days_ahead == told
            assert remind(kit) == int(fresh)
            assert remind(kit) == 0, "once"
            assert seen(kit) == ([] if told is None else [(About.DEACTIVATION, told)]), "only the newest is shown"
            lines = [line for line in logs if line["event"] == "key reminder"]
        assert [(line["key"], line["about"], line["days"]) for line in lines] == (
            [(deactivated_in_100_days, "deactivation", told)] if fresh else []
        )
    with later(100 * DAY + SECOND):
        assert seen(kit) == []
        assert remind(kit) == 0
    assert rows(kit, "reminders") == []
    events = events_of(kit, "key.remind")
    assert [details_of(event)["days"] for event in events] == [30, 7, 1]
    assert {(event.actor_id, event.object_id, event.object_name) for event in events} == {
        (None, deactivated_in_100_days, "tenant")
    }


def test_a_reminder_says_what_when_and_whose(kit: Kit, deactivated_in_100_days: str) -> None:
    with later(80 * DAY):
        remind(kit)
        (reminder,) = listed(kit, "kim")
    due = reminder.version.deactivation_date or 0
    assert (reminder.key.id, reminder.owner.name, reminder.version.number) == (deactivated_in_100_days, "payments", 1)
    assert (reminder.due_at, reminder.days) == (due, 30)
    (event,) = events_of(kit, "key.remind")
    assert details_of(event) == {
        "about": "deactivation",
        "by": "date",
        "days": 30,
        "due_at": to_rfc3339(due),
        "version": 1,
    }


def test_only_those_who_may_see_the_key_are_reminded(kit: Kit, deactivated_in_100_days: str) -> None:
    kit.user("ada", groups=("payments",))
    kit.user("stranger", groups=("elsewhere",))
    with later(95 * DAY):
        remind(kit)
        for name, number in (("kim", 1), ("ada", 1), ("first-admin", 1), ("stranger", 0)):
            assert len(listed(kit, name)) == number, name
        with kit.installation.store.engine.begin() as connection:
            connection.execute(
                text("UPDATE keys SET owner_group_id = (SELECT id FROM groups WHERE name = 'elsewhere')")
            )
        with refused("row-tampered"):
            listed(kit, "stranger")


def test_a_date_that_was_moved_takes_its_reminder_along(kit: Kit, deactivated_in_100_days: str) -> None:
    with later(95 * DAY):
        assert remind(kit) == 1
        by = kit.sign_in("kim")
        kit.custody.keys.edit(by, deactivated_in_100_days, KeyEdit(deactivation_date=clock.now() + 20 * DAY))
        assert seen(kit) == [], "at once, before any job has run"
        assert remind(kit) == 1
        assert seen(kit) == [(About.DEACTIVATION, 30)]
        assert len(rows(kit, "reminders")) == 1


def test_of_a_version_that_is_out_of_use_nobody_is_reminded(kit: Kit, deactivated_in_100_days: str) -> None:
    with later(80 * DAY):
        remind(kit)
        kit.custody.states.rotate(kit.sign_in("kim"), deactivated_in_100_days)
        assert seen(kit) == [], "it is not the current one any more"
        assert remind(kit) == 0


def test_who_made_a_key_for_five_days_is_told_on_the_last(kit: Kit, kim: Caller) -> None:
    kit.key(kim, deactivation_date=clock.now() + 5 * DAY)
    assert remind(kit) == 0
    with later(4 * DAY + SECOND):
        assert remind(kit) == 1
        assert seen(kit) == [(About.DEACTIVATION, 1)]


def test_a_rotation_is_told_and_forgotten_when_it_is_done(kit: Kit, kim: Caller) -> None:
    kit.key(kim, rotation=Schedule(60))
    with later(31 * DAY):
        assert remind(kit) == 1
        assert seen(kit) == [(About.ROTATION, 30)]
    with later(60 * DAY + SECOND):
        assert kit.custody.rotation.run() == 1
        assert remind(kit) == 0
        assert seen(kit) == []
    with later(91 * DAY):
        assert remind(kit) == 1, "of the next one"


def test_a_rotation_that_could_not_be_done_stays_on_the_list_until_something_is_done(kit: Kit, kim: Caller) -> None:
    key = kit.key(kim, rotation=Schedule(60)).id
    kit.custody.states.deactivate(kim, key)
    with later(61 * DAY):
        assert kit.custody.rotation.run() == 0
        assert remind(kit) == 1
        assert remind(kit) == 0
    with later(200 * DAY):
        assert remind(kit) == 0
        assert seen(kit) == [(About.ROTATION, 0)]
        kit.custody.states.rotate(kit.sign_in("kim"), key)
        assert seen(kit) == []
        assert kit.custody.rotation.run() == 0


def test_of_a_key_that_is_gone_nobody_is_reminded(kit: Kit, kim: Caller) -> None:
    key = kit.key(kim, rotation=Schedule(10)).id
    kit.custody.states.deactivate(kim, key)
    kit.custody.states.destroy(kim, key)
    with later(20 * DAY):
        kit.custody.jobs.run()
        assert remind(kit) == 0


def test_many_reminders_come_in_pages(kit: Kit, kim: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyferry.custody.reminders.BATCH", 2)
    made = {kit.key(kim, deactivation_date=clock.now() + 40 * DAY).id for _ in range(5)}
    with later(20 * DAY):
        assert remind(kit) == 5
        found = list(pages(kit, kit.sign_in("kim")))
    assert [len(page) for page in found] == [2, 2, 1]
    assert {reminder.key.id for page in found for reminder in page} == made


def pages(kit: Kit, by: Caller) -> Iterator[tuple[Reminder, ...]]:
    after: str | None = ""
    while after is not None:
        page = kit.custody.reminders.list(by, size=2, after=after)
        after = page.next
        yield page.items


@pytest.mark.parametrize("database_file", ["sqlite"], indirect=True)
def test_of_all_keys_only_those_with_a_near_date_are_read(kit: Kit) -> None:
    dates = {"rotate_at": [rotation._DUE, reminders._COMING[About.ROTATION], reminders._OVERDUE]}
    dates["deactivation_date"] = [reminders._COMING[About.DEACTIVATION]]
    asked = {"since": 1, "now": 9, "latest": 9, "after": "", "limit": 5, "span": 1, "about": "rotation", "days": 7}
    with closing(kit.installation.store.engine.raw_connection()) as connection:
        for date, statements in dates.items():
            for statement in statements:
                sql, values = sql_of(statement, kit.installation.store.engine.dialect, asked)
                cursor = connection.cursor()
                cursor.execute(f"EXPLAIN QUERY PLAN {sql}", values)
                begins = cursor.fetchall()[0][3]
                assert f"{date} (" in begins, begins
                assert f"({date}>" in begins, begins
