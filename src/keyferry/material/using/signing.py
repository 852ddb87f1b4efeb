"""Signatures, as others verify them. RSA private operations are blinded by OpenSSL; ECDSA's numbers k are its own."""

import hashlib
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from keyferry.errors import InternalError, InvalidInput
from keyferry.material.keys import PrivateKey
from keyferry.material.using.ciphering import require_length
from keyferry.material.using.methods import Hash, Method, Scheme

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_HASHES: Final[dict[Hash, type[hashes.HashAlgorithm]]] = {
    Hash.SHA256: hashes.SHA256,
    Hash.SHA384: hashes.SHA384,
    Hash.SHA512: hashes.SHA512,
}


class SignatureFormat(StrEnum):
    """How the two numbers of an ECDSA signature are written.

    `raw`: r || s, each as long as the curve's order, most significant byte first (RFC 7518 section 3.4). `der`: the
    ASN.1 structure of RFC 3279 section 2.2.3, as X.509, TLS and OpenSSL have it. RSA signatures know one form, `raw`.
    """

    RAW = "raw"
    DER = "der"


def digest_of(method: Method, message: bytes | None, digest: bytes | None) -> bytes:
    """The digest that is signed, of one of the two: a message, or a digest that the caller has made of it.

    Raises:
        InvalidInput: both are given, or neither; the message is too long; the digest has another length than the
            algorithm's hash gives.
    """
    if (message is None) == (digest is None):
        raise InvalidInput(
            "Give what is signed in one of two forms.", field="message", advice="Give `message`, or else `digest`."
        )
    name = _name(method)
    if message is not None:
        require_length(message, "message")
        return hashlib.new(name, message).digest()
    size = hashlib.new(name).digest_size
    if digest is None or len(digest) != size:
        raise InvalidInput(
            f"digest has {len(digest or b'')} bytes; {method.name} signs a digest by {name.upper()}, of {size}.",
            code="input-size",
            field="digest",
            advice="Give the digest itself, in its bytes, by the hash that belongs to the algorithm.",
        )
    return digest


def require_format(method: Method, form: SignatureFormat) -> None:
    """
    Raises:
        InvalidInput: signatures by this algorithm have no such form.
    """
    if form is SignatureFormat.DER and method.scheme is not Scheme.ECDSA:
        raise InvalidInput(
            f"Signatures by {method.name} have one form.",
            field="format",
            advice="Leave the format out: only those by ECDSA have two.",
        )


def sign(method: Method, key: PrivateKey, digest: bytes, form: SignatureFormat) -> bytes:
    """A signature over a digest, of a length that `digest_of` has seen to. PSS has a salt as long as the digest."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(digest, _padding(method), Prehashed(_hash(method)))
    signature = key.sign(digest, ec.ECDSA(Prehashed(_hash(method))))
    if form is SignatureFormat.DER:
        return signature
    size = _order_bytes(key.curve)
    return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(signature))


def is_valid(method: Method, key: PublicKey, digest: bytes, signature: bytes, form: SignatureFormat) -> bool:
    """Whether `signature` is one over this digest by the private half of `key`; also no for what is no signature."""
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, _padding(method), Prehashed(_hash(method)))
        else:
            key.verify(_as_der(key, signature, form), digest, ec.ECDSA(Prehashed(_hash(method))))
    except (InvalidSignature, ValueError):
        return False
    return True


def _as_der(key: ec.EllipticCurvePublicKey, signature: bytes, form: SignatureFormat) -> bytes:
    """
    Raises:
        InvalidSignature: a raw signature has another length than the curve says.
    """
    if form is SignatureFormat.DER:
        return signature
    size = _order_bytes(key.curve)
    if len(signature) != 2 * size:
        raise InvalidSignature
    return encode_dss_signature(int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big"))


def _order_bytes(curve: ec.EllipticCurve) -> int:
    return (curve.key_size + 7) // 8


def _padding(method: Method) -> padding.AsymmetricPadding:
    if method.scheme is Scheme.PKCS1:
        return padding.PKCS1v15()
    return padding.PSS(mgf=padding.MGF1(_hash(method)), salt_length=padding.PSS.DIGEST_LENGTH)


def _hash(method: Method) -> hashes.HashAlgorithm:
    return _HASHES[Hash(_name(method))]()


def _name(method: Method) -> str:
    if method.hash not in _HASHES:
        raise InternalError(f"{method.name} signs nothing")
    return method.hash.value
