"""Claims of an issuer's tokens, as people write what they must say."""

import re
from typing import Any, Final

from keyferry.errors import InvalidInput

_WHOLE_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,14})", re.ASCII)


def read_claim(text: str, *, field: str) -> tuple[str, Any]:
    """`NAME=VALUE` for text, or `NAME:=VALUE` for true, false and whole numbers.

    Raises:
        InvalidInput: it is neither.
    """
    name, sign, value = text.partition("=")
    typed, name = name.endswith(":"), name.removesuffix(":").strip()
    if sign and name and not typed:
        return name, value
    if name and value in {"true", "false"}:
        return name, value == "true"
    if name and _WHOLE_NUMBER.fullmatch(value):
        return name, int(value)
    raise InvalidInput(
        f"{text[:80]!r} is no claim.",
        field=field,
        advice="Give NAME=VALUE for text, and NAME:=VALUE for true, false or a whole number.",
    )
