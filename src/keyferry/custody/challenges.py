"""Challenges for passkeys: each is of the server's making, for one purpose and one subject, for minutes, and once.

    nonce (16 bytes) || end (8 bytes, microseconds) || HMAC-SHA-256 over purpose, subject, nonce and end (32 bytes)

That a challenge was asked for leaves no row, so that nobody who is not signed in fills the disk by asking. That one was
answered leaves one, until the challenge has ended, for every node: no answer is taken twice.
"""

import hmac
import os
from typing import Final

from keyferry.clock import SECOND, Microseconds
from keyferry.custody.seen import first_time
from keyferry.errors import NotAuthenticated
from keyferry.material.sealing import Sealer
from keyferry.store.transaction import Transaction

LASTS: Final[Microseconds] = 5 * 60 * SECOND
_NONCE: Final = 16
_END: Final = 8


def new_challenge(sealer: Sealer, purpose: str, subject: str, now: Microseconds) -> bytes:
    """A challenge that only an answer for this purpose and subject can use."""
    body = os.urandom(_NONCE) + (now + LASTS).to_bytes(_END)
    return body + _tag(sealer, purpose, subject, body)


def require(sealer: Sealer, challenge: bytes, purpose: str, subject: str, now: Microseconds) -> None:
    """Return when this is a challenge of ours for this purpose and subject that has not ended.

    Raises:
        NotAuthenticated: it is none.
    """
    body, tag = challenge[: _NONCE + _END], challenge[_NONCE + _END :]
    ours = hmac.compare_digest(tag, _tag(sealer, purpose, subject, body))
    if not ours or int.from_bytes(body[_NONCE:]) <= now:
        raise _refused()


def spend(tx: Transaction, challenge: bytes) -> None:
    """Note that a challenge was answered, in the transaction that acts on the answer.

    Raises:
        NotAuthenticated: it was answered before.
    """
    end = int.from_bytes(challenge[_NONCE : _NONCE + _END])
    if not first_time(tx, "passkey challenge", "", challenge.hex(), end):
        raise _refused()


def _tag(sealer: Sealer, purpose: str, subject: str, body: bytes) -> bytes:
    # of the first data key, for good: a challenge outlives the making of a new one
    key = sealer.derive("passkey challenges", generation=1).reveal()
    return hmac.digest(key, f"{purpose}\0{subject}\0".encode() + body, "sha256")


def _refused() -> NotAuthenticated:
    return NotAuthenticated(
        "The passkey answered a challenge that was not put to it, or that has ended or was answered before.",
        code="second-factor-refused",
        advice="Try again.",
    )
