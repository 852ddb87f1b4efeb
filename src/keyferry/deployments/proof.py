"""That a vault has the private half of our public key: shown by use, as anybody can compare public keys.

The vault is asked for what only the private half can do, on a value that was not there before:

    unwrapKey  it opens a random value that was encrypted to our held public key (RSA-OAEP-256)
    decrypt    the same, where unwrapKey is not allowed
    sign       it signs a random digest, and the signature verifies with our held public key

Where the key may do none of these, the proof says so: it rests on the public key that the vault tells, compared byte by
byte when the key was read back.
"""

import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from keyferry.clouds.azure.facts import VaultKey
from keyferry.custody.deployment_steps import PUBLIC_KEY_ONLY
from keyferry.errors import CloudFailed, Conflict, InternalError

NOT_AN_OPERATION: Final = "not among the key's operations"
NOT_WANTED: Final = "not to be used"
FORBIDDEN: Final = "the sign-in may not"

_RANDOM_BYTES: Final = 32
_OAEP: Final = "RSA-OAEP-256"
_PSS: Final = "PS256"

#: by curve: the signature algorithm's name (RFC 7518 section 3.4, RFC 8812 section 3.2) and its hash
_EC_SIGNING: Final[Mapping[str, tuple[str, hashes.HashAlgorithm]]] = {
    "secp256r1": ("ES256", hashes.SHA256()),
    "secp384r1": ("ES384", hashes.SHA384()),
    "secp521r1": ("ES512", hashes.SHA512()),
    "secp256k1": ("ES256K", hashes.SHA256()),
}


class KeyUse(Protocol):
    """What uses a private key: a vault."""

    def unwrap(self, identifier: str, algorithm: str, ciphertext: bytes) -> bytes:
        """The key that was wrapped."""
        ...

    def decrypt(self, identifier: str, algorithm: str, ciphertext: bytes) -> bytes:
        """The plaintext."""
        ...

    def sign(self, identifier: str, algorithm: str, digest: bytes) -> bytes:
        """The signature over a digest; of an EC key r || s, each as long as the curve's order."""
        ...


@dataclass(frozen=True, slots=True)
class Proved:
    """How it was shown.

    Attributes:
        how: one of `PROOFS`, or `PUBLIC_KEY_ONLY`.
        algorithm: in Azure's words; None where the public key has to do.
        why_not: why the key was not used otherwise, by operation.
    """

    how: str
    algorithm: str | None
    why_not: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to prove: the operation that it needs, and whether the vault's answer fits."""

    operation: str
    algorithm: str
    fits: Callable[[], bool]


def prove(vault: KeyUse, found: VaultKey, public_key: bytes) -> Proved:
    """Have the vault use the private half of `public_key`.

    Args:
        found: the key version in the vault, as read back.
        public_key: SubjectPublicKeyInfo (DER) as Keyferry holds it. What the vault tells of it plays no part.

    Raises:
        Conflict: (`proof-failed`) the vault's answer does not fit our public key: it has another private key.
        CloudFailed: (`azure-forbidden`) the key may be used, but not by this sign-in.
        KeyferryError: the vault refused for another reason.
    """
    ways = _ways(vault, found.identifier, public_key)
    why_not = {way.operation: NOT_AN_OPERATION for way in ways if way.operation not in found.operations}
    forbidden = None
    for way in ways:
        if way.operation in why_not:
            continue
        try:
            fits = way.fits()
        except CloudFailed as refusal:
            if refusal.code != "azure-forbidden":
                raise
            forbidden, why_not[way.operation] = refusal, FORBIDDEN
            continue
        if not fits:
            raise _failed(way.operation, found)
        return Proved(way.operation, way.algorithm, why_not)
    if forbidden is not None:
        raise _not_allowed(forbidden, [operation for operation, why in why_not.items() if why == FORBIDDEN])
    return Proved(PUBLIC_KEY_ONLY, None, why_not)


def _ways(vault: KeyUse, identifier: str, public_key: bytes) -> list[_Way]:
    key = load_der_public_key(public_key)
    if isinstance(key, rsa.RSAPublicKey):
        return [
            _Way("unwrapKey", _OAEP, lambda: _opens(vault.unwrap, identifier, key)),
            _Way("decrypt", _OAEP, lambda: _opens(vault.decrypt, identifier, key)),
            _Way("sign", _PSS, lambda: _signs_rsa(vault, identifier, key)),
        ]
    if isinstance(key, ec.EllipticCurvePublicKey):
        algorithm = _EC_SIGNING[key.curve.name][0]
        return [_Way("sign", algorithm, lambda: _signs_ec(vault, identifier, key))]
    raise InternalError("A public key that is held is neither RSA nor EC.")


def _opens(use: Callable[[str, str, bytes], bytes], identifier: str, key: rsa.RSAPublicKey) -> bool:
    secret = os.urandom(_RANDOM_BYTES)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    return hmac.compare_digest(use(identifier, _OAEP, key.encrypt(secret, oaep)), secret)


def _signs_rsa(vault: KeyUse, identifier: str, key: rsa.RSAPublicKey) -> bool:
    digest = os.urandom(hashes.SHA256.digest_size)
    signature = vault.sign(identifier, _PSS, digest)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)  # RFC 7518 section 3.5
    try:
        key.verify(signature, digest, pss, Prehashed(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _signs_ec(vault: KeyUse, identifier: str, key: ec.EllipticCurvePublicKey) -> bool:
    algorithm, kind = _EC_SIGNING[key.curve.name]
    digest = os.urandom(kind.digest_size)
    signature = vault.sign(identifier, algorithm, digest)
    size = (key.curve.key_size + 7) // 8
    if len(signature) != 2 * size:
        return False
    r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
    try:
        key.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(kind)))
    except InvalidSignature:
        return False
    return True


def _not_allowed(forbidden: CloudFailed, operations: list[str]) -> CloudFailed:
    return CloudFailed(
        f"The key is in the vault and reads back as ours, but this sign-in may not use it. {forbidden.detail}",
        code=forbidden.code,
        field=forbidden.field,
        advice=f"Have somebody who may {' or '.join(operations)} there take the push up with --resume; or, if nobody "
        "shall, take it up with --public-key-proof.",
    )


def _failed(operation: str, found: VaultKey) -> Conflict:
    return Conflict(
        f"The vault's answer to {operation} does not fit our public key: {found.identifier} is another key.",
        code="proof-failed",
        field="name",
        advice="Let nobody use that key; have it examined who put it there, and push again under another name.",
    )
