"""The proxy: it leads to the emulator for Azure's names, and for nothing else."""

import socket
import ssl
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulator.asking import Asker

from keyferry.emulator import proxy
from keyferry.emulator.proxy import MAX_HEAD, Refused, require_taken
from keyferry.emulator.server import Running, running
from keyferry.errors import CannotStart


def send(emulator: Running, request: bytes) -> bytes:
    """What the proxy answers to these bytes, to the end of the connection."""
    with socket.create_connection(("127.0.0.1", urlsplit(emulator.proxy_url).port or 0), timeout=20) as client:
        client.sendall(request)
        answer = b""
        while data := client.recv(65536):
            answer += data
        return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def tunnel(emulator: Running, host: str) -> ssl.SSLSocket:
    """A TLS connection through the proxy, verified for `host`."""
    client = socket.create_connection(("127.0.0.1", urlsplit(emulator.proxy_url).port or 0), timeout=20)
    client.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
    answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return ssl.create_default_context(cafile=emulator.ca_file).wrap_socket(client, server_hostname=host)


@pytest.mark.parametrize(
    "host", ["keyferry-vault-b.vault.azure.net", "login.microsoftonline.com", "management.azure.com"]
)
def test_azures_names_lead_to_the_emulator_under_its_own_certificate(emulator: Running, host: str) -> None:
    with closing(tunnel(emulator, host)) as client:
        client.sendall(f"GET /emulator HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while data := client.recv(65536):
            answer += data
    assert b"x-ms-request-id" in answer


@pytest.mark.parametrize(
    "target",
    [
        "example.com:443",
        "graph.microsoft.com:443",
        "azcliprod.blob.core.windows.net:443",
        "vault.azure.net:443",
        ".vault.azure.net:443",
        "a.b.vault.azure.net:443",
        "evilvault.azure.net:443",
        "keyferry-vault-a.vault.azure.net.example.com:443",
        "login.microsoftonline.com:80",
        "login.microsoftonline.com",
        "localhost:443",
        "127.0.0.1:22",
        "[::1]:443",
    ],
)
def test_every_other_host_is_refused(emulator: Running, target: str) -> None:
    answer = send(emulator, f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    assert status(answer) == 403
    phrase = answer.partition(b"\r\n")[0]
    assert b"the Keyferry emulator's proxy leads to NAME.vault.azure.net" in phrase  # all that az shows of it
    assert b"nowhere else" in answer
    assert b"NO_PROXY" in answer


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "connect"])
def test_what_is_no_connect_is_not_allowed(emulator: Running, method: str) -> None:
    answer = send(emulator, f"{method} http://management.azure.com/ HTTP/1.1\r\n\r\n".encode())
    assert status(answer) == 405
    assert b"\r\nAllow: CONNECT\r\n" in answer


@pytest.mark.parametrize("request_line", ["", "nonsense", "CONNECT management.azure.com:443", "CONNECT a b HTTP/1.1"])
def test_what_cannot_be_read_is_said_so(emulator: Running, request_line: str) -> None:
    assert status(send(emulator, f"{request_line}\r\n\r\n".encode())) == 400


def test_a_head_without_end_is_cut_off(emulator: Running) -> None:
    head = b"CONNECT management.azure.com:443 HTTP/1.1\r\nX: " + b"x" * (MAX_HEAD * 2)
    assert status(send(emulator, head)) == 431


def test_a_client_that_says_nothing_is_not_waited_for(emulator: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "HEAD_SECONDS", 0.05)
    assert status(send(emulator, b"CONNECT management.azure.com:443 HTTP/1.1\r\n")) == 408


def test_a_client_that_leaves_half_way_leaves_nothing_behind(emulator: Running, asker: Asker) -> None:
    for sent in (b"", b"CONNECT management.azu", b"CONNECT management.azure.com:443 HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", urlsplit(emulator.proxy_url).port or 0), timeout=20) as client:
            client.sendall(sent)
    assert asker.ask("GET", "/metadata/endpoints").status == 200


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1", "[::]", "example.com", "", "169.254.169.254"])
@pytest.mark.parametrize("field", ["listen", "proxy"])
def test_neither_the_proxy_nor_the_emulator_listens_beyond_loopback(tmp_path: Path, field: str, address: str) -> None:
    with pytest.raises(CannotStart) as refused, running(tmp_path / "home", **{field: f"{address}:0"}):
        pass
    assert refused.value.field == field
    assert "loopback" in refused.value.detail
    assert not (tmp_path / "home").exists()


@given(head=st.binary(max_size=80))
def test_no_bytes_get_through_by_accident(head: bytes) -> None:
    with pytest.raises(Refused):
        require_taken(head)


@given(name=st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True), upper=st.booleans())
def test_one_label_before_the_suffix_is_a_vaults_name(name: str, upper: bool) -> None:
    host = f"{name.upper() if upper else name}.vault.azure.net"
    require_taken(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
    with pytest.raises(Refused):
        require_taken(f"CONNECT {host}.example.com:443 HTTP/1.1\r\n\r\n".encode())
    with pytest.raises(Refused):
        require_taken(f"CONNECT x.{host}:443 HTTP/1.1\r\n\r\n".encode())
