"""Published vectors, put through the wrap core: a vector's AES key is wrapped to a KEK, its ciphertext follows."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key
from tests.material.conftest import vectors

from keyferry.errors import InvalidInput
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.importing import read_material
from keyferry.material.secret import Secret
from keyferry.material.wrapping import OaepHash, unwrap, wrap

Kek = Callable[[int], rsa.RSAPrivateKey]
OAEP_FILES = ["2048-sha1", "2048-sha256", "2048-sha512", "3072-sha256"]


def unwrapped(kek: rsa.RSAPrivateKey, key: str, ciphertext: str) -> bytes | None:
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
    blob = kek.public_key().encrypt(bytes.fromhex(key), oaep) + bytes.fromhex(ciphertext)
    try:
        return unwrap(blob, kek, OaepHash.SHA1).reveal()
    except InvalidInput as refusal:
        return None if refusal.code == "unwrap-failed" else b"refused in another way"


@pytest.mark.parametrize("name", ["rfc5649", "nist-kwp", "wycheproof-kwp"])
def test_the_second_part_unwraps_as_rfc_5649_says(name: str, kek: Kek) -> None:
    tests = vectors(f"keywrap/{name}.json")["tests"]
    assert tests
    for test in tests:
        expected = bytes.fromhex(test["msg"]) if test["result"] == "valid" else None
        assert unwrapped(kek(2048), test["key"], test["ct"]) == expected, test


@pytest.mark.parametrize("name", ["rfc5649", "nist-kwp", "wycheproof-kwp"])
def test_and_is_wrapped_byte_for_byte_as_published(name: str, kek: Kek, monkeypatch: pytest.MonkeyPatch) -> None:
    valid = [test for test in vectors(f"keywrap/{name}.json")["tests"] if test["result"] == "valid"]
    assert len(valid) >= 2
    for test in valid:
        ephemeral = bytes.fromhex(test["key"])
        monkeypatch.setattr(os, "urandom", {len(ephemeral): ephemeral}.__getitem__)
        secret = Secret(bytes.fromhex(test["msg"]))
        blob = wrap(secret, kek(2048).public_key(), OaepHash.SHA1, aes_bits=8 * len(ephemeral))
        assert blob[256:].hex() == test["ct"], test


@pytest.mark.parametrize("name", ["rfc3394", "wycheproof-kw"])
def test_key_wrap_without_padding_is_another_scheme_and_is_refused(name: str, kek: Kek) -> None:
    tests = [test for test in vectors(f"keywrap/{name}.json")["tests"] if test["result"] == "valid"]
    assert len(tests) >= 6
    for test in tests:
        key, message = bytes.fromhex(test["key"]), bytes.fromhex(test["msg"])
        assert keywrap.aes_key_wrap(key, message).hex() == test["ct"], "the vector is no RFC 3394 key wrap"
        assert unwrapped(kek(2048), test["key"], test["ct"]) is None, test


@pytest.mark.parametrize("name", OAEP_FILES)
def test_the_first_part_opens_as_rfc_8017_says_with_the_empty_label_only(name: str) -> None:
    document = vectors(f"oaep/wycheproof-{name}.json")
    key = load_der_private_key(bytes.fromhex(document["private_key_pkcs8"]), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    for test in document["tests"]:
        assert opened(key, OaepHash(document["hash"]), test) == expected_of(test), test


def opened(key: rsa.RSAPrivateKey, hash_: OaepHash, test: dict[str, Any]) -> bytes | None:
    try:
        return unwrap(bytes.fromhex(test["ct"]), key, hash_, direct=True).reveal()
    except InvalidInput as refusal:
        return None if refusal.code == "unwrap-failed" else b"refused in another way"


def expected_of(test: dict[str, Any]) -> bytes | None:
    return bytes.fromhex(test["msg"]) if test["result"] == "valid" and not test["label"] else None


@pytest.mark.parametrize("name", OAEP_FILES)
def test_the_vectors_own_keys_import_alike_in_every_form_that_they_come_in(name: str) -> None:
    document = vectors(f"oaep/wycheproof-{name}.json")
    forms = [bytes.fromhex(document["private_key_pkcs8"]), document["private_key_pem"].encode()]
    if "private_key_jwk" in document:
        forms.append(json.dumps(document["private_key_jwk"]).encode())
    read = [read_material(form, algorithm=ALGORITHMS[f"rsa-{document['bits']}"]).secret.reveal() for form in forms]
    assert set(read) == {forms[0]}
