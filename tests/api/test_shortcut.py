"""The short way to a route answers as the long one does, and hands on what it does not answer."""

import json
from typing import Any

import pytest
from starlette.types import Message
from tests.api.conftest import Door, People, Person, kek_body

from keyferry.api.callers import GuardedRoute
from keyferry.api.shortcut import Shortcut
from keyferry.testing import Kek

JSON = {"Content-Type": "application/json"}
#: a query that changes nothing, and that only the long way reads
LONG = {"params": {"nothing": ""}}


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which way each request went."""
    gone: list[str] = []
    find, handle = Shortcut._find, GuardedRoute.handle

    def found(self: Shortcut, scope: Any) -> GuardedRoute | None:
        route = find(self, scope)
        gone.append("short")
        return route

    async def handled(self: GuardedRoute, *args: Any) -> None:
        gone.append("long")
        await handle(self, *args)

    monkeypatch.setattr(Shortcut, "_find", found)
    monkeypatch.setattr(GuardedRoute, "handle", handled)
    return gone


def without_what_differs(answer: Any) -> tuple[int, dict[str, str], Any]:
    headers = {name: value for name, value in answer.headers.items() if name not in {"location", "content-length"}}
    body = answer.json()
    return answer.status_code, headers, {name: value for name, value in body.items() if name not in {"id", "file"}}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/keys/tenant", None),
        ("GET", "/keys/payments%2Ftenant", None),
        ("GET", "/keys/nobody", None),
        ("GET", "/exports/00000000-0000-0000-0000-000000000000", None),
        ("POST", "/keys/tenant/sign", {"algorithm": "ES256", "message": "aGVsbG8"}),
        ("POST", "/keys/tenant/sign", {"algorithm": "RS256", "message": "aGVsbG8"}),
        ("POST", "/keys/tenant/sign", {"algorithm": "ES256", "message": 1, "more": 2}),
        ("POST", "/keys/tenant/sign", ["no", "object"]),
        ("POST", "/keys", {"type": "aes-256", "group": "elsewhere"}),
    ],
)
def test_both_ways_answer_alike(people: People, method: str, path: str, body: Any) -> None:
    assert people.user("POST", "/keys", {"type": "ec-p256", "name": "tenant", "group": "payments"}).status_code == 201
    short, long = people.user(method, path, body), people.user(method, path, body, **LONG)
    kept = ("spki_sha256", "signature")
    one, other = without_what_differs(short), without_what_differs(long)
    for each in (one[2], other[2]):
        for name in kept:
            each.pop(name, None)
    assert one == other


def test_a_plain_request_takes_the_short_way_and_another_the_long_one(user: Person, ways: list[str]) -> None:
    assert user("POST", "/keys", {"type": "aes-256", "name": "data"}).status_code == 201
    assert user("GET", "/keys/data").status_code == 200
    assert ways == ["short", "short"]
    assert user("GET", "/keys/data", **LONG).status_code == 200
    assert ways == ["short", "short", "short", "long"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_body_that_was_read_in_vain_is_read_again(user: Person, encoding: str) -> None:
    content = json.dumps({"type": "aes-256", "name": "data"}).encode(encoding)
    answer = user("POST", "/keys", content=content, headers=JSON)
    assert answer.status_code == 201
    assert answer.json()["name"] == "data"


def test_a_refusal_on_the_short_way_is_in_the_audit_log_once(people: People) -> None:
    made = people.user("POST", "/keys", {"type": "aes-256", "name": "data"}).json()
    assert people.stranger("GET", f"/keys/{made['id']}").status_code == 404
    events = people.administrator("GET", "/audit-events").json()["items"]
    refused = [each for each in events if each["outcome"] == "refused"]
    assert [each["object_id"] for each in refused] == [made["id"]]


def test_a_public_key_is_pem_for_one_who_says_nothing_of_what_is_accepted(door: Door, user: Person) -> None:
    assert user("POST", "/keys", {"type": "ec-p256", "name": "tenant"}).status_code == 201
    request = door.client.build_request("GET", "/api/v1/keys/tenant/public-key")
    del request.headers["accept"]
    request.headers["authorization"] = f"Bearer {user.token}"
    answer = door.client.send(request)
    assert answer.headers["content-type"].startswith("application/x-pem-file")
    assert answer.text.startswith("-----BEGIN PUBLIC KEY-----")


def test_an_export_by_the_short_way_is_recorded_and_audited(user: Person, kek: Kek) -> None:
    made = user("POST", "/keys", {"type": "rsa-2048", "name": "leaving"}).json()
    exported = user("POST", "/keys/leaving/exports", kek_body(kek))
    assert exported.status_code == 201
    assert exported.headers["location"] == f"/api/v1/exports/{exported.json()['id']}"
    assert user("GET", f"/exports/{exported.json()['id']}").json()["key_id"] == made["id"]


def test_nothing_of_a_body_is_read_before_the_caller_is_known(door: Door) -> None:
    asked: list[Message] = []

    async def receive() -> Message:
        asked.append({})
        raise AssertionError("the body was read")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/keys",
        "raw_path": b"/api/v1/keys",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json"), (b"authorization", b"Bearer kf_none")],
        "client": ("127.0.0.1", 50000),
        "scheme": "https",
        "state": {},
    }
    assert door.client.portal is not None
    door.client.portal.call(door.app, scope, receive, send)
    assert sent[0]["status"] == 401
    assert not asked
