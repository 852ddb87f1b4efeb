"""What a password must be, and the one form in which passwords are hashed and compared.

The rules, and why:

- at least 10 characters, counted after NFKC (Unicode Standard Annex 15), so that the same letters from another keyboard
  are the same password;
- at most 1024 characters: refused, never truncated;
- no control characters, no unassigned code points (NFKC of those may change with the next Unicode version);
- not the user's name, nor holding it, where the name has 4 characters or more;
- not made of a few words that are tried first, with digits and signs around them (`common_passwords`);
- an estimated strength of at least 2 of 4 (10^6 guesses and more): what an attacker tries first is refused even at full
  length. Every answer carries the estimate as feedback.
"""

import unicodedata
from typing import Final

from keyferry.errors import InvalidInput
from keyferry.identity.common_passwords import is_common
from keyferry.material.secret import Secret
from keyferry.strength import Strength, estimate

MIN_CHARACTERS: Final = 10
MAX_CHARACTERS: Final = 1024
MIN_SCORE: Final = 2
SHORTEST_NAME_LOOKED_FOR: Final = 4

_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})
_FIELD = "password"


def check_new_password(password: Secret, *, user_name: str) -> Strength:
    """Hold a password that is being set to the rules.

    Args:
        password: UTF-8, as given; not yet normalised.
        user_name: the name of the user who is to have it.

    Returns:
        The estimated strength: feedback for the person, also when the password is taken.

    Raises:
        InvalidInput: (`password-refused`) it breaks a rule; the advice says how to do better.
    """
    text = _checked_text(password)
    folded, name = text.casefold(), unicodedata.normalize("NFKC", user_name).casefold()
    if folded == name or (len(name) >= SHORTEST_NAME_LOOKED_FOR and name in folded):
        raise _refused("The password holds the user name.", "Leave the user name out of it.")
    if is_common(folded):
        raise _refused(
            "The password is too easy to guess: it is made of words that everybody tries first.",
            "Digits and signs around such words do not help: take a few uncommon words.",
        )
    strength = estimate(text, [user_name])
    if strength.score < MIN_SCORE:
        detail = f"The password is too easy to guess (strength {strength.score} of 4, {MIN_SCORE} needed)."
        raise _refused(detail, strength.advice or "Add another word or two; uncommon words are better.")
    return strength


def normal_form(password: Secret) -> Secret | None:
    """The form that is hashed: UTF-8 after NFKC. None for what can be nobody's password: no UTF-8, or too long.

    A password that is presented is not held to the other rules, so that stricter rules shut nobody out.
    """
    text = _decoded(password)
    if text is None or len(text) > MAX_CHARACTERS:
        return None
    return Secret(unicodedata.normalize("NFKC", text).encode())


def _checked_text(password: Secret) -> str:
    given = _decoded(password)
    if given is None:
        raise _refused("The password is not UTF-8 text.", "Save or send it as UTF-8.")
    if len(given) > MAX_CHARACTERS:
        raise _too_long()
    text = unicodedata.normalize("NFKC", given)
    if len(text) < MIN_CHARACTERS:
        detail = f"The password has {len(text)} characters; it needs at least {MIN_CHARACTERS}."
        raise _refused(detail, "Take a few uncommon words, or let a password manager make one.")
    if len(text) > MAX_CHARACTERS:
        raise _too_long()
    if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in text):
        raise _refused(
            "The password holds a control character, a line break or an unassigned character.",
            "Keep it on one line, of letters, digits, signs and spaces.",
        )
    return text


def _decoded(password: Secret) -> str | None:
    try:
        return password.reveal().decode()
    except UnicodeDecodeError:
        return None


def _too_long() -> InvalidInput:
    detail = f"The password is longer than {MAX_CHARACTERS} characters."
    return _refused(detail, "Take a shorter one; it would not be cut, so it is not taken.")


def _refused(detail: str, advice: str) -> InvalidInput:
    return InvalidInput(detail, code="password-refused", field=_FIELD, advice=advice)
