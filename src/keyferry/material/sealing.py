"""Encryption at rest and row seals, under the store's data keys.

A data key is 32 random bytes, kept wrapped by the root of trust. From it, each purpose gets a key of its own
(HKDF-SHA-256, RFC 5869), so that no key serves two purposes:

    data key ─┬─ "material" + version id ── AES-256-GCM of one version's key material
              ├─ "credential" + row's id ── AES-256-GCM of a credential for somewhere else
              ├─ "rows"                  ── HMAC-SHA-256 over a row's columns
              ├─ "audit"                 ── HMAC-SHA-256 over an audit event
              └─ "…"                     ── further purposes, by `derive`

Whatever is sealed begins with a format byte and the data key's generation, so that data keys can be replaced while both
are in use.
"""

import hmac
import os
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from keyferry.errors import IntegrityViolation
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.keys import Material
from keyferry.material.secret import Secret

DATA_KEY_BYTES = 32
NONCE_BYTES = 12

Column = None | bool | int | str | bytes

_LOOK_AGAIN_SECONDS = 1.0

_FORMAT = 1
_HEADER = struct.Struct(">BI")  # format, generation of the data key
_LENGTH = struct.Struct(">I").pack
_NUMBER_BYTES = 8


@dataclass(frozen=True, slots=True)
class SealedMaterial:
    """Key material encrypted at rest: header (5 bytes), nonce (12), ciphertext, tag (16).

    It is another type than `Material`, so that neither is written where the other belongs.
    """

    blob: bytes


@dataclass(frozen=True, slots=True)
class Binding:
    """What never changes about a version: the associated data under which its material is sealed."""

    key_id: str
    version_id: str
    version_number: int
    algorithm: str
    exportable: bool

    def encode(self, store_id: str) -> bytes:
        """The associated data, with the store's id: material cannot be moved to another version, key or store."""
        return encode_columns(
            "material",
            {
                "store_id": store_id,
                "key_id": self.key_id,
                "version_id": self.version_id,
                "version_number": self.version_number,
                "algorithm": self.algorithm,
                "exportable": self.exportable,
            },
        )


@dataclass(frozen=True, slots=True)
class SealedCredential:
    """A credential encrypted at rest, in the form of `SealedMaterial`. It is another type than the `Secret` in it."""

    blob: bytes


@dataclass(frozen=True, slots=True)
class CredentialBinding:
    """What a credential is for: the associated data under which it is sealed.

    Attributes:
        row_id: the id of the row that holds it.
        facts: where and as whom it signs in; they stay as they are for as long as the credential does.
    """

    row_id: str
    facts: Mapping[str, "Column"]

    def encode(self, store_id: str) -> bytes:
        """The associated data, with the store's id: a credential cannot be sent where it was not given for."""
        return encode_columns("credential", {**self.facts, "store_id": store_id, "row_id": self.row_id})


def encode_columns(table: str, columns: Mapping[str, Column]) -> bytes:
    """The one encoding that seals are computed over: unambiguous, versioned, the same on every database.

    `format || table || (name || type || value)*`: each part but the type with its length in 4 bytes before it, in the
    order of the column names.

    A NULL column is left out: it differs from an empty one, and a column added later as NULL leaves older seals valid.
    Integers are signed 64-bit big-endian; booleans a type of their own.
    """
    header, names = _plan(table, tuple(columns))
    parts = [header]
    for name, of_text, of_number, of_other in names:
        value = columns[name]
        if value is None:
            continue
        if type(value) is str:  # most are, and most others numbers; the rest takes a call more
            content = value.encode()
            parts += (of_text, _LENGTH(len(content)), content)
        elif type(value) is int:
            parts += (of_number, value.to_bytes(_NUMBER_BYTES, signed=True))
        else:
            kind, content = _typed(value)
            parts += (of_other, kind, _LENGTH(len(content)), content)
    return b"".join(parts)


@lru_cache(maxsize=256)
def _plan(table: str, names: tuple[str, ...]) -> tuple[bytes, tuple[tuple[str, bytes, bytes, bytes], ...]]:
    """What of an encoding is the same for every row of a table: all but the values.

    Returns:
        How it begins; then, of each column, its name, and how it begins with a text, with a number, and with neither.
    """
    header = b"keyferry row 1" + _lengthed(table.encode())
    encoded = ((name, _lengthed(name.encode())) for name in sorted(names))
    return header, tuple((name, of + b"t", of + b"i" + _LENGTH(_NUMBER_BYTES), of) for name, of in encoded)


def _lengthed(value: bytes) -> bytes:
    return _LENGTH(len(value)) + value


def _typed(value: str | bytes | int) -> tuple[bytes, bytes]:
    if isinstance(value, str):
        return b"t", value.encode()
    if isinstance(value, bool):
        return b"f", b"\x01" if value else b"\x00"
    if isinstance(value, int):
        return b"i", value.to_bytes(_NUMBER_BYTES, signed=True)
    return b"b", value


class Sealer:
    """Seals and unseals under the store's data keys.

    Args:
        store_id: the store's id; part of everything that is derived.
        data_keys: generation -> data key, 32 bytes each.
        current: the generation under which new seals are made.
        look_again: answers all data keys that there are by now, for a seal whose generation is not known; the newest is
            then the current one. It may raise, if it cannot.
    """

    def __init__(
        self,
        store_id: str,
        data_keys: Mapping[int, Secret],
        current: int,
        look_again: Callable[[], Mapping[int, Secret]] | None = None,
    ) -> None:
        self._store_id = store_id
        self._data_keys = dict(data_keys)
        self._current = current
        self._look_again = look_again
        self._looking = threading.Lock()
        self._looked_at = float("-inf")
        self._pseudorandom_key = lru_cache(maxsize=16)(self._extract)
        self._purpose_key = lru_cache(maxsize=256)(self._derive)

    def __repr__(self) -> str:
        return f"Sealer(store {self._store_id}, data keys {sorted(self._data_keys)})"

    def derive(self, purpose: str, *, generation: int | None = None) -> Secret:
        """A 32-byte key for `purpose` (RFC 5869), the same at every call."""
        return Secret(self._purpose_key(self._current if generation is None else generation, purpose))

    @property
    def store_id(self) -> str:
        """The store's id."""
        return self._store_id

    @property
    def generation(self) -> int:
        """The data key's generation under which new seals are made."""
        return self._current

    def learn(self, generation: int) -> bool:
        """See to it that a generation of the data key is known; answers whether it is.

        Other processes make new ones. If there is no such generation, whoever asks again within a second is not looked
        for again: a row that somebody has put a number into costs the others nothing.
        """
        if generation in self._data_keys or self._look_again is None:
            return generation in self._data_keys
        with self._looking:
            if generation in self._data_keys or time.monotonic() - self._looked_at < _LOOK_AGAIN_SECONDS:
                return generation in self._data_keys
            self._looked_at = time.monotonic()
            self._data_keys = {**self._look_again(), **self._data_keys}
            self._current = max(self._data_keys)
        return generation in self._data_keys

    def is_current(self, sealed: bytes) -> bool:
        """Whether something that was sealed, or a seal, is of the current generation."""
        return sealed[: _HEADER.size] == self.current_header

    @property
    def current_header(self) -> bytes:
        """What everything that is sealed now begins with: 5 bytes."""
        return _HEADER.pack(_FORMAT, self._current)

    def seal(self, material: Material, binding: Binding) -> SealedMaterial:
        """Encrypt `material` with AES-256-GCM (SP 800-38D) under a key that only this version has."""
        return SealedMaterial(self._encrypt(_material(binding), material.secret, binding.encode(self._store_id)))

    def unseal(self, sealed: SealedMaterial, binding: Binding) -> Material:
        """Decrypt what `seal` made, for the same binding.

        Raises:
            IntegrityViolation: the tag does not verify: the material, or what it is bound to, was changed.
        """
        data, name = binding.encode(self._store_id), f"key material of version {binding.version_id}"
        return Material(ALGORITHMS[binding.algorithm], self._decrypt(_material(binding), sealed.blob, data, name))

    def seal_credential(self, credential: Secret, binding: CredentialBinding) -> SealedCredential:
        """Encrypt `credential` with AES-256-GCM (SP 800-38D) under a key that only its row has."""
        return SealedCredential(self._encrypt(_credential(binding), credential, binding.encode(self._store_id)))

    def unseal_credential(self, sealed: SealedCredential, binding: CredentialBinding) -> Secret:
        """Decrypt what `seal_credential` made, for the same binding.

        Raises:
            IntegrityViolation: the tag does not verify: the credential, or what it is bound to, was changed.
        """
        data, name = binding.encode(self._store_id), f"credential of {binding.row_id}"
        return self._decrypt(_credential(binding), sealed.blob, data, name)

    def mac_row(self, table: str, columns: Mapping[str, Column]) -> bytes:
        """The seal of a row: header and HMAC-SHA-256 (FIPS 198-1) over its columns; 37 bytes."""
        return self._mac(self._current, "rows", encode_columns(table, columns))

    def check_row(self, table: str, row_id: str, columns: Mapping[str, Column], seal: bytes) -> None:
        """
        Raises:
            IntegrityViolation: the row is not as Keyferry wrote it; names the table and `row_id`.
        """
        self._check("rows", encode_columns(table, columns), seal, f"row {row_id} of {table}")

    def mac_event(self, encoded: bytes) -> bytes:
        """The MAC of an audit event: header and HMAC-SHA-256 (FIPS 198-1) over its encoding; 37 bytes."""
        return self._mac(self._current, "audit", encoded)

    def check_event(self, encoded: bytes, mac: bytes, name: str) -> None:
        """
        Raises:
            IntegrityViolation: the audit event is not as Keyferry wrote it.
        """
        self._check("audit", encoded, mac, name)

    def _mac(self, generation: int, purpose: str, encoded: bytes) -> bytes:
        return _HEADER.pack(_FORMAT, generation) + hmac.digest(
            self._purpose_key(generation, purpose), encoded, "sha256"
        )

    def _check(self, purpose: str, encoded: bytes, seal: bytes, name: str) -> None:
        generation, _ = self._open_header(seal, name)
        if not hmac.compare_digest(self._mac(generation, purpose, encoded), seal):
            raise IntegrityViolation(f"The seal of {name} does not verify: it was changed behind Keyferry's back.")

    def _open_header(self, blob: bytes, name: str) -> tuple[int, bytes]:
        if len(blob) < _HEADER.size:
            raise IntegrityViolation(f"The seal of {name} is cut short.")
        version, generation = _HEADER.unpack_from(blob)
        if version != _FORMAT or not self.learn(generation):
            raise IntegrityViolation(f"The seal of {name} has an unknown form or data key.")
        return generation, blob[_HEADER.size :]

    def _encrypt(self, purpose: str, plaintext: Secret, data: bytes) -> bytes:
        nonce, generation = os.urandom(NONCE_BYTES), self._current  # which may change at any moment
        ciphertext = AESGCM(self._purpose_key(generation, purpose)).encrypt(nonce, plaintext.reveal(), data)
        return _HEADER.pack(_FORMAT, generation) + nonce + ciphertext

    def _decrypt(self, purpose: str, blob: bytes, data: bytes, name: str) -> Secret:
        generation, body = self._open_header(blob, name)
        cipher = AESGCM(self._purpose_key(generation, purpose))
        try:
            return Secret(cipher.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], data))
        except (InvalidTag, ValueError):
            raise IntegrityViolation(f"The {name} does not verify.") from None

    def _derive(self, generation: int, purpose: str) -> bytes:
        """A key for one purpose: the second step of HKDF (RFC 5869 section 2.3)."""
        info = f"keyferry 1 {purpose}".encode()
        return HKDFExpand(hashes.SHA256(), DATA_KEY_BYTES, info=info).derive(self._pseudorandom_key(generation))

    def _extract(self, generation: int) -> bytes:
        """The first step (section 2.2), which is the same for all purposes of a data key."""
        return HKDF.extract(hashes.SHA256(), self._store_id.encode(), self._data_keys[generation].reveal())


def _material(binding: Binding) -> str:
    return f"material {binding.version_id}"


def _credential(binding: CredentialBinding) -> str:
    return f"credential {binding.row_id}"
