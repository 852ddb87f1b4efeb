"""The algorithms of the data plane, each in one table row, over PyCryptodome's keys.

Encryption: RFC 7518 section 4 (RSA1_5, RSA-OAEP, RSA-OAEP-256). Signatures: RFC 7518 section 3 and RFC 8812 section 3
(ES256K), made over a digest that the caller computed; an ECDSA signature is r || s, each as long as a coordinate.
RSNULL signs a value as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from Crypto.Cipher import PKCS1_OAEP, PKCS1_v1_5
from Crypto.Hash import SHA1, SHA256, SHA384, SHA512
from Crypto.PublicKey.RSA import RsaKey
from Crypto.Signature import DSS, pkcs1_15, pss

from keyferry.emulator.keys.bare_signature import PADDING_BYTES, BareScheme
from keyferry.emulator.keys.kinds import CURVES, Curve
from keyferry.emulator.keys.material import (
    EcPrivate,
    EcPublic,
    Private,
    Public,
    RsaPrivate,
    RsaPublic,
    ec_key,
    ec_public_key,
    rsa_key,
    rsa_public_key,
)
from keyferry.emulator.keys.refusals import bad_parameter


class _Hashed:
    """A digest that somebody else computed, in the shape in which the library takes hashes."""

    def __init__(self, module: ModuleType, digest: bytes) -> None:
        empty = module.new()
        self._module = module
        self._digest = digest
        self.oid: str = empty.oid
        self.digest_size: int = empty.digest_size

    def digest(self) -> bytes:
        return self._digest

    def new(self, data: bytes | None = None) -> Any:
        return self._module.new(data)


@dataclass(frozen=True, slots=True)
class Encryption:
    """An algorithm that encrypts: RSA with a padding."""

    name: str
    cipher: Callable[[RsaKey], Any]


@dataclass(frozen=True, slots=True)
class Signature:
    """An algorithm that signs digests of `digest_bytes` bytes, made with `hash`; `curve` is None for RSA.

    Where `hash` is None it signs values of any length that fits, and `digest_bytes` is 0.
    """

    name: str
    hash: ModuleType | None
    digest_bytes: int
    scheme: Callable[[Any], Any]
    curve: Curve | None = None

    def taken(self, digest: bytes) -> Any:
        """The digest, or the value, in the shape in which `scheme` takes it."""
        return digest if self.hash is None else _Hashed(self.hash, digest)


def _oaep(module: ModuleType) -> Callable[[RsaKey], Any]:
    return lambda key: PKCS1_OAEP.new(key, module)


def _ecdsa(key: Any) -> Any:
    return DSS.new(key, "sec1", "binary")


ENCRYPTIONS: Final = {
    each.name: each
    for each in (
        Encryption("RSA1_5", PKCS1_v1_5.new),
        Encryption("RSA-OAEP", _oaep(SHA1)),
        Encryption("RSA-OAEP-256", _oaep(SHA256)),
    )
}

SIGNATURES: Final = {
    each.name: each
    for each in (
        Signature("RS256", SHA256, 32, pkcs1_15.new),
        Signature("RS384", SHA384, 48, pkcs1_15.new),
        Signature("RS512", SHA512, 64, pkcs1_15.new),
        Signature("PS256", SHA256, 32, pss.new),
        Signature("PS384", SHA384, 48, pss.new),
        Signature("PS512", SHA512, 64, pss.new),
        Signature("RSNULL", None, 0, BareScheme),
        Signature("ES256", SHA256, 32, _ecdsa, CURVES["P-256"]),
        Signature("ES256K", SHA256, 32, _ecdsa, CURVES["P-256K"]),
        Signature("ES384", SHA384, 48, _ecdsa, CURVES["P-384"]),
        Signature("ES512", SHA512, 64, _ecdsa, CURVES["P-521"]),
    )
}


def encrypt(public: Public, algorithm: str, plaintext: bytes) -> bytes:
    """Encrypt, or wrap, to a public key.

    Raises:
        AzureFailure: 400, an algorithm that this key does not do, or more bytes than fit.
    """
    encryption, key = _encryption(public, algorithm)
    try:
        return bytes(encryption.cipher(rsa_public_key(key)).encrypt(plaintext))
    except ValueError:
        raise bad_parameter(
            f"Property value has invalid value: {len(plaintext)} bytes are too many for {algorithm} and {key.bits} bits"
        ) from None


def require_decrypts(public: Public, algorithm: str) -> None:
    """Refuse to decrypt, or unwrap, before the private key is touched.

    Raises:
        AzureFailure: 400, an algorithm that this key does not do.
    """
    _encryption(public, algorithm)


def decrypt(private: Private, algorithm: str, ciphertext: bytes) -> bytes:
    """Decrypt, or unwrap. Whatever is wrong with the ciphertext, the refusal is the same.

    Raises:
        AzureFailure: 400, an algorithm that this key does not do, or a ciphertext that does not open.
    """
    encryption, _ = _encryption(private.public, algorithm)
    assert isinstance(private, RsaPrivate)
    plaintext: bytes | None = None
    try:
        cipher = encryption.cipher(rsa_key(private))
        plaintext = cipher.decrypt(ciphertext, None) if algorithm == "RSA1_5" else cipher.decrypt(ciphertext)
    except ValueError:
        plaintext = None
    if plaintext is None:
        raise bad_parameter("The parameter is incorrect: the value does not open under this key with this algorithm.")
    return plaintext


def require_signs(public: Public, algorithm: str, digest: bytes) -> None:
    """Refuse to sign before the private key is touched.

    Raises:
        AzureFailure: 400, an algorithm that this key does not do, or a digest of another length.
    """
    _signature(public, algorithm, digest)


def sign(private: Private, algorithm: str, digest: bytes) -> bytes:
    """Sign a digest.

    Raises:
        AzureFailure: 400, an algorithm that this key does not do, or a digest of another length.
    """
    signature = _signature(private.public, algorithm, digest)
    key = ec_key(private) if isinstance(private, EcPrivate) else rsa_key(private)
    return bytes(signature.scheme(key).sign(signature.taken(digest)))


def verify(public: Public, algorithm: str, digest: bytes, value: bytes) -> bool:
    """Whether `value` is a signature of the digest by this key: the answer that was asked for, not a guard.

    Raises:
        AzureFailure: 400, an algorithm that this key does not do, or a digest of another length.
    """
    signature = _signature(public, algorithm, digest)
    key = ec_public_key(public) if isinstance(public, EcPublic) else rsa_public_key(public)
    try:
        signature.scheme(key).verify(signature.taken(digest), value)
    except ValueError:
        return False
    return True


def _encryption(public: Public, algorithm: str) -> tuple[Encryption, RsaPublic]:
    if not isinstance(public, RsaPublic):
        raise bad_parameter("Keys on elliptic curves neither encrypt nor wrap.")
    encryption = ENCRYPTIONS.get(algorithm)
    if encryption is None:
        raise bad_parameter(
            f"Property alg has invalid value: {algorithm[:64]} is none of {', '.join(ENCRYPTIONS)}, which RSA keys do."
        )
    return encryption, public


def _signature(public: Public, algorithm: str, digest: bytes) -> Signature:
    curve = public.curve if isinstance(public, EcPublic) else None
    signature = SIGNATURES.get(algorithm)
    if signature is None or signature.curve != curve:
        names = ", ".join(each.name for each in SIGNATURES.values() if each.curve == curve)
        raise bad_parameter(
            f"Property alg has invalid value: {algorithm[:64]} is none of {names}, which this key does."
        )
    if signature.hash is None:
        _require_fits(public, algorithm, digest)
    elif len(digest) != signature.digest_bytes:
        raise bad_parameter(
            f"The digest has {len(digest)} bytes, and {algorithm} signs digests of {signature.digest_bytes}."
        )
    return signature


def _require_fits(public: Public, algorithm: str, value: bytes) -> None:
    assert isinstance(public, RsaPublic), "no algorithm of a curve signs values as they are"
    most = public.bits // 8 - PADDING_BYTES
    if not 1 <= len(value) <= most:
        raise bad_parameter(
            f"The value has {len(value)} bytes, and {algorithm} with {public.bits} bits signs values of 1 to {most}."
        )
