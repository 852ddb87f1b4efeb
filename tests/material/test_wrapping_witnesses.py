"""Others unwrap what Keyferry wraps, and Keyferry unwraps what others wrap: the OpenSSL command line, and PyCryptodome,
which shares no code with OpenSSL.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from Crypto.Cipher import AES, PKCS1_OAEP
from Crypto.Hash import SHA1, SHA256, SHA512
from Crypto.PublicKey import ECC, RSA
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.material.conftest import KEKS, OpenSsl

from keyferry.material.keys import Material
from keyferry.material.secret import Secret
from keyferry.material.wrapping import OaepHash, unwrap, wrap

Kek = Callable[[int], rsa.RSAPrivateKey]
MakeMaterial = Callable[[str], Material]

TARGETS = ["rsa-2048", "rsa-4096", "ec-p256", "ec-p384", "ec-p521", "ec-p256k", "aes-128", "aes-192", "aes-256"]
KWP_IV = "A65959A6"
SECOND = {OaepHash.SHA1: SHA1, OaepHash.SHA256: SHA256, OaepHash.SHA512: SHA512}


def oaep_options(hash_: OaepHash) -> list[str]:
    chosen = ("rsa_padding_mode:oaep", f"rsa_oaep_md:{hash_}", f"rsa_mgf1_md:{hash_}")
    return [word for option in chosen for word in ("-pkeyopt", option)]


@pytest.mark.parametrize("hash_", OaepHash)
@pytest.mark.parametrize("bits", KEKS)
def test_openssl_unwraps_what_keyferry_wraps(
    bits: int, hash_: OaepHash, kek: Kek, material_of: MakeMaterial, openssl: OpenSsl
) -> None:
    for target in TARGETS:
        secret = material_of(target).secret
        blob = wrap(secret, kek(bits).public_key(), hash_)
        first, second = blob[: bits // 8], blob[bits // 8 :]
        ephemeral = openssl("pkeyutl", "-decrypt", "-inkey", KEKS[bits], *oaep_options(hash_), stdin=first)
        assert len(ephemeral) == 32
        plain = openssl("enc", "-d", "-aes-256-wrap-pad", "-K", ephemeral.hex(), "-iv", KWP_IV, stdin=second)
        assert plain == secret.reveal(), target


@pytest.mark.parametrize("hash_", OaepHash)
@pytest.mark.parametrize("bits", KEKS)
def test_keyferry_unwraps_what_openssl_wraps(
    bits: int, hash_: OaepHash, kek: Kek, material_of: MakeMaterial, openssl: OpenSsl
) -> None:
    ephemeral = os.urandom(32)
    first = openssl("pkeyutl", "-encrypt", "-inkey", KEKS[bits], *oaep_options(hash_), stdin=ephemeral)
    for target in TARGETS:
        plain = material_of(target).secret.reveal()
        second = openssl("enc", "-aes-256-wrap-pad", "-K", ephemeral.hex(), "-iv", KWP_IV, stdin=plain)
        assert unwrap(first + second, kek(bits), hash_).reveal() == plain, target


@pytest.mark.parametrize("aes_bits", [128, 192])
def test_with_the_smaller_ephemeral_keys_too(
    aes_bits: int, kek: Kek, material_of: MakeMaterial, openssl: OpenSsl
) -> None:
    secret = material_of("ec-p384").secret
    blob = wrap(secret, kek(2048).public_key(), OaepHash.SHA256, aes_bits=aes_bits)
    options = oaep_options(OaepHash.SHA256)
    ephemeral = openssl("pkeyutl", "-decrypt", "-inkey", KEKS[2048], *options, stdin=blob[:256])
    cipher = f"-aes-{aes_bits}-wrap-pad"
    assert openssl("enc", "-d", cipher, "-K", ephemeral.hex(), "-iv", KWP_IV, stdin=blob[256:]) == secret.reveal()


@pytest.mark.parametrize("hash_", OaepHash)
def test_openssl_and_keyferry_agree_on_plain_oaep(hash_: OaepHash, kek: Kek, openssl: OpenSsl, tmp_path: Path) -> None:
    key = os.urandom(32)
    blob = wrap(Secret(key), kek(2048).public_key(), hash_, direct=True)
    assert openssl("pkeyutl", "-decrypt", "-inkey", KEKS[2048], *oaep_options(hash_), stdin=blob) == key
    theirs = openssl("pkeyutl", "-encrypt", "-inkey", KEKS[2048], *oaep_options(hash_), stdin=key)
    assert unwrap(theirs, kek(2048), hash_, direct=True).reveal() == key


@pytest.mark.parametrize("hash_", OaepHash)
@pytest.mark.parametrize("bits", KEKS)
def test_a_second_implementation_reads_and_writes_the_same(
    bits: int, hash_: OaepHash, kek: Kek, material_of: MakeMaterial
) -> None:
    oaep = PKCS1_OAEP.new(RSA.import_key(KEKS[bits].read_bytes()), hashAlgo=SECOND[hash_])
    for target in TARGETS:
        secret = material_of(target).secret
        blob = wrap(secret, kek(bits).public_key(), hash_)
        ephemeral = oaep.decrypt(blob[: bits // 8])
        assert AES.new(ephemeral, AES.MODE_KWP).unseal(blob[bits // 8 :]) == secret.reveal(), target
    theirs = oaep.encrypt(bytes(range(32))) + AES.new(bytes(range(32)), AES.MODE_KWP).seal(b"a key, to be sure")
    assert unwrap(theirs, kek(bits), hash_).reveal() == b"a key, to be sure"


def test_what_was_wrapped_is_a_key_to_the_second_implementation_too(material_of: MakeMaterial) -> None:
    assert RSA.import_key(material_of("rsa-2048").secret.reveal()).size_in_bits() == 2048
    assert ECC.import_key(material_of("ec-p521").secret.reveal()).curve == "NIST P-521"
