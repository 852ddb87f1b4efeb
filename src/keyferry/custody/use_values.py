"""What uses of keys take, and what they give."""

from dataclasses import dataclass

from keyferry.material.algorithms import ALGORITHMS, Algorithm
from keyferry.material.secret import Secret
from keyferry.material.using.methods import Method
from keyferry.store.records import Key, KeyVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What is signed or verified: a message, or its digest."""

    message: bytes | None = None
    digest: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ciphertext:
    """What is to be opened: with its envelope, or without one, and then with the version that opens it.

    `algorithm` is in an envelope, and has to be the same if it is given beside one.
    """

    data: bytes
    version: int | None = None
    algorithm: str | None = None
    associated_data: bytes = b""


@dataclass(frozen=True, slots=True)
class Use:
    """By what something was done: the key, its version, the algorithm."""

    key: Key
    version: KeyVersion
    method: Method

    @property
    def algorithm(self) -> Algorithm:
        """The key's type."""
        return ALGORITHMS[self.key.algorithm]


@dataclass(frozen=True, slots=True)
class Protected:
    """A ciphertext in its envelope."""

    by: Use
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """What was encrypted or wrapped, in the clear."""

    by: Use
    plaintext: Secret


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature, in the form that was asked for."""

    by: Use
    signature: bytes


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether a signature is valid."""

    by: Use
    valid: bool
