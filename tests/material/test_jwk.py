"""Keys given as a JWK, against the examples that the RFCs print and one member changed at a time."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.material.conftest import vectors
from tests.material.refusing import refusal_of

from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.importing import read_material
from keyferry.material.keys import Material, load_private

MakeMaterial = Callable[[str], Material]
EXAMPLES = vectors("jwk/rfc7517.json")["keys"]
CRT = ("p", "q", "dp", "dq", "qi")


def base64url(value: int | bytes, size: int | None = None) -> str:
    octets = value.to_bytes(size or (value.bit_length() + 7) // 8) if isinstance(value, int) else value
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def text(jwk: dict[str, Any]) -> bytes:
    return json.dumps(jwk).encode()


def jwk_of(material: Material) -> dict[str, Any]:
    """The JWK as RFC 7518 section 6 writes it, made without Keyferry."""
    if material.algorithm.symmetric:
        return {"kty": "oct", "k": base64url(material.secret.reveal())}
    key = load_private(material)
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        named = dict(zip(CRT, (numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp), strict=True))
        named |= {"n": numbers.public_numbers.n, "e": numbers.public_numbers.e, "d": numbers.d}
        return {"kty": "RSA"} | {name: base64url(value) for name, value in named.items()}
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    point, size = key.public_key().public_numbers(), (key.curve.key_size + 7) // 8
    members = {"x": point.x, "y": point.y, "d": key.private_numbers().private_value}
    return {"kty": "EC", "crv": material.algorithm.jwk_curve} | {
        name: base64url(value, size) for name, value in members.items()
    }


@pytest.mark.parametrize(("at", "name"), [(0, "ec-p256"), (1, "rsa-2048"), (2, "aes-128")])
def test_the_examples_of_rfc_7517_are_read(at: int, name: str) -> None:
    for algorithm in (None, ALGORITHMS[name]):
        material = read_material(text(EXAMPLES[at]), algorithm=algorithm)
        assert material.algorithm.name == name
        again = jwk_of(material)
        assert again == {member: EXAMPLES[at][member] for member in again}


@pytest.mark.parametrize(
    "name", ["rsa-2048", "ec-p256", "ec-p384", "ec-p521", "ec-p256k", "aes-128", "aes-192", "aes-256"]
)
def test_every_type_is_read_as_the_key_that_it_was(name: str, material_of: MakeMaterial) -> None:
    material = material_of(name)
    read = read_material(text(jwk_of(material)), algorithm=ALGORITHMS[name])
    assert read.algorithm is ALGORITHMS[name]
    assert read.secret.reveal() == material.secret.reveal()


def test_an_rsa_key_without_its_primes_is_completed(material_of: MakeMaterial) -> None:
    jwk = jwk_of(material_of("rsa-2048"))
    bare = {name: value for name, value in jwk.items() if name not in CRT}
    numbers = key_numbers(read_material(text(bare)))
    assert numbers.public_numbers.n == key_numbers(material_of("rsa-2048")).public_numbers.n
    assert {numbers.p, numbers.q} == {key_numbers(material_of("rsa-2048")).p, key_numbers(material_of("rsa-2048")).q}


def test_what_describes_the_key_and_what_surrounds_it_is_passed_over() -> None:
    described = EXAMPLES[0] | {"alg": "ES256", "key_ops": ["sign"], "ext": True, "x5c": ["AA=="], "made-up": {"a": [1]}}
    expected = read_material(text(EXAMPLES[0])).secret.reveal()
    for data in (text(described), b"\xef\xbb\xbf\r\n " + json.dumps(EXAMPLES[0], indent=2).encode() + b"\n"):
        assert read_material(data).secret.reveal() == expected


@pytest.mark.parametrize(
    ("at", "wanted"), [(0, "ec-p384"), (0, "rsa-2048"), (0, "aes-256"), (1, "rsa-3072"), (2, "aes-256"), (2, "ec-p256")]
)
def test_another_type_than_the_one_named_is_refused(at: int, wanted: str) -> None:
    refused = refusal_of(text(EXAMPLES[at]), type_name=wanted)
    assert refused.code == "algorithm-mismatch"
    assert wanted in refused.detail


@pytest.mark.parametrize("at", [0, 1])
def test_a_public_key_is_told_what_it_is(at: int) -> None:
    private = {"d", *CRT}
    public = {name: value for name, value in EXAMPLES[at].items() if name not in private}
    assert "public key" in refusal_of(text(public)).detail
    assert "public key" in refusal_of(text(public | {"d": None})).detail


def test_a_set_is_refused_even_of_one() -> None:
    for count in (0, 1, 3):
        assert "several keys" in refusal_of(text({"keys": EXAMPLES[:count]})).detail


def test_an_encrypted_jwk_is_told_what_it_is() -> None:
    assert refusal_of(text({"protected": "e30", "ciphertext": "AA", "tag": "AA"})).code == "material-encrypted"


def test_a_passphrase_has_nothing_to_open_here() -> None:
    refused = refusal_of(text(EXAMPLES[0]), passphrase=b"x")
    assert (refused.code, refused.field) == ("passphrase-refused", "passphrase")


@pytest.mark.parametrize(
    ("at", "change"),
    [
        (0, {"kty": "ec"}),
        (0, {"kty": None}),
        (0, {"kty": ["EC"]}),
        (0, {"kty": "OKP", "crv": "Ed25519"}),
        (0, {"crv": "P-224"}),
        (0, {"crv": None}),
        (0, {"crv": ["P-256"]}),
        (0, {"crv": "P-384"}),
        (0, {"crv": "secp256k1"}),
        (0, {"d": ""}),
        (0, {"d": 1}),
        (0, {"d": "AA"}),
        (0, {"d": "A" * 43}),
        (0, {"d": "_" * 42 + "8"}),
        (0, {"x": "A" * 43}),
        (0, {"x": None}),
        (1, {"oth": [{"r": "AQAB", "d": "AQAB", "t": "AQAB"}]}),
        (1, {"p": None}),
        (1, {"qi": None, "dq": None}),
        (1, {"e": "AQ"}),
        (1, {"e": "Aw"}),
        (1, {"e": "AQAC"}),
        (1, {"n": "AQAB"}),
        (1, {"n": "_" * 1400}),
        (1, {"d": "AQAB"}),
        (1, dict.fromkeys(CRT) | {"d": "AQAB"}),
        (1, dict.fromkeys(CRT) | {"d": "AA"}),
        (1, {"p": "AQ"}),
        (2, {"k": ""}),
        (2, {"k": None}),
        (2, {"k": 5}),
        (2, {"k": "AAAAAAAAAAAAAAAAAAAAAA"}),
        (2, {"k": "GawgguFyGrWKav7AX4VK"}),
        (2, {"k": "GawgguFyGrWKav7AX4VKUh"}),
        (2, {"k": "GawgguFyGrWKav7AX4VKUg=="}),
        (2, {"k": "GawgguFyGrWKav7AX4V+Ug"}),
        (2, {"k": "GawgguFyGrWKav7AX4VKU\u00e9"}),
    ],
)
def test_a_member_that_will_not_do_is_refused(at: int, change: dict[str, Any]) -> None:
    refused = refusal_of(text(EXAMPLES[at] | change))
    assert (refused.code, refused.field) == ("material-refused", "material")
    assert EXAMPLES[at].get("d", EXAMPLES[at].get("k")) not in refused.detail + refused.advice


@pytest.mark.parametrize("member", ["n", "d", *CRT])
def test_an_rsa_number_that_does_not_belong_to_the_others_is_refused(member: str) -> None:
    value = EXAMPLES[1][member]
    last = base64.urlsafe_b64decode(value + "==")
    changed = base64url(last[:-1] + bytes([last[-1] ^ 2]))
    assert refusal_of(text(EXAMPLES[1] | {member: changed})).code == "material-refused"


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"{}",
        b"{} {}",
        b'{"kty":"oct","k":"GawgguFyGrWKav7AX4VKUg","k":"GawgguFyGrWKav7AX4VKUg"}',
        b'{"kty":"oct","k":"GawgguFyGrWKav7AX4VKUg"} x',
        b'{"kty":"oct","k":NaN}',
        b'{"kty":"oct","k":"\xff"}',
        b'{"kty":"oct","k":"\\ud800"}',
        b'{"kty":' + b"[" * 60_000,
        b'{"kty":' + b"9" * 60_000 + b"}",
    ],
)
def test_what_is_no_jwk_is_refused(data: bytes) -> None:
    assert refusal_of(data).code == "material-refused"


def key_numbers(material: Material) -> rsa.RSAPrivateNumbers:
    key = load_private(material)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.private_numbers()


def test_a_transfer_file_is_refused_as_wrapped_already() -> None:
    vector = Path(__file__).parent.parent / "vectors" / "byok"
    files = sorted(vector.glob("*.byok"))
    assert files
    for file in files:
        assert refusal_of(file.read_bytes()).code == "key-already-wrapped"
