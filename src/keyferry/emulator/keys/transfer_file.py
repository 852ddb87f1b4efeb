"""The BYOK transfer file (`key_hsm`), read strictly and with PyCryptodome alone.

    {"schema_version": "1.0.0",
     "header": {"kid": <identifier of the KEK's version>, "alg": "dir", "enc": "CKM_RSA_AES_KEY_WRAP"},
     "ciphertext": <base64: RSA-OAEP(KEK, AES key) || AES-KWP(AES key, PKCS#8)>,
     "generator": <free text>}

OAEP with SHA-1 as its hash and its mask generation hash and an empty label (RFC 8017 section 7.1.2); AES key wrap with
padding (RFC 5649). Source: "Bring your own key specification" of Azure Key Vault. Whether the service checks
`schema_version` and `alg` as strictly is not known. Every check that fails has a message of its own.
"""

from dataclasses import dataclass, field
from typing import Final

from Crypto.Cipher import AES, PKCS1_OAEP
from Crypto.Hash import SHA1
from Crypto.PublicKey.RSA import RsaKey

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys import documents, encoding, pkcs8
from keyferry.emulator.keys.kinds import Curve, Kind
from keyferry.emulator.keys.material import EcPrivate, MaterialRefused, Private, RsaPrivate
from keyferry.emulator.keys.names import KeyIdentifier, NoKeyIdentifier, parse_identifier
from keyferry.emulator.keys.refusals import bad_parameter

SCHEMA_VERSION: Final = "1.0.0"
ALGORITHM: Final = "dir"
ENCRYPTION: Final = "CKM_RSA_AES_KEY_WRAP"
MAX_BYTES: Final = 64 * 1024
AES_KEY_BYTES: Final = (16, 24, 32)
_SHORTEST_WRAPPED: Final = 16
"""Bytes of the shortest output of RFC 5649 section 4.1."""


@dataclass(frozen=True, slots=True)
class TransferFile:
    """What a transfer file says: which version of a KEK it is wrapped under, and the wrapped key."""

    kek: KeyIdentifier
    ciphertext: bytes = field(repr=False)


def read(key_hsm: str) -> TransferFile:
    """Read the file in `key_hsm`, which is its bytes in base64, of any flavour.

    1. `key_hsm` is base64, and JSON inside; nCipher's old transfer packages are binary.
    2. Every member is there, is a string, and says what the specification says.
    3. `kid` names one version of a key.
    4. `ciphertext` is base64, of any flavour.

    Raises:
        AzureFailure: 400 BadParameter; the message says which.
    """
    document = _document(key_hsm)
    _require(document, "schema_version", SCHEMA_VERSION)
    header = document.get("header")
    if not isinstance(header, dict):
        raise _refused("header is missing" if header is None else "header is not an object")
    _require(header, "alg", ALGORITHM, "header.")
    _require(header, "enc", ENCRYPTION, "header.")
    _text(document, "generator", required=False)
    kid = _text(header, "kid", "header.")
    try:
        kek = parse_identifier(kid)
    except NoKeyIdentifier as reason:
        raise _refused(f"header.kid is not the identifier of a key version: {reason}") from None
    try:
        ciphertext = encoding.decode(_text(document, "ciphertext"))
    except ValueError as reason:
        raise _refused(f"ciphertext is not base64: {reason}") from None
    return TransferFile(kek, ciphertext)


def unwrap(file: TransferFile, kek: RsaKey) -> bytes:
    """Take the wrapped key out of the file: PKCS#8, if whoever wrapped it did as the specification says.

    1. The ciphertext is as long as the KEK's modulus, and what AES-KWP makes.
    2. RSA-OAEP opens the first part: an AES key of 128, 192 or 256 bits.
    3. AES-KWP opens the rest.

    Raises:
        AzureFailure: 400 BadParameter; the message says which.
    """
    modulus = kek.size_in_bytes()
    wrapped = len(file.ciphertext) - modulus
    if wrapped < _SHORTEST_WRAPPED:
        raise _refused(
            f"ciphertext has {len(file.ciphertext)} bytes, fewer than the KEK's modulus ({modulus}) and a wrapped key"
        )
    if wrapped % 8:
        raise _refused(
            f"ciphertext has {wrapped} bytes after the KEK's modulus ({modulus}), and AES key wrap makes multiples of 8"
        )
    try:
        aes_key = PKCS1_OAEP.new(kek, SHA1).decrypt(file.ciphertext[:modulus])
    except ValueError:
        raise _refused(
            "the first part of ciphertext does not open under the KEK with RSA-OAEP, SHA-1 and MGF1-SHA-1: it was "
            "wrapped under another key, or with another hash"
        ) from None
    if len(aes_key) not in AES_KEY_BYTES:
        raise _refused(f"the wrapped AES key has {8 * len(aes_key)} bits, and 128, 192 or 256 are taken")
    try:
        return AES.new(aes_key, AES.MODE_KWP).unseal(file.ciphertext[modulus:])
    except ValueError:
        raise _refused(
            "the second part of ciphertext does not open under the AES key with AES key wrap with padding (RFC 5649)"
        ) from None


def read_key(plaintext: bytes, kind: Kind, curve: Curve | None) -> Private:
    """The key in an unwrapped file, which must be what the request says it is.

    Args:
        kind: what the request's `kty` says.
        curve: what the request's `crv` says, for an elliptic curve.

    Raises:
        AzureFailure: 400 BadParameter: it is not PKCS#8, not sound, or something else than was declared.
    """
    try:
        private = pkcs8.read(plaintext)
    except MaterialRefused as reason:
        raise _refused(f"what was wrapped is not a key in PKCS#8 that a vault takes: {reason}") from None
    if isinstance(private, RsaPrivate) != kind.rsa:
        held = "an RSA key" if isinstance(private, RsaPrivate) else "an elliptic curve key"
        raise _refused(f"kty says {kind}, and {held} was wrapped")
    if isinstance(private, EcPrivate) and private.curve != curve:
        declared = "nothing" if curve is None else curve.name
        raise _refused(f"crv says {declared}, and a key on {private.curve.name} was wrapped")
    return private


def _document(key_hsm: str) -> dict[str, object]:
    try:
        content = encoding.decode(key_hsm)
    except ValueError as reason:
        raise _refused(f"key_hsm is not base64: {reason}") from None
    if not content or len(content) > MAX_BYTES:
        raise _refused(f"it has {len(content)} bytes, and 1 to {MAX_BYTES} are taken")
    if not content.lstrip(b" \t\r\n").startswith(b"{") or b"\0" in content:
        raise _refused(
            "it is not JSON; a binary KeyTransferPackage of nCipher's old tools is no longer taken, wrap the key anew"
        )
    try:
        return documents.parse_object(content)
    except documents.NotJson as reason:
        raise _refused(str(reason)) from None


def _require(members: dict[str, object], name: str, expected: str, prefix: str = "") -> None:
    if _text(members, name, prefix) != expected:
        raise _refused(f"{prefix}{name} is not {expected}")


def _text(members: dict[str, object], name: str, prefix: str = "", *, required: bool = True) -> str:
    value = members.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str):
        raise _refused(f"{prefix}{name} is missing" if value is None else f"{prefix}{name} is not a string")
    return value


def _refused(reason: str) -> AzureFailure:
    return bad_parameter(f"The key transfer file (key_hsm) cannot be imported: {reason}.")
