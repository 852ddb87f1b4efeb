"""Every algorithm that a key can be used with, in one table. Adding one means adding a row.

The names are those of JOSE (RFC 7518 section 3.1, RFC 8812 section 3.2) and Azure Key Vault. Neither names AES key wrap
with padding (RFC 5649): it is called `A256KWP` here, as `A256KW` is that without.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from keyferry.errors import InvalidInput
from keyferry.material.algorithms import Algorithm, Family, Usage


class Scheme(StrEnum):
    """How an algorithm works, whatever the sizes."""

    GCM = "AES-GCM"  # NIST SP 800-38D
    KW = "AES-KW"  # RFC 3394
    KWP = "AES-KWP"  # RFC 5649
    OAEP = "RSAES-OAEP"  # RFC 8017 section 7.1
    PSS = "RSASSA-PSS"  # RFC 8017 section 8.1
    PKCS1 = "RSASSA-PKCS1-v1_5"  # RFC 8017 section 8.2
    ECDSA = "ECDSA"  # FIPS 186-5 section 6


class Hash(StrEnum):
    """Hash functions, by the names that `hashlib` has for them."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


@dataclass(frozen=True, slots=True)
class Method:
    """An algorithm: its name, how it works, what it is for, and which types of key it takes.

    Args:
        code: what stands for it in an envelope; never given to another. None for signatures, which have no envelope.
        hash: of the message that is signed; of OAEP and its MGF1. None for AES.
        legacy: what to say to whoever still uses it; None for those that are up to date.
    """

    name: str
    scheme: Scheme
    usages: frozenset[Usage]
    key_types: frozenset[str]
    code: int | None = None
    hash: Hash | None = None
    legacy: str | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know who uses it."""
        return () if self.legacy is None else (self.legacy,)


_ENCRYPTING: Final = frozenset({Usage.ENCRYPT, Usage.DECRYPT})
_WRAPPING: Final = frozenset({Usage.WRAP, Usage.UNWRAP})
_SIGNING: Final = frozenset({Usage.SIGN, Usage.VERIFY})
_RSA: Final = frozenset({"rsa-2048", "rsa-3072", "rsa-4096"})

_SHA1_WARNING: Final = (
    "RSA-OAEP uses SHA-1 and is legacy: use RSA-OAEP-256, unless what made or opens the ciphertext knows no other."
)


def _aes(name: str, scheme: Scheme, usages: frozenset[Usage], bits: int, code: int) -> Method:
    return Method(name, scheme, usages, frozenset({f"aes-{bits}"}), code)


def _oaep(name: str, code: int, hash_: Hash, legacy: str | None = None) -> Method:
    return Method(name, Scheme.OAEP, _ENCRYPTING | _WRAPPING, _RSA, code, hash_, legacy)


def _signature(name: str, scheme: Scheme, hash_: Hash, key_types: frozenset[str] = _RSA) -> Method:
    return Method(name, scheme, _SIGNING, key_types, hash=hash_)


#: by name; of those that a key can do for one use, the first is the one that is taken when none is named
METHODS: Final[dict[str, Method]] = {
    row.name: row
    for row in (
        _aes("A128GCM", Scheme.GCM, _ENCRYPTING, 128, 0x01),
        _aes("A192GCM", Scheme.GCM, _ENCRYPTING, 192, 0x02),
        _aes("A256GCM", Scheme.GCM, _ENCRYPTING, 256, 0x03),
        _aes("A128KWP", Scheme.KWP, _WRAPPING, 128, 0x21),
        _aes("A192KWP", Scheme.KWP, _WRAPPING, 192, 0x22),
        _aes("A256KWP", Scheme.KWP, _WRAPPING, 256, 0x23),
        _aes("A128KW", Scheme.KW, _WRAPPING, 128, 0x11),
        _aes("A192KW", Scheme.KW, _WRAPPING, 192, 0x12),
        _aes("A256KW", Scheme.KW, _WRAPPING, 256, 0x13),
        _oaep("RSA-OAEP-256", 0x31, Hash.SHA256),
        _oaep("RSA-OAEP", 0x32, Hash.SHA1, _SHA1_WARNING),
        _signature("PS256", Scheme.PSS, Hash.SHA256),
        _signature("PS384", Scheme.PSS, Hash.SHA384),
        _signature("PS512", Scheme.PSS, Hash.SHA512),
        _signature("RS256", Scheme.PKCS1, Hash.SHA256),
        _signature("RS384", Scheme.PKCS1, Hash.SHA384),
        _signature("RS512", Scheme.PKCS1, Hash.SHA512),
        _signature("ES256", Scheme.ECDSA, Hash.SHA256, frozenset({"ec-p256"})),
        _signature("ES384", Scheme.ECDSA, Hash.SHA384, frozenset({"ec-p384"})),
        _signature("ES512", Scheme.ECDSA, Hash.SHA512, frozenset({"ec-p521"})),
        _signature("ES256K", Scheme.ECDSA, Hash.SHA256, frozenset({"ec-p256k"})),
    )
}

BY_CODE: Final[dict[int, Method]] = {row.code: row for row in METHODS.values() if row.code is not None}


def methods_of(algorithm: Algorithm, usage: Usage) -> list[Method]:
    """What a key of this type can be used with for this use, the one that is taken by default first."""
    return [row for row in METHODS.values() if algorithm.name in row.key_types and usage in row.usages]


def method_named(name: str | None, algorithm: Algorithm, usage: Usage) -> Method:
    """The algorithm of this name, or the default one for None.

    An RSA key's signature is verified with a named algorithm only: with another one than it was made with, it would be
    called invalid, and nobody would know why.

    Raises:
        InvalidInput: (`algorithm-refused`) there is none of that name for such a key and use, or one has to be named.
    """
    possible = methods_of(algorithm, usage)
    if name is None and usage is Usage.VERIFY and algorithm.family is Family.RSA:
        raise _refused("The algorithm of the signature is not named.", possible)
    if name is None and possible:
        return possible[0]
    for row in possible:
        if row.name == name:
            return row
    raise _refused(f"A key of type {algorithm.name} does not {usage} with {str(name)[:40]!r}.", possible)


def _refused(detail: str, possible: list[Method]) -> InvalidInput:
    names = ", ".join(row.name for row in possible) or "another key"
    return InvalidInput(detail, code="algorithm-refused", field="algorithm", advice=f"Give one of {names}.")
