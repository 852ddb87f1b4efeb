"""Groups, by the id that people know."""

from tests.api.conftest import People, Person
from tests.api.problems import refused


def test_an_administrator_makes_shows_changes_and_deletes_a_group(administrator: Person) -> None:
    answer = administrator("POST", "/groups", {"id": "fraud", "description": "Fraud desk", "kek_policy": "registered"})
    assert answer.status_code == 201
    assert answer.headers["location"] == "/api/v1/groups/fraud"
    assert answer.headers["etag"] == '"1"'
    made = answer.json()
    assert made["id"] == "fraud"
    assert made["kek_policy"] == "registered"

    assert administrator("GET", "/groups/fraud").json() == made

    changed = administrator("PATCH", "/groups/fraud", {"description": None, "kek_policy": "inherit"})
    assert changed.status_code == 200
    assert changed.headers["etag"] == '"2"'
    assert changed.json()["description"] is None
    assert changed.json()["kek_policy"] == "inherit"

    assert administrator("DELETE", "/groups/fraud").status_code == 204
    refused(administrator("GET", "/groups/fraud"), 404, "not-found")
    refused(administrator("POST", "/groups", {"id": "fraud"}), 409, "name-taken", "id")


def test_what_is_left_out_of_a_change_stays(administrator: Person) -> None:
    administrator("POST", "/groups", {"id": "fraud", "description": "Fraud desk"})

    changed = administrator("PATCH", "/groups/fraud", {"kek_policy": "any"}).json()

    assert changed["description"] == "Fraud desk"
    assert changed["kek_policy"] == "any"


def test_an_id_with_upper_case_is_refused_and_not_folded(administrator: Person) -> None:
    refused(administrator("POST", "/groups", {"id": "Fraud"}), 422, "name-refused", "id")


def test_a_group_that_owns_keys_is_not_deleted(people: People, key: dict[str, object]) -> None:
    refused(people.administrator("DELETE", "/groups/payments"), 409, "still-owns-keys")


def test_a_key_access_user_sees_their_own_groups_alone(people: People) -> None:
    assert [group["id"] for group in people.user("GET", "/groups").json()["items"]] == ["payments"]
    assert people.user("GET", "/groups/payments").status_code == 200
    refused(people.user("GET", "/groups/elsewhere"), 404, "not-found")
    refused(people.user("POST", "/groups", {"id": "mine"}), 403, "not-permitted")
    refused(people.user("PATCH", "/groups/payments", {"description": "x"}), 403, "not-permitted")
    refused(people.user("DELETE", "/groups/payments"), 403, "not-permitted")
