"""Signing in, being known, signing out."""

import pytest
from starlette.testclient import TestClient
from tests.api.conftest import People, Person
from tests.api.problems import refused

from keyferry.testing import ADMINISTRATOR, PASSWORD


def test_a_sign_in_answers_with_a_token_and_with_who_it_is_for(client: TestClient) -> None:
    answer = client.post("/api/v1/sessions", json={"user_name": ADMINISTRATOR, "password": PASSWORD})

    assert answer.status_code == 201
    body = answer.json()
    assert body["token"].startswith("kf_")
    assert body["user"]["name"] == ADMINISTRATOR
    assert body["user"]["role"] == "administrator"
    assert body["expires_at"].endswith("Z")
    assert body["notices"] == []
    assert "set-cookie" not in answer.headers


def test_a_user_whose_password_another_has_set_is_told_so(people: People, client: TestClient) -> None:
    people.administrator("PUT", "/users/user/password", {"password": "other-words-for-somebody-7"})

    answer = client.post("/api/v1/sessions", json={"user_name": "user", "password": "other-words-for-somebody-7"})

    assert any(ADMINISTRATOR in notice for notice in answer.json()["notices"])


@pytest.mark.parametrize(("name", "password"), [(ADMINISTRATOR, "wrong-but-long-enough"), ("nobody", PASSWORD)])
def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(client: TestClient, name: str, password: str) -> None:
    answer = client.post("/api/v1/sessions", json={"user_name": name, "password": password})

    body = refused(answer, 401, "sign-in-refused")
    assert body["detail"] == "The sign-in was refused."
    assert answer.headers["www-authenticate"] == "Bearer"
    assert password not in answer.text
    assert name not in answer.text


def test_the_current_session_says_who_is_calling(user: Person) -> None:
    body = user("GET", "/sessions/current").json()

    assert body["user"]["name"] == "user"
    assert body["user"]["groups"] == ["payments"]
    assert body["token_name"] == "sign-in"
    assert body["expires_at"] > "2020"


def test_signing_out_ends_the_token_at_once(user: Person) -> None:
    assert user("DELETE", "/sessions").status_code == 204

    refused(user("GET", "/sessions/current"), 401, "not-authenticated")
    refused(user("DELETE", "/sessions"), 401, "not-authenticated")


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "kf_x", "Bearer kf_not_a_token", "Bearer  two words"],
)
def test_what_is_no_bearer_token_is_refused(client: TestClient, header: str) -> None:
    answer = client.get("/api/v1/keys", headers={"Authorization": header})

    refused(answer, 401, "not-authenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_two_authorization_headers_are_refused(user: Person, client: TestClient) -> None:
    both = [("Authorization", f"Bearer {user.token}"), ("Authorization", f"Bearer {user.token}")]

    refused(client.get("/api/v1/keys", headers=both), 401, "not-authenticated", "Authorization")


def test_a_token_in_a_cookie_or_in_the_address_is_none(user: Person, client: TestClient) -> None:
    answer = client.get("/api/v1/keys", params={"access_token": user.token}, headers={"Cookie": f"token={user.token}"})

    refused(answer, 401, "not-authenticated")


def test_an_account_that_admits_other_networks_only_is_refused_at_every_request(people: People) -> None:
    assert people.administrator("PATCH", "/users/user", {"networks": ["192.0.2.0/24"]}).status_code == 200
    refused(people.user("GET", "/keys"), 401, "not-authenticated")

    forwarded = {"X-Forwarded-For": "192.0.2.7", "Forwarded": "for=192.0.2.7"}
    refused(people.user("GET", "/keys", headers=forwarded), 401, "not-authenticated")

    assert people.administrator("PATCH", "/users/user", {"networks": ["127.0.0.0/8"]}).status_code == 200
    assert people.user("GET", "/keys").status_code == 200
