"""The one full validation of a private key, when it comes in. After that the seal vouches for the bytes.

The cheap checks come first, so that numbers of absurd size cost nothing.
"""

from contextlib import suppress

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from keyferry.errors import MaterialRefused
from keyferry.material.algorithms import ALGORITHMS, Algorithm, Family
from keyferry.material.keys import Material, PrivateKey
from keyferry.material.refusals import mismatch, not_kept, refused
from keyferry.material.secret import Secret

SMALLEST_EXPONENT = 65537
LARGEST_EXPONENT_BITS = 256


def validated(key: object, algorithm: Algorithm | None) -> Material:
    """Validate a parsed private key of any kind, and normalise it to PKCS#8 DER.

    1. Its type and size have a row in the table, the one that was named. 2. The numbers stand in the relations that
    FIPS 186-5 asks for. 3. The library's own validation passes: primality, the private exponent and the CRT members
    (SP 800-56B section 6.4.1.2.3), the point on its curve (SP 800-56A section 5.6.2.3).

    Attributes in the PKCS#8 are dropped: what a key may do is said by its usages.

    Args:
        key: what the library parsed, without validation.
        algorithm: the type that it must have; None to take any in the table.

    Raises:
        MaterialRefused: `material-refused` or `algorithm-mismatch`.
    """
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise not_kept(f"a key of type {type(key).__name__.removesuffix('PrivateKey')}")
    found = _row(key)
    if algorithm is not None and found is not algorithm:
        raise mismatch(found.name, algorithm)
    if isinstance(key, rsa.RSAPrivateKey):
        _check_rsa(key.private_numbers(), found.bits)
    else:
        _check_ec(key)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    _check_fully(der)
    return Material(found, Secret(der))


def _row(key: PrivateKey) -> Algorithm:
    if isinstance(key, rsa.RSAPrivateKey):
        rows = [row for row in ALGORITHMS.values() if row.family is Family.RSA and row.bits == key.key_size]
        name = f"an RSA key of {key.key_size} bits"
    else:
        rows = [row for row in ALGORITHMS.values() if row.curve is not None and isinstance(key.curve, row.curve)]
        name = f"an EC key on the curve {key.curve.name}"
    if not rows:
        raise not_kept(name)
    return rows[0]


def _check_rsa(numbers: rsa.RSAPrivateNumbers, bits: int) -> None:
    """FIPS 186-5 section A.1.1: what can be said of the numbers without testing primes."""
    exponent = numbers.public_numbers.e
    if exponent < SMALLEST_EXPONENT or exponent % 2 == 0 or exponent.bit_length() > LARGEST_EXPONENT_BITS:
        raise refused(
            "The RSA key's public exponent is even, below 65537, or above 256 bits",
            "Give an RSA key with the public exponent 65537.",
        )
    half = bits // 2
    relations = (
        numbers.p * numbers.q == numbers.public_numbers.n,
        numbers.p.bit_length() == half and numbers.q.bit_length() == half,
        abs(numbers.p - numbers.q).bit_length() > half - 100,
        half < numbers.d.bit_length() and numbers.d < numbers.public_numbers.n,
        numbers.dmp1 < numbers.p and numbers.dmq1 < numbers.q and numbers.iqmp < numbers.p,
    )
    if not all(relations):
        raise _unsound("RSA")


def _check_ec(key: ec.EllipticCurvePrivateKey) -> None:
    """The public point must be the private scalar's: SP 800-56A section 5.6.2.1.4, by computing it again."""
    with suppress(ValueError):
        derived = ec.derive_private_key(key.private_numbers().private_value, key.curve)
        if derived.public_key() == key.public_key():
            return
    raise _unsound("EC")


def _check_fully(der: bytes) -> None:
    with suppress(ValueError, UnsupportedAlgorithm):
        load_der_private_key(der, password=None)
        return
    raise _unsound("private")


def _unsound(kind: str) -> MaterialRefused:
    return refused(
        f"The {kind} key is damaged or weak: its numbers do not belong together, or are not what the standard asks for",
        "Check the file with `openssl pkey -in FILE -noout -check`; if it is as it was made, make a new key.",
    )
