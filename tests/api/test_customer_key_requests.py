"""Customer Key requests over REST."""

from typing import Any

import pytest
from tests.api.conftest import Person
from tests.api.problems import refused
from tests.custody.pushing import CONTACTS, FIRST, LINE, SECOND, TENANT

from keyferry.testing import VAULT

KEYS = [
    {"identifier": "https://kv1x.vault.azure.net/keys/exchange", "subscription_id": FIRST},
    {"identifier": "https://kv2x.vault.azure.net/keys/exchange", "subscription_id": SECOND},
]
BODY: dict[str, Any] = {
    "organization_id": TENANT,
    "workloads": ["exchange"],
    "keys": KEYS,
    "contacts": CONTACTS,
    "group": "payments",
}


@pytest.fixture
def request_(user: Person) -> dict[str, Any]:
    answer = user("POST", "/customer-key-requests", BODY)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/api/v1/customer-key-requests/{answer.json()['id']}"
    made: dict[str, Any] = answer.json()
    return made


def path(request_: dict[str, Any], rest: str = "") -> str:
    return f"/customer-key-requests/{request_['id']}{rest}"


def test_it_is_answered_as_it_was_given(user: Person, request_: dict[str, Any]) -> None:
    assert {name: request_[name] for name in ("organization_id", "workloads", "contacts", "state", "checks")} == {
        "organization_id": TENANT,
        "workloads": ["exchange"],
        "contacts": CONTACTS,
        "state": "draft",
        "checks": [],
    }
    assert request_["owner"] == {"user": None, "group": "payments"}
    assert request_["keys"] == [
        {**KEYS[0], "deployment": None},
        {**KEYS[1], "deployment": None, "subscription_id": SECOND.lower()},
    ]
    assert [(each["state"], each["by"], each["at"][-1]) for each in request_["history"]] == [("draft", user.id, "Z")]
    answer = user("GET", path(request_))
    assert (answer.json(), answer.headers["etag"]) == (request_, '"1"')


def test_the_same_request_again_makes_no_second(user: Person) -> None:
    header = {"Idempotency-Key": "a1"}
    first, again = (user("POST", "/customer-key-requests", BODY, headers=header).json() for _ in range(2))
    assert first == again
    assert user("GET", "/customer-key-requests").json() == {"items": [first], "next": None}


def test_who_sees_it(administrator: Person, stranger: Person, request_: dict[str, Any]) -> None:
    assert administrator("GET", "/customer-key-requests").json()["items"] == [request_]
    assert stranger("GET", "/customer-key-requests").json()["items"] == []
    refused(stranger("GET", path(request_)), 404, "not-found")
    refused(administrator("POST", path(request_, "/state"), {"state": "validated"}), 403, "not-permitted")


def test_it_goes_all_the_way(user: Person, request_: dict[str, Any]) -> None:
    checked = user("POST", path(request_, "/checks"), {"lines": [LINE]}).json()
    assert checked["checks"][0]["lines"] == [LINE]
    told: dict[str, Any] = {"state": "validated", "validations": {"PassedValidations": ["a"]}}
    refused(user("POST", path(request_, "/state"), told), 409, "not-checked", "vouched")  # a client's check is none
    refused(user("POST", path(request_, "/state"), {**told, "vouched": True}), 422, "invalid-input", "note")
    told |= {"vouched": True, "note": "Get-CustomerKeyOnboardingRequest answered Success"}
    assert user("POST", path(request_, "/state"), told, headers={"If-Match": '"2"'}).status_code == 200
    stale = user("POST", path(request_, "/state"), {"state": "submitted"}, headers={"If-Match": '"2"'})
    refused(stale, 412, "revision-conflict")
    user("POST", path(request_, "/state"), {"state": "submitted", "reference": "4711", "note": "sent"})
    done = user("POST", path(request_, "/state"), {"state": "accepted"}).json()
    assert (done["state"], done["reference"], done["revision"]) == ("accepted", "4711", 5)
    assert done["history"][1]["validations"] == told["validations"]
    refused(user("PATCH", path(request_), {"workloads": ["sharepoint"]}), 409, "state-transition-refused", "state")


def test_an_edit_puts_it_back_to_a_draft(user: Person, request_: dict[str, Any]) -> None:
    user("POST", path(request_, "/state"), {"state": "validated", "vouched": True, "note": "by hand"})
    edited = user("PATCH", path(request_), {"scenario": "MDEP"}, headers={"If-Match": '"2"'}).json()
    assert (edited["state"], edited["scenario"], edited["workloads"]) == ("draft", "MDEP", ["exchange"])
    cleared = user("PATCH", path(request_), {"scenario": None, "keys": KEYS[::-1]}).json()
    assert (cleared["scenario"], cleared["keys"][0]["subscription_id"]) == (None, SECOND.lower())


def test_a_deployment_stands_for_a_key(user: Person, key: dict[str, Any]) -> None:
    place = {"vault": VAULT, "name": "exchange", "operations": ["sign"]}
    deployment = user("POST", "/keys/signer/deployments", place).json()["id"]
    body = {**BODY, "keys": [{"deployment": deployment, "subscription_id": FIRST}, KEYS[1]]}
    made = user("POST", "/customer-key-requests", body).json()
    assert made["keys"][0] == {"deployment": deployment, "identifier": None, "subscription_id": FIRST}
    refused(user("POST", path(made, "/state"), {"state": "validated"}), 409, "deployment-not-imported", "keys")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"keys": KEYS[:1]}, "keys"),
        ({"keys": [KEYS[0], {"subscription_id": SECOND}]}, "keys.1"),
        ({"keys": [KEYS[0], {**KEYS[1], "deployment": "x"}]}, "keys.1.deployment"),
        ({"organization_id": "contoso"}, "organization_id"),
        ({"workloads": []}, "workloads"),
        ({"contacts": {"name": "two\nlines"}}, "contacts"),
        ({"contacts": []}, "contacts"),
        ({"note": "x"}, "note"),
    ],
)
def test_what_has_another_shape_is_refused(user: Person, changes: dict[str, Any], field: str) -> None:
    refused(user("POST", "/customer-key-requests", {**BODY, **changes}), 422, "invalid-input", field)


def test_a_check_of_another_shape_is_refused(user: Person, request_: dict[str, Any]) -> None:
    bad = {**LINE, "outcome": "maybe"}
    refused(user("POST", path(request_, "/checks"), {"lines": [LINE, bad]}), 422, "invalid-input", "lines.1.outcome")
    refused(user("POST", path(request_, "/checks"), {"lines": []}), 422, "invalid-input", "lines")


class TestValidation:
    def test_a_server_without_the_sdk_says_so(self, user: Person, request_: dict[str, Any]) -> None:
        refused(user("POST", path(request_, "/validation")), 409, "azure-not-configured")

    def test_principals_are_of_workloads(self, user: Person, request_: dict[str, Any]) -> None:
        for principals in ({"exchange": "nobody"}, {"exchange": 7}):
            answer = user("POST", path(request_, "/validation"), {"principals": principals})
            refused(answer, 422, "invalid-input")
