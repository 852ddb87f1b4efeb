"""Accounts: who may sign in, in which role, with which groups, from where."""

from starlette.testclient import TestClient
from tests.api.conftest import People, Person, sign_in
from tests.api.problems import refused

from keyferry.testing import ADMINISTRATOR, PASSWORD


def test_an_administrator_makes_and_shows_an_account(administrator: Person) -> None:
    answer = administrator(
        "POST",
        "/users",
        {
            "name": "Kim.Lee",
            "role": "key-access-user",
            "password": PASSWORD,
            "groups": ["payments"],
            "default_group": "payments",
            "display_name": "Kim Lee",
            "email": "kim@example.org",
            "networks": ["192.0.2.0/24", "2001:db8::/32"],
            "disabled": True,
        },
    )

    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["location"] == f"/api/v1/users/{made['id']}"
    assert made["default_group"] == "payments"
    assert made["networks"] == ["192.0.2.0/24", "2001:db8::/32"]
    assert made["disabled"] is True
    assert made["has_password"] is True
    assert administrator("GET", "/users/kim.lee").json() == made
    assert administrator("GET", f"/users/{made['id']}").json() == made


def test_no_answer_holds_a_password_or_a_hash(administrator: Person) -> None:
    made = administrator("POST", "/users", {"name": "kim", "role": "administrator", "password": PASSWORD})

    for answer in (made, administrator("GET", "/users"), administrator("GET", "/users/kim")):
        assert answer.status_code in {200, 201}
        assert "argon2" not in answer.text
        assert PASSWORD not in answer.text


def test_a_change_clears_what_is_null_and_leaves_what_is_left_out(administrator: Person) -> None:
    administrator(
        "PATCH",
        "/users/user",
        {"display_name": "U", "email": "u@example.org", "default_group": "payments", "networks": ["::/0"]},
    )

    changed = administrator("PATCH", "/users/user", {"email": None, "networks": None}).json()

    assert changed["email"] is None
    assert changed["networks"] is None
    assert changed["display_name"] == "U"
    assert changed["default_group"] == "payments"
    assert changed["groups"] == ["payments"]
    assert administrator("PATCH", "/users/user", {"default_group": None}).json()["default_group"] is None
    assert administrator("PATCH", "/users/user", {"groups": []}).json()["groups"] == []
    refused(administrator("PATCH", "/users/user", {"groups": None}), 422, "invalid-input", "groups")


def test_an_empty_list_of_networks_admits_nobody_and_null_everybody(people: People) -> None:
    assert people.administrator("PATCH", "/users/user", {"networks": []}).json()["networks"] == []
    refused(people.user("GET", "/keys"), 401, "not-authenticated")
    assert people.administrator("PATCH", "/users/user", {"networks": None}).json()["networks"] is None
    assert people.user("GET", "/keys").status_code == 200


def test_a_disabled_account_is_out_at_once_and_comes_back_by_signing_in(people: People) -> None:
    answer = people.administrator("POST", "/users/user/disable")
    assert answer.json()["disabled"] is True
    refused(people.user("GET", "/keys"), 401, "not-authenticated")

    assert people.administrator("POST", "/users/user/enable").json()["disabled"] is False
    refused(people.user("GET", "/keys"), 401, "not-authenticated")
    assert sign_in(people.user.client, "user")("GET", "/keys").status_code == 200


def test_the_last_administrator_stays(administrator: Person) -> None:
    refused(administrator("POST", f"/users/{ADMINISTRATOR}/disable"), 409, "last-administrator")
    refused(administrator("DELETE", f"/users/{ADMINISTRATOR}"), 409, "last-administrator")
    change = {"role": "key-access-user"}
    refused(administrator("PATCH", f"/users/{ADMINISTRATOR}", change), 409, "last-administrator")


def test_a_deleted_account_is_gone_and_its_name_stays_taken(administrator: Person) -> None:
    assert administrator("DELETE", "/users/stranger").status_code == 204

    refused(administrator("GET", "/users/stranger"), 404, "not-found")
    refused(administrator("POST", "/users", {"name": "Stranger", "role": "administrator"}), 409, "name-taken", "name")


def test_ones_own_password_needs_the_current_one_and_ends_every_session(user: Person, client: TestClient) -> None:
    fresh = "another-lantern-at-sea-9"
    refused(user("PUT", "/users/user/password", {"password": fresh}), 422, "invalid-input", "current_password")
    wrong = user("PUT", "/users/user/password", {"password": fresh, "current_password": "not-the-current-one"})
    refused(wrong, 422, "password-refused", "current_password")

    assert user("PUT", "/users/user/password", {"password": fresh, "current_password": PASSWORD}).status_code == 200

    refused(user("GET", "/keys"), 401, "not-authenticated")
    old = client.post("/api/v1/sessions", json={"user_name": "user", "password": PASSWORD})
    refused(old, 401, "sign-in-refused")
    assert client.post("/api/v1/sessions", json={"user_name": "user", "password": fresh}).status_code == 201


def test_a_weak_password_is_refused_without_being_repeated(administrator: Person) -> None:
    answer = administrator("PUT", "/users/user/password", {"password": "pony-1234"})

    refused(answer, 422, "password-refused", "password")
    assert "pony" not in answer.text


def test_an_estimate_says_how_a_password_could_be_better(user: Person) -> None:
    weak = user("POST", "/password-strength", {"password": "password12"}).json()
    assert weak["score"] < 2
    assert weak["suggestions"]
    assert weak["refusal"]

    strong = user("POST", "/password-strength", {"password": PASSWORD, "user_name": "user"}).json()
    assert strong["score"] == 4
    assert strong["refusal"] is None


def test_a_key_access_user_sees_themself_alone(people: People) -> None:
    assert people.user("GET", "/users/user").json()["id"] == people.user.id
    refused(people.user("GET", "/users/stranger"), 404, "not-found")
    refused(people.user("GET", "/users"), 403, "not-permitted")
    refused(people.user("POST", "/users", {"name": "x", "role": "administrator"}), 403, "not-permitted")
    refused(people.user("PATCH", "/users/user", {"role": "administrator"}), 403, "not-permitted")
    refused(people.user("POST", "/users/user/disable"), 403, "not-permitted")
    refused(people.user("POST", "/users/user/enable"), 403, "not-permitted")
    refused(people.user("DELETE", "/users/stranger"), 404, "not-found")
    refused(people.user("PUT", "/users/stranger/password", {"password": PASSWORD}), 404, "not-found")


def test_an_administrator_is_no_member_of_groups(administrator: Person) -> None:
    body = {"name": "kim", "role": "administrator", "groups": ["payments"]}

    refused(administrator("POST", "/users", body), 409, "role-rule", "groups")
