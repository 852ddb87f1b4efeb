"""Connections over REST: made, shown without their credential, edited with If-Match, deleted."""

from typing import Any

import pytest
from tests.api.conftest import Door, Person
from tests.api.problems import refused
from tests.custody.pushing import CLIENT, CLIENT_SECRET, TENANT, certificate_pem

from keyferry.testing import VAULT

BODY: dict[str, Any] = {
    "name": "production",
    "tenant_id": TENANT,
    "client_id": CLIENT,
    "client_secret": CLIENT_SECRET,
    "vaults": ["https://Contoso-KV.vault.azure.net/"],
    "groups": ["payments"],
}


@pytest.fixture
def connection(administrator: Person) -> dict[str, Any]:
    answer = administrator("POST", "/azure-connections", BODY)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_one_is_made_and_its_secret_is_in_no_answer(
    administrator: Person, user: Person, connection: dict[str, Any]
) -> None:
    assert connection == {
        "id": connection["id"],
        "name": "production",
        "description": None,
        "cloud": "public",
        "endpoints": None,
        "tenant_id": TENANT,
        "client_id": CLIENT,
        "credential": "client-secret",
        "credential_set_at": connection["created_at"],
        "certificate_sha256": None,
        "certificate_expires_at": None,
        "vaults": [VAULT],
        "groups": ["payments"],
        "disabled": False,
        "created_at": connection["created_at"],
        "created_by": administrator.id,
        "revision": 1,
    }
    for person in (administrator, user):
        for path in ("/azure-connections", "/azure-connections/production", f"/azure-connections/{connection['id']}"):
            answer = person("GET", path)
            assert answer.status_code == 200
            assert CLIENT_SECRET not in answer.text
    log = administrator("GET", "/audit-events").text
    assert "connection.create" in log
    assert CLIENT_SECRET not in log


def test_it_says_where_it_is(administrator: Person) -> None:
    answer = administrator("POST", "/azure-connections", BODY)
    assert answer.headers["location"] == f"/api/v1/azure-connections/{answer.json()['id']}"
    assert answer.headers["etag"] == '"1"'


def test_the_same_request_again_makes_no_second(administrator: Person) -> None:
    key = {"Idempotency-Key": "a1"}
    first = administrator("POST", "/azure-connections", BODY, headers=key)
    again = administrator("POST", "/azure-connections", BODY, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    other = {**BODY, "client_secret": "another-secret-0043"}
    refused(administrator("POST", "/azure-connections", other, headers=key), 422, "idempotency-key-reused")


def test_a_key_access_user_makes_none_and_sees_those_of_their_groups(
    user: Person, stranger: Person, connection: dict[str, Any]
) -> None:
    refused(user("POST", "/azure-connections", {**BODY, "name": "mine"}), 403, "not-permitted")
    refused(user("PATCH", "/azure-connections/production", {"disabled": True}), 403, "not-permitted")
    assert [each["name"] for each in user("GET", "/azure-connections").json()["items"]] == ["production"]
    assert stranger("GET", "/azure-connections").json() == {"items": [], "next": None}
    refused(stranger("GET", "/azure-connections/production"), 404, "not-found")


def test_what_is_left_out_of_an_edit_stays(administrator: Person, connection: dict[str, Any]) -> None:
    answer = administrator(
        "PATCH",
        "/azure-connections/production",
        {"disabled": True, "description": "out of use"},
        headers={"If-Match": '"1"'},
    )
    assert answer.headers["etag"] == '"2"'
    assert answer.json() == {**connection, "disabled": True, "description": "out of use", "revision": 2}
    stale = administrator("PATCH", "/azure-connections/production", {"disabled": False}, headers={"If-Match": '"1"'})
    refused(stale, 412, "revision-conflict", "If-Match")
    cleared = administrator("PATCH", "/azure-connections/production", {"description": None})
    assert (cleared.json()["description"], cleared.json()["disabled"]) == (None, True)


def test_a_credential_is_renewed_and_not_shown(administrator: Person, connection: dict[str, Any]) -> None:
    pem = certificate_pem().decode()
    answer = administrator("PATCH", "/azure-connections/production", {"client_certificate": pem})
    assert answer.json()["credential"] == "client-certificate"
    assert len(answer.json()["certificate_sha256"]) == 64
    assert answer.json()["certificate_expires_at"].endswith("Z")
    assert "PRIVATE KEY" not in answer.text


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"client_secret": None}, "credential-refused", "client_secret"),
        ({"managed_identity": True}, "credential-refused", "client_secret"),
        ({"client_secret": "two words"}, "credential-refused", "client_secret"),
        ({"client_secret": None, "client_certificate": "PEM"}, "credential-refused", "client_certificate"),
        ({"vaults": ["http://x"]}, "vault-refused", "vaults"),
        ({"cloud": "moon"}, "invalid-input", "cloud"),
        ({"tenant_id": None}, "invalid-input", "tenant_id"),
        ({"groups": ["nowhere"]}, "invalid-input", "groups"),
        ({"secret": "x"}, "invalid-input", "secret"),
        ({"name": "a" * 65}, "name-refused", "name"),
    ],
)
def test_what_will_not_do_is_refused_by_its_field(
    administrator: Person, changes: dict[str, Any], code: str, field: str
) -> None:
    answer = administrator("POST", "/azure-connections", {**BODY, **changes})
    problem = refused(answer, 422, code, field)
    assert "two words" not in str(problem)


def test_a_managed_identity_and_a_custom_cloud(administrator: Person) -> None:
    endpoints = {"authority": "https://localhost:8443", "resource_manager": "https://localhost:8443"}
    body = {
        "name": "here",
        "cloud": "custom",
        "endpoints": {**endpoints, "vault_suffix": ":8443"},
        "managed_identity": True,
        "vaults": ["https://localhost:8443"],
    }
    made = administrator("POST", "/azure-connections", body).json()
    assert (made["credential"], made["tenant_id"], made["vaults"]) == ("managed-identity", None, body["vaults"])
    assert made["endpoints"] == body["endpoints"]


def test_a_deleted_one_is_gone_and_its_name_with_it(administrator: Person, connection: dict[str, Any]) -> None:
    stale = administrator("DELETE", "/azure-connections/production", headers={"If-Match": '"9"'})
    refused(stale, 412, "revision-conflict")
    assert administrator("DELETE", "/azure-connections/production").status_code == 204
    refused(administrator("GET", "/azure-connections/production"), 404, "not-found")
    refused(administrator("POST", "/azure-connections", BODY), 409, "name-taken", "name")


def test_they_come_in_pages(administrator: Person) -> None:
    for number in range(3):
        administrator("POST", "/azure-connections", {**BODY, "name": f"c{number}"})
    first = administrator("GET", "/azure-connections?limit=2").json()
    rest = administrator("GET", f"/azure-connections?limit=2&cursor={first['next']}").json()
    assert [each["name"] for each in (*first["items"], *rest["items"])] == ["c0", "c1", "c2"]
    assert rest["next"] is None


def test_the_secret_is_in_no_log(
    door: Door, administrator: Person, capsys: pytest.CaptureFixture[str], connection: dict[str, Any]
) -> None:
    administrator("POST", "/azure-connections", {**BODY, "name": "Bad Name"})
    captured = capsys.readouterr()
    assert "azure-connections" in captured.out
    assert CLIENT_SECRET not in captured.out + captured.err
