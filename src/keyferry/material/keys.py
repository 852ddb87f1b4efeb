"""Keys as values: generated, told apart, and loaded again."""

import base64
import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeGuard

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from keyferry.errors import InternalError, MaterialRefused
from keyferry.material.algorithms import Algorithm, Family
from keyferry.material.secret import Secret

PUBLIC_EXPONENT = 65537
CHECK_VALUE_BYTES = 3

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Material:
    """Key material in the clear, validated.

    Args:
        algorithm: the row of the table of key types.
        secret: RSA and EC: PKCS#8 PrivateKeyInfo, DER, unencrypted (RFC 5208); AES: the key's bytes.
    """

    algorithm: Algorithm
    secret: Secret


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells a key from others and may be shown to anyone who may see the key.

    A check value gives away 24 bits of a function of the key, which is why AES keys under 128 bits have no place here.

    Args:
        public_key: SubjectPublicKeyInfo, DER; None for AES.
        spki_sha256: SHA-256 of `public_key`, lower-case hex; None for AES.
        thumbprint: JWK thumbprint (RFC 7638), base64url without padding; None for AES, whose thumbprint would be a hash
            of the key itself.
        check_value: AES only: the first 3 bytes of a zero block encrypted with the key (CKA_CHECK_VALUE of
            PKCS#11), 6 lower-case hex digits.
    """

    public_key: bytes | None
    spki_sha256: str | None
    thumbprint: str | None
    check_value: str | None


def generate(algorithm: Algorithm) -> Material:
    """Generate a key, and check that its halves belong together (a pairwise consistency test, FIPS 140-3 IG 10.3.A).

    Raises:
        InternalError: the check failed: the key is not used.
    """
    if algorithm.family is Family.AES:
        return Material(algorithm, Secret(os.urandom(algorithm.bits // 8)))
    key: PrivateKey
    if algorithm.curve is not None:
        key = ec.generate_private_key(algorithm.curve())
    else:
        key = rsa.generate_private_key(PUBLIC_EXPONENT, algorithm.bits)
    _check_pair(key)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return Material(algorithm, Secret(der))


def load_private(material: Material) -> PrivateKey:
    """The parsed private key of RSA or EC material, without the costly validation.

    Only for material that was validated when it was made or imported, and whose seal has verified since. A validating
    load holds the interpreter for 0.2 s (RSA-4096), and would find nothing that the seal does not.

    Raises:
        MaterialRefused: `algorithm-mismatch`: a symmetric key has no private half.
        InternalError: the bytes are not what the algorithm says.
    """
    if material.algorithm.symmetric:
        raise MaterialRefused(
            f"The material is a symmetric key ({material.algorithm.name}), and an RSA or EC key is needed",
            code="algorithm-mismatch",
            field="material",
            advice="Give an RSA or EC private key.",
        )
    with suppress(ValueError, TypeError, UnsupportedAlgorithm):
        key = load_der_private_key(material.secret.reveal(), password=None, unsafe_skip_rsa_key_validation=True)
        if _is_of(key, material.algorithm):
            return key
    raise InternalError("The material is not the kind of key that its type says")


def identify(material: Material) -> Identity:
    """Its public half and fingerprints, or a symmetric key's check value. Trusts the bytes, as `load_private` does."""
    if material.algorithm.family is Family.AES:
        return Identity(None, None, None, _check_value(material.secret))
    public = load_private(material).public_key()
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Identity(spki, fingerprint_spki(spki), thumbprint(public, material.algorithm), None)


def fingerprint_spki(der: bytes) -> str:
    """SHA-256 of a DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), 64 lower-case hex digits."""
    return hashlib.sha256(der).hexdigest()


def thumbprint(public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, algorithm: Algorithm) -> str:
    """The JWK thumbprint: SHA-256 over the required members in the order of their names (RFC 7638 section 3).

    43 characters, base64url without padding. The members of EC keys are at full length (RFC 7518 section 6.2.1.2).
    """
    canonical = json.dumps(_members(public, algorithm), sort_keys=True, separators=(",", ":")).encode()
    return _base64url(hashlib.sha256(canonical).digest())


def public_jwk(spki: bytes, algorithm: Algorithm) -> dict[str, str]:
    """The public key in a DER SubjectPublicKeyInfo as a JWK (RFC 7517) of the required members alone."""
    public = load_der_public_key(spki)
    if not isinstance(public, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
        raise InternalError("A kept public key is of another kind than its type says")
    return _members(public, algorithm)


def _members(public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, algorithm: Algorithm) -> dict[str, str]:
    members = {"kty": algorithm.family.value}
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        members |= {"n": _base64url_integer(numbers.n), "e": _base64url_integer(numbers.e)}
    else:
        point = public.public_numbers()
        size = (public.curve.key_size + 7) // 8
        members |= {
            "crv": algorithm.jwk_curve or "",
            "x": _base64url(point.x.to_bytes(size)),
            "y": _base64url(point.y.to_bytes(size)),
        }
    return members


def _is_of(key: object, algorithm: Algorithm) -> TypeGuard[PrivateKey]:
    if isinstance(key, rsa.RSAPrivateKey):
        return algorithm.family is Family.RSA and key.key_size == algorithm.bits
    return isinstance(key, ec.EllipticCurvePrivateKey) and algorithm.curve is type(key.curve)


def _check_pair(key: PrivateKey) -> None:
    message = b"keyferry pairwise consistency"
    try:
        if isinstance(key, rsa.RSAPrivateKey):
            signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
            key.public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        else:
            signature = key.sign(message, ec.ECDSA(hashes.SHA256()))
            key.public_key().verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise InternalError("A generated key failed its pairwise consistency test and was thrown away") from None


def _check_value(secret: Secret) -> str:
    # ECB of one zero block is what PKCS#11 defines a check value to be; nothing is encrypted for anybody.
    encryptor = Cipher(algorithms.AES(secret.reveal()), modes.ECB()).encryptor()  # noqa: S305  # see above
    return encryptor.update(bytes(16))[:CHECK_VALUE_BYTES].hex()


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _base64url_integer(value: int) -> str:
    return _base64url(value.to_bytes((value.bit_length() + 7) // 8))
