"""Names of vaults: through the proxy, and at a port of their own on loopback."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulator.asking import API, MANAGEMENT, Asker

from keyferry.emulator.addresses import is_local, split_host
from keyferry.emulator.facts import read_facts
from keyferry.emulator.home import Home
from keyferry.emulator.server import Running, running


def port(url: str) -> int:
    return urlsplit(url).port or 443


@pytest.mark.parametrize(
    ("host", "split"),
    [
        ("localhost:8443", ("localhost", 8443)),
        ("LocalHost", ("localhost", None)),
        ("127.0.0.1:1", ("127.0.0.1", 1)),
        ("[::1]:8443", ("::1", 8443)),
        ("[::1]", ("::1", None)),
        ("Contoso-KV.vault.azure.net", ("contoso-kv.vault.azure.net", None)),
        ("contoso-kv.vault.azure.net:443", ("contoso-kv.vault.azure.net", 443)),
        ("localhost:", ("localhost", None)),
        ("localhost:x", ("localhost", None)),
        ("localhost:65535", ("localhost", 65535)),
        ("localhost:65536", ("localhost", None)),
        (f"localhost:{'9' * 5000}", ("localhost", None)),
        ("localhost:\N{ARABIC-INDIC DIGIT ONE}", ("localhost", None)),
        ("", ("", None)),
    ],
)
def test_a_host_is_a_name_and_perhaps_a_port(host: str, split: tuple[str, int | None]) -> None:
    assert split_host(host) == split


@given(host=st.text(max_size=40))
def test_any_host_can_be_looked_at(host: str) -> None:
    name, found = split_host(host)
    assert found is None or 0 <= found <= 65535
    assert is_local(name) in {True, False}


def test_the_first_vault_is_at_the_main_listener_and_the_second_at_its_own(emulator: Running) -> None:
    first, second, *_ = emulator.vaults
    assert first.url == emulator.url
    assert port(second.url) != port(first.url)
    assert [vault.proxied_url for vault in emulator.vaults[:2]] == [
        "https://keyferry-vault-a.vault.azure.net",
        "https://keyferry-vault-b.vault.azure.net",
    ]
    assert first.subscription != second.subscription
    assert {first.subscription, second.subscription} == set(emulator.subscriptions)


def test_every_name_of_a_vault_is_its_own_and_no_other_vaults(emulator: Running) -> None:
    addresses, vaults = emulator.emulator.addresses, emulator.emulator.vaults
    for place, other in (emulator.vaults[:2], emulator.vaults[1::-1]):
        vault, another = vaults.named(place.name), vaults.named(other.name)
        assert vault is not None
        assert another is not None
        number = port(place.url)
        for host in (
            f"{place.name}.vault.azure.net",
            f"{place.name.upper()}.VAULT.azure.net:443",
            f"localhost:{number}",
            f"127.0.0.1:{number}",
            f"[::1]:{number}",
        ):
            assert addresses.is_name_of(host, vault), host
            assert not addresses.is_name_of(host, another), host
            found = addresses.vault_of(host)
            assert found is not None
            assert found.name == place.name
        for host in (f"example.com:{number}", f"x.{place.name}.vault.azure.net", "vault.azure.net", "localhost:1", ""):
            assert addresses.vault_of(host) is None, host


def test_the_proxys_port_is_no_vaults(emulator: Running) -> None:
    assert emulator.emulator.addresses.vault_of(f"localhost:{port(emulator.proxy_url)}") is None


def test_a_vault_is_told_by_the_name_that_the_caller_uses(emulator: Running) -> None:
    addresses = emulator.emulator.addresses
    vault = emulator.emulator.vaults.named("keyferry-vault-b")
    assert vault is not None
    assert addresses.url_of(vault, "management.azure.com") == "https://keyferry-vault-b.vault.azure.net"
    assert (
        addresses.url_of(vault, f"127.0.0.1:{port(emulator.url)}")
        == f"https://127.0.0.1:{addresses.port_of(vault.name)}"
    )
    assert addresses.authority_at("127.0.0.1:1") == f"https://127.0.0.1:{port(emulator.url)}"
    assert addresses.authority_at("x.vault.azure.net") == "https://login.microsoftonline.com"


def test_another_loopback_address_serves_as_well(tmp_path: Path) -> None:
    with running(tmp_path / "home", listen="127.0.0.7:0") as emulator:
        assert emulator.url.startswith("https://127.0.0.7:")
        asker = Asker(emulator)
        asker.host = "127.0.0.7"
        token = asker.token()
        for vault in emulator.vaults:
            assert asker.ask("GET", f"/keys?{API}", at=vault.url, token=token).status == 200


def test_ipv6_serves_as_well(tmp_path: Path) -> None:
    with running(tmp_path / "home", listen="[::1]:0") as emulator:
        assert emulator.url.startswith("https://[::1]:")
        asker = Asker(emulator)
        asker.host = "::1"
        assert asker.ask("GET", "/subscriptions?api-version=2022-12-01", token=asker.token(MANAGEMENT)).status == 200
        assert asker.ask("GET", f"/keys?{API}", at=emulator.vaults[1].url, token=asker.token()).status == 200


def test_the_proxy_is_told_of_at_the_address_that_it_has(tmp_path: Path) -> None:
    with running(tmp_path / "home", listen="127.0.0.1:0", proxy="[::1]:0") as emulator:
        assert emulator.url.startswith("https://localhost:")
        assert emulator.proxy_url.startswith("http://[::1]:")
        with socket.create_connection(("::1", port(emulator.proxy_url)), timeout=20) as client:
            client.sendall(b"CONNECT management.azure.com:443 HTTP/1.1\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert read_facts(Home(tmp_path / "home")).proxy_url == emulator.proxy_url
