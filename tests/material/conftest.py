"""Keys for these tests, each made once a session; the OpenSSL command line; and the published vectors."""

import json
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.keys import Material, generate

VECTORS = Path(__file__).parent.parent / "vectors"
KEKS = {bits: VECTORS / "byok" / f"kek-{bits}.private.pem" for bits in (2048, 3072, 4096)}


class OpenSsl(Protocol):
    """Runs the command with `stdin` and answers its standard output; fails when OpenSSL does."""

    def __call__(self, *arguments: str | Path, stdin: bytes = b"") -> bytes: ...


@pytest.fixture(scope="session")
def openssl() -> OpenSsl:
    def run(*arguments: str | Path, stdin: bytes = b"") -> bytes:
        return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True).stdout

    return run


@pytest.fixture(scope="session")
def material_of() -> Callable[[str], Material]:
    """`material_of("rsa-2048")`: the same key all through the session."""

    @cache
    def make(name: str) -> Material:
        return generate(ALGORITHMS[name])

    return make


@pytest.fixture(scope="session")
def kek() -> Callable[[int], rsa.RSAPrivateKey]:
    """`kek(2048)`: the throw-away key encryption key of that size."""

    @cache
    def load(bits: int) -> rsa.RSAPrivateKey:
        key = load_pem_private_key(KEKS[bits].read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return key

    return load


@pytest.fixture(scope="session")
def rsa_pem(openssl: OpenSsl) -> bytes:
    """RSA-2048, PKCS#8 in PEM, made by OpenSSL."""
    return openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")


@pytest.fixture(scope="session")
def ec_pem(openssl: OpenSsl) -> bytes:
    """P-256, PKCS#8 in PEM, made by OpenSSL."""
    return openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")


def vectors(name: str) -> dict[str, Any]:
    """A file of published vectors."""
    document: dict[str, Any] = json.loads((VECTORS / name).read_text())
    assert document["source"]
    return document
