"""API tokens: shown once, listed, ended."""

from tests.api.conftest import People, Person
from tests.api.problems import refused

from keyferry.ids import new_id


def test_a_token_is_shown_once_and_works(user: Person) -> None:
    answer = user("POST", "/tokens", {"name": "pipeline", "lifetime_seconds": 3600})

    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["location"] == f"/api/v1/tokens/{made['id']}"
    robot = Person(user.client, "user", user.id, made["token"])
    assert robot("GET", "/sessions/current").json()["token_name"] == "pipeline"
    shown = user("GET", f"/tokens/{made['id']}").json()
    assert shown["name"] == "pipeline"
    assert "token" not in shown
    assert made["token"] not in user("GET", "/tokens").text


def test_a_revoked_token_is_dead_at_once_and_cannot_be_revoked_again(user: Person) -> None:
    made = user("POST", "/tokens", {"name": "pipeline", "lifetime_seconds": 3600}).json()
    robot = Person(user.client, "user", user.id, made["token"])

    assert user("DELETE", f"/tokens/{made['id']}").status_code == 204

    refused(robot("GET", "/keys"), 401, "not-authenticated")
    refused(user("DELETE", f"/tokens/{made['id']}"), 409, "conflict")


def test_a_token_has_a_name_and_a_lifetime_within_bounds(user: Person) -> None:
    refused(user("POST", "/tokens", {"name": "x", "lifetime_seconds": 59}), 422, "invalid-input", "lifetime_seconds")
    refused(user("POST", "/tokens", {"name": "x", "lifetime_seconds": 10**12}), 422, "invalid-input")
    refused(user("POST", "/tokens", {"name": "  ", "lifetime_seconds": 60}), 422, "invalid-input", "name")


def test_tokens_of_others_are_for_administrators(people: People) -> None:
    of_user = people.administrator("GET", "/tokens", params={"user": "user"}).json()["items"]
    assert [token["user_id"] for token in of_user] == [people.user.id]

    refused(people.stranger("GET", "/tokens", params={"user": "user"}), 404, "not-found")
    refused(people.stranger("GET", f"/tokens/{of_user[0]['id']}"), 404, "not-found")
    refused(people.stranger("DELETE", f"/tokens/{of_user[0]['id']}"), 404, "not-found")
    refused(people.user("DELETE", f"/tokens/{new_id()}"), 404, "not-found")

    assert people.administrator("DELETE", f"/tokens/{of_user[0]['id']}").status_code == 204
    refused(people.user("GET", "/keys"), 401, "not-authenticated")
