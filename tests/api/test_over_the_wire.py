"""The door behind the server that it is run with, over a socket: what a test client in the same process cannot show."""

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import uvicorn
from tests.api.conftest import Door, Person
from tests.api.problems import refused

from keyferry.custody import key_batches
from keyferry.custody.key_batches import KeyBatches
from keyferry.doors.protocol import GatheringProtocol


@pytest.fixture
def served(door: Door, user: Person) -> Iterator[httpx2.Client]:
    configuration = uvicorn.Config(
        door.app, http=GatheringProtocol, lifespan="off", log_config=None, access_log=False, server_header=False
    )
    server = uvicorn.Server(configuration)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with httpx2.Client(base_url=address, headers={"Authorization": f"Bearer {user.token}"}) as client:
        yield client
    server.should_exit = True
    thread.join()
    listener.close()


def test_a_reference_with_a_slash_reaches_the_key_and_its_sub_paths(
    served: httpx2.Client, key: dict[str, Any], azure: dict[str, str]
) -> None:
    for path in ("/api/v1/keys/payments%2Fsigner", "/api/v1/keys/payments%2fsigner", "/api/v1/keys/%73igner"):
        answer = served.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.json()["id"] == key["id"]
    assert served.post("/api/v1/keys/payments%2Fsigner/exports", json=azure).status_code == 201
    refused(served.get("/api/v1/keys/payments/signer"), 404, "not-found")
    refused(served.get("/api/v1/keys/payments%252Fsigner"), 422, "invalid-input", "key")


def test_a_body_without_end_is_cut_off(served: httpx2.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 65536

    refused(
        served.post("/api/v1/groups", content=endless(), headers={"Content-Type": "application/json"}),
        413,
        "request-too-large",
    )


def test_the_server_does_not_say_what_it_is(served: httpx2.Client) -> None:
    for path in ("/healthz", "/api/v1/keys", "/nothing"):
        answer = served.get(path)
        assert "server" not in answer.headers
        assert "uvicorn" not in answer.text.lower()


def test_a_batch_is_told_of_as_it_is_done_and_ends_with_the_connection(
    served: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_batches, "LARGEST_CHUNK", 1)
    go_on, chunks = threading.Event(), []
    generate = KeyBatches.generate

    def held(batches: KeyBatches, *given: Any) -> Iterator[Any]:
        for chunk in generate(batches, *given):
            chunks.append(chunk)
            if len(chunks) == 3:
                go_on.wait(60)
            yield chunk

    monkeypatch.setattr(KeyBatches, "generate", held)
    wanted = {"keys": [{"type": "aes-256", "name": f"tenant-{number}"} for number in range(6)]}
    with served.stream("POST", "/api/v1/key-batches", json=wanted) as answer:
        lines = answer.iter_lines()
        told = [json.loads(next(lines))["key"]["name"] for _ in range(2)]
        there = [key["name"] for key in served.get("/api/v1/keys").json()["items"]]
        assert told == ["tenant-0", "tenant-1"]
        assert set(told) <= set(there)  # and perhaps the one that is held
    served.get("/healthz")  # by now the server has seen that the connection is closed
    go_on.set()
    for _ in range(20):
        assert len(served.get("/api/v1/keys").json()["items"]) <= 3
    assert len(chunks) in {2, 3}
