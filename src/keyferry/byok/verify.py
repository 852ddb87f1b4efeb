"""Unwrapping a transfer file with the private half of a test KEK, to prove that it holds the key that it should.

A real KEK's private half never leaves the vault. This is for a KEK that someone made to try the way out, and for the
test vectors.
"""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from keyferry.byok.der import Shape, shape_of
from keyferry.byok.inspect import TransferFileFacts, inspect
from keyferry.byok.transfer_file import parse
from keyferry.errors import InvalidInput, MaterialRefused
from keyferry.material.algorithms import ALGORITHMS, Algorithm, Family
from keyferry.material.certificate_faults import UNREADABLE
from keyferry.material.importing import read_material
from keyferry.material.keys import Identity, Material, fingerprint_spki, identify, load_private
from keyferry.material.secret import Secret
from keyferry.material.wrapping import OaepHash, unwrap

MAX_BYTES = 64 * 1024
_AES_BYTES = {row.bits // 8: row for row in ALGORITHMS.values() if row.family is Family.AES}


@dataclass(frozen=True, slots=True)
class Verification:
    """What a transfer file turned out to hold. That there is one means that it unwrapped and that nothing differed.

    Attributes:
        facts: what `inspect` says of the file.
        algorithm: the type of the key in it.
        plaintext_bytes: the length of the key before wrapping.
        identity: its public key and fingerprint, or a symmetric key's check value.
        compared: whether a public key was given to compare with.
    """

    facts: TransferFileFacts
    algorithm: Algorithm
    plaintext_bytes: int
    identity: Identity
    compared: bool


def verify(content: bytes, kek_private: rsa.RSAPrivateKey, expected_public: bytes | None = None) -> Verification:
    """Unwrap a transfer file and look at the key in it.

    1. The file is read, whichever tool wrote it. 2. It is unwrapped: RSA-OAEP with SHA-1, then AES-KWP (RFC 5649
    section 4.2), which finds any change. 3. The key must be PKCS#8 DER, or an AES key's 16, 24 or 32 bytes, and sound.
    4. Its public key must be `expected_public` (PEM or DER, a certificate too), when that is given.

    Raises:
        InvalidInput: `transfer-file-refused`, `unwrap-failed`, `public-key-differs`, or `invalid-input` for an
            `expected_public` that cannot be read.
    """
    expected = None if expected_public is None else read_public_key(expected_public)
    facts = inspect(content)
    secret = unwrap(parse(content)[0].ciphertext, kek_private, OaepHash.SHA1)
    material = _material(secret)
    identity = identify(material)
    if expected is not None and expected != identity.public_key:
        raise _differs(identity, expected)
    return Verification(facts, material.algorithm, len(secret), identity, compared=expected is not None)


def read_kek_private(data: bytes, passphrase: Secret | None = None) -> rsa.RSAPrivateKey:
    """Read a test KEK's private key: RSA of 2048, 3072 or 4096 bits, in any form that `read_material` takes.

    Raises:
        MaterialRefused: the field is `private_key`; `kek-not-rsa`, or what `read_material` found.
    """
    try:
        key = load_private(read_material(data, passphrase=passphrase))
    except MaterialRefused as refused:
        raise MaterialRefused(refused.detail, code=refused.code, field="private_key", advice=refused.advice) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise MaterialRefused(
            "The private key is not an RSA key",
            code="kek-not-rsa",
            field="private_key",
            advice="Give the private half of the key encryption key that the file was made with.",
        )
    return key


def read_public_key(data: bytes) -> bytes:
    """The SubjectPublicKeyInfo in DER of a public key or certificate, PEM or DER, of any type.

    Raises:
        InvalidInput: `invalid-input`, field `expect`.
    """
    unreadable = InvalidInput(
        "The expected public key cannot be read",
        field="expect",
        advice="Give a PEM or DER public key, or a certificate: `keyferry key public-key ID` prints one.",
    )
    if len(data) > MAX_BYTES:
        raise unreadable
    try:
        return _load_public(data).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except UNREADABLE:
        raise unreadable from None


def _load_public(data: bytes) -> PublicKeyTypes | CertificatePublicKeyTypes:
    if b"-----BEGIN CERTIFICATE-----" in data:
        return x509.load_pem_x509_certificate(data).public_key()
    if b"-----BEGIN " in data:
        return load_pem_public_key(data)
    if shape_of(data) is Shape.CERTIFICATE:
        return x509.load_der_x509_certificate(data).public_key()
    return load_der_public_key(data)


def _material(secret: Secret) -> Material:
    """The key that was wrapped. Azure takes PKCS#8 and raw AES keys, so that nothing else is taken here."""
    symmetric = _AES_BYTES.get(len(secret))
    if symmetric is not None:
        return Material(symmetric, secret)
    if shape_of(secret.reveal()) is not Shape.PRIVATE_KEY_INFO:
        raise _holds_no_key("is neither PKCS#8 in DER nor an AES key of 16, 24 or 32 bytes")
    try:
        return read_material(secret.reveal())
    except MaterialRefused as refused:
        raise _holds_no_key(f"is PKCS#8, but will not do: {refused.detail}") from None


def _differs(found: Identity, expected: bytes) -> InvalidInput:
    wanted = fingerprint_spki(expected)
    held = "a symmetric key" if found.spki_sha256 is None else f"the key with SPKI SHA-256 {found.spki_sha256}"
    return InvalidInput(
        f"The file holds {held}, and the expected public key's SPKI SHA-256 is {wanted}",
        code="public-key-differs",
        field="expect",
        advice="Check that file and public key are of the same key and version; else do not import the file.",
    )


def _holds_no_key(reason: str) -> InvalidInput:
    return InvalidInput(
        f"The file unwraps, but what it holds {reason}",
        code="transfer-file-refused",
        field="ciphertext",
        advice="Wrap the key again: RSA and EC keys as PKCS#8 DER without encryption, AES keys as their bytes.",
    )
