"""Facts that callers report, judged by their form: a table says which there are, and what each looks like."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from keyferry.errors import InvalidInput
from keyferry.ids import is_id_shaped

LONGEST_LINE: Final = 1024
LONGEST_PEM: Final = 64 * 1024
MOST_LINES: Final = 64
_LATEST: Final = 253_402_300_799  # the last second of the year 9999


@dataclass(frozen=True, slots=True)
class Form:
    """What a value has to be: a test, and the words for whoever gave something else."""

    holds: Callable[[Any], bool]
    wording: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A member: its form, whether it may be left out, and whether it is said aside, and so not compared."""

    form: Form
    optional: bool = False
    aside: bool = False


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_LINE and value.isprintable()


def _is_number(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _is_pem(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and 0 < len(value) <= LONGEST_PEM


def _is_list(value: Any, holds: Callable[[Any], bool]) -> bool:
    return isinstance(value, list | tuple) and len(value) <= MOST_LINES and all(holds(each) for each in value)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping) and _is_list([*value, *value.values()], _is_line)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z]{1,40}", value, re.ASCII) is not None


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


LINE: Final = Form(_is_line, f"a line of 1 to {LONGEST_LINE} printable characters")
LINES: Final = Form(lambda value: _is_list(value, _is_line), f"a list of at most {MOST_LINES} lines")
REASONS: Final = Form(_is_mapping, "an object whose members are lines")
OBJECTS: Final = Form(lambda value: _is_list(value, _is_mapping), "a list of objects whose members are lines")
FLAG: Final = Form(lambda value: isinstance(value, bool), "true or false")
NUMBER: Final = Form(lambda value: _is_number(value, 2**53), "a whole number, 0 or more")
MOMENT: Final = Form(lambda value: _is_number(value, _LATEST), "a time in seconds since 1970")
SHA256: Final = Form(_is_sha256, "a SHA-256 in 64 lower-case hex digits")
ID: Final = Form(lambda value: isinstance(value, str) and is_id_shaped(value), "an id")
PEM: Final = Form(_is_pem, "a public key in PEM")
OPERATION_WORDS: Final = Form(lambda value: _is_list(value, _is_word), "a list of key operations, such as wrapKey")


def check_facts(given: Mapping[str, Any], table: Mapping[str, Fact], field: str) -> dict[str, Any]:
    """What was given, in the table's order, lists as lists; members that are None count as left out.

    Args:
        field: what the door calls the whole; a member is named `field.MEMBER`.

    Raises:
        InvalidInput: a member is missing, is not in the table, or has another form.
    """
    told = {name: value for name, value in given.items() if value is not None}
    for name in told.keys() - table.keys():
        known = ", ".join(table) or "none"
        raise InvalidInput(
            f"{field} has no member {name[:40]!r} here.", field=field, advice=f"Leave it out; there may be: {known}."
        )
    for name, fact in table.items():
        if name not in told and not fact.optional:
            raise InvalidInput(f"{field}.{name} is missing.", field=f"{field}.{name}", advice=_give(fact.form))
        if name in told and not fact.form.holds(told[name]):
            raise InvalidInput(
                f"{field}.{name} is not {fact.form.wording}.", field=f"{field}.{name}", advice=_give(fact.form)
            )
    return {name: _plain(told[name]) for name in table if name in told}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _give(form: Form) -> str:
    return f"Give {form.wording}."
