"""How hard a password is to guess, by zxcvbn's estimate, and what would make it harder.

An estimate and nothing more: it knows common passwords, names, dates, keyboard patterns and English words. It runs
here; no password leaves the process.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import zxcvbn_rs_py

_OWN_WORDS = ("keyferry",)


@dataclass(frozen=True, slots=True)
class Strength:
    """An estimate, and feedback for the person who chose the password.

    Attributes:
        score: 0 (under 10^3 guesses), 1 (under 10^6), 2 (under 10^8), 3 (under 10^10) or 4.
        warning: what makes it easy to guess; empty when nothing does.
        suggestions: what to do about it; empty from score 3 on.
    """

    score: int
    warning: str
    suggestions: tuple[str, ...]

    @property
    def advice(self) -> str:
        """Warning and suggestions as one text; empty from score 3 on."""
        return " ".join(part for part in (self.warning, *self.suggestions) if part)


def estimate(password: str, known_words: Iterable[str] = ()) -> Strength:
    """Estimate `password`, with `known_words` (a user's name, say) taken as words that an attacker tries first."""
    result = zxcvbn_rs_py.zxcvbn(password, [*_OWN_WORDS, *known_words])
    if result.feedback is None:
        return Strength(int(result.score), "", ())
    warning = "" if result.feedback.warning is None else str(result.feedback.warning)
    return Strength(int(result.score), warning, tuple(str(suggestion) for suggestion in result.feedback.suggestions))
