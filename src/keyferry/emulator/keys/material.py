"""Key material as values: numbers, checked once where they come in, and the PyCryptodome keys made of them.

A private number never gets out of this package: `repr` shows none, no answer is made of anything but `Public`.
"""

from dataclasses import dataclass

from Crypto.Math.Numbers import Integer
from Crypto.PublicKey import ECC, RSA
from Crypto.PublicKey.ECC import EccKey
from Crypto.PublicKey.RSA import RsaKey
from cryptography.hazmat.primitives.asymmetric import rsa

from keyferry.emulator.keys.kinds import RSA_SIZES, Curve

EXPONENT = 65537
_LARGEST_EXPONENT = 1 << 64


class MaterialRefused(Exception):
    """Key material that will not do. The message says why, and tells nothing of the material."""


@dataclass(frozen=True, slots=True)
class RsaPublic:
    """The public half of an RSA key."""

    n: int
    e: int

    @property
    def bits(self) -> int:
        """Of the modulus."""
        return self.n.bit_length()


@dataclass(frozen=True, slots=True)
class EcPublic:
    """The public half of an elliptic curve key: a point of its curve."""

    curve: Curve
    x: int
    y: int


Public = RsaPublic | EcPublic


@dataclass(frozen=True, slots=True, repr=False)
class RsaPrivate:
    """An RSA private key (RFC 8017 section 3.2, second representation, two primes)."""

    n: int
    e: int
    d: int
    p: int
    q: int

    @property
    def public(self) -> RsaPublic:
        """What may be shown of it."""
        return RsaPublic(self.n, self.e)


@dataclass(frozen=True, slots=True, repr=False)
class EcPrivate:
    """An elliptic curve private key: a number, and the point that it makes."""

    curve: Curve
    d: int
    x: int
    y: int

    @property
    def public(self) -> EcPublic:
        """What may be shown of it."""
        return EcPublic(self.curve, self.x, self.y)


Private = RsaPrivate | EcPrivate


@dataclass(frozen=True, slots=True, repr=False)
class Crt:
    """The numbers of an RSA private key that follow from the others (RFC 8017 section 3.2); each may be left out."""

    dp: int | None = None
    dq: int | None = None
    qi: int | None = None


def generate_rsa(bits: int) -> RsaPrivate:
    """A new RSA key with the public exponent 65537; `bits` is one of `RSA_SIZES`. Takes up to seconds."""
    numbers = rsa.generate_private_key(EXPONENT, bits).private_numbers()
    return RsaPrivate(numbers.public_numbers.n, numbers.public_numbers.e, numbers.d, numbers.p, numbers.q)


def generate_ec(curve: Curve) -> EcPrivate:
    """A new key on that curve."""
    key = ECC.generate(curve=curve.library)
    return _ec_private(curve, key)


def like(public: Public) -> Private:
    """New material of the same type and size."""
    return generate_rsa(public.bits) if isinstance(public, RsaPublic) else generate_ec(public.curve)


def require_rsa(key: RsaPrivate, crt: Crt = Crt()) -> None:
    """Refuse numbers that are no RSA key of a size that a vault takes.

    1. The modulus has 2048, 3072 or 4096 bits.
    2. The public exponent is odd, and between 3 and 2^64.
    3. p and q are primes, p times q is n, and e times d is 1 modulo lcm(p-1, q-1).
    4. What follows from these is what it should be, where it is given.

    Raises:
        MaterialRefused: says which; nothing is said of private numbers.
    """
    if key.public.bits not in RSA_SIZES:
        raise MaterialRefused(f"the RSA key has {key.public.bits} bits, and a vault takes 2048, 3072 or 4096")
    if key.e % 2 == 0 or not 3 <= key.e < _LARGEST_EXPONENT:
        raise MaterialRefused("the RSA public exponent e is even, or not between 3 and 2^64")
    if key.p < 3 or key.q < 3 or key.p * key.q != key.n:
        raise MaterialRefused("the RSA modulus n is not the product of the primes p and q")
    try:
        RSA.construct((key.n, key.e, key.d, key.p, key.q))
    except (ValueError, ZeroDivisionError):
        raise MaterialRefused("the RSA numbers n, e, d, p and q do not belong together") from None
    if (
        crt.dp not in {None, key.d % (key.p - 1)}
        or crt.dq not in {None, key.d % (key.q - 1)}
        or crt.qi not in {None, pow(key.q, -1, key.p)}
    ):
        raise MaterialRefused("the RSA numbers dp, dq and qi do not follow from d, p and q")


def ec_of_number(curve: Curve, d: int, point: tuple[int, int] | None) -> EcPrivate:
    """The key with the private number `d`; `point` is the public half as it was given, where it was.

    Raises:
        MaterialRefused: `d` is not between 1 and the curve's order, or makes another point.
    """
    try:
        key = ECC.construct(curve=curve.library, d=d)
        private = _ec_private(curve, key)
    except ValueError:
        raise MaterialRefused(f"the private number d is none of the curve {curve.name}") from None
    if point not in {None, (private.x, private.y)}:
        raise MaterialRefused("the public point is not the one that the private number makes")
    return private


def rsa_key(key: RsaPrivate) -> RsaKey:
    """The library's key, of numbers that were checked when they came in."""
    return RSA.construct((key.n, key.e, key.d, key.p, key.q), consistency_check=False)


def rsa_public_key(key: RsaPublic) -> RsaKey:
    """The library's public key."""
    return RSA.construct((key.n, key.e), consistency_check=False)


def ec_key(key: EcPrivate) -> EccKey:
    """The library's key."""
    return ECC.construct(curve=key.curve.library, d=Integer(key.d))


def ec_public_key(key: EcPublic) -> EccKey:
    """The library's public key."""
    return ECC.construct(curve=key.curve.library, point_x=key.x, point_y=key.y)


def _ec_private(curve: Curve, key: EccKey) -> EcPrivate:
    return EcPrivate(curve, int(key.d), int(key.pointQ.x), int(key.pointQ.y))
