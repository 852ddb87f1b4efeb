"""Every key type that Keyferry keeps, in one table. Adding a type means adding a row."""

from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric import ec


class Family(StrEnum):
    """What kind of key it is. The values are the JWK `kty` (RFC 7518 section 6.1)."""

    RSA = "RSA"
    EC = "EC"
    AES = "oct"


class Usage(StrEnum):
    """Cryptographic operations that a key may be allowed (the words of JWK `key_ops`, RFC 7517 section 4.3)."""

    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"
    SIGN = "sign"
    VERIFY = "verify"
    WRAP = "wrap"
    UNWRAP = "unwrap"


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A key type: its name in commands and REST, its family, its size in bits, and what such a key can do."""

    name: str
    family: Family
    bits: int
    usages: frozenset[Usage]
    curve: type[ec.EllipticCurve] | None = None
    jwk_curve: str | None = None

    @property
    def symmetric(self) -> bool:
        """Whether there is one key and no public half."""
        return self.family is Family.AES


_RSA = frozenset(Usage)
_EC = frozenset({Usage.SIGN, Usage.VERIFY})
_AES = frozenset({Usage.ENCRYPT, Usage.DECRYPT, Usage.WRAP, Usage.UNWRAP})

ALGORITHMS: dict[str, Algorithm] = {
    row.name: row
    for row in (
        Algorithm("rsa-2048", Family.RSA, 2048, _RSA),
        Algorithm("rsa-3072", Family.RSA, 3072, _RSA),
        Algorithm("rsa-4096", Family.RSA, 4096, _RSA),
        Algorithm("ec-p256", Family.EC, 256, _EC, ec.SECP256R1, "P-256"),
        Algorithm("ec-p384", Family.EC, 384, _EC, ec.SECP384R1, "P-384"),
        Algorithm("ec-p521", Family.EC, 521, _EC, ec.SECP521R1, "P-521"),
        Algorithm("ec-p256k", Family.EC, 256, _EC, ec.SECP256K1, "secp256k1"),
        Algorithm("aes-128", Family.AES, 128, _AES),
        Algorithm("aes-192", Family.AES, 192, _AES),
        Algorithm("aes-256", Family.AES, 256, _AES),
    )
}
