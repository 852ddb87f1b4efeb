"""Identity providers and identities over REST: made, edited, enabled, bound; no answer holds a secret."""

from typing import Any

import pytest
from tests.api.conftest import Door, Person
from tests.api.problems import refused
from tests.custody.vouching import idp, own_key

from keyferry.identity.saml.certificates import make_own

BODY: dict[str, Any] = {
    "name": "entra",
    "kind": "saml",
    "credential": own_key().reveal().decode(),
    "mapping": {"user_name": "mail", "groups": "groups", "group_table": {"pay": "payments"}},
}


@pytest.fixture
def provider(administrator: Person, user: Person) -> dict[str, Any]:
    answer = administrator("POST", "/identity-providers", {**BODY, "configuration": idp().configuration()})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_one_is_made_disabled_and_its_key_is_in_no_answer(
    administrator: Person, user: Person, provider: dict[str, Any]
) -> None:
    assert (provider["enabled"], provider["tested_at"], provider["has_credential"]) == (False, None, True)
    assert provider["configuration"]["idp"]["entity_id"] == idp().entity_id
    assert provider["mapping"]["group_table"] == {"pay": "payments"}
    for path in ("/identity-providers", "/identity-providers/entra", f"/identity-providers/{provider['id']}"):
        answer = administrator("GET", path)
        assert answer.status_code == 200
        assert "PRIVATE KEY" not in answer.text
        assert user("GET", path).status_code in {403, 404}
    assert "PRIVATE KEY" not in administrator("GET", "/audit-events").text


def test_one_is_edited_enabled_and_deleted(administrator: Person, provider: dict[str, Any]) -> None:
    path = "/identity-providers/entra"
    refused(administrator("POST", f"{path}/enable", {}), 409, "provider-not-tested", "untested")
    enabled = administrator("POST", f"{path}/enable", {"untested": True})
    assert enabled.json()["enabled"] is True
    change = {"configuration": {"idp_initiated": True}}
    refused(administrator("PATCH", path, change), 409, "provider-enabled", "untested")
    changed = administrator("PATCH", path, {**change, "untested": True})
    assert changed.json()["configuration"]["idp_initiated"] is True
    assert changed.json()["configuration"]["idp"] == provider["configuration"]["idp"]
    stale = administrator("PATCH", path, {"clock_skew": 5}, headers={"If-Match": '"1"'})
    refused(stale, 412, "revision-conflict")
    assert administrator("POST", f"{path}/refresh").status_code == 200
    disabled = administrator("POST", f"{path}/disable").json()
    assert (disabled["enabled"], disabled["ended_sessions"], disabled["ended_tokens"]) == (False, 0, 0)
    assert administrator("POST", f"{path}/disable?end_tokens=true").json()["open_sessions"] == 0
    refused(administrator("POST", f"{path}/disable?end_tokens=perhaps"), 422, "invalid-input", "end_tokens")
    assert administrator("DELETE", f"{path}?end_tokens=true").status_code == 204
    refused(administrator("GET", path), 404, "not-found", "identity-provider")


def test_our_key_is_rolled_over(administrator: Person, user: Person, provider: dict[str, Any]) -> None:
    path, keys = "/identity-providers/entra", ("certificate", "next_certificate", "earlier_certificate")
    refused(administrator("POST", f"{path}/next-key/promote"), 409, "key-roll-over", "step")
    bad = administrator("POST", f"{path}/next-key", {"credential": "x"})
    refused(bad, 422, "credential-refused", "credential")
    given = {"credential": make_own("next")[0].reveal().decode()}
    prepared = administrator("POST", f"{path}/next-key", given)
    assert "PRIVATE KEY" not in prepared.text
    configuration = prepared.json()["configuration"]
    assert configuration["certificate"] == provider["configuration"]["certificate"]
    assert configuration["next_certificate"] in given["credential"]
    assert administrator("DELETE", f"{path}/next-key").json()["configuration"] == provider["configuration"]
    stale = administrator("POST", f"{path}/next-key", given, headers={"If-Match": '"1"'})
    refused(stale, 412, "revision-conflict")
    administrator("POST", f"{path}/next-key", given)
    promoted = administrator("POST", f"{path}/next-key/promote").json()["configuration"]
    assert [promoted.get(each) for each in keys] == [
        configuration["next_certificate"],
        None,
        configuration["certificate"],
    ]
    retired = administrator("DELETE", f"{path}/earlier-key").json()["configuration"]
    assert [retired.get(each) for each in keys] == [configuration["next_certificate"], None, None]
    assert user("POST", f"{path}/next-key", {}).status_code == 404


def test_what_will_not_do_is_refused_by_its_field(administrator: Person, user: Person) -> None:
    for different, status, code, field in (
        ({"configuration": {}}, 422, "invalid-input", "configuration.metadata"),
        ({"configuration": {"metadata_url": "https://idp.example.org/m"}}, 502, "provider-host-refused", None),
        ({"configuration": idp().configuration(), "credential": "x"}, 422, "credential-refused", "credential"),
        ({"configuration": idp().configuration(), "mapping": {"x": 1}}, 422, "invalid-input", "mapping.x"),
        ({"configuration": idp().configuration(), "clock_skew": 601}, 422, "invalid-input", "clock_skew"),
        ({"configuration": idp().configuration(), "kind": "ldap"}, 422, "invalid-input", "kind"),
    ):
        refused(administrator("POST", "/identity-providers", {**BODY, **different}), status, code, field)
    body = {**BODY, "configuration": idp().configuration()}
    refused(user("POST", "/identity-providers", body), 403, "not-permitted")


def test_a_user_is_made_for_somebody_and_identities_are_bound_and_unbound(
    administrator: Person, user: Person, provider: dict[str, Any], door: Door
) -> None:
    body = {"name": "ann", "role": "key-access-user", "identity": {"provider": "entra", "user_name": "Ann@X"}}
    made = administrator("POST", "/users", body).json()
    assert made["has_password"] is False
    (found,) = administrator("GET", "/users/ann/identities").json()["items"]
    assert (found["provider"], found["subject"], found["expected"]) == ("entra", None, "ann@x")
    refused(
        administrator("POST", "/users/ann/identities", {"provider": "entra", "subject": "s"}), 409, "identity-taken"
    )
    refused(user("POST", "/users/ann/identities", {"provider": "entra", "subject": "s"}), 404, "not-found")
    refused(user("GET", "/users/ann/identities"), 404, "not-found")
    assert user("GET", f"/users/{user.id}/identities").json()["items"] == []
    assert administrator("DELETE", f"/identities/{found['id']}").status_code == 204
    refused(administrator("DELETE", f"/identities/{found['id']}"), 404, "not-found", "identity")
