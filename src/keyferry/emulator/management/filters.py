"""`$filter` as the clients of Resource Manager and Graph send it (OData 4.01 part 2 section 5.1.1, the little of it).

Conditions are joined by `and`. Each is `NAME eq 'VALUE'`, `NAME/any(x:x eq 'VALUE')`, `FUNCTION()` or
`FUNCTION('VALUE')`; a quote in a value is doubled.
"""

import re
from collections.abc import Mapping
from typing import Final

from keyferry.emulator.failures import AzureFailure

_VALUE: Final = r"'((?:[^']|'')*)'"
_EQUAL: Final = re.compile(rf"(\w+)\s+eq\s+{_VALUE}")
_ANY: Final = re.compile(rf"(\w+)/any\(\s*(\w+)\s*:\s*\2\s+eq\s+{_VALUE}\s*\)")
_FUNCTION: Final = re.compile(rf"(\w+)\(\s*(?:{_VALUE})?\s*\)")
_AND: Final = re.compile(r"\s+and\s+", re.IGNORECASE)


def parse(text: str | None, known: frozenset[str]) -> Mapping[str, str]:
    """The conditions by name; a function without a value has the empty string.

    Args:
        known: the names that mean something here, in lower case; so are the names in the answer.

    Raises:
        AzureFailure: 400 InvalidFilterInQueryString, naming what is not understood.
    """
    found: dict[str, str] = {}
    rest = (text or "").strip()
    while rest:
        name, value, end = _condition(rest)
        if name.lower() not in known or name.lower() in found:
            raise _refused(rest)
        found[name.lower()] = value.replace("''", "'")
        rest = rest[end:]
        joint = _AND.match(rest)
        if rest.strip() and (joint is None or not rest[joint.end() :].strip()):
            raise _refused(rest)
        rest = rest[joint.end() :] if joint else ""
    return found


def _condition(text: str) -> tuple[str, str, int]:
    if match := _EQUAL.match(text):
        return match[1], match[2], match.end()
    if match := _ANY.match(text):
        return match[1], match[3], match.end()
    if match := _FUNCTION.match(text):
        return match[1], match[2] or "", match.end()
    raise _refused(text)


def _refused(text: str) -> AzureFailure:
    return AzureFailure(
        400, "InvalidFilterInQueryString", f"Invalid $filter '{text[:200]}' specified in the query string."
    )
