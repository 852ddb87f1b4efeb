"""`passphrase:PATH`: a random root key, kept in a file under a passphrase.

The root key is random, and the passphrase only encrypts it: the passphrase can be changed without touching the store,
and whoever gets the database without this file cannot even begin to guess. The file is JSON with exactly these members:

    form        "keyferry-passphrase-root-1"
    kdf         "argon2id" (RFC 9106, version 0x13)
    memory_kib, passes, lanes     its costs
    salt        16 random bytes
    nonce       12 random bytes
    sealed_key  the root key under AES-256-GCM (SP 800-38D), 48 bytes with the tag

Bytes are base64url without padding. All members but `sealed_key` are the associated data, so that a lowered cost does
not go unnoticed. The tag is what tells a wrong passphrase from a right one.
"""

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keyferry.errors import CannotStart, InvalidInput
from keyferry.material.secret import Secret
from keyferry.private_files import create_private, read_private, replace_private
from keyferry.roots.base import ROOT_KEY_BYTES, RootKey, new_root_key
from keyferry.strength import estimate

MIN_CHARACTERS = 14
MIN_SCORE = 4

_FORM = "keyferry-passphrase-root-1"
_KDF = "argon2id"
_SALT_BYTES = 16
_NONCE_BYTES = 12
_SEALED_BYTES = ROOT_KEY_BYTES + 16
_MAX_FILE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Cost:
    """Argon2id's costs (RFC 9106 section 3.1). A file with costs outside these bounds is refused."""

    memory_kib: int = 256 * 1024
    passes: int = 3
    lanes: int = 4

    def __post_init__(self) -> None:
        if not (64 * 1024 <= self.memory_kib <= 4 * 1024**2 and 3 <= self.passes <= 64 and 1 <= self.lanes <= 16):
            raise ValueError("outside 64 MiB to 4 GiB, 3 to 64 passes, 1 to 16 lanes")


DEFAULT_COST = Cost()
"""Four times the memory of RFC 9106's second recommended option (section 4): about 0.4 s, once at each start."""

LEAST_COST = Cost(memory_kib=64 * 1024)
"""RFC 9106's second recommended option itself, for machines with little memory."""


@dataclass(frozen=True, slots=True)
class _Locked:
    """The file, read: everything but the passphrase."""

    cost: Cost
    salt: bytes
    nonce: bytes
    sealed_key: bytes

    def public_part(self) -> dict[str, str | int]:
        return {
            "form": _FORM,
            "kdf": _KDF,
            "memory_kib": self.cost.memory_kib,
            "passes": self.cost.passes,
            "lanes": self.cost.lanes,
            "salt": _to_base64url(self.salt),
            "nonce": _to_base64url(self.nonce),
        }

    def associated_data(self) -> bytes:
        return json.dumps(self.public_part(), sort_keys=True, separators=(",", ":")).encode()

    def encode(self) -> bytes:
        return (
            json.dumps({**self.public_part(), "sealed_key": _to_base64url(self.sealed_key)}, indent=2).encode() + b"\n"
        )


def create(uri: str, path: Path, passphrase: Secret, cost: Cost = DEFAULT_COST) -> RootKey:
    """Make a root key and its file, under `passphrase` (UTF-8).

    Raises:
        InvalidInput, CannotStart: as `save`.
    """
    return save(uri, path, new_root_key(), passphrase, cost)


def save(
    uri: str,
    path: Path,
    key: Secret,
    passphrase: Secret,
    cost: Cost = DEFAULT_COST,
    *,
    code: str = "already-initialised",
    field: str = "root",
) -> RootKey:
    """Put a root key that exists into a new file, under `passphrase` (UTF-8).

    Args:
        code, field: what the error carries if something stands at `path`.

    Raises:
        InvalidInput: (`passphrase-refused`) the passphrase is too short or too easy to guess.
        CannotStart: something stands at `path`; it is never written over.
    """
    check_new_passphrase(passphrase)
    create_private(path, _lock(key, passphrase, cost).encode(), what="root key", code=code, field=field)
    return RootKey(uri, key)


def open_(uri: str, path: Path, passphrase: Secret) -> RootKey:
    """Unlock the root key at `path`.

    Raises:
        CannotStart: (`root-unavailable`) there is no such file, others can read it, it holds no such root key, or the
            passphrase is not the one it was made with.
    """
    return RootKey(uri, _unlock(_read(path), passphrase, path))


def change_passphrase(path: Path, old: Secret, new: Secret, cost: Cost = DEFAULT_COST) -> None:
    """Put the root key at `path` under another passphrase; the key, and so the store, stay as they are.

    Raises:
        InvalidInput: (`passphrase-refused`) the new passphrase is too short or too easy to guess.
        CannotStart: as `open_`.
    """
    check_new_passphrase(new)
    key = _unlock(_read(path), old, path)
    replace_private(path, _lock(key, new, cost).encode(), what="root key", field="root")


def check_new_passphrase(passphrase: Secret) -> None:
    """Whoever has the file can guess at leisure, so a passphrase is held to more than a password is.

    Raises:
        InvalidInput: (`passphrase-refused`) under 14 characters, or zxcvbn takes it for guessable in 10^10 tries.
    """
    text = passphrase.reveal().decode()
    advice = "Take six or more words chosen by dice, or a random text of 20 characters from a password generator."
    if len(text) < MIN_CHARACTERS:
        detail = f"The passphrase has {len(text)} characters; it needs at least {MIN_CHARACTERS}."
        raise InvalidInput(detail, code="passphrase-refused", field="passphrase", advice=advice)
    strength = estimate(text)
    if strength.score < MIN_SCORE:
        detail = f"The passphrase is too easy to guess (strength {strength.score}, {MIN_SCORE} needed)."
        full_advice = f"{strength.advice} {advice}".strip()
        raise InvalidInput(detail, code="passphrase-refused", field="passphrase", advice=full_advice)


def _lock(key: Secret, passphrase: Secret, cost: Cost) -> _Locked:
    open_form = _Locked(cost, os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES), b"")
    cipher = AESGCM(_stretch(passphrase, open_form))
    sealed = cipher.encrypt(open_form.nonce, key.reveal(), open_form.associated_data())
    return _Locked(cost, open_form.salt, open_form.nonce, sealed)


def _unlock(locked: _Locked, passphrase: Secret, path: Path) -> Secret:
    cipher = AESGCM(_stretch(passphrase, locked))
    try:
        return Secret(cipher.decrypt(locked.nonce, locked.sealed_key, locked.associated_data()))
    except InvalidTag:
        raise _refused(
            f"The passphrase does not open the root key at {path}.",
            "Give the passphrase that the root was made with; if it is right, the file was changed: restore its copy.",
        ) from None


def _stretch(passphrase: Secret, locked: _Locked) -> bytes:
    """32 bytes by Argon2id (RFC 9106 section 3) from the passphrase, at the file's costs."""
    cost = locked.cost
    try:
        return hash_secret_raw(
            passphrase.reveal(), locked.salt, cost.passes, cost.memory_kib, cost.lanes, ROOT_KEY_BYTES, Type.ID
        )
    except HashingError:
        raise _refused(
            f"Argon2id needs {cost.memory_kib // 1024} MiB of memory to open the root key, and did not get it.",
            "Free memory, or raise the limit that this process runs under.",
        ) from None


def _read(path: Path) -> _Locked:
    data = read_private(path, what="root key", max_bytes=_MAX_FILE_BYTES, code="root-unavailable", field="root")
    try:
        return _decode(json.loads(data))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _refused(
            f"The file at {path} holds no whole root key under a passphrase.",
            "Check that the setting root names the right file; if it was changed, restore its copy.",
        ) from None


def _decode(members: dict[str, object]) -> _Locked:
    cost = Cost(*(_integer(members[name]) for name in ("memory_kib", "passes", "lanes")))
    salt, nonce, sealed_key = (_from_base64url(members[name]) for name in ("salt", "nonce", "sealed_key"))
    locked = _Locked(cost, salt, nonce, sealed_key)
    if [len(salt), len(nonce), len(sealed_key)] != [_SALT_BYTES, _NONCE_BYTES, _SEALED_BYTES]:
        raise ValueError("wrong lengths")
    if members != {**locked.public_part(), "sealed_key": _to_base64url(sealed_key)}:
        raise ValueError("another form, or members that do not belong")
    return locked


def _integer(value: object) -> int:
    if type(value) is not int:  # a boolean is no cost
        raise TypeError("no integer")
    return value


def _to_base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _from_base64url(value: object) -> bytes:
    if not isinstance(value, str):
        raise TypeError("no text")
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


def _refused(detail: str, advice: str) -> CannotStart:
    return CannotStart(detail, code="root-unavailable", field="root", advice=advice)
