"""Parsed keys for these tests, each made once a session."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from keyferry.material.keys import Material, PrivateKey, load_private

Parsed = Callable[[str], PrivateKey]


@pytest.fixture(scope="session")
def parsed(material_of: Callable[[str], Material]) -> Parsed:
    """`parsed("ec-p256")`: the same key all through the session."""
    return cache(lambda name: load_private(material_of(name)))


@pytest.fixture
def pem_files(tmp_path: Path) -> Callable[[PrivateKey], tuple[Path, Path]]:
    """Writes both halves for OpenSSL: the private key, the public key."""

    def write(key: PrivateKey) -> tuple[Path, Path]:
        private, public = tmp_path / "private.pem", tmp_path / "public.pem"
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        return private, public

    return write
