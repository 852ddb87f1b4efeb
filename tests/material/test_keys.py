import base64
import hashlib
import json
from collections.abc import Callable
from unittest.mock import Mock

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from tests.material.conftest import OpenSsl, vectors

from keyferry.errors import InternalError, MaterialRefused
from keyferry.material.algorithms import ALGORITHMS, Family
from keyferry.material.keys import Material, fingerprint_spki, generate, identify, load_private, public_jwk, thumbprint
from keyferry.material.secret import Secret

MakeMaterial = Callable[[str], Material]
ASYMMETRIC = [name for name, row in ALGORITHMS.items() if not row.symmetric]
SYMMETRIC = [name for name, row in ALGORITHMS.items() if row.symmetric]


@pytest.mark.parametrize("name", ASYMMETRIC)
def test_a_generated_key_is_valid_pkcs8_of_its_type(material_of: MakeMaterial, name: str, openssl: OpenSsl) -> None:
    material = material_of(name)
    key = load_der_private_key(material.secret.reveal(), None)
    if material.algorithm.family is Family.RSA:
        assert isinstance(key, rsa.RSAPrivateKey)
        assert (key.key_size, key.private_numbers().public_numbers.e) == (material.algorithm.bits, 65537)
    else:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert isinstance(key.curve, material.algorithm.curve or ())
    checked = openssl("pkey", "-inform", "DER", "-noout", "-check", stdin=material.secret.reveal())
    assert b"Key is valid" in checked


@pytest.mark.parametrize("name", SYMMETRIC)
def test_generated_aes_keys_have_their_size_and_differ(name: str) -> None:
    made = [generate(ALGORITHMS[name]).secret.reveal() for _ in range(20)]
    assert {len(key) * 8 for key in made} == {ALGORITHMS[name].bits}
    assert len(set(made)) == 20


@pytest.mark.parametrize("name", ["ec-p256", "rsa-2048"])
def test_a_pair_that_does_not_belong_together_is_never_handed_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = load_private(generate(ALGORITHMS[name]))
    other = load_private(generate(ALGORITHMS[name])).public_key()

    kind = ec.EllipticCurvePrivateKey if name == "ec-p256" else rsa.RSAPrivateKey
    mixed = Mock(spec=kind, sign=real.sign, public_key=lambda: other)  # no fault of the library's can be had for real
    monkeypatch.setattr(ec, "generate_private_key", lambda *_: mixed)
    monkeypatch.setattr(rsa, "generate_private_key", lambda *_: mixed)
    with pytest.raises(InternalError) as caught:
        generate(ALGORITHMS[name])
    assert "pairwise" in caught.value.detail
    assert not mixed.private_bytes.called


@pytest.mark.parametrize("name", ASYMMETRIC)
def test_its_public_key_and_fingerprint_are_those_that_openssl_sees(
    material_of: MakeMaterial, name: str, openssl: OpenSsl
) -> None:
    identity = identify(material_of(name))
    spki = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", stdin=material_of(name).secret.reveal())
    assert identity.public_key == spki
    assert identity.spki_sha256 == openssl("dgst", "-sha256", "-r", stdin=spki).split()[0].decode()
    assert identity.spki_sha256 == fingerprint_spki(spki)
    assert identity.thumbprint is not None
    assert len(identity.thumbprint) == 43
    assert identity.check_value is None


@pytest.mark.parametrize("name", SYMMETRIC)
def test_an_aes_key_shows_its_check_value_and_no_hash_of_itself(material_of: MakeMaterial, name: str) -> None:
    identity = identify(material_of(name))
    assert (identity.public_key, identity.spki_sha256, identity.thumbprint) == (None, None, None)
    assert identity.check_value is not None
    assert len(bytes.fromhex(identity.check_value)) == 3


def test_the_check_value_begins_the_zero_block_as_openssl_encrypts_it(openssl: OpenSsl) -> None:
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")  # FIPS 197 appendix A.1
    identity = identify(Material(ALGORITHMS["aes-128"], Secret(key)))
    block = openssl("enc", "-aes-128-ecb", "-nopad", "-K", key.hex(), stdin=bytes(16))
    assert identity.check_value == block[:3].hex()


def test_the_thumbprint_of_the_rfcs_example_is_the_rfcs() -> None:
    vector = vectors("jwk/rfc7638.json")
    modulus = int.from_bytes(_octets(vector["jwk"]["n"]))
    public = rsa.RSAPublicNumbers(65537, modulus).public_key()
    assert thumbprint(public, ALGORITHMS["rsa-2048"]) == vector["thumbprint"]


@pytest.mark.parametrize("name", [name for name in ASYMMETRIC if name.startswith("ec-")])
def test_the_thumbprint_of_an_ec_key_covers_its_full_length_coordinates(material_of: MakeMaterial, name: str) -> None:
    identity = identify(material_of(name))
    assert identity.public_key is not None
    public = load_der_public_key(identity.public_key)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    size = {"ec-p256": 32, "ec-p256k": 32, "ec-p384": 48, "ec-p521": 66}[name]
    x, y = (
        base64.urlsafe_b64encode(value.to_bytes(size, "big")).decode().rstrip("=")
        for value in (public.public_numbers().x, public.public_numbers().y)
    )
    curve = {"ec-p256": "P-256", "ec-p256k": "secp256k1", "ec-p384": "P-384", "ec-p521": "P-521"}[name]
    canonical = f'{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}'
    assert json.loads(canonical)
    digest = hashlib.sha256(canonical.encode()).digest()
    assert identity.thumbprint == base64.urlsafe_b64encode(digest).decode().rstrip("=")


@pytest.mark.parametrize("name", ASYMMETRIC)
def test_a_public_jwk_has_the_required_members_and_gives_the_thumbprint(material_of: MakeMaterial, name: str) -> None:
    identity = identify(material_of(name))
    assert identity.public_key is not None
    jwk = public_jwk(identity.public_key, ALGORITHMS[name])
    assert set(jwk) == ({"kty", "n", "e"} if name.startswith("rsa") else {"kty", "crv", "x", "y"})
    canonical = json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(canonical).digest()
    assert identity.thumbprint == base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_material_never_prints() -> None:
    material = Material(ALGORITHMS["aes-128"], Secret(b"sixteen bytes it"))
    for shown in (repr(material), str(material), f"{material}"):
        assert "sixteen" not in shown


def test_a_symmetric_key_has_no_private_half_to_load(material_of: MakeMaterial) -> None:
    with pytest.raises(MaterialRefused) as caught:
        load_private(material_of("aes-256"))
    assert caught.value.code == "algorithm-mismatch"


@pytest.mark.parametrize("kept_as", ["rsa-2048", "rsa-3072", "ec-p256", "ec-p384"])
def test_material_that_is_not_what_its_type_says_is_never_used(kept_as: str, material_of: MakeMaterial) -> None:
    others = [material_of(name).secret for name in ("rsa-2048", "ec-p256", "aes-256") if name != kept_as]
    ed25519 = Ed25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    for secret in (*others, Secret(ed25519), Secret(b""), Secret(b"no key")):
        with pytest.raises(InternalError) as caught:
            load_private(Material(ALGORITHMS[kept_as], secret))
        assert caught.value.code == "internal-error"


def test_a_public_key_of_another_kind_is_no_jwk() -> None:
    spki = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InternalError):
        public_jwk(spki, ALGORITHMS["ec-p256"])


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
