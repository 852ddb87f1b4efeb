"""The audit log, read and verified over REST."""

from typing import Any

from tests.api.conftest import Door, People, Person
from tests.api.problems import refused

from keyferry.testing import ADMINISTRATOR


def test_events_are_read_in_pages_and_name_who_did_what(people: People, key: dict[str, Any]) -> None:
    refused(people.stranger("GET", "/keys/signer"), 404, "not-found")

    events: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = people.administrator(
            "GET", "/audit-events", params={"limit": 5, **({"cursor": cursor} if cursor else {})}
        )
        events += page.json()["items"]
        cursor = page.json()["next"]
        if cursor is None:
            break

    made = next(event for event in events if event["operation"] == "key.generate")
    assert made["outcome"] == "done"
    assert made["actor_name"] == "user"
    assert made["object_id"] == key["id"]
    assert made["object_name"] == "signer"
    assert made["address"] == "127.0.0.1"
    assert made["details"]["algorithm"] == "ec-p256"
    turned_away = next(event for event in events if event["operation"] == "key.read")
    assert turned_away["outcome"] == "refused"
    assert turned_away["code"] == "not-found"
    assert any(event["operation"] == "audit.read" for event in events)
    assert len({event["id"] for event in events}) == len(events)


def test_the_log_is_verified_and_a_head_noted_earlier_is_found_on_it(door: Door, administrator: Person) -> None:
    door.kit.background.tick()
    first = administrator("GET", "/audit-events/verification").json()
    assert first["sound"] is True
    assert first["findings"] == []
    assert first["events"] > 0

    door.kit.background.tick()
    again = administrator("GET", "/audit-events/verification", params={"expect_head": first["head"]}).json()
    assert again["sound"] is True
    assert again["events"] > first["events"]

    number, _, digest = first["head"].partition(":")
    forged = f"{number}:{'0' * len(digest)}"
    unsound = administrator("GET", "/audit-events/verification", params={"expect_head": forged}).json()
    assert unsound["sound"] is False
    assert any(forged in finding for finding in unsound["findings"])
    assert ADMINISTRATOR not in str(unsound)


def test_what_is_no_head_is_refused(administrator: Person) -> None:
    for head in ("x", "1:xyz", f"{'9' * 100}:{'0' * 64}x", "-1:" + "0" * 64):
        answer = administrator("GET", "/audit-events/verification", params={"expect_head": head})
        assert answer.status_code == 422, head
    answer = administrator("GET", "/audit-events/verification", params={"expect_head": "x"})
    refused(answer, 422, "invalid-input", "expect_head")


def test_the_log_is_for_administrators(user: Person) -> None:
    refused(user("GET", "/audit-events"), 403, "not-permitted")
    refused(user("GET", "/audit-events/verification"), 403, "not-permitted")


def test_events_are_looked_for(people: People, key: dict[str, Any]) -> None:
    def found(**query: str) -> list[dict[str, Any]]:
        answer = people.administrator("GET", "/audit-events", params=query)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    (made,) = found(key="signer", operation="key.generate")
    assert made["object_id"] == key["id"]
    assert found(key=key["id"], person="USER", outcome="done", since=made["at"]) == [made]
    assert found(key="signer", until=made["at"]) == []
    newest = found(order="newest", operation="key", limit="1")
    assert [event["operation"] for event in newest] == ["key.generate"]


def test_what_cannot_be_looked_for_is_refused(administrator: Person) -> None:
    for query, field in (
        ({"operation": "key.open"}, "operation"),
        ({"outcome": "ok"}, "outcome"),
        ({"since": "yesterday"}, "since"),
        ({"order": "any"}, "order"),
        ({"who": "kim"}, "who"),
    ):
        refused(administrator("GET", "/audit-events", params=query), 422, "invalid-input", field)
