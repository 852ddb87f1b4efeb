"""The private authority, as OpenSSL reads it: whom it may vouch for, and whom not."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from keyferry.emulator.authority import Authority, server_certificate
from keyferry.emulator.home import Home
from keyferry.emulator.schema import open_state
from keyferry.emulator.state import State
from keyferry.errors import CannotStart


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def state(home: Home) -> Iterator[State]:
    opened = open_state(home)
    yield opened
    opened.close()


def verify(home: Home, certificate: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """What OpenSSL says of a certificate under the home's authority, checked as a server's, strictly."""
    return subprocess.run(
        ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", home.ca_file, *options, certificate],
        capture_output=True,
        text=True,
    )


def text_of(certificate: Path) -> str:
    command = ["openssl", "x509", "-noout", "-text", "-in", str(certificate)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def issued(home: Home, state: State, *, names: tuple[str, ...] = (), addresses: tuple[str, ...] = ()) -> Path:
    """A certificate for any names that whoever stole the authority's key could make."""
    key = load_pem_private_key(state.kept("authority-key", bytes), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    now = datetime.now(UTC)
    certificate = server_certificate(
        x509.load_pem_x509_certificate(home.ca_file.read_bytes()),
        key,
        ec.generate_private_key(ec.SECP256R1()).public_key(),
        addresses,
        now - timedelta(hours=1),
        now + timedelta(days=1),
        names,
    )
    path = home.directory / "stolen.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return path


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "keyferry-vault-a.vault.azure.net",
        "any-name.vault.azure.net",
        "login.microsoftonline.com",
        "management.azure.com",
    ],
)
def test_the_server_is_good_for_the_names_that_it_stands_for(home: Home, state: State, name: str) -> None:
    Authority(home, state)
    told = verify(home, home.certificate_file, "-verify_hostname", name)
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_server_is_good_for_loopback(home: Home, state: State, address: str) -> None:
    Authority(home, state)
    assert verify(home, home.certificate_file, "-verify_ip", address).returncode == 0


def test_another_loopback_address_is_added_when_it_is_listened_on(home: Home, state: State) -> None:
    Authority(home, state)
    assert verify(home, home.certificate_file, "-verify_ip", "127.0.0.9").returncode != 0
    Authority(home, state, "127.0.0.9")
    assert verify(home, home.certificate_file, "-verify_ip", "127.0.0.9").returncode == 0


@pytest.mark.parametrize(
    "name", ["example.com", "graph.microsoft.com", "azure.net", "evil-management.azure.com", "a.b.vault.azure.net"]
)
def test_the_server_is_good_for_no_other_name(home: Home, state: State, name: str) -> None:
    Authority(home, state)
    assert verify(home, home.certificate_file, "-verify_hostname", name).returncode != 0


@pytest.mark.parametrize("name", ["example.com", "graph.microsoft.com", "azure.net", "vault.azure.com"])
def test_a_certificate_for_another_name_under_this_authority_is_refused(home: Home, state: State, name: str) -> None:
    Authority(home, state)
    told = verify(home, issued(home, state, names=(name,)))
    assert told.returncode != 0
    assert "permitted subtree violation" in told.stderr


@pytest.mark.parametrize("address", ["10.0.0.1", "128.0.0.1", "::2", "fe80::1"])
def test_a_certificate_for_another_address_under_this_authority_is_refused(
    home: Home, state: State, address: str
) -> None:
    Authority(home, state)
    told = verify(home, issued(home, state, addresses=(address,)))
    assert "permitted subtree violation" in told.stderr


def test_what_the_names_permit_is_not_refused_by_the_same_means(home: Home, state: State) -> None:
    """So that the two tests above can fail."""
    Authority(home, state)
    assert verify(home, issued(home, state, names=("x.vault.azure.net",), addresses=("127.9.9.9",))).returncode == 0


def test_the_authority_says_what_it_is_for(home: Home, state: State) -> None:
    Authority(home, state)
    said = text_of(home.ca_file)
    for line in (
        "X509v3 Basic Constraints: critical",
        "CA:TRUE, pathlen:0",
        "X509v3 Name Constraints: critical",
        "X509v3 Key Usage: critical",
        "Certificate Sign, CRL Sign",
        "X509v3 Subject Key Identifier:",
        "X509v3 Authority Key Identifier:",
    ):
        assert line in said
    server = text_of(home.certificate_file)
    assert "TLS Web Server Authentication" in server
    assert "CA:FALSE" in server
    assert "X509v3 Authority Key Identifier:" in server


def test_no_private_key_lies_in_clear(home: Home, state: State) -> None:
    Authority(home, state)
    key = load_pem_private_key(state.kept("authority-key", bytes), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    scalar = key.private_numbers().private_value.to_bytes(32, "big")
    for path in home.directory.iterdir():
        content = path.read_bytes()
        assert scalar not in content
        assert b"BEGIN PRIVATE KEY" not in content
        assert b"BEGIN EC PRIVATE KEY" not in content
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in home.certificate_key_file.read_bytes()


def test_a_restart_keeps_the_authority_and_mends_its_file(home: Home, state: State) -> None:
    Authority(home, state)
    trusted = home.ca_file.read_bytes()
    home.ca_file.unlink()
    Authority(home, state)
    assert home.ca_file.read_bytes() == trusted
    assert verify(home, home.certificate_file).returncode == 0


def test_the_servers_certificate_is_renewed_before_it_ends(home: Home, state: State) -> None:
    with time_machine.travel(datetime(2031, 1, 1, tzinfo=UTC)) as clock:
        authority = Authority(home, state)
        first = home.certificate_file.read_bytes()
        clock.shift(timedelta(days=360))
        authority.renew()
        assert home.certificate_file.read_bytes() == first
        clock.shift(timedelta(days=10))
        authority.renew()
        assert home.certificate_file.read_bytes() != first


def test_an_authority_whose_time_is_over_is_told_of(home: Home, state: State) -> None:
    Authority(home, state)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=3651)), pytest.raises(CannotStart) as refused:
        Authority(home, state)
    assert "another --home" in refused.value.advice
