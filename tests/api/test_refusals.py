"""A refusal changes nothing but audit events and what is counted of sign-ins. On both databases."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select
from tests.api.conftest import Door, People, add_people, kek_body, opened

from keyferry.store.tables import metadata
from keyferry.testing import Kek, Kit

#: what a refusal may write
UNTOUCHED_BY = {"audit_events", "sign_in_failures", "sign_ins", "activity"}

# Who asks for what, and the status that it is refused with.
REFUSALS: list[tuple[str, str, str, Any, int]] = [
    ("nobody", "POST", "/sessions", {"user_name": "user", "password": "wrong-but-long-enough"}, 401),
    ("nobody", "POST", "/sessions", {"user_name": "a'; DROP TABLE users; --", "password": "x"}, 401),
    ("nobody", "POST", "/keys", {"type": "aes-256"}, 401),
    ("user", "POST", "/groups", {"id": "fraud"}, 403),
    ("user", "POST", "/groups", {"id": "a\0b"}, 422),
    ("user", "PATCH", "/groups/payments", {"description": "x"}, 403),
    ("user", "DELETE", "/groups/payments", None, 403),
    ("user", "POST", "/users", {"name": "kim", "role": "administrator"}, 403),
    ("user", "PATCH", "/users/user", {"role": "administrator"}, 403),
    ("user", "PUT", "/users/stranger/password", {"password": "another-lantern-at-sea-9"}, 404),
    ("user", "PUT", "/users/user/password", {"password": "another-lantern-at-sea-9"}, 422),
    ("user", "POST", "/users/stranger/disable", None, 404),
    ("user", "POST", "/keys", {"type": "aes-256", "group": "elsewhere"}, 422),
    ("user", "POST", "/keys", {"type": "aes-256", "group": "payments", "name": "signer"}, 409),
    ("user", "POST", "/keys/import", {"type": "aes-256", "group": "payments", "material": "AAAA"}, 422),
    ("user", "POST", "/keys/signer/activate", None, 409),
    ("user", "POST", "/keys/signer/destroy", None, 409),
    ("user", "POST", "/keys/signer/cancel-destruction", None, 409),
    ("user", "POST", "/keys/signer/reassign", {"owner": "user"}, 403),
    ("user", "POST", "/keks", "kek", 403),
    ("user", "POST", "/keys/kept/exports", "kek", 409),
    ("user", "POST", "/keys/signer/exports", "short identifier", 422),
    ("user", "POST", "/tokens", {"name": " ", "lifetime_seconds": 60}, 422),
    ("user", "GET", "/audit-events", None, 403),
    ("stranger", "PATCH", "/keys/payments%2Fsigner", {"description": "x"}, 404),
    ("stranger", "POST", "/keys/payments%2Fsigner/revoke", {"reason": "key-compromise"}, 404),
    ("stranger", "POST", "/keys/payments%2Fsigner/versions", None, 404),
    ("stranger", "POST", "/keys/payments%2Fsigner/exports", "kek", 404),
    ("stranger", "GET", "/keys/%00", None, 422),
    ("administrator", "POST", "/keys", {"type": "aes-256"}, 422),
    ("administrator", "PATCH", "/keys/signer", {"description": "x"}, 403),
    ("administrator", "POST", "/keys/signer/versions", None, 403),
    ("administrator", "POST", "/keys/signer/exports", "kek", 403),
    ("administrator", "POST", "/keys/signer/reassign", {"group": "elsewhere"}, 403),
    ("administrator", "POST", "/groups", {"id": "payments"}, 409),
    ("administrator", "DELETE", "/groups/payments", None, 409),
    ("administrator", "DELETE", "/users/first-admin", None, 409),
    ("administrator", "POST", "/users", {"name": "USER", "role": "key-access-user"}, 409),
    ("administrator", "POST", "/users", {"name": "kim", "role": "key-access-user", "networks": ["300.0.0.1"]}, 422),
    ("administrator", "POST", "/users", {"name": "kim", "role": "key-access-user", "groups": ["nowhere"]}, 422),
    ("administrator", "DELETE", "/keks/01936f2e-0000-7000-8000-000000000000", None, 404),
]


@pytest.fixture
def two_database_door(make_kit: Callable[..., Kit]) -> Iterator[Door]:
    with opened(make_kit()) as door:
        yield door


def test_a_refusal_changes_nothing_but_the_audit_log(two_database_door: Door, kek: Kek) -> None:
    people = add_people(two_database_door.client)
    for name, exportable in (("signer", True), ("kept", False)):
        body = {"type": "ec-p256", "name": name, "group": "payments", "exportable": exportable}
        assert people.user("POST", "/keys", body).status_code == 201
    bodies = {
        "kek": kek_body(kek),
        "short identifier": {**kek_body(kek), "key_identifier": "https://contoso-kv.vault.azure.net/keys/KEK"},
    }

    for who, method, path, body, status in REFUSALS:
        before = _rows(two_database_door)
        answer = _ask(two_database_door, people, who, method, path, bodies.get(body) if isinstance(body, str) else body)
        assert answer.status_code == status, (who, method, path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        after = _rows(two_database_door)
        assert before == after, (who, method, path)


def test_a_refusal_of_a_known_caller_is_in_the_audit_log(two_database_door: Door) -> None:
    people = add_people(two_database_door.client)

    people.user("POST", "/groups", {"id": "fraud"})

    events = people.administrator("GET", "/audit-events").json()["items"]
    mine = [event for event in events if event["actor_id"] == people.user.id and event["outcome"] == "refused"]
    assert [(event["operation"], event["code"], event["object_name"]) for event in mine] == [
        ("group.create", "not-permitted", "fraud")
    ]


def _ask(door: Door, people: People, who: str, method: str, path: str, body: Any) -> Any:
    if who == "nobody":
        return door.client.request(method, f"/api/v1{path}", json=body)
    return getattr(people, who)(method, path, body)


def _rows(door: Door) -> dict[str, list[tuple[Any, ...]]]:
    with door.kit.installation.store.engine.connect() as connection:
        return {
            table.name: sorted(tuple(row) for row in connection.execute(select(table)))
            for table in metadata.sorted_tables
            if table.name not in UNTOUCHED_BY
        }
