"""OpenSSL as a witness: it wraps for a key of Keyferry's and verifies what that key signed, and nothing else."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from keyferry.errors import CannotStart, InvalidInput
from keyferry.rehearsal import openssl
from keyferry.testing import Kek


@pytest.fixture
def public(kek: Kek, tmp_path: Path) -> Path:
    file = tmp_path / "public.pem"
    file.write_bytes(kek.public_pem)
    return file


def test_what_it_wraps_the_private_key_unwraps(kek: Kek, public: Path) -> None:
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    assert kek.private.decrypt(openssl.wrap(b"thirty-two bytes of a secret key", public), oaep) == (
        b"thirty-two bytes of a secret key"
    )


def test_it_verifies_a_signature_and_refuses_one_of_another_message(kek: Kek, public: Path) -> None:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    signature = kek.private.sign(b"a message", pss, hashes.SHA256())
    openssl.require_signature(b"a message", signature, public)
    with pytest.raises(InvalidInput, match="openssl dgst refused"):
        openssl.require_signature(b"another message", signature, public)


def test_without_openssl_the_package_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CannotStart) as refused:
        openssl.version()
    assert "openssl" in refused.value.advice
