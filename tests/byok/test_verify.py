"""Verifying a file with a test KEK: what is proved, and what is refused."""

import base64
import json
import os
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from keyferry.byok.azure import wrap_for_azure
from keyferry.byok.identifier import parse_key_identifier
from keyferry.byok.kek import KekPublicKey, read_kek
from keyferry.byok.transfer_file import compose, read_transfer_file
from keyferry.byok.verify import read_kek_private, read_public_key, verify
from keyferry.errors import InvalidInput, KeyferryError, MaterialRefused
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.keys import Material, generate, identify
from keyferry.material.secret import Secret
from keyferry.material.wrapping import OaepHash, wrap

IDENTIFIER = parse_key_identifier("https://contoso-hsm.managedhsm.azure.net/keys/KEK/f2c1e1a79714a757c3486f2be238a005")


@pytest.fixture(scope="module")
def kek(kek_pem: bytes) -> KekPublicKey:
    return read_kek(kek_pem)


@pytest.fixture(scope="module")
def kek_private(kek_private_pem: bytes) -> rsa.RSAPrivateKey:
    return read_kek_private(kek_private_pem)


@pytest.fixture(scope="module")
def key() -> Material:
    return generate(ALGORITHMS["ec-p256"])


@pytest.fixture(scope="module")
def content(key: Material, kek: KekPublicKey) -> bytes:
    return wrap_for_azure(key, kek, IDENTIFIER).content


def spki_pem(material: Material) -> bytes:
    spki = identify(material).public_key
    assert spki is not None
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(spki) + b"-----END PUBLIC KEY-----\n"


def file_of(plaintext: bytes, kek: KekPublicKey) -> bytes:
    """A transfer file around anything."""
    return compose(IDENTIFIER.text, wrap(Secret(plaintext), kek.key, OaepHash.SHA1), "x")


def refusal_of(
    code: str, content: bytes, kek_private: rsa.RSAPrivateKey, expected: bytes | None = None
) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        verify(content, kek_private, expected)
    assert caught.value.code == code
    assert caught.value.advice
    return caught.value


class TestProved:
    def test_the_file_holds_the_key(self, content: bytes, key: Material, kek_private: rsa.RSAPrivateKey) -> None:
        verification = verify(content, kek_private, spki_pem(key))
        assert verification.algorithm is ALGORITHMS["ec-p256"]
        assert verification.identity == identify(key)
        assert verification.plaintext_bytes == 138
        assert verification.compared
        assert verification.facts.kid == IDENTIFIER.text

    def test_nothing_to_compare_with_is_said(self, content: bytes, kek_private: rsa.RSAPrivateKey) -> None:
        assert verify(content, kek_private).compared is False

    def test_the_expected_public_key_may_be_der_or_a_certificate(
        self,
        content: bytes,
        key: Material,
        kek_private: rsa.RSAPrivateKey,
        openssl: Callable[..., bytes],
        certify: Callable[[bytes], bytes],
    ) -> None:
        pkcs8_pem = openssl("pkey", "-inform", "DER", stdin=key.secret.reveal())
        certificate = certify(pkcs8_pem)
        for expected in (
            identify(key).public_key,
            certificate,
            openssl("x509", "-outform", "DER", stdin=certificate),
        ):
            assert verify(content, kek_private, expected).compared

    def test_a_symmetric_key_shows_its_check_value(self, kek: KekPublicKey, kek_private: rsa.RSAPrivateKey) -> None:
        aes = generate(ALGORITHMS["aes-192"])
        verification = verify(wrap_for_azure(aes, kek, IDENTIFIER).content, kek_private)
        assert verification.algorithm is ALGORITHMS["aes-192"]
        assert verification.identity.public_key is None
        assert verification.identity.check_value == identify(aes).check_value

    def test_another_tools_padded_file_verifies_and_is_noted(
        self, key: Material, kek: KekPublicKey, kek_private: rsa.RSAPrivateKey
    ) -> None:
        rsa_key = generate(ALGORITHMS["rsa-2048"])
        document = json.loads(wrap_for_azure(rsa_key, kek, IDENTIFIER).content)
        ciphertext = document["ciphertext"]
        standard = ciphertext.replace("-", "+").replace("_", "/") + "=" * (-len(ciphertext) % 4)
        verification = verify(json.dumps(document | {"ciphertext": standard}).encode(), kek_private, spki_pem(rsa_key))
        assert verification.compared
        assert len(standard) % 4 == 0
        assert any("standard base64 alphabet" in note for note in verification.facts.notes)


class TestRefused:
    def test_another_public_key(self, content: bytes, kek_private: rsa.RSAPrivateKey, key: Material) -> None:
        other = generate(ALGORITHMS["ec-p256"])
        refused = refusal_of("public-key-differs", content, kek_private, spki_pem(other))
        assert str(identify(key).spki_sha256) in refused.detail
        assert str(identify(other).spki_sha256) in refused.detail

    def test_a_public_key_expected_of_a_symmetric_key(
        self, key: Material, kek: KekPublicKey, kek_private: rsa.RSAPrivateKey
    ) -> None:
        content = wrap_for_azure(generate(ALGORITHMS["aes-256"]), kek, IDENTIFIER).content
        assert "symmetric" in refusal_of("public-key-differs", content, kek_private, spki_pem(key)).detail

    def test_another_kek(self, content: bytes) -> None:
        refusal_of("unwrap-failed", content, rsa.generate_private_key(65537, 2048))

    def test_a_kek_of_another_size(self, content: bytes) -> None:
        refusal_of("unwrap-failed", content, rsa.generate_private_key(65537, 3072))

    @pytest.mark.parametrize("at", [0, 100, 255, 256, 263, 300, -1])
    def test_a_changed_ciphertext(self, content: bytes, kek_private: rsa.RSAPrivateKey, at: int) -> None:
        parts = read_transfer_file(content)
        ciphertext = bytearray(parts.ciphertext)
        ciphertext[at] ^= 1
        refusal_of("unwrap-failed", compose(parts.kid, bytes(ciphertext), "x"), kek_private)

    @pytest.mark.parametrize("change", [-8, -1, 1, 8])
    def test_a_ciphertext_of_another_length(self, content: bytes, kek_private: rsa.RSAPrivateKey, change: int) -> None:
        parts = read_transfer_file(content)
        ciphertext = parts.ciphertext[:change] if change < 0 else parts.ciphertext + bytes(change)
        refusal_of("unwrap-failed", compose(parts.kid, ciphertext, "x"), kek_private)

    def test_a_file_that_is_none(self, kek_private: rsa.RSAPrivateKey) -> None:
        refusal_of("transfer-file-refused", b"hello", kek_private)

    def test_a_key_that_is_pkcs1_or_sec1_and_not_pkcs8(self, kek: KekPublicKey, kek_private: rsa.RSAPrivateKey) -> None:
        for private in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())):
            der = private.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
            refused = refusal_of("transfer-file-refused", file_of(der, kek), kek_private)
            assert refused.field == "ciphertext"
            assert "PKCS#8" in refused.detail

    def test_pkcs8_with_zeros_after_it(self, key: Material, kek: KekPublicKey, kek_private: rsa.RSAPrivateKey) -> None:
        refusal_of("transfer-file-refused", file_of(key.secret.reveal() + bytes(6), kek), kek_private)

    def test_a_key_type_that_keyferry_does_not_keep(self, kek: KekPublicKey, kek_private: rsa.RSAPrivateKey) -> None:
        private = ed25519.Ed25519PrivateKey.generate()
        der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        assert "PKCS#8" in refusal_of("transfer-file-refused", file_of(der, kek), kek_private).detail

    def test_bytes_that_are_no_key(self, kek: KekPublicKey, kek_private: rsa.RSAPrivateKey) -> None:
        refused = refusal_of("transfer-file-refused", file_of(b"0" * 40, kek), kek_private)
        assert "0000" not in refused.detail

    @pytest.mark.parametrize("expected", [b"", b"hello", b"-----BEGIN PUBLIC KEY-----\nAAAA\n", os.urandom(70000)])
    def test_an_expected_public_key_that_cannot_be_read(
        self, content: bytes, kek_private: rsa.RSAPrivateKey, expected: bytes
    ) -> None:
        assert refusal_of("invalid-input", content, kek_private, expected).field == "expect"


class TestKekPrivate:
    def test_an_encrypted_key_is_read_with_its_passphrase(self, kek_private_pem: bytes, kek: KekPublicKey) -> None:
        encrypted = load_pem_private_key(kek_private_pem, None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"0123456789")
        )
        private = read_kek_private(encrypted, Secret(b"0123456789"))
        assert private.public_key().public_numbers() == kek.key.public_numbers()
        for passphrase, code in ((None, "material-encrypted"), (Secret(b"wrong"), "passphrase-refused")):
            with pytest.raises(KeyferryError) as caught:
                read_kek_private(encrypted, passphrase)
            assert (caught.value.code, caught.value.field) == (code, "private_key")

    def test_refuses_a_key_that_is_not_rsa(self) -> None:
        der = generate(ALGORITHMS["ec-p256"]).secret.reveal()
        with pytest.raises(MaterialRefused) as caught:
            read_kek_private(der)
        assert (caught.value.code, caught.value.field) == ("kek-not-rsa", "private_key")

    def test_refuses_what_is_no_key(self, kek_pem: bytes) -> None:
        for data in (b"", b"hello", kek_pem):
            with pytest.raises(MaterialRefused) as caught:
                read_kek_private(data)
            assert caught.value.field == "private_key"


def test_a_public_key_is_read_to_one_encoding(kek_pem: bytes, kek_der: bytes) -> None:
    assert read_public_key(kek_pem) == read_public_key(kek_der) == kek_der
