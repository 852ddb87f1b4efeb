"""Schedules, promoting, reminders and jobs, over REST."""

import pytest
from tests.api.conftest import Door, People, sign_in
from tests.api.problems import refused
from tests.custody.reading import later

from keyferry import clock
from keyferry.clock import DAY, to_rfc3339


def made(people: People, **more: object) -> dict[str, object]:
    answer = people.user("POST", "/keys", {"type": "aes-256", "group": "payments", **more})
    assert answer.status_code == 201, answer.text
    key: dict[str, object] = answer.json()
    return key


def test_a_schedule_is_made_merged_and_cleared(people: People) -> None:
    ends = to_rfc3339(clock.now() + 400 * DAY)
    key = made(people, rotation={"every_days": 90}, deactivation_date=ends)
    assert isinstance(key["rotation"], dict)
    assert key["rotation"]["next_at"] > to_rfc3339(clock.now() + 89 * DAY)
    address = f"/keys/{key['id']}"
    merged = people.user("PATCH", address, {"rotation": {"before_deactivation_days": 10}}).json()["rotation"]
    assert (merged["every_days"], merged["before_deactivation_days"]) == (90, 10)
    partly = people.user("PATCH", address, {"rotation": {"every_days": None}}).json()["rotation"]
    assert (partly["every_days"], partly["before_deactivation_days"]) == (None, 10)
    assert people.user("PATCH", address, {"description": "A"}).json()["rotation"] == partly
    assert people.user("PATCH", address, {"rotation": None}).json()["rotation"] is None
    assert people.user("GET", address).json()["rotation"] is None


@pytest.mark.parametrize("days", [0, -1, 3651, "30", 1.5, True])
def test_a_number_of_days_that_is_none(people: People, days: object) -> None:
    answer = people.user("POST", "/keys", {"type": "aes-256", "rotation": {"every_days": days}})
    refused(answer, 422, "invalid-input", "rotation.every_days")


def test_a_schedule_without_a_date_to_count_from(people: People) -> None:
    answer = people.user("POST", "/keys", {"type": "aes-256", "rotation": {"before_deactivation_days": 5}})
    refused(answer, 422, "invalid-input", "rotation.before_deactivation_days")


def test_a_version_in_waiting_is_promoted(people: People) -> None:
    address = f"/keys/{made(people)['id']}"
    waiting = people.user("POST", f"{address}/versions", {"activated": False}).json()
    assert (waiting["version"], waiting["state"], waiting["current"]) == (2, "pre-active", False)
    refused(people.user("POST", f"{address}/promote", {"version": 2}), 409, "key-not-active", "state")
    assert people.user("POST", f"{address}/activate", {"version": 2}).json()["current"] is False
    promoted = people.user("POST", f"{address}/promote", {"version": 2}).json()
    assert (promoted["version"], promoted["current"]) == (2, True)
    refused(people.administrator("POST", f"{address}/promote", {"version": 1}), 403, "not-permitted")
    refused(people.stranger("POST", f"{address}/promote", {"version": 1}), 404, "not-found")
    refused(people.user("POST", f"{address}/promote", {}), 422, "invalid-input", "version")
    current = [each["current"] for each in people.user("GET", f"{address}/versions").json()["items"]]
    assert current == [False, True]


def test_reminders_are_for_those_who_may_see_the_key(people: People, door: Door) -> None:
    due = to_rfc3339(clock.now() + 40 * DAY)
    key = made(people, name="reminded", deactivation_date=due)
    with later(35 * DAY):
        door.kit.custody.reminding.run()
        seen = {name: sign_in(door.client, name)("GET", "/reminders").json() for name in ("user", "stranger")}
        everybodys = sign_in(door.client, people.administrator.name)("GET", "/reminders").json()["items"]
    (reminder,) = [each for each in seen["user"]["items"] if each["key"] == key["id"]]
    told = {name: reminder[name] for name in ("about", "days", "due_at", "name", "owner", "version")}
    assert told == {
        "about": "deactivation",
        "days": 7,
        "due_at": due,
        "name": "reminded",
        "owner": {"user": None, "group": "payments"},
        "version": 1,
    }
    assert key["id"] not in {each["key"] for each in seen["stranger"]["items"]}
    assert key["id"] in {each["key"] for each in everybodys}


def test_jobs_are_shown_to_administrators(people: People, door: Door) -> None:
    background = door.kit.background
    background.tick()
    background.work()
    background.runs.flush()
    found = {each["name"]: each for each in people.administrator("GET", "/jobs").json()["items"]}
    assert {"dates", "rotation", "reminders"} <= set(found)
    rotation = found["rotation"]
    assert (rotation["node"], rotation["holds_lease"], rotation["alive"]) == (background.runs.node, True, True)
    assert rotation["last_at"] < rotation["next_at"]
    assert (rotation["failed_at"], rotation["failure"], found["dates"]["holds_lease"]) == (None, None, None)
    refused(people.user("GET", "/jobs"), 403, "not-permitted")
