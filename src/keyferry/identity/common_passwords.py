"""Passwords that are tried first, beside those that zxcvbn knows: words of signs at the door, and what people add.

zxcvbn's list has the passwords that leaked most. What it rates well enough are the ones that administrators hand out
and that people make of them where a rule asks for length, a capital, a digit and a sign: `Welcome2026!!`,
`Sommer#2026`, `P@ssw0rd123!`. They are looked for here after NFKC and case folding, without what stands before and
after, and with the digits that stand for letters read as these.
"""

import re
from typing import Final

_WORDS: Final = (
    *("password", "passwort", "passphrase", "passcode", "pass", "kennwort", "motdepasse", "contrasena", "parola"),
    *("welcome", "willkommen", "bienvenue", "bienvenido", "benvenuto", "hello", "hallo", "bonjour", "letmein", "login"),
    *("admin", "administrator", "root", "user", "guest", "test", "tester", "testing", "temp", "temporary", "initial"),
    *("change", "changeme", "changethis", "please", "default", "example", "secret", "geheim", "start", "security"),
    *("spring", "summer", "autumn", "fall", "winter", "sommer", "herbst", "fruehling", "january", "february", "march"),
    *("april", "may", "june", "july", "august", "september", "october", "november", "december", "januar", "februar"),
    *("maerz", "juni", "juli", "oktober", "dezember", "monday", "tuesday", "wednesday", "thursday", "friday"),
    *("saturday", "sunday", "montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag"),
    *("qwerty", "qwertz", "azerty", "qwertyuiop", "asdf", "asdfgh", "asdfghjkl", "yxcvbnm", "zxcvbnm", "abc", "abcd"),
    *("abcdef", "abcdefgh", "iloveyou", "dragon", "monkey", "football", "baseball", "master", "sunshine", "princess"),
    *(
        "keyferry",
        "keys",
        "keyvault",
        "vault",
        "azure",
        "microsoft",
        "office",
        "server",
        "database",
        "company",
        "crypto",
    ),
)
_MEANT: Final = str.maketrans(
    {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"}
)
_COMMON: Final = re.compile(rf"(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))}){{1,3}}")
_NO_LETTERS: Final = re.compile(r"[\W\d_]+")
_AROUND: Final = re.compile(r"^[^a-z]+|[^a-z]+$")


def is_common(folded: str) -> bool:
    """Whether a password, in NFKC and case-folded, is one to three such words, with digits and signs around them."""
    inner = _AROUND.sub("", folded)
    return any(_COMMON.fullmatch(_letters(text)) for text in (inner, inner.translate(_MEANT)))


def _letters(text: str) -> str:
    return _NO_LETTERS.sub("", text)
