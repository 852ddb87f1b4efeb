"""Signatures that others verify, and others' signatures verified: the OpenSSL command line and PyCryptodome."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from Crypto.Hash import SHA256, SHA384, SHA512
from Crypto.PublicKey import ECC, RSA
from Crypto.Signature import DSS, pkcs1_15, pss
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.material.conftest import OpenSsl
from tests.material.using.conftest import Parsed

from keyferry.errors import InvalidInput
from keyferry.material.algorithms import ALGORITHMS, Usage
from keyferry.material.keys import PrivateKey
from keyferry.material.using.ciphering import MOST_BYTES
from keyferry.material.using.methods import METHODS, Method, Scheme
from keyferry.material.using.signing import SignatureFormat, digest_of, is_valid, require_format, sign

RAW, DER = SignatureFormat.RAW, SignatureFormat.DER
MESSAGE = b"what is signed"
SIGNING = [method for method in METHODS.values() if Usage.SIGN in method.usages]
RSA_METHODS = [method for method in SIGNING if method.scheme is not Scheme.ECDSA]
ECDSA = [method for method in SIGNING if method.scheme is Scheme.ECDSA]
SECOND = {"sha256": SHA256, "sha384": SHA384, "sha512": SHA512}
Write = Callable[[PrivateKey], tuple[Path, Path]]


def key_type(method: Method) -> str:
    return min(method.key_types)


def options_of(method: Method) -> list[str]:
    if method.scheme is not Scheme.PSS:
        return []
    return ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]


def spki(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def as_raw(method: Method, der: bytes) -> bytes:
    size = (ALGORITHMS[key_type(method)].bits + 7) // 8
    return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(der))


@pytest.mark.parametrize("method", SIGNING, ids=lambda method: method.name)
def test_openssl_verifies_what_is_signed_and_the_other_way(
    method: Method, parsed: Parsed, openssl: OpenSsl, pem_files: Write, tmp_path: Path
) -> None:
    key, form = parsed(key_type(method)), DER if method in ECDSA else RAW
    private, public = pem_files(key)
    digest, file = digest_of(method, MESSAGE, None), tmp_path / "signature"
    file.write_bytes(sign(method, key, digest, form))
    dgst = ("dgst", f"-{method.hash}", *options_of(method))
    verified = openssl(*dgst, "-verify", public, "-signature", file, stdin=MESSAGE)
    assert verified == b"Verified OK\n"
    theirs = openssl(*dgst, "-sign", private, stdin=MESSAGE)
    assert is_valid(method, key.public_key(), digest, theirs, form)
    if method in ECDSA:
        assert is_valid(method, key.public_key(), digest, as_raw(method, theirs), RAW)


@pytest.mark.parametrize("method", RSA_METHODS, ids=lambda method: method.name)
def test_pycryptodome_verifies_rsa_signatures_and_the_other_way(method: Method, parsed: Parsed) -> None:
    key = parsed(key_type(method))
    signer = pss if method.scheme is Scheme.PSS else pkcs1_15
    digest = digest_of(method, MESSAGE, None)
    second = SECOND[str(method.hash)].new(MESSAGE)
    signer.new(RSA.import_key(spki(key))).verify(second, sign(method, key, digest, RAW))


@pytest.mark.parametrize("method", [each for each in ECDSA if each.name != "ES256K"], ids=lambda method: method.name)
@pytest.mark.parametrize("form", SignatureFormat)
def test_pycryptodome_verifies_ecdsa_signatures_in_both_forms(
    method: Method, form: SignatureFormat, parsed: Parsed
) -> None:
    key = parsed(key_type(method))
    signature = sign(method, key, digest_of(method, MESSAGE, None), form)
    public = ECC.import_key(spki(key))
    binary = DSS.new(public, "fips-186-3", encoding="binary")
    verifier = binary if form is RAW else DSS.new(public, "fips-186-3", encoding="der")
    verifier.verify(SECOND[str(method.hash)].new(MESSAGE), signature)


@pytest.mark.parametrize("method", ECDSA, ids=lambda method: method.name)
def test_the_raw_form_is_as_long_as_jose_says(method: Method, parsed: Parsed) -> None:
    sizes = {"ES256": 64, "ES384": 96, "ES512": 132, "ES256K": 64}
    key = parsed(key_type(method))
    for _ in range(20):  # also when a number begins with zeros
        assert len(sign(method, key, digest_of(method, MESSAGE, None), RAW)) == sizes[method.name]


@pytest.mark.parametrize("method", SIGNING, ids=lambda method: method.name)
def test_a_digest_is_signed_as_the_message_is(method: Method, parsed: Parsed) -> None:
    key = parsed(key_type(method))
    digest = hashlib.new(str(method.hash), MESSAGE).digest()
    assert digest_of(method, None, digest) == digest_of(method, MESSAGE, None) == digest
    assert is_valid(method, key.public_key(), digest, sign(method, key, digest, RAW), RAW)


@pytest.mark.parametrize("method", SIGNING, ids=lambda method: method.name)
def test_what_is_no_signature_is_not_valid(method: Method, parsed: Parsed) -> None:
    key = parsed(key_type(method))
    public, digest = key.public_key(), digest_of(method, MESSAGE, None)
    signature = sign(method, key, digest, RAW)
    other = bytes([digest[0] ^ 1]) + digest[1:]
    assert not is_valid(method, public, other, signature, RAW)
    for wrong in (
        b"",
        signature[:-1],
        signature + b"\0",
        b"\0" + signature,
        bytes(len(signature)),
        b"\xff" * len(signature),
        os.urandom(len(signature)),
        signature[:-1] + bytes([signature[-1] ^ 1]),
    ):
        assert not is_valid(method, public, digest, wrong, RAW), wrong.hex()


@pytest.mark.parametrize("method", ECDSA, ids=lambda method: method.name)
def test_ecdsa_signatures_that_are_written_otherwise_are_not_valid(method: Method, parsed: Parsed) -> None:
    key = parsed(key_type(method))
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    public, digest = key.public_key(), digest_of(method, MESSAGE, None)
    der = sign(method, key, digest, DER)
    r, s = decode_dss_signature(der)
    order = key.curve.group_order
    assert is_valid(method, public, digest, der, DER)
    assert not is_valid(method, public, digest, der, RAW)
    assert not is_valid(method, public, digest, as_raw(method, der), DER)
    numbers = [(0, s), (r, 0), (r + order, s), (r, s + order), (r, order), (order, s), (s, r), (1, 1)]
    for first, second in numbers:
        assert not is_valid(method, public, digest, encode_dss_signature(first, second), DER), (first, second)
    for wrong in (
        der + b"\0",
        der[:-1],
        b"\x30\x80" + der[2:] + b"\0\0",
        b"\x31" + der[1:],
        b"0\x06\x02\x01\0\x02\x01\0",
    ):
        assert not is_valid(method, public, digest, wrong, DER), wrong.hex()


def test_pss_with_a_salt_of_another_length_is_not_valid(parsed: Parsed) -> None:
    """RFC 7518 section 3.5: the salt is as long as the hash."""
    key = parsed("rsa-2048")
    assert isinstance(key, rsa.RSAPrivateKey)
    for salt, expected in ((32, True), (0, False), (20, False), (64, False)):
        made = key.sign(MESSAGE, padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256())
        digest = digest_of(METHODS["PS256"], MESSAGE, None)
        assert is_valid(METHODS["PS256"], key.public_key(), digest, made, RAW) is expected


def test_a_signature_is_of_one_algorithm(parsed: Parsed) -> None:
    key = parsed("rsa-2048")
    digest = digest_of(METHODS["RS256"], MESSAGE, None)
    signature = sign(METHODS["RS256"], key, digest, RAW)
    assert not is_valid(METHODS["PS256"], key.public_key(), digest, signature, RAW)
    longer = digest_of(METHODS["RS512"], MESSAGE, None)
    assert not is_valid(METHODS["RS512"], key.public_key(), longer, signature, RAW)


@pytest.mark.parametrize("method", SIGNING, ids=lambda method: method.name)
def test_a_digest_of_another_length_is_refused(method: Method) -> None:
    size = hashlib.new(str(method.hash)).digest_size
    for length in {0, 20, 32, 48, 64, size - 1, size + 1} - {size}:
        with pytest.raises(InvalidInput) as caught:
            digest_of(method, None, bytes(length))
        assert (caught.value.code, caught.value.field) == ("input-size", "digest")
        assert str(size) in caught.value.detail


def test_one_of_message_and_digest_is_given() -> None:
    method = METHODS["ES256"]
    assert digest_of(method, b"", None) == hashlib.sha256().digest()
    for message, digest in ((None, None), (b"", bytes(32))):
        with pytest.raises(InvalidInput) as caught:
            digest_of(method, message, digest)
        assert caught.value.field == "message"
    digest_of(method, bytes(MOST_BYTES), None)
    with pytest.raises(InvalidInput) as caught:
        digest_of(method, bytes(MOST_BYTES + 1), None)
    assert (caught.value.code, caught.value.field) == ("input-size", "message")
    assert "digest" in caught.value.advice


def test_only_ecdsa_has_two_forms() -> None:
    for method in SIGNING:
        require_format(method, RAW)
    require_format(METHODS["ES384"], DER)
    with pytest.raises(InvalidInput) as caught:
        require_format(METHODS["RS256"], DER)
    assert caught.value.field == "format"
