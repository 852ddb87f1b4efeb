"""JSON as it comes in: read strictly, and taken apart member by member with a refusal that names the member."""

import json
from collections.abc import Mapping
from typing import Any

from keyferry.emulator.keys import encoding
from keyferry.emulator.keys.refusals import bad_parameter

Document = Mapping[str, Any]


class NotJson(ValueError):
    """Bytes that are no JSON object. The message says why."""


def parse_object(content: bytes) -> dict[str, Any]:
    """Read a JSON object (RFC 8259): UTF-8, no member twice, no NaN.

    Raises:
        NotJson: they are something else.
    """
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except NotJson:
        raise
    except (ValueError, RecursionError):
        raise NotJson("it is not JSON") from None
    if not isinstance(value, dict):
        raise NotJson("it is JSON, but no object")
    return value


def text(document: Document, name: str) -> str | None:
    """A member that is a string, or None where it is absent or null.

    Raises:
        AzureFailure: 400, it is something else.
    """
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise bad_parameter(f"Property {name} has invalid value: it is not a string.")
    return value


def boolean(document: Document, name: str) -> bool | None:
    """A member that is true or false, or None where it is absent or null.

    Raises:
        AzureFailure: 400, it is something else.
    """
    value = document.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad_parameter(f"Property {name} has invalid value: it is neither true nor false.")
    return value


def integer(document: Document, name: str) -> int | None:
    """A member that is a whole number, or None where it is absent or null.

    Raises:
        AzureFailure: 400, it is something else.
    """
    value = document.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise bad_parameter(f"Property {name} has invalid value: it is not a whole number.")
    return value


def strings(document: Document, name: str) -> tuple[str, ...] | None:
    """A member that is a list of strings, or None where it is absent or null.

    Raises:
        AzureFailure: 400, it is something else.
    """
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise bad_parameter(f"Property {name} has invalid value: it is not a list of strings.")
    return tuple(value)


def nested(document: Document, name: str) -> Document | None:
    """A member that is an object, or None where it is absent or null.

    Raises:
        AzureFailure: 400, it is something else.
    """
    value = document.get(name)
    if value is not None and not isinstance(value, dict):
        raise bad_parameter(f"Property {name} has invalid value: it is not an object.")
    return value


def octets(document: Document, name: str) -> bytes:
    """A member that must be there: bytes in base64, of any flavour.

    Raises:
        AzureFailure: 400, it is absent or something else.
    """
    value = text(document, name)
    if value is None:
        raise bad_parameter(f"Property {name} has invalid value: it is missing.")
    try:
        return encoding.decode(value)
    except ValueError as refused:
        raise bad_parameter(f"Property {name} has invalid value: {refused}.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise NotJson("it names a member twice")
        members[name] = value
    return members


def _no_constant(name: str) -> None:
    raise NotJson(f"{name} is not JSON")
