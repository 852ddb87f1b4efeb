"""The rules of names. A name that will not do is refused, never folded or trimmed."""

import re

from keyferry.errors import InvalidInput
from keyferry.ids import is_id_shaped

_GROUP_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_KEY_NAME = re.compile(r"[a-z][a-z0-9._-]{0,63}", re.ASCII)
_CONNECTION_NAME = _GROUP_ID
_VAULT_KEY_NAME = re.compile(r"[0-9A-Za-z-]{1,127}", re.ASCII)
_USER_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}", re.ASCII)

LONGEST_TEXT = 1024
LONGEST_EMAIL = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets


def check_group_id(name: str) -> str:
    """1 to 64 of a-z, 0-9, '-', '_', '.', beginning with a letter or digit."""
    rule = "A group id has 1 to 64 of a-z, 0-9, '-', '_' and '.', and begins with a letter or digit; no upper case."
    return _check(_GROUP_ID, name, "id", rule)


def check_key_name(name: str) -> str:
    """1 to 64 of a-z, 0-9, '-', '_', '.', beginning with a letter."""
    rule = "A key name has 1 to 64 of a-z, 0-9, '-', '_' and '.', and begins with a letter; no upper case."
    return _check(_KEY_NAME, name, "name", rule)


def check_user_name(name: str) -> str:
    """1 to 64 ASCII letters, digits, '.', '_', '-', '@'."""
    return _check(_USER_NAME, name, "name", "A user name has 1 to 64 ASCII letters, digits, '.', '_', '-' and '@'.")


def check_connection_name(name: str) -> str:
    """As a group id: 1 to 64 of a-z, 0-9, '-', '_', '.', beginning with a letter or digit."""
    rule = "It has 1 to 64 of a-z, 0-9, '-', '_' and '.', and begins with a letter or digit; no upper case."
    return _check(_CONNECTION_NAME, name, "name", rule)


def check_issuer_name(name: str) -> str:
    """As a connection's."""
    return check_connection_name(name)


def may_name_issuer(text: str) -> bool:
    """Whether a trusted issuer can have this name; see `may_name_user`."""
    return may_name_connection(text)


def check_vault_key_name(name: str) -> str:
    """What a key in an Azure vault may be called: 1 to 127 ASCII letters, digits and dashes."""
    if _VAULT_KEY_NAME.fullmatch(name) is None:
        raise InvalidInput(
            f"{_shown(name)} is no name for a key in a vault.",
            code="name-refused",
            field="name",
            advice="Azure's rule: 1 to 127 ASCII letters, digits and dashes.",
        )
    return name


def may_name_connection(text: str) -> bool:
    """Whether a connection can have this name; see `may_name_user`."""
    return _CONNECTION_NAME.fullmatch(text) is not None


def may_name_user(text: str) -> bool:
    """Whether a user can have this name. Databases are asked for no other: not all of them take any text."""
    return _USER_NAME.fullmatch(text) is not None


def may_name_group(text: str) -> bool:
    """Whether a group can have this name; see `may_name_user`."""
    return _GROUP_ID.fullmatch(text) is not None


def may_name_key(text: str) -> bool:
    """Whether a key can have this name; see `may_name_user`."""
    return _KEY_NAME.fullmatch(text) is not None


def check_text(text: str | None, field: str, longest: int = LONGEST_TEXT) -> str | None:
    """Free text of one line: no control characters, at most `longest` characters; empty counts as none."""
    if text is None or text == "":
        return None
    if len(text) > longest:
        raise InvalidInput(f"{field} has {len(text)} characters.", field=field, advice=f"Give at most {longest}.")
    if not text.isprintable():
        raise InvalidInput(
            f"{field} holds control characters.", field=field, advice="Give one line of printable characters."
        )
    return text


def check_email(text: str | None) -> str | None:
    """Something, '@', something, at most 254 characters; empty counts as none. Whether mail arrives there is not asked.

    Raises:
        InvalidInput: it is no address; names `email`.
    """
    email = check_text(text, "email", LONGEST_EMAIL)
    if email is not None and re.fullmatch(r"[^@\s]+@[^@\s]+", email) is None:
        raise InvalidInput("The email is no address.", field="email", advice="Give one such as name@example.org.")
    return email


def _check(rule: re.Pattern[str], name: str, field: str, advice: str) -> str:
    if rule.fullmatch(name) is None:
        raise InvalidInput(f"{_shown(name)} is no such name.", code="name-refused", field=field, advice=advice)
    if is_id_shaped(name):
        raise InvalidInput(
            "The name has the shape of an id.", code="name-refused", field=field, advice="Choose a name, not a UUID."
        )
    return name


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:80] + "…")
