"""Every algorithm of the data plane against another implementation (cryptography, which is OpenSSL)."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_private_key

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys import algorithms, pkcs8
from keyferry.emulator.keys.algorithms import ENCRYPTIONS, SIGNATURES
from keyferry.emulator.keys.kinds import CURVES
from keyferry.emulator.keys.material import EcPrivate, Private, RsaPrivate, generate_ec, generate_rsa

HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
RSA_SIGNATURES = sorted(name for name, each in SIGNATURES.items() if each.curve is None and each.hash is not None)
EC_SIGNATURES = sorted(name for name, each in SIGNATURES.items() if each.curve is not None)


def witness_of(key: Private) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    loaded = load_der_private_key(pkcs8.write(key), None)
    assert isinstance(loaded, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return loaded


def hash_of(name: str) -> hashes.HashAlgorithm:
    return HASHES[name[2:5]]


def digest_of(name: str) -> bytes:
    return hashlib.new(f"sha{name[2:5]}", b"what is signed").digest()


def oaep(name: str) -> padding.AsymmetricPadding:
    if name == "RSA1_5":
        return padding.PKCS1v15()
    algorithm = hashes.SHA256() if name == "RSA-OAEP-256" else hashes.SHA1()
    return padding.OAEP(padding.MGF1(algorithm), algorithm, None)


def rsa_padding(name: str) -> padding.AsymmetricPadding:
    if name.startswith("RS"):
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(hash_of(name)), len(digest_of(name)))


@pytest.fixture(scope="module")
def key() -> RsaPrivate:
    return generate_rsa(2048)


@pytest.mark.parametrize("name", sorted(ENCRYPTIONS))
def test_what_one_encrypts_the_other_decrypts(name: str, key: RsaPrivate) -> None:
    witness = witness_of(key)
    assert isinstance(witness, rsa.RSAPrivateKey)
    theirs = witness.public_key().encrypt(b"a wrapped key", oaep(name))
    assert algorithms.decrypt(key, name, theirs) == b"a wrapped key"
    ours = algorithms.encrypt(key.public, name, b"a wrapped key")
    assert witness.decrypt(ours, oaep(name)) == b"a wrapped key"


@pytest.mark.parametrize("name", RSA_SIGNATURES)
def test_rsa_signatures_agree(name: str, key: RsaPrivate) -> None:
    witness, digest = witness_of(key), digest_of(name)
    assert isinstance(witness, rsa.RSAPrivateKey)
    ours = algorithms.sign(key, name, digest)
    witness.public_key().verify(ours, digest, rsa_padding(name), Prehashed(hash_of(name)))
    theirs = witness.sign(digest, rsa_padding(name), Prehashed(hash_of(name)))
    assert algorithms.verify(key.public, name, digest, theirs)
    assert not algorithms.verify(key.public, name, digest[::-1], theirs)
    assert not algorithms.verify(key.public, name, digest, theirs[:-1])


@pytest.mark.parametrize("name", EC_SIGNATURES)
def test_curve_signatures_agree_and_are_r_and_s_in_full_length(name: str) -> None:
    curve = SIGNATURES[name].curve
    assert curve is not None
    key, digest, scheme = generate_ec(curve), digest_of(name), ec.ECDSA(Prehashed(hash_of(name)))
    witness = witness_of(key)
    assert isinstance(witness, ec.EllipticCurvePrivateKey)
    ours = algorithms.sign(key, name, digest)
    assert len(ours) == 2 * curve.bytes
    r, s = int.from_bytes(ours[: curve.bytes], "big"), int.from_bytes(ours[curve.bytes :], "big")
    witness.public_key().verify(encode_dss_signature(r, s), digest, scheme)
    theirs = b"".join(
        number.to_bytes(curve.bytes, "big") for number in decode_dss_signature(witness.sign(digest, scheme))
    )
    assert algorithms.verify(key.public, name, digest, theirs)
    assert not algorithms.verify(key.public, name, digest[::-1], theirs)
    with pytest.raises(InvalidSignature):
        witness.public_key().verify(encode_dss_signature(r, s), digest[::-1], scheme)


@pytest.mark.parametrize("name", sorted(ENCRYPTIONS))
@pytest.mark.parametrize("damage", ["zeros", "short", "above the modulus", "another key's", "a bit"])
def test_whatever_is_wrong_with_a_ciphertext_the_refusal_is_the_same(name: str, damage: str, key: RsaPrivate) -> None:
    good = algorithms.encrypt(key.public, name, b"a wrapped key")
    ciphertext = {
        "zeros": bytes(256),
        "short": good[:-1],
        "above the modulus": b"\xff" * 256,
        "another key's": algorithms.encrypt(generate_rsa(2048).public, name, b"a wrapped key"),
        "a bit": good[:-1] + bytes([good[-1] ^ 1]),
    }[damage]
    with pytest.raises(AzureFailure) as refused:
        algorithms.decrypt(key, name, ciphertext)
    assert (refused.value.status, refused.value.code) == (400, "BadParameter")
    assert refused.value.message == (
        "The parameter is incorrect: the value does not open under this key with this algorithm."
    )


def test_more_than_fits_is_refused(key: RsaPrivate) -> None:
    with pytest.raises(AzureFailure, match="191 bytes are too many for RSA-OAEP-256 and 2048 bits"):
        algorithms.encrypt(key.public, "RSA-OAEP-256", bytes(191))
    assert len(algorithms.encrypt(key.public, "RSA-OAEP-256", bytes(190))) == 256


def test_a_digest_of_another_length_is_refused(key: RsaPrivate) -> None:
    with pytest.raises(AzureFailure, match="The digest has 31 bytes, and RS256 signs digests of 32"):
        algorithms.sign(key, "RS256", bytes(31))
    with pytest.raises(AzureFailure, match="The digest has 64 bytes, and ES256 signs digests of 32"):
        algorithms.verify(generate_ec(CURVES["P-256"]).public, "ES256", bytes(64), bytes(64))


def test_an_algorithm_goes_with_its_kind_of_key_and_its_curve(key: RsaPrivate) -> None:
    curve_key: EcPrivate = generate_ec(CURVES["P-256"])
    with pytest.raises(AzureFailure, match="neither encrypt nor wrap"):
        algorithms.encrypt(curve_key.public, "RSA-OAEP", b"")
    with pytest.raises(AzureFailure, match="A256KW is none of RSA1_5, RSA-OAEP, RSA-OAEP-256"):
        algorithms.require_decrypts(key.public, "A256KW")
    with pytest.raises(AzureFailure, match="ES256 is none of RS256"):
        algorithms.require_signs(key.public, "ES256", bytes(32))
    with pytest.raises(AzureFailure, match="ES256K is none of ES256, "):
        algorithms.sign(curve_key, "ES256K", bytes(32))
    with pytest.raises(AzureFailure, match="RSNULL is none of ES256, "):
        algorithms.sign(curve_key, "RSNULL", bytes(32))
    with pytest.raises(AzureFailure, match="HS256 is none of RS256"):
        algorithms.sign(key, "HS256", bytes(32))


def test_the_table_has_every_algorithm_that_the_documentation_lists_for_vaults() -> None:
    """ "Key types, algorithms, and operations" of Azure Key Vault, without the rows of Managed HSM."""
    assert set(ENCRYPTIONS) == {"RSA1_5", "RSA-OAEP", "RSA-OAEP-256"}
    of_rsa = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "RSNULL"}
    assert set(SIGNATURES) == of_rsa | {"ES256", "ES256K", "ES384", "ES512"}


def pkeyutl(key: RsaPrivate, directory: Path, operation: str, given: bytes) -> bytes:
    """An operation of OpenSSL's with PKCS#1 version 1.5 and no digest."""
    file = directory / "key.der"
    file.write_bytes(pkcs8.write(key))
    command = ["openssl", "pkeyutl", operation, "-inkey", str(file), "-keyform", "DER"]
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


@pytest.mark.parametrize("length", [1, 32, 36, 64])
def test_a_value_signed_as_it_is_is_what_openssl_signs(length: int, key: RsaPrivate, tmp_path: Path) -> None:
    value = os.urandom(length)
    theirs = pkeyutl(key, tmp_path, "-sign", value)
    assert algorithms.sign(key, "RSNULL", value) == theirs
    assert algorithms.verify(key.public, "RSNULL", value, theirs)
    assert not algorithms.verify(key.public, "RSNULL", value[:-1] + bytes([value[-1] ^ 1]), theirs)
    assert not algorithms.verify(generate_rsa(2048).public, "RSNULL", value, theirs)
    assert not algorithms.verify(key.public, "RSNULL", value, theirs[:-1])
    assert not algorithms.verify(key.public, "RSNULL", value, (key.n + 1).to_bytes(256, "big"))


def test_the_longest_value_that_is_signed_as_it_is_fills_the_modulus(key: RsaPrivate, tmp_path: Path) -> None:
    """OpenSSL signs no more than a digest's length, but opens what others have signed."""
    value = os.urandom(245)
    assert pkeyutl(key, tmp_path, "-verifyrecover", algorithms.sign(key, "RSNULL", value)) == value


@pytest.mark.parametrize("length", [0, 246, 300])
def test_a_value_that_does_not_fit_is_not_signed_as_it_is(length: int, key: RsaPrivate) -> None:
    with pytest.raises(
        AzureFailure, match=f"The value has {length} bytes, and RSNULL with 2048 bits signs .* 1 to 245"
    ):
        algorithms.require_signs(key.public, "RSNULL", bytes(length))
