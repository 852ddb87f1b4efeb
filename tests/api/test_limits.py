"""What is too large, unreadable, or too much at once."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.api.conftest import Door, Person, opened, sign_in
from tests.api.problems import refused
from tests.loops import run_apart

from keyferry.doors.workers import Workers
from keyferry.errors import CannotStart, IntegrityViolation, Overloaded
from keyferry.testing import Kit

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Door]:
    """A door that takes bodies of at most 2 KiB."""
    kit = Kit.make(tmp_path / "small", max_body_bytes=2048)
    with opened(kit) as door:
        yield door
    kit.close()


def _chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 256):
        yield b" " * 256


def test_a_body_that_declares_itself_too_large_is_not_read(small: Door) -> None:
    for path in ("/api/v1/sessions", "/api/v1/keys"):
        answer = small.client.post(path, content=b" " * 4096, headers=JSON)
        refused(answer, 413, "request-too-large", "body")
        assert answer.headers["connection"] == "close"


def test_a_body_in_chunks_is_read_up_to_the_limit(small: Door) -> None:
    refused(small.client.post("/api/v1/sessions", content=_chunks(4096), headers=JSON), 413, "request-too-large")
    refused(small.client.post("/api/v1/sessions", content=_chunks(2048), headers=JSON), 400, "malformed-request")
    administrator = sign_in(small.client, "first-admin")
    refused(administrator("POST", "/groups", content=_chunks(4096), headers=JSON), 413, "request-too-large", "body")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "malformed-request"),
        (b'{"id": "a"} trailing', 400, "malformed-request"),
        (b"\xff\xfe{", 400, "malformed-request"),
        (b"[" * 200_000, 400, "malformed-request"),
        (b'{"id": ' + b"1" * 5000 + b"}", 400, "malformed-request"),
        (b"[" * 500 + b"]" * 500, 422, "invalid-input"),
        (b"null", 422, "invalid-input"),
        (b"[]", 422, "invalid-input"),
        (b"", 422, "invalid-input"),
        (b'{"id": "\\ud800"}', 422, "invalid-input"),
        (b'{"id": NaN}', 422, "invalid-input"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(administrator: Person, content: bytes, status: int, code: str) -> None:
    refused(administrator("POST", "/groups", content=content, headers=JSON), status, code)


@pytest.mark.parametrize(
    "declared", ["text/plain", "application/x-www-form-urlencoded", "", "json", "multipart/form-data"]
)
def test_a_body_that_is_not_declared_as_json_is_refused(administrator: Person, declared: str) -> None:
    headers = {"Content-Type": declared} if declared else {}

    answer = administrator("POST", "/groups", content=b'{"id": "fraud"}', headers=headers)

    refused(answer, 415, "unsupported-media-type", "Content-Type")
    assert administrator("GET", "/groups/fraud").status_code == 404


@pytest.mark.parametrize("declared", ["application/json; charset=utf-8", "application/merge-patch+json"])
def test_json_under_its_other_names_is_taken(administrator: Person, declared: str) -> None:
    body = {"content": b'{"description": "x"}', "headers": {"Content-Type": declared}}

    assert administrator("PATCH", "/groups/payments", **body).status_code == 200


def test_what_does_not_fit_the_schema_is_named_and_never_repeated(administrator: Person) -> None:
    secret = "correct-horse-battery"
    body = {"name": 5, "role": "king", "password": [secret], "pasword": secret}

    problem = refused(administrator("POST", "/users", body), 422, "invalid-input")

    assert {each["field"] for each in problem["errors"]} == {"name", "role", "password", "pasword"}
    assert secret not in str(problem)
    longer = refused(administrator("PUT", "/users/user/password", {"password": secret * 500}), 422, "invalid-input")
    assert longer["field"] == "password"
    assert secret not in str(longer)


class TestFaults:
    def test_a_fault_answers_with_a_reference_to_the_log_and_nothing_else(
        self, door: Door, user: Person, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise RuntimeError("the secret is 1234")

        monkeypatch.setattr(door.kit.custody.keys, "list", fail)

        problem = refused(user("GET", "/keys"), 500, "internal-error")

        assert "1234" not in str(problem)
        logged = capsys.readouterr().out
        assert problem["reference"] in logged
        assert "RuntimeError" in logged

    def test_a_row_that_was_tampered_with_is_said_so(
        self, door: Door, user: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise IntegrityViolation("Row 7 of keys was changed.")

        monkeypatch.setattr(door.kit.custody.keys, "list", fail)

        problem = refused(user("GET", "/keys"), 500, "row-tampered")

        assert problem["detail"] == "Row 7 of keys was changed."
        assert "tampered" in problem["advice"]


def test_the_log_has_a_line_for_each_request_without_queries_or_tokens(
    user: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    user("GET", "/keys/a%0Ab?version=1&secret=1234")

    lines = [line for line in capsys.readouterr().out.splitlines() if "request" in line]

    assert len(lines) == 1
    assert "path=/api/v1/keys/a%0Ab" in lines[0]
    assert "status=422" in lines[0]
    assert "1234" not in lines[0]
    assert user.token not in lines[0]


def test_health_and_readiness_need_no_token(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    assert door.client.get("/healthz").json() == {"status": "alive"}
    assert door.client.get("/readyz").json() == {"status": "ready"}

    def unready() -> None:
        raise CannotStart("The store cannot be read.")

    monkeypatch.setattr(door.app.state, "services", replace(door.app.state.services, ready=unready))
    refused(door.client.get("/readyz"), 503, "cannot-start")
    assert door.client.get("/healthz").status_code == 200


class TestWorkers:
    def test_more_work_than_places_waits_its_turn(self) -> None:
        at_once = 0
        most = 0
        lock = threading.Lock()

        def work() -> None:
            nonlocal at_once, most
            with lock:
                at_once += 1
                most = max(most, at_once)
            threading.Event().wait(0.01)
            with lock:
                at_once -= 1

        async def many() -> None:
            workers = Workers(2)
            async with anyio.create_task_group() as group:
                for _ in range(10):
                    group.start_soon(workers.run, work)

        run_apart(many)
        assert most == 2

    def test_work_that_waits_too_long_is_turned_away_and_does_not_begin(self) -> None:
        begun: list[str] = []

        async def story() -> None:
            workers, leave = Workers(1, longest_wait=0.05), threading.Event()
            async with anyio.create_task_group() as group:
                group.start_soon(workers.run, leave.wait)
                await anyio.sleep(0.02)
                with pytest.raises(Overloaded, match="waited") as refusal:
                    await workers.run(lambda: begun.append("late"))
                assert refusal.value.code == "overloaded"
                leave.set()
            await workers.run(lambda: begun.append("later"))

        run_apart(story)
        assert begun == ["later"]

    def test_a_queue_that_is_full_is_said_so_at_once(self, user: Person, door: Door) -> None:
        full = Workers(0)
        services = door.app.state.services
        door.app.state.services = replace(services, crew=replace(services.crew, plain=full))

        answer = user("GET", "/keys")

        refused(answer, 503, "overloaded")
        assert int(answer.headers["retry-after"]) > 0

    def test_a_flood_of_sign_ins_keeps_nobody_out_who_is_signed_in(self, user: Person, door: Door) -> None:
        full = Workers(0)
        services = door.app.state.services
        door.app.state.services = replace(services, crew=replace(services.crew, sign_ins=full))

        body = {"user_name": "user", "password": "x"}
        refused(door.client.post("/api/v1/sessions", json=body), 503, "overloaded")

        assert user("GET", "/keys").status_code == 200
