"""What the client takes from a server, and what it does not."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.cli.terminal import RunningServer, Shell

from keyferry.cli import connection
from keyferry.cli.connection import ConnectionBroke, Server, ServerRefused, checked_address
from keyferry.cli.profiles import Profile
from keyferry.cli.remote import path
from keyferry.errors import ClientFailed, KeyferryError
from keyferry.material.secret import Secret


@contextmanager
def answering(*answers: tuple[int, dict[str, str], bytes]) -> Iterator[tuple[str, list[str]]]:
    """A server that gives these answers in turn, and notes what was asked; its address and the notes."""
    asked: list[str] = []
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers.get('Authorization')}")
            status, headers, body = left.pop(0)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def get(address: str) -> object:
    with Server(Profile("default", address, Secret(b"kf_token"), "alice")) as server:
        return server.get("/keys", name=None, group="x")


def refusal(address: str) -> KeyferryError:
    with pytest.raises(KeyferryError) as caught:
        get(address)
    assert "kf_token" not in str(caught.value) + caught.value.advice
    return caught.value


JSON = {"Content-Type": "application/json"}
PROBLEM = {"Content-Type": "application/problem+json"}


def test_an_answer_is_read_and_the_token_presented() -> None:
    with answering((200, JSON, b'{"items": []}')) as (address, asked):
        assert get(address) == {"items": []}
    assert asked == ["/api/v1/keys?group=x Bearer kf_token"]


def test_a_redirection_is_not_followed() -> None:
    with answering((307, {"Location": "http://127.0.0.1:1/"}, b"")) as (address, asked):
        assert refusal(address).code == "answer-refused"
    assert len(asked) == 1


@pytest.mark.parametrize("body", [b"<html>", b"\xff\xfe", b"{"])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with answering((200, JSON, body)) as (address, _):
        assert refusal(address).code == "answer-refused"


def test_a_problem_keeps_its_code_field_and_advice() -> None:
    problem = b'{"code": "from-the-future", "title": "T", "detail": "D", "field": "name", "advice": "A"}'
    with answering((409, PROBLEM, problem)) as (address, _):
        error = refusal(address)
    assert isinstance(error, ServerRefused)
    assert (error.code, error.title, error.detail) == ("from-the-future", "T", "D")
    assert (error.field, error.advice, error.status) == ("name", "A", 409)


@pytest.mark.parametrize("body", [b"", b"bad gateway"])
def test_a_failure_without_a_reason_still_says_something(body: bytes) -> None:
    with answering((502, {"Content-Type": "text/plain"}, body)) as (address, _):
        error = refusal(address)
    assert error.detail == "The server answered with status 502."
    assert error.advice


def test_a_problem_that_is_no_object_is_refused() -> None:
    with answering((400, PROBLEM, b"[]")) as (address, _):
        assert refusal(address).code == "answer-refused"


def lines(address: str) -> list[dict[str, object]]:
    with Server(Profile("default", address, Secret(b"kf_token"), "alice")) as server:
        return list(server.lines("/key-batches", {"keys": []}))


NDJSON = {"Content-Type": "application/x-ndjson"}


def test_the_lines_of_a_batch_are_read_to_the_last() -> None:
    with answering((200, NDJSON, b'{"index": 0}\n{"totals": {}}\n')) as (address, _):
        assert lines(address) == [{"index": 0}, {"totals": {}}]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((200, NDJSON, b'{"index": 0}\n'), "server-unreachable"),
        ((200, NDJSON, b""), "server-unreachable"),
        ((200, NDJSON | {"Content-Length": "500"}, b'{"index": 0}\n'), "server-unreachable"),
        ((200, NDJSON, b'{"index": 0}\n[1]\n'), "answer-refused"),
        ((200, NDJSON, b"<html>\n"), "answer-refused"),
        ((307, {"Location": "http://127.0.0.1:1/"}, b""), "answer-refused"),
        ((422, PROBLEM, b'{"code": "kek-unreadable", "detail": "D", "advice": "A"}'), "kek-unreadable"),
        ((502, {"Content-Type": "text/plain"}, b"bad gateway"), "client-failed"),
    ],
)
def test_a_batch_that_is_refused_or_cut_off_is_no_batch_that_is_done(
    answer: tuple[int, dict[str, str], bytes], code: str
) -> None:
    with answering(answer) as (address, _), pytest.raises(KeyferryError) as caught:
        lines(address)
    assert caught.value.code == code
    assert caught.value.advice


CUT_OFF = (201, JSON | {"Content-Length": "500"}, b"{}")


def create(address: str) -> object:
    with Server(Profile("default", address, Secret(b"kf_token"), "alice")) as server:
        return server.create("/groups", {"id": "payments"})


class TestCreating:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connection, "PAUSE", 0.0)

    def test_a_request_whose_answer_was_cut_off_is_sent_again_under_the_same_key(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keys: list[str | None] = []
        request = Server.request

        def noting(server: Server, *given: Any, **named: Any) -> Any:
            keys.append(named["idempotency_key"])
            return request(server, *given, **named)

        monkeypatch.setattr(Server, "request", noting)
        with answering(CUT_OFF, CUT_OFF, (201, JSON, b'{"id": "payments"}')) as (address, asked):
            assert create(address) == {"id": "payments"}
        assert len(asked) == 3
        assert len(set(keys)) == 1
        assert keys[0]

    def test_but_not_for_ever(self) -> None:
        with answering(CUT_OFF, CUT_OFF, CUT_OFF) as (address, asked), pytest.raises(ConnectionBroke) as caught:
            create(address)
        assert len(asked) == 3
        assert "what was done" in caught.value.advice

    def test_what_was_answered_or_never_sent_is_not_sent_again(self) -> None:
        with answering((409, PROBLEM, b'{"code": "name-taken"}')) as (address, asked):
            with pytest.raises(ServerRefused):
                create(address)
            assert len(asked) == 1
        with pytest.raises(ClientFailed) as caught:
            create(address)
        assert not isinstance(caught.value, ConnectionBroke)

    def test_what_the_first_request_made_is_not_made_again(self, kim: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        request = Server.request
        broken: list[Any] = []

        def losing(server: Server, *given: Any, **named: Any) -> Any:
            answer = request(server, *given, **named)
            if named.get("idempotency_key") and not broken:
                broken.append(answer)
                raise ConnectionBroke("gone", code="server-unreachable", advice="Again.")
            return answer

        monkeypatch.setattr(Server, "request", losing)
        made = kim("key", "create", "--type", "aes-256", "--json").json
        assert [made["id"]] == [each["id"] for each in broken]
        broken.clear()
        rotated = kim("key", "rotate", made["id"], "--json").json
        assert (rotated["version"], len(broken)) == (2, 1)
        assert len(kim("key", "versions", made["id"], "--json").json["items"]) == 2


def test_pages_are_followed_to_their_end_or_to_the_limit() -> None:
    pages = [
        (200, JSON, b'{"items": [{"n": 1}, {"n": 2}], "next": "a"}'),
        (200, JSON, b'{"items": [{"n": 3}], "next": null}'),
    ]
    for limit, expected in ((None, [1, 2, 3]), (3, [1, 2, 3]), (2, [1, 2]), (1, [1])):
        with answering(*pages) as (address, asked), Server(Profile("x", address, None)) as server:
            assert [item["n"] for item in server.items("/keys", limit=limit)] == expected
        assert asked[1:] == (["/api/v1/keys?cursor=a None"] if limit in {None, 3} else [])


@pytest.mark.parametrize("page", [b"[]", b"{}", b'{"items": 1}'])
def test_a_list_without_items_is_refused(page: bytes) -> None:
    with (
        answering((200, JSON, page)) as (address, _),
        Server(Profile("x", address, None)) as server,
        pytest.raises(KeyferryError, match="a list without items"),
    ):
        server.items("/keys")


def test_a_list_that_does_not_end_is_refused() -> None:
    page = (200, JSON, b'{"items": [], "next": "a"}')
    with (
        answering(page, page) as (address, _),
        Server(Profile("x", address, None)) as server,
        pytest.raises(KeyferryError, match="a list that does not end"),
    ):
        server.items("/keys")


def test_nobody_there() -> None:
    error = refusal("http://127.0.0.1:1")
    assert error.code == "server-unreachable"


def test_a_server_of_another_authority_is_not_trusted(server: RunningServer, tmp_path: Path) -> None:
    for ca in (None, _another_authority(tmp_path)):
        profile = Profile("x", server.url, Secret(b"kf_token"), ca=ca)
        with Server(profile) as door, pytest.raises(KeyferryError) as caught:
            door.get("/sessions/current")
        assert caught.value.code == "server-untrusted"
    trusted = Profile("x", server.url, Secret(b"kf_token"), ca=server.ca_file.read_text())
    with Server(trusted) as door, pytest.raises(ServerRefused) as refused:
        door.get("/sessions/current")
    assert refused.value.code == "not-authenticated"
    assert refused.value.advice.startswith("Sign in again: keyferry login --server https://127.0.0.1:")


def test_proxies_and_certificates_of_the_environment_are_not_heeded(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca_file))
    trusted = Profile("x", server.url, None, ca=server.ca_file.read_text())
    with Server(trusted) as door, pytest.raises(ServerRefused):
        door.get("/sessions/current")


def test_a_ca_that_is_none_is_refused() -> None:
    with pytest.raises(KeyferryError) as caught:
        Server(Profile("x", "https://127.0.0.1:1", None, ca="-----BEGIN CERTIFICATE-----\nx\n"))
    assert caught.value.code == "server-untrusted"


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://kms.example.org", "https://kms.example.org"),
        ("https://kms.example.org:8420/", "https://kms.example.org:8420"),
        ("HTTPS://KMS.example.org", "https://kms.example.org"),
        ("https://[::1]:8420", "https://[::1]:8420"),
        ("http://localhost:8420", "http://localhost:8420"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://[::1]:1", "http://[::1]:1"),
    ],
)
def test_addresses_that_will_do(given: str, address: str) -> None:
    assert checked_address(given) == address


@pytest.mark.parametrize(
    "given",
    [
        "",
        "kms.example.org",
        "http://kms.example.org",
        "http://127.0.0.1.example.org",
        "ftp://127.0.0.1",
        "https://",
        "https://user:pass@kms.example.org",
        "https://kms.example.org/api",
        "https://kms.example.org?x",
        "https://kms.example.org#x",
        "https://kms.example.org:99999",
        "https://[::1",
    ],
)
def test_addresses_that_will_not_do(given: str) -> None:
    with pytest.raises(KeyferryError) as caught:
        checked_address(given)
    assert caught.value.code == "server-refused"


def test_a_name_cannot_lead_elsewhere() -> None:
    assert path("keys", "payments/tenant-a", "exports") == "/keys/payments%2Ftenant-a/exports"
    assert path("keys", "a?b#c%2F") == "/keys/a%3Fb%23c%252F"
    for name in ("", ".", ".."):
        with pytest.raises(KeyferryError, match="no id and no name"):
            path("keys", name)


def test_a_command_says_that_nobody_is_there(shell: Shell) -> None:
    shell.write_profile("http://127.0.0.1:1")
    assert shell("key", "list", code=1).refusal[0].startswith("error (server-unreachable): http://127.0.0.1:1 cannot")


def _another_authority(tmp_path: Path) -> str:
    certificate = tmp_path / "other.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Another", "-days", "2"),
            *("-keyout", str(tmp_path / "other.key"), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    assert ssl.PEM_cert_to_DER_cert(certificate.read_text())
    return certificate.read_text()
