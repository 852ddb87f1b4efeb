"""Recovery codes: ten of them, each good once, for the day that the phone is lost.

A code is 100 random bits, written in Crockford's base 32 so that it can be read aloud and typed: no I, L, O or U, and
what is typed in their place is taken for the digit that was meant. What is kept is a SHA-256; a slow hash would add
nothing to 100 bits.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from keyferry.material.secret import Secret

HOW_MANY: Final = 10
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_CHARACTERS: Final = 20
_GROUP: Final = 5
_MEANT: Final = str.maketrans({" ": None, "\t": None, "\u00a0": None, "-": None, "o": "0", "i": "1", "l": "1"})


def new_codes() -> tuple[Secret, ...]:
    """Fresh codes, in the form in which they are shown: `xxxxx-xxxxx-xxxxx-xxxxx`."""
    return tuple(
        Secret(_shown("".join(secrets.choice(_ALPHABET) for _ in range(_CHARACTERS)))) for _ in range(HOW_MANY)
    )


def normal_form(given: str) -> str | None:
    """A code as it is compared; None for what is no code."""
    code = given.lower().translate(_MEANT)
    return code if len(code) == _CHARACTERS and all(character in _ALPHABET for character in code) else None


def digest(factor_id: str, code: str) -> str:
    """What is kept of a code, which is in normal form: 64 hex digits, of no use with other rows."""
    return hashlib.sha256(f"keyferry recovery code {factor_id} {code}".encode()).hexdigest()


def without(kept: Sequence[str], spent: str) -> list[str] | None:
    """The digests that are left once `spent` is used; None if it is not among them. All are compared."""
    left = [each for each in kept if not hmac.compare_digest(each, spent)]
    return left if len(left) < len(kept) else None


def _shown(code: str) -> bytes:
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP)).encode()
