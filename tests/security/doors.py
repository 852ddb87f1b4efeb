"""The doors, each asked in its own way; what comes back is brought into one form."""

import itertools
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import anyio
import httpx2
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message
from tests.cli.terminal import Shell
from tests.security.house import House
from tests.security.standings import Session
from tests.security.the_table import DENIED, HIDDEN, INVALID, NOT_AUTHENTICATED, OK, Way
from tests.security.ways_of_the_command_line import FILES, FILES_OF

from keyferry.errors import KeyferryError
from keyferry.material.secret import Secret
from keyferry.web import cookies

#: what a page's status stands for; 409 is several refusals, which the audit log tells apart
PAGES = {401: NOT_AUTHENTICATED, 403: DENIED, 404: HIDDEN, 422: INVALID}


#: what the server, in the same process, says meanwhile
LOGGED = re.compile(r"^\d{4}-\d\d-\d\d .*\n", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """`ok` or the refusal's code, and everything that the asker was told."""

    code: str
    told: str


class Door(Protocol):
    """A door of a house, and every way to ask at it."""

    name: str
    ways: Mapping[str, Way]

    def ask(self, session: Session, name: str, reference: str) -> Answer: ...


def sent(way: Way, reference: str) -> Any:
    """What a way sends about this reference."""
    return way.asks(reference) if callable(way.asks) else way.asks


class Custody:
    """Custody itself, as every door calls it."""

    name = "custody"

    def __init__(self, house: House, ways: Mapping[str, Way]) -> None:
        self.house, self.ways = house, ways

    def ask(self, session: Session, name: str, reference: str) -> Answer:
        asks = self.ways[name].asks
        try:
            if asks is not None:
                return Answer(OK, repr(asks(self.house.custody, session.caller, reference)))
            noun, _, method = name.partition(".")
            call = partial(getattr(getattr(self.house.custody, noun), method), session.caller)
            return Answer(OK, repr(call(reference) if reference else call()))
        except KeyferryError as refusal:
            return Answer(refusal.code, f"{refusal.title}|{refusal.detail}|{refusal.field}|{refusal.advice}")


class OverHttp:
    """What REST and the console have in common: the application of both, in this process."""

    def __init__(self, served: TestClient, ways: Mapping[str, Way]) -> None:
        self.served, self.ways = served, ways

    def request(
        self, method: str, path: str, address: str, headers: Mapping[str, str], content: bytes = b""
    ) -> tuple[int, dict[str, str], str]:
        portal = self.served.portal
        assert portal is not None
        all_headers = {"host": "testserver", **headers, "content-length": str(len(content))}
        scope = _scope(method, path, address, all_headers)
        answered: tuple[int, dict[str, str], str] = portal.call(_answered, self.served.app, scope, content)
        return answered


class Rest(OverHttp):
    """The REST door, with a token."""

    name = "REST"

    def ask(self, session: Session, name: str, reference: str) -> Answer:
        method, path = path_of(name, reference)
        body, content = sent(self.ways[name], reference), b""
        headers = {"authorization": f"Bearer {session.token}"}
        if body is not None:
            headers["content-type"], content = "application/json", json.dumps(body).encode()
        status, _, told = self.request(method, f"/api/v1{path}", session.address, headers, content)
        if status >= 400:
            return Answer(json.loads(told)["code"], told)
        if path.endswith("-batches"):  # a line for its one item, and one of totals
            outcome = json.loads(told.splitlines()[0])
            return Answer(outcome["problem"]["code"] if "problem" in outcome else OK, told)
        return Answer(OK, told)


class Console(OverHttp):
    """The console, in a browser that has a session: pages are looked at, and forms sent with the session's token."""

    name = "console"

    def ask(self, session: Session, name: str, reference: str) -> Answer:
        method, path = path_of(name, reference)
        headers = {"sec-fetch-site": "same-origin", "cookie": f"keyferry-session={session.token}"}
        content = b""
        if method == "POST":
            form = {
                "csrf": cookies.form_token(Secret(session.token.encode())),
                **(sent(self.ways[name], reference) or {}),
            }
            headers["content-type"], content = encoded(form)
        status, answered, told = self.request(method, path, session.address, headers, content)
        if status == 303 and re.match("/sign-in(?!.*signed-out)", answered["location"]):
            return Answer(NOT_AUTHENTICATED, told)
        return Answer(OK if status < 400 else PAGES.get(status, str(status)), told)


def path_of(name: str, reference: str) -> tuple[str, str]:
    """`GET /keys/{key} (a remark)`, about this reference; what has several parts, has a reference of several."""
    method, path = name.partition(" (")[0].split(" ")
    parts = iter(reference.split("|"))
    return method, re.sub(r"{[^}]+}", lambda _: quote(next(parts, ""), safe=""), path)


def encoded(form: Mapping[str, Any]) -> tuple[str, bytes]:
    """As a browser sends a form; bytes are a file that was chosen."""
    files = {name: ("file", value) for name, value in form.items() if isinstance(value, bytes)}
    if not files:
        return "application/x-www-form-urlencoded", urlencode(form, doseq=True).encode()
    fields = {name: value for name, value in form.items() if name not in files}
    request = httpx2.Request("POST", "http://testserver/", data=fields, files=files)
    return request.headers["content-type"], request.read()


def _scope(method: str, path: str, address: str, headers: Mapping[str, str]) -> dict[str, Any]:
    raw, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": httpx2.URL(f"http://testserver{raw}").path,
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": (address, 50000),
        "server": ("testserver", 80),
        "state": {},
    }


async def _answered(app: ASGIApp, scope: dict[str, Any], content: bytes) -> tuple[int, dict[str, str], str]:
    waiting = [content]
    told: list[Message] = []

    async def receive() -> Message:
        if not waiting:
            await anyio.sleep_forever()
        return {"type": "http.request", "body": waiting.pop(), "more_body": False}

    async def send(message: Message) -> None:
        told.append(message)

    await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in told[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in told[1:])
    return told[0]["status"], headers, body.decode(errors="replace")


class CommandLine:
    """The command line, run in this process against a server on loopback; it has a token as a program would have."""

    name = "command line"

    def __init__(self, directory: Path, url: str, ca_file: Path, ways: Mapping[str, Way]) -> None:
        self.directory, self.url, self.ca_file, self.ways = directory, url, ca_file, ways
        self._made = itertools.count()

    def ask(self, session: Session, name: str, reference: str) -> Answer:
        typed = sent(self.ways[name], reference)
        words = shlex.split(typed) if typed else [reference] if reference else []
        arguments = [self._typed(word, reference) for word in words]
        variables = {"KEYFERRY_SERVER": self.url, "KEYFERRY_CA_FILE": str(self.ca_file)}
        variables["KEYFERRY_TOKEN_FILE"] = self._written("token", session.token.encode())
        command = name.partition(" (")[0].split()
        outcome = Shell(self.directory, variables)(*command, *arguments, code=None)
        refused = re.search(r"^error \(([\w-]+)\)", outcome.err, re.MULTILINE)
        code = refused[1] if refused else str(outcome.code)
        return Answer(OK if outcome.code == 0 else code, LOGGED.sub("", outcome.out + outcome.err))

    def _typed(self, word: str, reference: str) -> str:
        return self._file(word[1:-1], reference) if re.fullmatch(r"{\w+}", word) else word.replace("{}", reference)

    def _file(self, name: str, reference: str) -> str:
        if name == "out":
            return str(self.directory / f"out-{next(self._made)}")
        return self._written(name, FILES_OF[name](reference) if name in FILES_OF else FILES[name])

    def _written(self, name: str, content: bytes) -> str:
        path = self.directory / name
        path.write_bytes(content)
        path.chmod(0o600)
        return str(path)
