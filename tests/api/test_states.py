"""The states of a key's versions, over REST."""

from typing import Any

import pytest
from tests.api.conftest import People, Person
from tests.api.problems import refused


def test_a_key_that_was_made_pre_active_is_activated_and_deactivated(user: Person) -> None:
    made = user("POST", "/keys", {"type": "aes-256", "name": "data", "group": "payments", "activated": False})
    assert made.json()["state"] == "pre-active"

    active = user("POST", "/keys/data/activate").json()
    assert active["state"] == "active"
    assert active["activation_date"] is not None

    refused(user("POST", "/keys/data/activate"), 409, "state-transition-refused", "state")
    assert user("POST", "/keys/data/deactivate", {}).json()["state"] == "deactivated"


@pytest.mark.parametrize(("reason", "state"), [("key-compromise", "compromised"), ("superseded", "deactivated")])
def test_a_key_is_revoked_for_a_reason(user: Person, key: dict[str, Any], reason: str, state: str) -> None:
    revoked = user("POST", "/keys/signer/revoke", {"reason": reason, "message": "lost laptop"}).json()

    assert revoked["state"] == state
    assert revoked["revocation_reason"] == reason
    assert revoked["revocation_message"] == "lost laptop"
    assert (revoked["compromised_at"] is not None) == (state == "compromised")


def test_a_revocation_needs_a_reason_of_kmips(user: Person, key: dict[str, Any]) -> None:
    refused(user("POST", "/keys/signer/revoke", {}), 422, "invalid-input", "reason")
    refused(user("POST", "/keys/signer/revoke", {"reason": "boredom"}), 422, "invalid-input", "reason")


def test_a_rotation_makes_a_version_and_leaves_the_earlier_one_as_it_is(user: Person, key: dict[str, Any]) -> None:
    answer = user("POST", "/keys/signer/versions", {"activated": False})

    assert answer.status_code == 201
    assert answer.json()["version"] == 2
    assert answer.json()["state"] == "pre-active"
    versions = user("GET", "/keys/signer/versions").json()["items"]
    assert [(each["version"], each["state"]) for each in versions] == [(1, "active"), (2, "pre-active")]
    assert user("GET", "/keys/signer?version=1").json()["spki_sha256"] == key["spki_sha256"]
    refused(user("GET", "/keys/signer?version=3"), 404, "not-found")
    refused(user("GET", "/keys/signer?version=0"), 422, "invalid-input", "version")
    assert user("POST", "/keys/signer/versions").json()["version"] == 3


def test_one_version_is_changed_when_its_number_is_given(user: Person, key: dict[str, Any]) -> None:
    user("POST", "/keys/signer/versions")

    assert user("POST", "/keys/signer/deactivate", {"version": 1}).json()["version"] == 1

    states = [each["state"] for each in user("GET", "/keys/signer/versions").json()["items"]]
    assert states == ["deactivated", "active"]
    refused(user("POST", "/keys/signer/deactivate", {"version": "1"}), 422, "invalid-input", "version")
    refused(user("POST", "/keys/signer/deactivate", {"version": 2**40}), 422, "invalid-input", "version")


def test_a_destruction_is_pending_first_and_can_be_called_off(people: People, key: dict[str, Any]) -> None:
    refused(people.user("POST", "/keys/signer/destroy"), 409, "state-transition-refused")
    people.user("POST", "/keys/signer/deactivate")

    pending = people.user("POST", "/keys/signer/destroy").json()
    assert pending["state"] == "deactivated"
    assert pending["destroy_at"] > pending["created_at"]
    refused(people.user("POST", "/keys/signer/revoke", {"reason": "superseded"}), 409, "state-transition-refused")

    called_off = people.administrator("POST", "/keys/signer/cancel-destruction").json()
    assert called_off["destroy_at"] is None
    refused(people.user("POST", "/keys/signer/cancel-destruction"), 409, "state-transition-refused")


def test_an_administrator_deactivates_and_revokes_but_neither_activates_nor_destroys(
    people: People, key: dict[str, Any]
) -> None:
    assert people.administrator("POST", "/keys/signer/deactivate").status_code == 200
    assert people.administrator("POST", "/keys/signer/revoke", {"reason": "key-compromise"}).status_code == 200
    refused(people.administrator("POST", "/keys/signer/activate"), 403, "not-permitted")
    refused(people.administrator("POST", "/keys/signer/destroy"), 403, "not-permitted")
    refused(people.administrator("POST", "/keys/signer/versions"), 403, "not-permitted")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"description": "x"}),
        ("GET", "/versions", None),
        ("POST", "/versions", None),
        ("GET", "/public-key", None),
        ("GET", "/exports", None),
        ("POST", "/activate", None),
        ("POST", "/deactivate", None),
        ("POST", "/revoke", {"reason": "key-compromise"}),
        ("POST", "/destroy", None),
        ("POST", "/cancel-destruction", None),
        ("POST", "/reassign", {"group": "elsewhere"}),
    ],
)
def test_to_a_stranger_the_key_is_not_there(
    stranger: Person, key: dict[str, Any], method: str, path: str, body: Any
) -> None:
    for reference in ("signer", "payments%2Fsigner", key["id"]):
        refused(stranger(method, f"/keys/{reference}{path}", body), 404, "not-found", "key")
