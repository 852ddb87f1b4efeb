"""Many keys in one request: a line for each, and one bad item hurts no other."""

import base64
import json
from typing import Any

import pytest
from tests.api.conftest import Door, Person, kek_body
from tests.api.problems import refused

from keyferry.byok.verify import verify
from keyferry.custody import export_batches, key_batches
from keyferry.testing import Kek


def lines_of(answer: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The items' lines, and the totals."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    *lines, last = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["index"] for line in lines] == list(range(len(lines)))
    return lines, last["totals"]


def events(person: Person, operation: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = person("GET", "/audit-events", params={"limit": 500}).json()["items"]
    return [event for event in found if event["operation"] == operation]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_batches, "LARGEST_CHUNK", 2)
    monkeypatch.setattr(export_batches, "LARGEST_CHUNK", 2)
    monkeypatch.setattr(export_batches, "PAGE", 3)


class TestKeys:
    def test_each_has_a_line_in_the_order_of_the_request(self, user: Person, small_chunks: None) -> None:
        wanted = [{"type": "aes-256", "name": f"tenant-{n}"} for n in range(5)]
        lines, totals = lines_of(user("POST", "/key-batches", {"keys": wanted}))
        assert [line["outcome"] for line in lines] == ["created"] * 5
        assert [line["key"]["name"] for line in lines] == [each["name"] for each in wanted]
        assert totals == {"items": 5, "created": 5, "refused": 0, "failed": 0}
        for line in lines:
            assert user("GET", f"/keys/{line['key']['id']}").json() == line["key"]

    def test_each_has_an_audit_event_as_one_that_is_made_alone(self, user: Person, administrator: Person) -> None:
        user("POST", "/keys", {"type": "aes-256", "name": "alone"})
        lines, _ = lines_of(user("POST", "/key-batches", {"keys": [{"type": "aes-256", "name": "with-others"}] * 2}))
        assert [line["outcome"] for line in lines] == ["created", "refused"]
        alone, together, second = events(administrator, "key.generate")
        assert (alone["outcome"], together["outcome"], second["outcome"]) == ("done", "done", "refused")
        assert set(alone) == set(together)
        assert alone["details"] == together["details"]
        assert second["code"] == "name-taken"

    def test_a_bad_item_is_a_problem_line_and_hurts_no_other(self, user: Person, small_chunks: None) -> None:
        wanted: list[Any] = [
            {"type": "des"},
            {"type": "aes-256", "name": "first"},
            {"type": "aes-256", "name": "Upper"},
            {"type": "aes-256", "group": "elsewhere"},
            {"type": "aes-256", "name": "first"},
            {"type": "aes-256", "material": "AAAA"},
            {"type": "aes-256", "deactivation_date": "tomorrow"},
            {"type": "ec-p256", "name": "last"},
            {"name": "typeless"},
        ]
        lines, totals = lines_of(user("POST", "/key-batches", {"keys": wanted}))
        told = [line["problem"]["code"] if "problem" in line else line["key"]["name"] for line in lines]
        assert told == [
            "invalid-input",
            "first",
            "name-refused",
            "invalid-input",
            "name-taken",
            "invalid-input",
            "invalid-input",
            "last",
            "invalid-input",
        ]
        assert totals == {"items": 9, "created": 2, "refused": 7, "failed": 0}
        assert lines[0]["problem"]["field"] == "type"
        assert lines[5]["problem"]["field"] == "material"  # nothing is imported so
        assert all(line["problem"]["advice"] for line in lines if "problem" in line)

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"keys": []},
            {"keys": {}},
            {"keys": [{"type": "aes-256"}] * 1001},
            {"keys": [{"type": "aes-256"}], "more": 1},
            {"keys": ["a"]},
        ],
    )
    def test_a_malformed_request_is_refused_before_anything_is_done(self, user: Person, body: Any) -> None:
        refused(user("POST", "/key-batches", body), 422, "invalid-input")
        assert user("GET", "/keys").json()["items"] == []

    def test_an_administrator_makes_keys_for_others_alone(self, administrator: Person) -> None:
        wanted = [{"type": "aes-256"}, {"type": "aes-256", "group": "payments"}]
        lines, _ = lines_of(administrator("POST", "/key-batches", {"keys": wanted}))
        assert [line["outcome"] for line in lines] == ["refused", "created"]

    def test_a_batch_sent_again_under_its_key_makes_nothing_again(self, user: Person, small_chunks: None) -> None:
        headers = {"Idempotency-Key": "batch-7"}
        wanted = [{"type": "aes-256"} for _ in range(3)]
        first, _ = lines_of(user("POST", "/key-batches", {"keys": wanted}, headers=headers))
        wanted.append({"type": "aes-256"})
        again, totals = lines_of(user("POST", "/key-batches", {"keys": wanted}, headers=headers))
        assert again[:3] == first
        assert totals["created"] == 4
        assert len(user("GET", "/keys").json()["items"]) == 4
        other = [{"type": "aes-128"}, *wanted[1:]]
        lines, _ = lines_of(user("POST", "/key-batches", {"keys": other}, headers=headers))
        assert lines[0]["problem"]["code"] == "idempotency-key-reused"
        assert lines[1:] == again[1:]


class TestExports:
    @pytest.fixture
    def keys(self, user: Person) -> list[str]:
        wanted = [{"type": "ec-p256", "name": f"tenant-{n}", "group": "payments"} for n in range(5)]
        lines, _ = lines_of(user("POST", "/key-batches", {"keys": wanted}))
        return [line["key"]["id"] for line in lines]

    def test_each_file_opens_under_the_kek_and_holds_its_key(
        self, user: Person, keys: list[str], kek: Kek, small_chunks: None
    ) -> None:
        lines, totals = lines_of(user("POST", "/export-batches", kek_body(kek) | {"keys": keys}))
        assert totals == {"items": 5, "exported": 5, "refused": 0, "failed": 0, "passed_over": 0}
        for line, key in zip(lines, keys, strict=True):
            made = line["export"]
            assert made["key_id"] == key
            found = verify(base64.b64decode(made["file"]), kek.private)
            assert found.identity.spki_sha256 == user("GET", f"/keys/{key}").json()["spki_sha256"]
            record = user("GET", f"/exports/{made['id']}").json()
            assert record == {name: made[name] for name in record}

    def test_each_has_an_audit_event_as_one_that_leaves_alone(
        self, user: Person, administrator: Person, keys: list[str], azure: dict[str, str]
    ) -> None:
        for key in keys[:2]:  # the first binds the KEK, and says so
            user("POST", f"/keys/{key}/exports", azure)
        user("POST", "/export-batches", azure | {"keys": keys[1:3]})
        done = [event for event in events(administrator, "key.export") if event["object_type"] == "key"]
        assert [event["object_id"] for event in done] == [keys[0], keys[1], keys[1], keys[2]]
        assert {event["outcome"] for event in done} == {"done"}
        assert set(done[1]["details"]) == set(done[3]["details"])

    def test_a_key_that_may_not_leave_hurts_no_other(
        self, user: Person, stranger: Person, keys: list[str], azure: dict[str, str]
    ) -> None:
        user("POST", f"/keys/{keys[1]}/deactivate")
        theirs = stranger("POST", "/keys", {"type": "ec-p256"}).json()["id"]
        stays = user("POST", "/keys", {"type": "ec-p256", "exportable": False}).json()["id"]
        aes = user("POST", "/keys", {"type": "aes-256"}).json()["id"]
        chosen = [keys[0], keys[1], theirs, stays, aes, "payments/tenant-4", "nobody"]
        lines, totals = lines_of(user("POST", "/export-batches", azure | {"keys": chosen}))
        told = [line["problem"]["code"] if "problem" in line else line["export"]["key_id"] for line in lines]
        assert told == [
            keys[0],
            "key-not-active",
            "not-found",
            "key-not-exportable",
            "target-needs-managed-hsm",
            keys[4],
            "not-found",
        ]
        assert (totals["exported"], totals["refused"]) == (2, 5)

    def test_all_of_a_group_leave_that_may(
        self, user: Person, keys: list[str], azure: dict[str, str], small_chunks: None
    ) -> None:
        user("POST", f"/keys/{keys[2]}/deactivate")
        user("POST", "/keys", {"type": "ec-p256", "group": "payments", "exportable": False})
        user("POST", "/keys", {"type": "ec-p256", "owner": "user"})
        lines, totals = lines_of(user("POST", "/export-batches", azure | {"all": True, "group": "payments"}))
        assert [line["export"]["key_id"] for line in lines] == [*keys[:2], *keys[3:]]
        assert totals == {"items": 4, "exported": 4, "refused": 0, "failed": 0, "passed_over": 2}

    def test_all_of_nobody_in_particular_are_the_callers(self, user: Person, azure: dict[str, str]) -> None:
        own = user("POST", "/keys", {"type": "ec-p256", "owner": "user"}).json()["id"]
        lines, _ = lines_of(user("POST", "/export-batches", azure | {"all": True}))
        assert [line["export"]["key_id"] for line in lines] == [own]

    def test_a_kek_that_will_not_do_is_refused_before_anything_is_done(
        self, user: Person, administrator: Person, keys: list[str], azure: dict[str, str]
    ) -> None:
        bad = azure | {"keys": keys, "public_key": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"}
        refused(user("POST", "/export-batches", bad), 422, "kek-unreadable", "public_key")
        (event,) = events(administrator, "key.export")
        assert (event["outcome"], event["code"]) == ("refused", "kek-unreadable")

    def test_an_administrator_exports_nothing(
        self, administrator: Person, keys: list[str], azure: dict[str, str]
    ) -> None:
        refused(administrator("POST", "/export-batches", azure | {"keys": keys}), 403, "not-permitted")

    @pytest.mark.parametrize(
        ("more", "field"),
        [
            ({}, "keys"),
            ({"keys": []}, "keys"),
            ({"keys": ["a"], "all": True}, "keys"),
            ({"keys": ["a"], "group": "payments"}, "group"),
            ({"keys": ["a"], "owner": "user"}, "owner"),
            ({"all": True, "group": "payments", "owner": "user"}, "owner"),
            ({"all": True, "group": "elsewhere"}, "group"),
            ({"keys": ["a"] * 1001}, "keys"),
        ],
    )
    def test_a_malformed_request_is_refused(
        self, user: Person, azure: dict[str, str], more: dict[str, Any], field: str
    ) -> None:
        refused(user("POST", "/export-batches", azure | more), 422, "invalid-input", field)

    def test_no_file_can_be_answered_again(self, user: Person, keys: list[str], azure: dict[str, str]) -> None:
        answer = user("POST", "/export-batches", azure | {"keys": keys}, headers={"Idempotency-Key": "again"})
        refused(answer, 422, "invalid-input", "Idempotency-Key")

    def test_a_kek_that_is_not_registered_where_that_is_asked_for(
        self, door: Door, user: Person, administrator: Person, keys: list[str], azure: dict[str, str]
    ) -> None:
        administrator("PATCH", "/groups/payments", {"kek_policy": "registered"})
        lines, _ = lines_of(user("POST", "/export-batches", azure | {"keys": keys}))
        assert {line["problem"]["code"] for line in lines} == {"kek-not-registered"}
        assert user("GET", "/exports").json()["items"] == []
