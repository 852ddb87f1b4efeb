"""`keyferry serve --listen-mtls`: what it needs, what it refuses, and how it ends."""

import http.client
import socket
import ssl
from contextlib import closing
from pathlib import Path

import pytest
from tests.certificates import own
from tests.test_server import Serving, free_port, run, until

from keyferry.config.sources import load_settings
from keyferry.config.values import Listen
from keyferry.errors import CannotStart
from keyferry.testing import Kit


@pytest.fixture
def home(tmp_path: Path) -> Path:
    kit = Kit.make(tmp_path / "home")
    mine = own()
    kit.custody.certificates.upload(kit.administrator, "card", mine.pem)
    (tmp_path / "card.pem").write_bytes(mine.with_key)
    kit.close()
    return tmp_path / "home"


def connect(server: Serving, port: int, card: Path) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=server.ca)
    context.load_cert_chain(card)
    return http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)


def come(connection: http.client.HTTPSConnection) -> int:
    connection.request("GET", "/api/v1/keys", headers={"X-Keyferry-Request": "1"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


@pytest.mark.parametrize("plain", ["false", "true"])
def test_it_ends_in_order_while_clients_of_both_hold_their_connections(home: Path, tmp_path: Path, plain: str) -> None:
    """With plain HTTP at the usual address, on loopback, the second one speaks TLS all the same."""
    port = free_port()
    server = Serving(home, tmp_path / "log", KEYFERRY_LISTEN_MTLS=f"127.0.0.1:{port}", KEYFERRY_ALLOW_PLAIN_HTTP=plain)
    try:
        assert until(server.is_up), server.log.read_text()
        usual = server.connect_plainly() if plain == "true" else server.connect()
        with closing(usual), closing(connect(server, port, tmp_path / "card.pem")) as mutual:
            usual.request("GET", "/readyz")
            assert usual.getresponse().read()
            assert come(mutual) == 200
            assert come(mutual) == 200
            assert server.end() == 0
    finally:
        server.process.kill()
        server.process.wait()
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.1", port), timeout=5):
        raise AssertionError("nobody listens there any more")


def test_without_the_setting_there_is_no_second_listener(home: Path) -> None:
    assert load_settings(home, environ={}).listen_mtls is None
    assert load_settings(home, given={"listen_mtls": "[::1]:8421"}, environ={}).listen_mtls == Listen("::1", 8421)


@pytest.mark.parametrize("value", ["8421", "127.0.0.1", "127.0.0.1:x", " "])
def test_an_address_that_is_none(home: Path, value: str) -> None:
    with pytest.raises(CannotStart) as refused:
        load_settings(home, given={"listen_mtls": value}, environ={})
    assert (refused.value.code, refused.value.field) == ("setting-refused", "listen_mtls")


def test_an_address_that_is_taken(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        told = run(home, "--listen", f"127.0.0.1:{free_port()}", "--listen-mtls", address)
    assert told.returncode == 1
    assert told.stderr.startswith(
        f"error (cannot-start) in --listen-mtls: The server cannot listen on {address}: Address already in use."
    )
