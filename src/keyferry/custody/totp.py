"""Time-based one-time codes (RFC 6238), as every authenticator app makes them.

SHA-1, 6 digits and 30 seconds, because that is what apps take: several ignore what the address of a key says beyond it,
and would make codes that are never right. SHA-1 is sound here, as HMAC does not rest on collisions. That a code can be
guessed with 10^6 tries is what the waits after wrong ones are for.

A code is good for its own 30 seconds and those before and after, for clocks that go wrong by as much, and once: the
time step of the last one that was taken is kept, and no code of that step or an earlier one is taken again.
"""

import base64
import hmac
import os
from typing import Final

import pyotp

from keyferry.clock import SECOND, Microseconds
from keyferry.material.secret import Secret

#: 160 bits, as RFC 4226 section 4 recommends: the length of the hash
SEED_BYTES: Final = 20
STEP_SECONDS: Final = 30
DIGITS: Final = 6
#: steps before and after the present one whose codes are taken
WINDOW: Final = 1
ISSUER: Final = "Keyferry"

_LEFT_OUT: Final = str.maketrans("", "", " \t\u00a0-")


def new_seed() -> Secret:
    """A fresh seed."""
    return Secret(os.urandom(SEED_BYTES))


def normal_form(given: str) -> str | None:
    """A code as it is compared: without the blanks and dashes that people put in; None for what is no code.

    This is done once, before anything else is. Digits of other scripts are no digits here.
    """
    code = given.translate(_LEFT_OUT)
    return code if len(code) == DIGITS and code.isascii() and code.isdigit() else None


def matching_step(seed: Secret, code: str, now: Microseconds) -> int | None:
    """The time step that `code` is of; None if it is of none that is taken now. All are computed and compared."""
    totp = pyotp.TOTP(base64.b32encode(seed.reveal()).decode(), digits=DIGITS, interval=STEP_SECONDS)
    present = now // (STEP_SECONDS * SECOND)
    found = None
    for step in range(present - WINDOW, present + WINDOW + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()):
            found = step
    return found


def key_text(seed: Secret) -> str:
    """The seed as a person types it into an app: base32 in groups of four."""
    text = base64.b32encode(seed.reveal()).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def address(seed: Secret, user_name: str) -> Secret:
    """The seed as an app reads it from a QR code: an otpauth address."""
    totp = pyotp.TOTP(base64.b32encode(seed.reveal()).decode(), digits=DIGITS, interval=STEP_SECONDS)
    return Secret(totp.provisioning_uri(name=user_name, issuer_name=ISSUER).encode())
