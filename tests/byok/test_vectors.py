"""The published vectors, unwrapped three times: by Keyferry, by the OpenSSL command line, and by PyCryptodome."""

import base64
import hashlib
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from Crypto.Cipher import AES, PKCS1_OAEP
from Crypto.Hash import SHA1
from Crypto.PublicKey import ECC, RSA

from keyferry.byok.inspect import inspect
from keyferry.byok.kek import read_kek
from keyferry.byok.transfer_file import read_transfer_file
from keyferry.byok.verify import read_kek_private, read_public_key, verify

VECTORS = Path(__file__).parent.parent / "vectors" / "byok"
MANIFEST: dict[str, Any] = json.loads((VECTORS / "manifest.json").read_text())
KEKS: dict[str, dict[str, Any]] = {kek["name"]: kek for kek in MANIFEST["keks"]}

CIPHERTEXT_BYTES = {
    "rsa-2048-under-2048": 1488,
    "rsa-2048-under-3072": 1616,
    "rsa-2048-under-4096": 1744,
    "rsa-3072-under-3072": 2192,
    "rsa-4096-under-4096": 2896,
    "ec-p256-under-3072": 536,
    "ec-p384-under-3072": 584,
    "ec-p521-under-3072": 640,
    "ec-p256k-under-3072": 528,
    "aes-256-under-3072": 424,
}

each = pytest.mark.parametrize("vector", MANIFEST["vectors"], ids=lambda vector: str(vector["name"]))


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script that makes the vectors, for its OpenSSL steps."""
    spec = importlib.util.spec_from_file_location("make_vectors", VECTORS / "make_vectors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def content_of(vector: dict[str, Any]) -> bytes:
    return (VECTORS / str(vector["file"])).read_bytes()


def expected_spki(vector: dict[str, Any]) -> bytes:
    spki = read_public_key((VECTORS / vector["public_key"]).read_bytes())
    assert hashlib.sha256(spki).hexdigest() == vector["spki_sha256"]
    return spki


def test_the_set_is_complete_and_every_length_is_the_known_one() -> None:
    assert {vector["name"]: vector["ciphertext_bytes"] for vector in MANIFEST["vectors"]} == CIPHERTEXT_BYTES


def test_every_file_of_the_set_is_named_in_the_manifest() -> None:
    named = {vector[member] for vector in MANIFEST["vectors"] for member in ("file", "public_key") if member in vector}
    named |= {kek[member] for kek in KEKS.values() for member in ("private_key", "public_key")}
    present = {path.name for path in VECTORS.iterdir() if path.suffix in (".byok", ".pem")}
    assert present == named


@pytest.mark.parametrize("kek", KEKS.values(), ids=KEKS.keys())
def test_the_keks_are_pairs_and_have_their_fingerprints(kek: dict[str, Any]) -> None:
    public = read_kek((VECTORS / kek["public_key"]).read_bytes())
    private = read_kek_private((VECTORS / kek["private_key"]).read_bytes())
    assert (public.bits, public.spki_sha256) == (kek["bits"], kek["spki_sha256"])
    assert private.public_key().public_numbers() == public.key.public_numbers()


@each
def test_the_file_says_what_the_manifest_says(vector: dict[str, Any]) -> None:
    content = content_of(vector)
    parts, facts = read_transfer_file(content), inspect(content)
    assert hashlib.sha256(content).hexdigest() == vector["file_sha256"]
    assert parts.kid == vector["kid"]
    assert len(parts.ciphertext) == vector["ciphertext_bytes"]
    assert vector["wrapped_aes_key_bytes"] + vector["wrapped_key_bytes"] == vector["ciphertext_bytes"]
    assert facts.notes == ()
    likely = {(reading.kek_bits, name) for reading in facts.readings for name in reading.key_types}
    assert (KEKS[vector["kek"]]["bits"], vector["key_type"]) in likely


@each
def test_keyferry_unwraps_it(vector: dict[str, Any]) -> None:
    private = read_kek_private((VECTORS / KEKS[vector["kek"]]["private_key"]).read_bytes())
    expected = (VECTORS / vector["public_key"]).read_bytes() if "public_key" in vector else None
    verification = verify(content_of(vector), private, expected)
    assert verification.algorithm.name == vector["key_type"]
    assert verification.plaintext_bytes == vector["plaintext_bytes"]
    assert verification.compared is (expected is not None)
    assert verification.identity.spki_sha256 == vector.get("spki_sha256")
    assert verification.identity.check_value == vector.get("check_value")


@each
def test_openssl_unwraps_it(vector: dict[str, Any], script: ModuleType) -> None:
    unwrapped = script.unwrap_with_openssl(content_of(vector), VECTORS / KEKS[vector["kek"]]["private_key"])
    assert hashlib.sha256(unwrapped).hexdigest() == vector["plaintext_sha256"]
    if "public_key" in vector:
        assert script.public_key_with_openssl(unwrapped) == expected_spki(vector)


@each
def test_pycryptodome_unwraps_it(vector: dict[str, Any]) -> None:
    text = json.loads(content_of(vector))["ciphertext"]
    ciphertext = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    kek = RSA.import_key((VECTORS / KEKS[vector["kek"]]["private_key"]).read_bytes())
    split = kek.size_in_bytes()
    aes = PKCS1_OAEP.new(kek, hashAlgo=SHA1).decrypt(ciphertext[:split])
    unwrapped = AES.new(aes, AES.MODE_KWP).unseal(ciphertext[split:])
    assert len(aes) == 32
    assert len(unwrapped) == vector["plaintext_bytes"]
    assert hashlib.sha256(unwrapped).hexdigest() == vector["plaintext_sha256"]
    if vector["key_type"].startswith("rsa"):
        assert RSA.import_key(unwrapped).public_key().export_key("DER") == expected_spki(vector)
    elif vector["key_type"].startswith("ec"):
        assert ECC.import_key(unwrapped).public_key().export_key(format="DER") == expected_spki(vector)
    else:
        assert AES.new(unwrapped, AES.MODE_ECB).encrypt(bytes(16))[:3].hex() == vector["check_value"]
