"""Encrypting and wrapping, with the OpenSSL command line and PyCryptodome as witnesses, and with published vectors."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from Crypto.Cipher import AES, PKCS1_OAEP
from Crypto.Hash import SHA1, SHA256
from Crypto.PublicKey import RSA
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from hypothesis import given
from hypothesis import strategies as st
from tests.material.conftest import OpenSsl, vectors
from tests.material.using.conftest import Parsed

from keyferry.errors import InvalidInput
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.keys import PrivateKey
from keyferry.material.secret import Secret
from keyferry.material.using.ciphering import (
    MOST_BYTES,
    ProcessingKey,
    process,
    protect,
    require_associated_data,
    require_fits,
    require_length,
)
from keyferry.material.using.methods import METHODS, Method

HEADER = bytes(range(24))
GCM = [METHODS[f"A{bits}GCM"] for bits in (128, 192, 256)]
KW = [METHODS[f"A{bits}KW"] for bits in (128, 192, 256)]
KWP = [METHODS[f"A{bits}KWP"] for bits in (128, 192, 256)]
OAEP = {METHODS["RSA-OAEP-256"]: ("sha256", SHA256), METHODS["RSA-OAEP"]: ("sha1", SHA1)}
IV = {"KW": "A6A6A6A6A6A6A6A6", "WP": "A65959A6"}


def key_for(method: Method) -> bytes:
    (name,) = method.key_types
    return os.urandom(ALGORITHMS[name].bits // 8)


def failed(method: Method, key: ProcessingKey, body: bytes, *, header: bytes = HEADER, aad: bytes = b"") -> None:
    """It fails in the one way in which everything fails."""
    with pytest.raises(InvalidInput) as caught:
        process(method, key, header, body, aad)
    refusal = caught.value
    assert (refusal.code, refusal.field) == ("decryption-failed", "ciphertext")
    assert refusal.detail == "It could not be decrypted."
    assert refusal.__context__ is None
    assert refusal.__cause__ is None


def rsa_of(parsed: Parsed) -> rsa.RSAPrivateKey:
    key = parsed("rsa-2048")
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def theirs(key: PrivateKey) -> RSA.RsaKey:
    return RSA.import_key(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


@pytest.mark.parametrize("method", GCM, ids=lambda method: method.name)
@pytest.mark.parametrize("associated", [b"", b"invoice 7"])
def test_pycryptodome_opens_what_aes_gcm_sealed_and_the_other_way(method: Method, associated: bytes) -> None:
    key, plaintext = key_for(method), os.urandom(33)

    body = protect(method, Secret(key), HEADER, Secret(plaintext), associated)

    assert len(body) == 12 + 33 + 16
    cipher = AES.new(key, AES.MODE_GCM, nonce=body[:12])
    cipher.update(HEADER + associated)
    assert cipher.decrypt_and_verify(body[12:-16], body[-16:]) == plaintext

    nonce = os.urandom(12)
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce)
    cipher.update(HEADER + associated)
    sealed, tag = cipher.encrypt_and_digest(plaintext)
    assert process(method, Secret(key), HEADER, nonce + sealed + tag, associated).reveal() == plaintext


def test_a_nonce_is_used_once() -> None:
    key, method = Secret(bytes(32)), METHODS["A256GCM"]
    nonces = {protect(method, key, HEADER, Secret(b"same"), b"")[:12] for _ in range(500)}
    assert len(nonces) == 500


@given(st.binary(max_size=80), st.binary(max_size=40))
def test_aes_gcm_gives_back_what_it_took(plaintext: bytes, associated: bytes) -> None:
    method, key = METHODS["A128GCM"], Secret(bytes(16))
    body = protect(method, key, HEADER, Secret(plaintext), associated)
    assert process(method, key, HEADER, body, associated).reveal() == plaintext


def test_a_change_of_any_bit_of_aes_gcm_is_found() -> None:
    method, key = METHODS["A256GCM"], Secret(key_for(METHODS["A256GCM"]))
    body = protect(method, key, HEADER, Secret(b"four"), b"aad")
    for place in range(len(body) * 8):
        changed = bytearray(body)
        changed[place // 8] ^= 1 << place % 8
        failed(method, key, bytes(changed), aad=b"aad")
    for place in range(24):
        changed = bytearray(HEADER)
        changed[place] ^= 1
        failed(method, key, body, header=bytes(changed), aad=b"aad")
    failed(method, key, body)
    failed(method, key, body, aad=b"aae")
    failed(method, key, body, header=HEADER[:-1], aad=b"aad")
    failed(method, Secret(bytes(32)), body, aad=b"aad")
    for length in range(len(body)):
        failed(method, key, body[:length], aad=b"aad")


@pytest.mark.parametrize("method", [*KW, *KWP], ids=lambda method: method.name)
def test_openssl_unwraps_what_is_wrapped_and_the_other_way(method: Method, openssl: OpenSsl) -> None:
    key, padded = key_for(method), method in KWP
    cipher = f"-aes-{len(key) * 8}-wrap{'-pad' if padded else ''}"
    options = (cipher, "-K", key.hex(), "-iv", IV[method.name[-2:]])
    for length in (16, 24, 32, 64) + ((1, 7, 9, 33) if padded else ()):
        plain = os.urandom(length)
        body = protect(method, Secret(key), HEADER, Secret(plain), b"")
        assert openssl("enc", "-d", *options, stdin=body) == plain
        assert openssl("enc", *options, stdin=plain) == body
        assert process(method, Secret(key), HEADER, body, b"").reveal() == plain
        for place in (0, len(body) - 1):
            changed = bytearray(body)
            changed[place] ^= 1
            failed(method, Secret(key), bytes(changed))
        failed(method, Secret(key), body[:-8])
        failed(method, Secret(key), body[:-1])
        failed(method, Secret(key), b"")
        failed(KW[KWP.index(method)] if padded else KWP[KW.index(method)], Secret(key), body)


@pytest.mark.parametrize(("name", "methods"), [("rfc3394", KW), ("wycheproof-kw", KW), ("rfc5649", KWP)])
def test_published_key_wraps_are_made_byte_for_byte(name: str, methods: list[Method]) -> None:
    valid = [test for test in vectors(f"keywrap/{name}.json")["tests"] if test["result"] == "valid"]
    assert len(valid) >= 2
    for test in valid:
        key = bytes.fromhex(test["key"])
        method = methods[len(key) // 8 - 2]
        assert protect(method, Secret(key), b"", Secret(bytes.fromhex(test["msg"])), b"").hex() == test["ct"]


@pytest.mark.parametrize(
    ("name", "methods"), [("wycheproof-kw", KW), ("wycheproof-kwp", KWP), ("nist-kwp", KWP), ("rfc5649", KWP)]
)
def test_published_key_wraps_open_only_when_they_are_valid(name: str, methods: list[Method]) -> None:
    tests = vectors(f"keywrap/{name}.json")["tests"]
    refused = 0
    for test in tests:
        key, body = bytes.fromhex(test["key"]), bytes.fromhex(test["ct"])
        method = methods[len(key) // 8 - 2]
        if test["result"] == "valid":
            assert process(method, Secret(key), b"", body, b"").reveal().hex() == test["msg"]
        else:
            refused += 1
            failed(method, Secret(key), body)
    assert refused or name == "rfc5649"


@pytest.mark.parametrize("method", OAEP, ids=lambda method: method.name)
def test_openssl_and_pycryptodome_open_what_oaep_sealed_and_the_other_way(
    method: Method,
    parsed: Parsed,
    openssl: OpenSsl,
    pem_files: Callable[[PrivateKey], tuple[Path, Path]],
) -> None:
    key, (name, second) = rsa_of(parsed), OAEP[method]
    private, public = pem_files(key)
    chosen = ("rsa_padding_mode:oaep", f"rsa_oaep_md:{name}", f"rsa_mgf1_md:{name}")
    options = [word for option in chosen for word in ("-pkeyopt", option)]
    longest = 256 - 2 * second.digest_size - 2
    witness = PKCS1_OAEP.new(theirs(key), hashAlgo=second)
    for length in (0, 1, 32, longest):
        plain = os.urandom(length)
        body = protect(method, key.public_key(), HEADER, Secret(plain), b"")
        assert len(body) == 256
        assert openssl("pkeyutl", "-decrypt", "-inkey", private, *options, stdin=body) == plain
        assert witness.decrypt(body) == plain
        made = openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", public, *options, stdin=plain)
        assert process(method, key, b"", made, b"").reveal() == plain
        assert process(method, key, b"", witness.encrypt(plain), b"").reveal() == plain


@pytest.mark.parametrize("method", OAEP, ids=lambda method: method.name)
def test_whatever_is_wrong_with_oaep_is_refused_alike(method: Method, parsed: Parsed) -> None:
    key = rsa_of(parsed)
    modulus = key.public_key().public_numbers().n
    body = protect(method, key.public_key(), HEADER, Secret(b"text"), b"")
    other = next(each for each in OAEP if each is not method)
    failed(other, key, body)
    for wrong in (b"", body[:-1], body + b"\0", bytes(256), modulus.to_bytes(256, "big"), b"\xff" * 256):
        failed(method, key, wrong)
    for place in (0, 100, 255):
        changed = bytearray(body)
        changed[place] ^= 1
        failed(method, key, bytes(changed))
    labelled = PKCS1_OAEP.new(theirs(key), hashAlgo=OAEP[method][1], label=b"label")
    failed(method, key, labelled.encrypt(b"text"))


@pytest.mark.parametrize(("name", "method"), [("2048-sha1", "RSA-OAEP"), ("2048-sha256", "RSA-OAEP-256")])
def test_published_oaep_ciphertexts_open_only_when_they_are_valid(name: str, method: str) -> None:
    document = vectors(f"oaep/wycheproof-{name}.json")
    key = load_der_private_key(bytes.fromhex(document["private_key_pkcs8"]), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    opened = 0
    for test in document["tests"]:
        body = bytes.fromhex(test["ct"])
        if test["result"] == "valid" and not test["label"]:
            opened += 1
            assert process(METHODS[method], key, b"", body, b"").reveal().hex() == test["msg"]
        else:
            failed(METHODS[method], key, body)
    assert 0 < opened < len(document["tests"])


LIMITS = [
    ("A256GCM", "aes-256", 0, MOST_BYTES),
    ("A256KWP", "aes-256", 1, MOST_BYTES),
    ("A256KW", "aes-256", 16, MOST_BYTES),
    ("RSA-OAEP-256", "rsa-2048", 0, 190),
    ("RSA-OAEP-256", "rsa-3072", 0, 318),
    ("RSA-OAEP-256", "rsa-4096", 0, 446),
    ("RSA-OAEP", "rsa-2048", 0, 214),
    ("RSA-OAEP", "rsa-4096", 0, 470),
]


@pytest.mark.parametrize(("name", "key_type", "least", "most"), LIMITS)
def test_what_fits_is_taken_and_no_byte_more_or_less(name: str, key_type: str, least: int, most: int) -> None:
    method, algorithm = METHODS[name], ALGORITHMS[key_type]
    require_fits(method, algorithm, least, "plaintext")
    require_fits(method, algorithm, most, "plaintext")
    for length in {least - 1, most + 1} - {-1}:
        with pytest.raises(InvalidInput) as caught:
            require_fits(method, algorithm, length, "plaintext")
        assert (caught.value.code, caught.value.field) == ("input-size", "plaintext")
        assert f"{length} bytes" in caught.value.detail or length == 0
        assert caught.value.advice


def test_key_wrap_without_padding_takes_whole_blocks() -> None:
    with pytest.raises(InvalidInput) as caught:
        require_fits(METHODS["A128KW"], ALGORITHMS["aes-128"], 20, "material")
    assert "A128KWP" in caught.value.advice


def test_the_largest_input_passes_through() -> None:
    plaintext = os.urandom(MOST_BYTES)
    for name in ("A256GCM", "A256KW", "A256KWP"):
        key = Secret(key_for(METHODS[name]))
        body = protect(METHODS[name], key, HEADER, Secret(plaintext), b"")
        assert process(METHODS[name], key, HEADER, body, b"").reveal() == plaintext


def test_associated_data_is_for_aes_gcm_alone() -> None:
    require_associated_data(METHODS["A128GCM"], bytes(MOST_BYTES))
    require_associated_data(METHODS["A128KW"], b"")
    with pytest.raises(InvalidInput) as caught:
        require_associated_data(METHODS["RSA-OAEP-256"], b"x")
    assert caught.value.field == "associated_data"
    with pytest.raises(InvalidInput) as caught:
        require_associated_data(METHODS["A128GCM"], bytes(MOST_BYTES + 1))
    assert (caught.value.code, caught.value.field) == ("input-size", "associated_data")


def test_a_length_is_refused_by_the_name_of_the_field() -> None:
    require_length(bytes(5), "message", 5)
    with pytest.raises(InvalidInput) as caught:
        require_length(Secret(bytes(6)), "message", 5)
    assert (caught.value.code, caught.value.field) == ("input-size", "message")
