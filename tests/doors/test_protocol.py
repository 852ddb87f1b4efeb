"""What an answer is written in leaves at one go; nothing of it is lost, and nothing waits for more than it should."""

import asyncio
from functools import partial
from typing import cast

import uvicorn
from starlette.types import Message, Receive, Scope, Send
from tests.loops import run_apart

from keyferry.doors.protocol import MOST, Gathering, GatheringProtocol


class Recorder:
    """A transport that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[bytes | str] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        self.told.append(data)

    def close(self) -> None:
        self.told.append("close")
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def get_extra_info(self, name: str) -> str:
        return f"the real one's {name}"


def gathering() -> tuple[Gathering, Recorder]:
    real = Recorder()
    return Gathering(cast("asyncio.Transport", real), asyncio.get_running_loop()), real


def test_what_is_written_at_one_go_is_sent_at_once() -> None:
    async def story() -> None:
        transport, real = gathering()
        transport.write(b"head, ")
        transport.write(b"body")
        assert real.told == []
        await asyncio.sleep(0)
        assert real.told == [b"head, body"]
        transport.write(b"more")
        await asyncio.sleep(0)
        assert real.told == [b"head, body", b"more"]
        assert transport.get_extra_info("ssl_object") == "the real one's ssl_object"

    run_apart(story)


def test_what_comes_to_much_does_not_wait() -> None:
    async def story() -> None:
        transport, real = gathering()
        transport.write(b"x" * MOST)
        assert real.told == []
        transport.write(b"y")
        assert real.told == [b"x" * MOST + b"y"]
        await asyncio.sleep(0)
        assert len(real.told) == 1

    run_apart(story)


def test_a_connection_that_is_closed_has_sent_what_was_written() -> None:
    async def story() -> None:
        transport, real = gathering()
        transport.write(b"the last")
        transport.close()
        await asyncio.sleep(0)
        assert real.told == [b"the last", "close"]

    run_apart(story)


def test_to_a_connection_that_has_gone_nothing_is_sent() -> None:
    async def story() -> None:
        transport, real = gathering()
        transport.write(b"too late")
        real.closing = True
        await asyncio.sleep(0)
        assert real.told == []

    run_apart(story)


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """`/` in one go, `/slowly` with a pause behind the head; `/nothing` has no body."""
    if scope["path"] == "/nothing":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    head: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]}
    await send(head)
    if scope["path"] == "/slowly":
        await receive()
        await asyncio.sleep(0.05)
    await send({"type": "http.response.body", "body": b"body"})


async def records_of(request: bytes) -> list[bytes]:
    """What a client of a real server gets, each time that anything arrives."""
    server = uvicorn.Server(uvicorn.Config(answer, http=GatheringProtocol, lifespan="off", log_config=None))
    server.config.load()
    loop = asyncio.get_running_loop()
    protocol = partial(GatheringProtocol, server.config, server.server_state, {})
    listening = await loop.create_server(protocol, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
    writer.write(request)
    arrived = []
    while part := await asyncio.wait_for(reader.read(65536), 20):
        arrived.append(part)
    writer.close()
    listening.close()
    return arrived


def asking(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: keyferry\r\nConnection: close\r\n\r\n".encode()


def test_an_answer_comes_as_a_whole() -> None:
    async def story() -> list[list[bytes]]:
        return [await records_of(asking(path, method)) for path, method in WHOLE]

    for (path, method), arrived in zip(WHOLE, run_apart(story), strict=True):
        assert len(arrived) == 1, (path, method)
        assert arrived[0].endswith(b"\r\n\r\nbody" if (path, method) == ("/", "GET") else b"\r\n\r\n")


WHOLE = (("/", "GET"), ("/", "HEAD"), ("/nothing", "GET"))


def test_a_head_does_not_wait_for_a_body_that_takes_its_time() -> None:
    async def story() -> list[bytes]:
        return await records_of(asking("/slowly"))

    head, body = run_apart(story)
    assert head.endswith(b"\r\n\r\n")
    assert body == b"body"
