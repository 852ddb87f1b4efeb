"""A refusal as Azure words it: read out of an answer, cleaned, and not at length."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, Final

MAX_QUOTED: Final = 400
MAX_WAIT_SECONDS: Final = 3600
_MAX_DEPTH: Final = 5
_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,80}\Z", re.ASCII)
_SECONDS: Final = re.compile(r"[0-9]{1,9}\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that is no success.

    Attributes:
        inner: the innermost code, which says most (`ForbiddenByRbac` within `Forbidden`); empty when there is none.
        message: cleaned and shortened.
        retry_after: seconds, at most an hour.
    """

    status: int
    code: str = ""
    inner: str = ""
    message: str = ""
    retry_after: int | None = None

    def __str__(self) -> str:
        names = [each for each in dict.fromkeys((self.code, self.inner)) if each]
        told = " ".join([str(self.status), *names])
        return f"{told}: {self.message}" if self.message else told


def read_answer(status: int, headers: Mapping[str, str], document: object) -> Answer:
    """Read a refusal.

    Args:
        document: the decoded body; whatever it is, it is taken: `{"error": {"code", "message", "innererror"}}`, as the
            OData convention has it, is what says something.
    """
    error = document.get("error") if isinstance(document, dict) else None
    told: dict[str, Any] = error if isinstance(error, dict) else {}
    return Answer(
        status=status,
        code=_code(told),
        inner=_innermost(told),
        message=clean(told.get("message")),
        retry_after=_wait(headers.get("Retry-After")),
    )


def clean(text: object) -> str:
    """`text` on one line, without what a terminal or a log would act on, at most 400 characters; else empty."""
    if not isinstance(text, str):
        return ""
    line = " ".join("".join(each if each.isprintable() else " " for each in text[: 10 * MAX_QUOTED]).split())
    return line if len(line) <= MAX_QUOTED else f"{line[: MAX_QUOTED - 1]}…"


def _code(error: Mapping[str, Any]) -> str:
    code = error.get("code")
    return code if isinstance(code, str) and _CODE.match(code) else ""


def _innermost(error: Mapping[str, Any]) -> str:
    found, depth, inner = "", 0, error.get("innererror")
    while isinstance(inner, dict) and depth < _MAX_DEPTH:
        found, depth, inner = _code(inner) or found, depth + 1, inner.get("innererror")
    return found


def _wait(header: str | None) -> int | None:
    """Retry-After (RFC 9110 section 10.2.3): seconds, or a date."""
    if header is None:
        return None
    if _SECONDS.match(header.strip()):
        return min(int(header), MAX_WAIT_SECONDS)
    try:
        seconds = parsedate_to_datetime(header).timestamp() - time()
    except (ValueError, OverflowError):
        return None
    return max(0, min(int(seconds) + 1, MAX_WAIT_SECONDS))
