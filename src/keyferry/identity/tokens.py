"""API tokens: how they look, and how they are known again.

    kf_IIIIIIIIIIIIIIIIIIIIIIIIIIIIIIII_SSSS…SSSS_CCCCCCCC

I is the token's id (a UUID, 32 hex digits), S is 32 random bytes (64 hex digits), C is the CRC-32 (ISO 3309) of all
before it. Everything is lower case, without a character at which a double click stops. Prefix and checksum let scanners
find a leaked token in text with few false alarms; the checksum protects nothing.

A ticket, which takes a sign-in to its next step, looks the same but for the prefix: kt_.

Only the SHA-256 of the 32 bytes is kept. A slow hash would add nothing: 256 random bits cannot be guessed.
"""

import hashlib
import hmac
import os
import re
import uuid
import zlib
from dataclasses import dataclass

from keyferry.errors import NotAuthenticated
from keyferry.ids import new_id
from keyferry.material.secret import Secret

SECRET_BYTES = 32
TOKEN, TICKET = "kf", "kt"
PATTERN = r"kf_[0-9a-f]{32}_[0-9a-f]{64}_[0-9a-f]{8}"
"""For scanners that look for leaked tokens."""

_TOKEN = re.compile(r"((k[ft])_([0-9a-f]{32})_([0-9a-f]{64})_)([0-9a-f]{8})", re.ASCII)
_NOBODYS_DIGEST = bytes(32)


@dataclass(frozen=True, slots=True, eq=False)
class IssuedToken:
    """A fresh token: one part for the caller, one to keep.

    Attributes:
        text: what the caller gets, once.
        token_id: UUIDv7, lower case.
        digest: SHA-256 of the secret part, 32 bytes: what is kept.
    """

    text: Secret
    token_id: str
    digest: bytes


@dataclass(frozen=True, slots=True, eq=False)
class TokenClaim:
    """What a caller presented: well formed, and not yet believed. `check` says whether it is."""

    token_id: str
    secret: Secret


def issue(token_id: str | None = None, prefix: str = TOKEN) -> IssuedToken:
    """A fresh token, or ticket, under `token_id` or a new id."""
    known_as = token_id or new_id()
    secret = os.urandom(SECRET_BYTES)
    text = f"{prefix}_{uuid.UUID(known_as).hex}_{secret.hex()}_"
    return IssuedToken(Secret((text + _checksum(text)).encode()), known_as, hashlib.sha256(secret).digest())


def parse(text: str, prefix: str = TOKEN) -> TokenClaim:
    """Read a token, or ticket, as presented.

    Raises:
        NotAuthenticated: it has not the form of a token, or its checksum does not match.
    """
    match = _TOKEN.fullmatch(text)
    if match is None or match[2] != prefix or match[5] != _checksum(match[1]):
        raise NotAuthenticated(
            "What was presented is not a token of Keyferry, or part of it is missing.",
            advice="Present the whole token, as it was given when it was made; it begins with kf_.",
        )
    return TokenClaim(str(uuid.UUID(match[3])), Secret(bytes.fromhex(match[4])))


def check(claim: TokenClaim, digest: bytes | None) -> None:
    """Return when `claim` holds the secret that `digest` was kept of; compared in constant time.

    Args:
        digest: None when there is no token of that id.

    Raises:
        NotAuthenticated: it does not; in the same words whether or not there is a token of that id.
    """
    given = hashlib.sha256(claim.secret.reveal()).digest()
    same = hmac.compare_digest(given, _NOBODYS_DIGEST if digest is None else digest)
    if digest is None or not same:
        raise NotAuthenticated("The token is not valid.")


def fingerprint(text: str) -> bytes:
    """What tells one presented text from any other, and nothing about it: SHA-256, 32 bytes.

    To look a fingerprint up among others takes a time that depends on it; nobody can aim at one without knowing a text
    that has it.
    """
    return hashlib.sha256(text.encode()).digest()


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
