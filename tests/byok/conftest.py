"""Keys for these tests, made once a session with the OpenSSL command line, and the command line itself."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

OpenSsl = Callable[..., bytes]


@pytest.fixture(scope="session")
def openssl() -> OpenSsl:
    """`openssl(*arguments, stdin=b"")` runs the command and answers its standard output; fails when OpenSSL does."""

    def run(*arguments: str, stdin: bytes = b"") -> bytes:
        return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True).stdout

    return run


@pytest.fixture(scope="session")
def kek_private_pem(openssl: OpenSsl) -> bytes:
    """A KEK of 2048 bits, as PKCS#8 PEM."""
    return openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")


@pytest.fixture(scope="session")
def kek_pem(openssl: OpenSsl, kek_private_pem: bytes) -> bytes:
    """Its public key, as PEM."""
    return openssl("pkey", "-pubout", stdin=kek_private_pem)


@pytest.fixture(scope="session")
def kek_der(openssl: OpenSsl, kek_private_pem: bytes) -> bytes:
    """Its public key, as DER."""
    return openssl("pkey", "-pubout", "-outform", "DER", stdin=kek_private_pem)


@pytest.fixture(scope="session")
def certify(openssl: OpenSsl, tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], bytes]:
    """Makes a self-signed certificate, PEM, of a private key in PEM."""

    def run(private_pem: bytes) -> bytes:
        path: Path = tmp_path_factory.mktemp("certificate") / "private.pem"
        path.write_bytes(private_pem)
        return openssl("req", "-x509", "-key", str(path), "-subj", "/CN=kek", "-days", "30")

    return run
