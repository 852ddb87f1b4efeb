"""A request that creates something, sent again under its key."""

from typing import Any

import pytest
from tests.api.conftest import Person
from tests.api.problems import refused

KEY = {"Idempotency-Key": "order-4711"}


def _count(person: Person, path: str) -> int:
    return len(person("GET", path).json()["items"])


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        ("/groups", {"id": "fraud"}, {"id": "fraud", "description": "x"}),
        ("/users", {"name": "kim", "role": "administrator"}, {"name": "kim", "role": "key-access-user"}),
        ("/keys", {"type": "aes-256", "group": "payments"}, {"type": "aes-128", "group": "payments"}),
    ],
)
def test_a_request_that_is_sent_again_creates_nothing_again(
    administrator: Person, path: str, body: dict[str, Any], other: dict[str, Any]
) -> None:
    before = _count(administrator, path)

    first = administrator("POST", path, body, headers=KEY)
    again = administrator("POST", path, dict(reversed(body.items())), headers=KEY)

    assert first.status_code == again.status_code == 201
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert _count(administrator, path) == before + 1
    refused(administrator("POST", path, other, headers=KEY), 422, "idempotency-key-reused", "Idempotency-Key")
    assert _count(administrator, path) == before + 1


def test_two_passwords_make_two_requests(administrator: Person) -> None:
    body = {"name": "kim", "role": "administrator", "password": "lantern-harbour-mild-42"}
    assert administrator("POST", "/users", body, headers=KEY).status_code == 201
    assert administrator("POST", "/users", body, headers=KEY).status_code == 201

    other = administrator("POST", "/users", {**body, "password": "lantern-harbour-mild-43"}, headers=KEY)

    refused(other, 422, "idempotency-key-reused")


def test_an_import_is_taken_once(user: Person) -> None:
    body = {"type": "aes-128", "group": "payments", "material_text": "00112233445566778899aabbccddeeff"}

    first = user("POST", "/keys/import", body, headers=KEY)
    again = user("POST", "/keys/import", body, headers=KEY)

    assert first.status_code == 201, first.text
    assert again.json() == first.json()
    other = {**body, "material_text": "ff112233445566778899aabbccddeeff"}
    refused(user("POST", "/keys/import", other, headers=KEY), 422, "idempotency-key-reused")


def test_a_rotation_is_made_once_and_its_answer_is_that_version(user: Person, key: dict[str, Any]) -> None:
    first = user("POST", "/keys/signer/versions", headers=KEY).json()
    user("POST", "/keys/signer/versions", headers={"Idempotency-Key": "another"})

    again = user("POST", "/keys/signer/versions", {"activated": True}, headers=KEY).json()

    assert first["version"] == again["version"] == 2
    assert first["version_id"] == again["version_id"]
    assert again["versions"] == 3


def test_a_key_is_each_callers_and_each_routes_own(administrator: Person, user: Person) -> None:
    body = {"type": "aes-256", "group": "payments"}
    of_one = administrator("POST", "/keys", body, headers=KEY).json()
    of_another = user("POST", "/keys", body, headers=KEY).json()

    assert of_one["id"] != of_another["id"]
    assert administrator("POST", "/groups", {"id": "fraud"}, headers=KEY).status_code == 201


def test_a_request_that_was_refused_may_be_put_right_under_its_key(administrator: Person) -> None:
    refused(administrator("POST", "/groups", {"id": "Fraud"}, headers=KEY), 422, "name-refused")

    assert administrator("POST", "/groups", {"id": "fraud"}, headers=KEY).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "naïve"])
def test_a_key_has_1_to_255_printable_characters(administrator: Person, key: str) -> None:
    answer = administrator("POST", "/groups", {"id": "fraud"}, headers={"Idempotency-Key": key.encode("latin-1")})

    refused(answer, 422, "invalid-input", "idempotency-key")


def test_what_is_shown_once_takes_no_key(user: Person, key: dict[str, Any], azure: dict[str, str]) -> None:
    requests = [
        ("/tokens", {"name": "x", "lifetime_seconds": 60}),
        ("/keys/signer/exports", azure),
        ("/keys/signer/exports/preview", azure),
        ("/sessions", {"user_name": "user", "password": "x"}),
    ]
    for path, body in requests:
        refused(user("POST", path, body, headers=KEY), 422, "invalid-input", "Idempotency-Key")
    assert user("GET", "/exports").json()["items"] == []
