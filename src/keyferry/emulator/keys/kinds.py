"""What keys a vault holds: kinds, curves, sizes, and what each may be used for. A further kind or curve is a row here.

Sources: Microsoft's "About keys" (key types and operations) and RFC 7518 section 6 (members of a JSON Web Key).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

RSA_SIZES: Final = (2048, 3072, 4096)
"""Bits of the modulus."""


class Kind(StrEnum):
    """`kty`. The private half of an `-HSM` kind lives in a hardware module, which this emulator plays."""

    RSA = "RSA"
    RSA_HSM = "RSA-HSM"
    EC = "EC"
    EC_HSM = "EC-HSM"

    @property
    def hsm(self) -> bool:
        """Whether a hardware module guards it."""
        return self in {Kind.RSA_HSM, Kind.EC_HSM}

    @property
    def rsa(self) -> bool:
        """Whether it is RSA; else it is an elliptic curve."""
        return self in {Kind.RSA, Kind.RSA_HSM}

    @property
    def guarded(self) -> "Kind":
        """The same kind in a hardware module."""
        return Kind.RSA_HSM if self.rsa else Kind.EC_HSM


class Operation(StrEnum):
    """A word of `key_ops`."""

    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"
    SIGN = "sign"
    VERIFY = "verify"
    WRAP = "wrapKey"
    UNWRAP = "unwrapKey"
    IMPORT = "import"


RSA_OPERATIONS: Final = (
    Operation.ENCRYPT,
    Operation.DECRYPT,
    Operation.SIGN,
    Operation.VERIFY,
    Operation.WRAP,
    Operation.UNWRAP,
)
EC_OPERATIONS: Final = (Operation.SIGN, Operation.VERIFY)


def operations_of(kind: Kind) -> tuple[Operation, ...]:
    """What a key of this kind is for unless it is told otherwise."""
    return RSA_OPERATIONS if kind.rsa else EC_OPERATIONS


@dataclass(frozen=True, slots=True)
class Curve:
    """An elliptic curve.

    Attributes:
        name: as a JSON Web Key's `crv`.
        library: PyCryptodome's name for it.
        oid: its object identifier (RFC 5480 section 2.1.1.1, SEC 2).
        bits: of a coordinate.
    """

    name: str
    library: str
    oid: str
    bits: int

    @property
    def bytes(self) -> int:
        """Bytes of a coordinate, and of the private number."""
        return (self.bits + 7) // 8


CURVES: Final = {
    curve.name: curve
    for curve in (
        Curve("P-256", "P-256", "1.2.840.10045.3.1.7", 256),
        Curve("P-384", "P-384", "1.3.132.0.34", 384),
        Curve("P-521", "P-521", "1.3.132.0.35", 521),
        Curve("P-256K", "secp256k1", "1.3.132.0.10", 256),
    )
}
