"""A key encryption key's public half, read from whatever form the cloud or its tools hand out."""

import base64
import binascii
import hashlib
import math
import re
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from keyferry.byok.der import RSASSA_PSS, Shape, certificate_public_key, public_key_algorithm, shape_of
from keyferry.byok.jwk import private_key_given, pss_key_given, read_jwk
from keyferry.errors import KekRefused

MAX_BYTES = 64 * 1024
SIZES = (2048, 3072, 4096)
EXPONENT = 65537

_SMALL_PRIMES = math.prod(p for p in range(3, 752) if all(p % d for d in range(2, math.isqrt(p) + 1)))
_PRIVATE_MARK = re.compile(rb"-----(?:BEGIN|END)[ -~]{0,64}PRIVATE KEY|^Private-Lines:", re.IGNORECASE | re.MULTILINE)
_BEGIN = re.compile(rb"-----BEGIN ([ -~]{1,64}?)-----")
_BLOCK = re.compile(rb"-----BEGIN ([ -~]{1,64}?)-----[ \t]*\r?\n([A-Za-z0-9+/=\s]*)-----END \1-----")
_LABELS = {
    b"PUBLIC KEY": Shape.PUBLIC_KEY,
    b"RSA PUBLIC KEY": Shape.RSA_PUBLIC_KEY,
    b"CERTIFICATE": Shape.CERTIFICATE,
    b"X509 CERTIFICATE": Shape.CERTIFICATE,
}
_ADVICE = (
    "Give the key encryption key's public key as the vault hands it out ('Download public key' in the portal, or "
    "`az keyvault key download`): a PEM file that begins with -----BEGIN PUBLIC KEY-----."
)


@dataclass(frozen=True, slots=True)
class KekPublicKey:
    """An RSA public key that keys can be wrapped to.

    Attributes:
        key: the public key.
        bits: the size of its modulus: 2048, 3072 or 4096.
        spki: its SubjectPublicKeyInfo in DER (RFC 5280 section 4.1), encoded anew, so that one key has one encoding
            whatever form it came in.
        spki_sha256: the SHA-256 of `spki`, 64 lower-case hex digits: the fingerprint under which the key is bound.
        claimed_identifier: the `kid` that a JWK or Azure key bundle carried, as it stood there.
        claimed_operations: the `key_ops` that it carried.
    """

    key: rsa.RSAPublicKey = field(repr=False)
    bits: int
    spki_sha256: str
    spki: bytes = field(repr=False)
    claimed_identifier: str | None = None
    claimed_operations: tuple[str, ...] | None = None


@lru_cache(maxsize=64)
def read_kek(data: bytes) -> KekPublicKey:
    """Read the RSA public key in `data` (at most 64 KiB).

    Takes PEM (`PUBLIC KEY`, `RSA PUBLIC KEY`, `CERTIFICATE`), the same in DER, a JWK, and an Azure key bundle. As
    OpenSSL does, it takes CRLF line ends, a UTF-8 byte order mark, and text before and after the PEM block.

    The key must have 2048, 3072 or 4096 bits and the public exponent 65537, which every cloud's key encryption keys
    have: another exponent means a hand-made or damaged file. The modulus gets the cheap part of the partial public-key
    validation of SP 800-89 section 5.3.3: odd, and no prime factor below 752, which a damaged modulus is likely to
    have.

    What was read is remembered by its bytes: many keys go out under one. What was refused is not.

    Raises:
        KekRefused: `kek-too-large`, `kek-unreadable`, `kek-is-private`, `kek-several-blocks`, `kek-not-rsa`,
            `kek-rsa-pss`, `kek-size` or `kek-exponent`.
    """
    if len(data) > MAX_BYTES:
        raise _refused("kek-too-large", f"The public key file has {len(data)} bytes; at most {MAX_BYTES} are read")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if _PRIVATE_MARK.search(data.replace(b"\x00", b"")):  # NULs go so that UTF-16 text is recognised too
        raise private_key_given("The file holds a block marked PRIVATE KEY")
    if shape_of(data) is not Shape.UNKNOWN:
        return _checked(_from_der(data))
    if data.lstrip().startswith(b"{"):
        return _from_jwk(data)
    return _checked(_from_der(*_pem_block(data)))


def _pem_block(data: bytes) -> tuple[bytes, Shape]:
    """The DER inside the one PEM block of `data` (RFC 7468), and what its label says that it is."""
    labels = _BEGIN.findall(data)
    if not labels:
        raise _unreadable_text(data)
    if len(labels) > 1:
        raise _refused(
            "kek-several-blocks",
            f"The file holds {len(labels)} PEM blocks, and it is not clear which one is meant",
            "Give a file with only the key encryption key's public key; of a certificate chain, the first certificate.",
        )
    if labels[0] not in _LABELS:
        raise _refused("kek-unreadable", f"The PEM block is marked {labels[0].decode('ascii')!r}, not PUBLIC KEY")
    block = _BLOCK.search(data)
    if block is None:
        raise _refused("kek-unreadable", "The PEM block is cut short, or holds characters that are not base64")
    try:
        return base64.b64decode(b"".join(block[2].split()), validate=True), _LABELS[labels[0]]
    except binascii.Error:
        raise _refused("kek-unreadable", "The PEM block's base64 is damaged") from None


def _unreadable_text(data: bytes) -> KekRefused:
    if not data.strip():
        return _refused("kek-unreadable", "The public key file is empty")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _refused(
            "kek-unreadable",
            "The public key file is UTF-16 text",
            "Save it as plain text (ASCII or UTF-8) and try again.",
        )
    return _refused("kek-unreadable", "The file is no PEM, DER or JWK public key, and no certificate")


def _from_der(der: bytes, expected: Shape | None = None) -> rsa.RSAPublicKey:
    shape = shape_of(der)
    if shape in (Shape.PRIVATE_KEY_INFO, Shape.OTHER_PRIVATE_KEY):
        raise private_key_given("The file holds a private key, or a container made for one")
    if expected is not None and shape is not expected:
        raise _refused("kek-unreadable", "What the PEM block holds is not what its label says")
    spki = certificate_public_key(der) if shape is Shape.CERTIFICATE else der
    try:
        key = load_der_public_key(spki)
    except UnsupportedAlgorithm:
        raise _not_rsa() from None
    except ValueError:
        raise _refused("kek-unreadable", "The public key's encoding is damaged") from None
    if public_key_algorithm(spki) == RSASSA_PSS:
        raise pss_key_given()
    if not isinstance(key, rsa.RSAPublicKey):
        raise _not_rsa()
    return key


def _from_jwk(data: bytes) -> KekPublicKey:
    try:
        jwk = read_jwk(data.decode("utf-8"))
        _require_sound(jwk.modulus, jwk.exponent)
        key = rsa.RSAPublicNumbers(jwk.exponent, jwk.modulus).public_key()
    except ValueError:
        raise _refused("kek-unreadable", "The JWK is not UTF-8 text, or its numbers are no RSA public key") from None
    return _checked(key, jwk.kid, jwk.operations)


def _checked(key: rsa.RSAPublicKey, kid: str | None = None, operations: tuple[str, ...] | None = None) -> KekPublicKey:
    numbers = key.public_numbers()
    _require_sound(numbers.n, numbers.e)
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return KekPublicKey(key, key.key_size, hashlib.sha256(spki).hexdigest(), spki, kid, operations)


def _require_sound(modulus: int, exponent: int) -> None:
    if modulus.bit_length() not in SIZES:
        raise _refused(
            "kek-size",
            f"The key encryption key has {modulus.bit_length()} bits",
            "Make a key encryption key of 2048, 3072 or 4096 bits; 3072 or 4096 for keys of that size.",
        )
    if exponent != EXPONENT:
        raise _refused("kek-exponent", f"The key encryption key's public exponent is not {EXPONENT}")
    if modulus % 2 == 0 or math.gcd(modulus, _SMALL_PRIMES) != 1:
        raise _refused("kek-unreadable", "The key encryption key's modulus has a small factor: the file is damaged")


def _not_rsa() -> KekRefused:
    return _refused(
        "kek-not-rsa",
        "The public key is not an RSA key",
        "Make the key encryption key with key type RSA-HSM, and give its public key.",
    )


def _refused(code: str, detail: str, advice: str = _ADVICE) -> KekRefused:
    return KekRefused(detail, code=code, field="public_key", advice=advice)
