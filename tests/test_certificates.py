"""The private authority and the server's certificate, judged by Python's ssl and by OpenSSL."""

import socket
import ssl
import stat
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from keyferry.certificates import RENEW_BEFORE, SERVER_LIFETIME, TlsFiles, fingerprint, prepare_certificates
from keyferry.errors import CannotStart
from keyferry.material.secret import Secret

PASSWORD = "4f" * 32
NOW = datetime.now(UTC)


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    made = TlsFiles(tmp_path / "tls", Secret(PASSWORD.encode()))
    prepare_certificates(made, ["keys.example.org", "192.0.2.7"])
    return made


def openssl(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def contents(files: TlsFiles) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in files.directory.iterdir()}


def shake_hands(files: TlsFiles, name: str, authority: Path | None = None) -> str | None:
    """The TLS version that a client that trusts the authority and asks for `name` agrees on."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(files.certificate, files.key, PASSWORD)
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            with serving.wrap_socket(theirs, server_side=True):
                pass
        except (ssl.SSLError, OSError):
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        trusting = ssl.create_default_context(cafile=str(authority or files.authority))
        with trusting.wrap_socket(ours, server_hostname=name) as connection:
            return connection.version()
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "keys.example.org", "192.0.2.7"])
def test_a_client_that_trusts_the_authority_trusts_the_server(files: TlsFiles, name: str) -> None:
    assert shake_hands(files, name) == "TLSv1.3"


def test_not_under_another_name(files: TlsFiles) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(files, "other.example.org")


def test_not_who_trusts_another_authority(files: TlsFiles, tmp_path: Path) -> None:
    other = TlsFiles(tmp_path / "other", Secret(PASSWORD.encode()))
    prepare_certificates(other, [])
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(files, "localhost", other.authority)


def test_openssl_verifies_the_chain_for_a_server_and_nothing_else(files: TlsFiles) -> None:
    good = openssl("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", files.authority, files.certificate)
    assert (good.returncode, good.stdout.strip()) == (0, f"{files.certificate}: OK")
    as_client = openssl("verify", "-purpose", "sslclient", "-CAfile", files.authority, files.certificate)
    assert as_client.returncode != 0
    alone = openssl("verify", files.certificate)
    assert alone.returncode != 0


def test_what_the_certificates_say(files: TlsFiles) -> None:
    authority, server = certificate(files.authority), certificate(files.certificate)
    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert not server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert server.issuer == authority.subject
    lifetime = server.not_valid_after_utc - server.not_valid_before_utc
    assert lifetime <= timedelta(days=398), "clients refuse longer ones"


def test_the_fingerprint_is_the_one_that_openssl_shows(files: TlsFiles) -> None:
    shown = openssl("x509", "-noout", "-fingerprint", "-sha256", "-in", files.authority).stdout
    assert shown.strip().rpartition("=")[2] == fingerprint(files.authority)


class TestKeys:
    def test_only_their_owner_reads_them(self, files: TlsFiles) -> None:
        assert stat.S_IMODE(files.directory.stat().st_mode) == 0o700
        for key in (files.key, files.authority_key):
            assert stat.S_IMODE(key.stat().st_mode) == 0o600

    def test_they_open_under_their_password_alone(self, files: TlsFiles, tmp_path: Path) -> None:
        for key in (files.key, files.authority_key):
            assert key.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
            assert openssl("pkey", "-in", key, "-noout", "-passin", "pass:").returncode != 0
            assert openssl("pkey", "-in", key, "-noout", "-passin", "pass:wrong").returncode != 0
            assert openssl("pkey", "-in", key, "-noout", "-passin", f"pass:{PASSWORD}").returncode == 0

    def test_an_authority_of_another_store_is_refused(self, files: TlsFiles) -> None:
        files.certificate.unlink()
        stranger = TlsFiles(files.directory, Secret(b"another"))
        with pytest.raises(CannotStart) as caught:
            prepare_certificates(stranger, [])
        assert "ca.key" in caught.value.detail
        assert caught.value.advice

    def test_keys_that_others_can_read_are_refused(self, files: TlsFiles) -> None:
        files.certificate.unlink()
        files.authority_key.chmod(0o644)
        with pytest.raises(CannotStart):
            prepare_certificates(files, [])


class TestRenewal:
    def test_what_is_there_and_good_stays(self, files: TlsFiles) -> None:
        before = contents(files)
        prepare_certificates(files, ["keys.example.org"])
        prepare_certificates(files, ["keys.example.org"], NOW + SERVER_LIFETIME - RENEW_BEFORE - timedelta(days=1))
        assert contents(files) == before

    def test_before_it_expires(self, files: TlsFiles) -> None:
        authority, first = fingerprint(files.authority), fingerprint(files.certificate)
        prepare_certificates(files, [], NOW + SERVER_LIFETIME - RENEW_BEFORE + timedelta(days=1))
        assert fingerprint(files.certificate) != first
        assert fingerprint(files.authority) == authority
        assert certificate(files.certificate).not_valid_after_utc > NOW + SERVER_LIFETIME

    def test_for_a_new_name(self, files: TlsFiles) -> None:
        authority = fingerprint(files.authority)
        prepare_certificates(files, ["vault.example.org"])
        assert shake_hands(files, "vault.example.org") == "TLSv1.3"
        assert fingerprint(files.authority) == authority, "clients need not be given another one"

    def test_when_its_key_is_gone(self, files: TlsFiles) -> None:
        files.key.unlink()
        prepare_certificates(files, [])
        assert shake_hands(files, "localhost") == "TLSv1.3"

    def test_when_the_authority_was_removed_a_new_one_signs_anew(self, files: TlsFiles) -> None:
        files.authority.unlink()
        prepare_certificates(files, [])
        assert shake_hands(files, "localhost") == "TLSv1.3"

    def test_a_certificate_does_not_outlive_its_authority(self, files: TlsFiles) -> None:
        end = certificate(files.authority).not_valid_after_utc
        prepare_certificates(files, [], end - timedelta(days=40))
        assert certificate(files.certificate).not_valid_after_utc <= end

    def test_an_authority_that_has_expired_is_said_to_have(self, files: TlsFiles) -> None:
        end = certificate(files.authority).not_valid_after_utc
        with pytest.raises(CannotStart) as caught:
            prepare_certificates(files, [], end + timedelta(days=1))
        assert "expired" in caught.value.detail
        assert caught.value.advice

    def test_what_is_no_certificate_is_refused(self, files: TlsFiles) -> None:
        files.certificate.write_text("nothing")
        with pytest.raises(CannotStart) as caught:
            prepare_certificates(files, [])
        assert str(files.certificate) in caught.value.detail
