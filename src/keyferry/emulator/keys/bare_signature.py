"""Signatures of PKCS#1 version 1.5 over a value as it is, with no digest's name around it: the algorithm RSNULL.

RFC 8017 section 8.2 with the value in the place of DigestInfo (section 9.2, step 2), as TLS before version 1.2 signs 36
bytes of MD5 and SHA-1 (RFC 4346 section 4.7). "Key types, algorithms, and operations" of Azure Key Vault refers to
RFC 2437 for it.
"""

from typing import Any, Final

from Crypto.PublicKey.RSA import RsaKey

PADDING_BYTES: Final = 11
"""What the padding takes at least: 0, 1, eight times 255, 0."""


class BareScheme:
    """Signs and verifies values of at most `PADDING_BYTES` fewer than the modulus has."""

    def __init__(self, key: RsaKey) -> None:
        self._key = key

    def sign(self, value: bytes) -> bytes:
        """The signature, as long as the modulus.

        Raises:
            ValueError: the value is too long.
        """
        padded = self._padded(value)
        signature = _private_operation(self._key, padded)
        if _public_operation(self._key, signature) != padded:
            raise ValueError("The private operation went wrong, and what it made would tell of the key.")
        return signature

    def verify(self, value: bytes, signature: bytes) -> None:
        """Refuse what is no signature of the value.

        Raises:
            ValueError: it is none.
        """
        if len(signature) != self._key.size_in_bytes() or int.from_bytes(signature, "big") >= self._key.n:
            raise ValueError("It is no number below the modulus, of the modulus's length.")
        if _public_operation(self._key, signature) != self._padded(value):
            raise ValueError("It is another value's, or another key's.")

    def _padded(self, value: bytes) -> bytes:
        filling = self._key.size_in_bytes() - len(value) - 3
        if filling < PADDING_BYTES - 3:
            raise ValueError("The value is too long for the modulus.")
        return b"\0\1" + filling * b"\xff" + b"\0" + value


def _private_operation(key: Any, number: bytes) -> bytes:
    """RSASP1 (RFC 8017 section 5.2.1), blinded."""
    return bytes(key._decrypt_to_bytes(int.from_bytes(number, "big")))  # noqa: SLF001  # the library has no public name for it


def _public_operation(key: Any, number: bytes) -> bytes:
    """RSAVP1 (RFC 8017 section 5.2.2)."""
    opened = int(key._encrypt(int.from_bytes(number, "big")))  # noqa: SLF001  # the library has no public name for it
    return opened.to_bytes(len(number), "big")
