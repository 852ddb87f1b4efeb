"""Names on the data plane: keys, versions, and the identifiers that are made of both."""

import re
import secrets
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from keyferry.emulator.keys.refusals import bad_parameter

_NAME: Final = re.compile(r"[0-9A-Za-z-]{1,127}", re.ASCII)
_VERSION: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_LONGEST_IDENTIFIER: Final = 512


@dataclass(frozen=True, slots=True)
class KeyIdentifier:
    """`https://HOST/keys/NAME/VERSION`, in its parts. `host` has its port, if one was given; both are lower case."""

    host: str
    name: str
    version: str


class NoKeyIdentifier(Exception):
    """A text that names no version of a key. The message says why."""


def require_name(name: str) -> str:
    """The name of a key as it was given; names differ by more than case.

    Raises:
        AzureFailure: 400, it is not 1 to 127 letters, digits and dashes.
    """
    if _NAME.fullmatch(name) is None:
        raise bad_parameter(
            f"The request URI contains an invalid name: {name[:128]}. A key's name is 1 to 127 letters, digits and '-'."
        )
    return name


def require_version(version: str) -> str:
    """A version's 32 hex digits, in lower case.

    Raises:
        AzureFailure: 400, it is something else.
    """
    if _VERSION.fullmatch(version.lower()) is None:
        raise bad_parameter(f"The version of a key is 32 hex digits, and {version[:64]} is not.")
    return version.lower()


def new_version() -> str:
    """A name for a new version: 32 random hex digits."""
    return secrets.token_hex(16)


def parse_identifier(text: str) -> KeyIdentifier:
    """Read the identifier of one version of a key.

    Raises:
        NoKeyIdentifier: it is no https URL, has other parts than a key identifier has, or names no version.
    """
    if len(text) > _LONGEST_IDENTIFIER or not text.isascii() or not text.isprintable() or " " in text:
        raise NoKeyIdentifier("it is longer than 512 characters, or has characters that no URL has")
    try:
        parts = urlsplit(text)
        host = parts.netloc.lower()
        port = parts.port
    except ValueError:
        raise NoKeyIdentifier("it is no URL") from None
    if parts.scheme.lower() != "https" or not parts.hostname or "@" in host or parts.query or parts.fragment:
        raise NoKeyIdentifier("it is not of the form https://VAULT/keys/NAME/VERSION")
    match parts.path.split("/"):
        case ["", "keys", name] if _NAME.fullmatch(name):
            raise NoKeyIdentifier("it names no version of the key; give https://VAULT/keys/NAME/VERSION")
        case ["", "keys", name, version] if _NAME.fullmatch(name) and _VERSION.fullmatch(version.lower()):
            return KeyIdentifier(host.removesuffix(":443") if port == 443 else host, name, version.lower())
        case _:
            raise NoKeyIdentifier(
                "it is not of the form https://VAULT/keys/NAME/VERSION with a version of 32 hex digits"
            )
