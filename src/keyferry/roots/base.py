"""What every root of trust does, and how those that hold a 32-byte key do it.

A wrapped secret is

    format (1 byte, 1) || root key's fingerprint (8) || nonce (12) || AES-256-GCM ciphertext || tag (16)

with `"keyferry root 1" || fingerprint || context` as associated data (SP 800-38D). The fingerprint is there to say that
a secret belongs to another root, which is not the same trouble as one that was changed. Fingerprint and wrapping key
are derived from the root key by HKDF-SHA-256 (RFC 5869), each for its one purpose.
"""

import os
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keyferry.errors import CannotStart
from keyferry.material.secret import Secret

ROOT_KEY_BYTES = 32

_FORMAT = b"\x01"
_FINGERPRINT_BYTES = 8
_NONCE_BYTES = 12
_TAG_BYTES = 16
_DOMAIN = b"keyferry root 1"
_HEADER_BYTES = len(_FORMAT) + _FINGERPRINT_BYTES


class Root(Protocol):
    """A root of trust: it wraps a few secrets, the store's data keys, and unwraps them at each start."""

    @property
    def uri(self) -> str:
        """Where it is, as in the setting `root`; holds no secret."""

    @property
    def fingerprint(self) -> str:
        """Names the root key without revealing it: 16 hex digits."""

    def wrap(self, plaintext: Secret, context: bytes) -> bytes:
        """Encrypt `plaintext`, bound to `context`, which must be given again to unwrap."""

    def unwrap(self, wrapped: bytes, context: bytes) -> Secret:
        """Decrypt what `wrap` made.

        Raises:
            CannotStart: (`root-unavailable`) another root wrapped it, or it or its context was changed.
        """


class RootKey:
    """A root that holds its 32-byte key in memory. Which file it came from is its maker's business."""

    def __init__(self, uri: str, key: Secret) -> None:
        if len(key) != ROOT_KEY_BYTES:
            raise ValueError(f"a root key has {ROOT_KEY_BYTES} bytes, not {len(key)}")
        self._uri = uri
        self._key = key
        self._fingerprint = _derive(key, "fingerprint", _FINGERPRINT_BYTES)
        self._cipher = AESGCM(_derive(key, "wrap", 32))

    def __repr__(self) -> str:
        return f"RootKey({self._uri}, fingerprint {self.fingerprint})"

    @property
    def uri(self) -> str:
        """Where it is, as in the setting `root`."""
        return self._uri

    @property
    def fingerprint(self) -> str:
        """Names the root key without revealing it: 16 hex digits."""
        return self._fingerprint.hex()

    @property
    def key(self) -> Secret:
        """The root key itself, 32 bytes: to keep it in another form, and for nothing else."""
        return self._key

    def wrap(self, plaintext: Secret, context: bytes) -> bytes:
        """Encrypt `plaintext`, bound to `context`; 37 bytes longer."""
        nonce = os.urandom(_NONCE_BYTES)
        return (
            _FORMAT + self._fingerprint + nonce + self._cipher.encrypt(nonce, plaintext.reveal(), self._bound(context))
        )

    def unwrap(self, wrapped: bytes, context: bytes) -> Secret:
        """Decrypt what `wrap` made under the same root key and context.

        Raises:
            CannotStart: (`root-unavailable`) another root wrapped it, or it or its context was changed.
        """
        if len(wrapped) < _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES or wrapped[:1] != _FORMAT:
            raise _unavailable(
                "What the root should unwrap is cut short or of an unknown form.",
                "Restore the store from a backup, or upgrade Keyferry if a newer version wrote it.",
            )
        owner = wrapped[len(_FORMAT) : _HEADER_BYTES]
        if owner != self._fingerprint:
            raise _unavailable(
                f"The store belongs to root {owner.hex()}; the root at {self._uri} is {self.fingerprint}.",
                "Point the setting root to the store's own root key, or restore that key from its copy.",
            )
        nonce, ciphertext = wrapped[_HEADER_BYTES:][:_NONCE_BYTES], wrapped[_HEADER_BYTES + _NONCE_BYTES :]
        try:
            return Secret(self._cipher.decrypt(nonce, ciphertext, self._bound(context)))
        except InvalidTag:
            raise _unavailable(
                f"What {self._uri} should unwrap does not verify: it was changed, or comes from another store.",
                "Treat the store as tampered with: keep a copy for examination, and restore a backup.",
            ) from None

    def _bound(self, context: bytes) -> bytes:
        return _DOMAIN + self._fingerprint + context


def fingerprint_in(wrapped: bytes) -> str:
    """The fingerprint of the root that wrapped this, as it says itself: 16 hex digits."""
    return wrapped[len(_FORMAT) : _HEADER_BYTES].hex()


def new_root_key() -> Secret:
    """32 bytes from the operating system's generator."""
    return Secret(os.urandom(ROOT_KEY_BYTES))


def _derive(key: Secret, purpose: str, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt=None, info=_DOMAIN + b" " + purpose.encode()).derive(key.reveal())


def _unavailable(detail: str, advice: str) -> CannotStart:
    return CannotStart(detail, code="root-unavailable", field="root", advice=advice)
