"""Trusted issuers and workloads over REST, and who comes in with an issuer's token."""

import json
from typing import Any

import pytest
from tests.api.conftest import Door, Person
from tests.api.problems import refused
from tests.identity.minting import AUDIENCE, SUBJECT, Issuer

GITHUB = "https://token.actions.githubusercontent.com"
ISSUER = Issuer(GITHUB)


def body(name: str = "github", **more: Any) -> dict[str, Any]:
    return {"name": name, "issuer": GITHUB, "audience": AUDIENCE, "jwks": ISSUER.key_set, **more}


def bound(**more: Any) -> dict[str, Any]:
    return {"name": "deploy", "issuer": "github", "subject": SUBJECT, "user": "user", **more}


def comes_in(door: Door, token: str, path: str = "/keys") -> Any:
    return door.client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})


def test_an_issuer_is_made_shown_changed_and_deleted(administrator: Person) -> None:
    made = administrator("POST", "/trusted-issuers", body(), headers={"Idempotency-Key": "one"})
    assert made.status_code == 201
    assert made.headers["location"] == f"/api/v1/trusted-issuers/{made.json()['id']}"
    again = administrator("POST", "/trusted-issuers", body(), headers={"Idempotency-Key": "one"})
    assert again.json()["id"] == made.json()["id"]
    refused(administrator("POST", "/trusted-issuers", body()), 409, "name-taken", "name")
    refused(administrator("POST", "/trusted-issuers", body("other")), 409, "conflict", "issuer")

    shown = administrator("GET", "/trusted-issuers/github")
    assert shown.json()["key_source"] == "document"
    assert {key["kid"] for key in shown.json()["jwks"]["keys"]} == {"first", "second"}
    assert [each["name"] for each in administrator("GET", "/trusted-issuers").json()["items"]] == ["github"]

    change = {"audience": "other", "algorithms": ["RS256"], "clock_skew_seconds": 0}
    stale = administrator("PATCH", "/trusted-issuers/github", change, headers={"If-Match": '"7"'})
    refused(stale, 412, "revision-conflict")
    changed = administrator("PATCH", "/trusted-issuers/github", change, headers={"If-Match": shown.headers["etag"]})
    assert (changed.json()["audience"], changed.json()["clock_skew_seconds"]) == ("other", 0)
    assert changed.json()["jwks"] is not None
    discovered = administrator("PATCH", "/trusted-issuers/github", {"jwks": None})
    assert (discovered.json()["key_source"], discovered.json()["jwks"]) == ("discovery", None)
    assert administrator("DELETE", "/trusted-issuers/github").status_code == 204
    refused(administrator("GET", "/trusted-issuers/github"), 404, "not-found")


@pytest.mark.parametrize(
    ("more", "code", "field"),
    [
        ({"issuer": "http://x.example"}, "invalid-input", "issuer"),
        ({"issuer": "https://x.example", "jwks": None}, "provider-host-refused", "issuer"),
        ({"jwks": {"keys": []}}, "invalid-input", "jwks"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "AA", "kid": "a"}]}}, "invalid-input", "jwks"),
        ({"algorithms": ["none"]}, "invalid-input", "algorithms"),
        ({"longest_lifetime_seconds": 1}, "invalid-input", "longest_lifetime"),
        ({"unknown": 1}, "invalid-input", "unknown"),
    ],
)
def test_an_issuer_that_will_not_do(administrator: Person, more: dict[str, Any], code: str, field: str) -> None:
    refused(administrator("POST", "/trusted-issuers", body(**more)), 422, code, field)


def test_a_program_comes_in_and_out(door: Door, administrator: Person, user: Person, stranger: Person) -> None:
    administrator("POST", "/trusted-issuers", body())
    made = administrator("POST", "/workloads", bound(claims={"stage": "live", "run": 3, "safe": True}))
    assert made.status_code == 201
    assert made.json()["claims"] == {"stage": "live", "run": 3, "safe": True}
    token = ISSUER.mint(stage="live", run=3, safe=True)

    assert comes_in(door, token).status_code == 200
    current = comes_in(door, token, "/sessions/current").json()
    assert (current["user"]["name"], current["workload_id"], current["token_id"]) == ("user", made.json()["id"], None)
    refused(comes_in(door, token, "/users"), 403, "not-permitted")
    refused(comes_in(door, ISSUER.mint(stage="test", run=3, safe=True)), 401, "not-authenticated", "Authorization")

    for person in (user, administrator):
        assert [each["id"] for each in person("GET", "/workloads").json()["items"]] == [made.json()["id"]]
    assert stranger("GET", "/workloads").json()["items"] == []
    refused(stranger("GET", f"/workloads/{made.json()['id']}"), 404, "not-found")
    refused(stranger("DELETE", f"/workloads/{made.json()['id']}"), 404, "not-found")
    refused(user("POST", "/workloads", bound()), 403, "not-permitted")
    refused(user("GET", "/trusted-issuers"), 403, "not-permitted")

    assert user("DELETE", f"/workloads/{made.json()['id']}").status_code == 204
    refused(comes_in(door, token), 401, "not-authenticated", "Authorization")
    refused(administrator("DELETE", f"/workloads/{made.json()['id']}"), 409, "conflict", "workload")


def test_a_workload_does_what_its_user_may_and_no_more(door: Door, administrator: Person, user: Person) -> None:
    administrator("POST", "/trusted-issuers", body())
    administrator("POST", "/workloads", bound())
    headers = {"Authorization": f"Bearer {ISSUER.mint()}"}
    key = {"type": "aes-128", "name": "of-the-pipeline", "group": "payments"}
    assert door.client.post("/api/v1/keys", json=key, headers=headers).status_code == 201
    elsewhere = door.client.post("/api/v1/keys", json={**key, "group": "elsewhere"}, headers=headers)
    refused(elsewhere, 422, "invalid-input", "group")
    token = door.client.post("/api/v1/tokens", json={"name": "later", "lifetime_seconds": 3600}, headers=headers)
    refused(token, 403, "not-permitted")
    certificate = {"name": "later", "format": "pem"}
    issued = door.client.post(f"/api/v1/users/{user.id}/certificates", json=certificate, headers=headers)
    assert issued.status_code == 403


def test_a_token_beside_another_or_in_capitals_is_none(door: Door, administrator: Person) -> None:
    administrator("POST", "/trusted-issuers", body())
    administrator("POST", "/workloads", bound())
    token = ISSUER.mint()
    twice = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {administrator.token}")]
    refused(door.client.get("/api/v1/keys", headers=twice), 401, "not-authenticated", "Authorization")
    for text in (token.upper(), f"{token}.", f"kf_{token}", json.dumps(token)):
        assert comes_in(door, text).status_code == 401
