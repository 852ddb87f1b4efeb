"""Approvals over REST: filed by a refusal, found, decided, used."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.api.conftest import Person, sign_in
from tests.api.problems import refused

from keyferry.testing import PASSWORD

POLICY = {"operations": ["export", "policy-change"], "needed": 1, "approvers": ["stranger"], "lifetime_seconds": 3600}


@pytest.fixture
def covered(user: Person, key: dict[str, Any]) -> dict[str, Any]:
    answer = user("PATCH", f"/keys/{key['id']}", {"approvals": POLICY})
    assert answer.status_code == 200, answer.text
    assert answer.json()["needs_approvals"] is True
    return key


@pytest.fixture
def request_id(user: Person, covered: dict[str, Any], azure: dict[str, str]) -> str:
    answer = user("POST", f"/keys/{covered['id']}/exports", azure)
    refused(answer, 409, "approval-required")
    assert "stranger" in answer.json()["advice"]
    return str(answer.json()["approval_request"])


def test_an_export_is_refused_approved_and_done(
    user: Person, stranger: Person, covered: dict[str, Any], azure: dict[str, str], request_id: str
) -> None:
    (waiting,) = stranger("GET", "/approval-requests?which=waiting").json()["items"]
    assert waiting["id"] == request_id
    assert waiting["requester"] == "user"
    assert waiting["facts"]["key_identifier"] == azure["key_identifier"].lower()
    assert (waiting["covered_as"], waiting["object_id"]) == ("export", covered["id"])

    answer = stranger("POST", f"/approval-requests/{request_id}/approvals", {"note": "as agreed"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "approved"
    assert answer.json()["votes"][0]["note"] == "as agreed"
    assert user("POST", f"/keys/{covered['id']}/exports", azure).status_code == 201
    assert user("GET", f"/approval-requests/{request_id}").json()["state"] == "used"
    refused(user("POST", f"/keys/{covered['id']}/exports", azure), 409, "approval-required")


def test_what_nobody_may_decide_is_refused(user: Person, administrator: Person, request_id: str) -> None:
    for way in ("approvals", "rejections"):
        for person in (user, administrator):
            refused(person("POST", f"/approval-requests/{request_id}/{way}", {}), 403, "not-permitted")


def test_a_request_is_rejected_or_withdrawn(
    user: Person, stranger: Person, covered: dict[str, Any], azure: dict[str, str], request_id: str
) -> None:
    answer = stranger("POST", f"/approval-requests/{request_id}/rejections", {"note": "no"})
    assert answer.json()["state"] == "rejected"
    refused(stranger("POST", f"/approval-requests/{request_id}/approvals", {}), 409, "approval-ended")
    again = user("POST", f"/keys/{covered['id']}/exports", azure).json()["approval_request"]
    assert user("DELETE", f"/approval-requests/{again}").json()["state"] == "withdrawn"
    refused(user("DELETE", f"/approval-requests/{again}"), 409, "approval-ended")


def test_a_batch_says_for_each_key_which_request_waits(
    user: Person, stranger: Person, covered: dict[str, Any], azure: dict[str, str]
) -> None:
    free = user("POST", "/keys", {"type": "ec-p256", "group": "payments"}).json()
    batch = {**azure, "keys": [covered["id"], free["id"]]}
    lines = [line for line in user("POST", "/export-batches", batch).iter_lines() if line]
    first, second, totals = map(json.loads, lines)
    assert first["problem"]["code"] == "approval-required"
    assert second["outcome"] == "exported"
    assert totals["totals"]["exported"] == 1
    request = first["problem"]["approval_request"]
    assert stranger("POST", f"/approval-requests/{request}/approvals", {}).status_code == 200
    again = [json.loads(line) for line in user("POST", "/export-batches", batch).iter_lines() if line]
    assert [line.get("outcome") for line in again[:2]] == ["exported", "exported"]


def test_a_policy_is_shown_and_changed_with_approval_alone(
    user: Person, stranger: Person, covered: dict[str, Any]
) -> None:
    shown = user("GET", f"/keys/{covered['id']}/approvals").json()
    warnings = shown.pop("warnings")
    assert shown == POLICY
    assert len(warnings) == 3
    answer = user("PATCH", f"/keys/{covered['id']}", {"approvals": None})
    refused(answer, 409, "approval-required")
    request = answer.json()["approval_request"]
    facts = stranger("GET", f"/approval-requests/{request}").json()["facts"]
    assert facts["approvals_after"] == "none"
    assert stranger("POST", f"/approval-requests/{request}/approvals", {}).status_code == 200
    assert user("PATCH", f"/keys/{covered['id']}", {"approvals": None}).json()["needs_approvals"] is False
    assert user("GET", f"/keys/{covered['id']}/approvals").json()["operations"] == []


def test_a_groups_policy_covers_who_joins(administrator: Person, stranger: Person, client: TestClient) -> None:
    policy = {**POLICY, "operations": ["membership", "password-reset"], "approvers": ["stranger", "user"]}
    assert administrator("PATCH", "/groups/payments", {"approvals": policy}).json()["needs_approvals"] is True
    new = {"name": "helper", "role": "key-access-user", "groups": ["payments"], "password": PASSWORD}
    answer = administrator("POST", "/users", new)
    refused(answer, 409, "approval-required")
    request = answer.json()["approval_request"]
    assert stranger("POST", f"/approval-requests/{request}/approvals", {}).status_code == 200
    assert administrator("POST", "/users", new).status_code == 201
    assert sign_in(client, "helper").name == "helper"
    refused(
        administrator("PUT", "/users/user/password", {"password": "brittle-lantern-77-x"}), 409, "approval-required"
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"needed": 2}, "approvals.needed"),
        ({"needed": 0}, "approvals.needed"),
        ({"approvers": ["nobody"]}, "approvals.approvers"),
        ({"approvers": []}, "approvals.approvers"),
        ({"operations": ["use"]}, "approvals.operations.0"),
        ({"lifetime_seconds": 1}, "approvals.lifetime_seconds"),
    ],
)
def test_a_policy_that_will_not_do_is_refused(
    user: Person, key: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    refused(user("PATCH", f"/keys/{key['id']}", {"approvals": {**POLICY, **change}}), 422, "invalid-input", field)
