"""What is told of a deployment beside its steps: what was seen in the vault, a backup, what stopped a push."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from keyferry.clock import SECOND, Microseconds
from keyferry.custody.facts import (
    FLAG,
    LINE,
    LINES,
    LONGEST_LINE,
    MOMENT,
    NUMBER,
    OBJECTS,
    OPERATION_WORDS,
    SHA256,
    Fact,
    check_facts,
)
from keyferry.errors import InvalidInput

#: how far a clock that times a backup may be ahead of the server's
AHEAD: Final[Microseconds] = 300 * SECOND
LARGEST_BACKUP: Final = 1024 * 1024

#: what can be told of a key in a vault; `present`: whether there is any, `drift`: how it differs from ours
OBSERVED: Final[Mapping[str, Fact]] = {
    "present": Fact(FLAG),
    "deleted": Fact(FLAG, optional=True),
    "scheduled_purge": Fact(MOMENT, optional=True),
    "identifier": Fact(LINE, optional=True),
    "current": Fact(LINE, optional=True),
    "versions": Fact(LINES, optional=True),
    "type": Fact(LINE, optional=True),
    "bits": Fact(NUMBER, optional=True),
    "curve": Fact(LINE, optional=True),
    "spki_sha256": Fact(SHA256, optional=True),
    "operations": Fact(OPERATION_WORDS, optional=True),
    "enabled": Fact(FLAG, optional=True),
    "not_before": Fact(MOMENT, optional=True),
    "expires": Fact(MOMENT, optional=True),
    "recovery_level": Fact(LINE, optional=True),
    "recoverable_days": Fact(NUMBER, optional=True),
    "hsm_platform": Fact(LINE, optional=True),
    "created": Fact(MOMENT, optional=True),
    "updated": Fact(MOMENT, optional=True),
    "drift": Fact(OBJECTS, optional=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A vault's own backup of a key. Keyferry records that it was taken, and does not keep it.

    Attributes:
        sha256: of the file, 64 lower-case hex digits.
        size: in bytes.
        taken_at: in microseconds.
    """

    sha256: str
    size: int
    taken_at: Microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What stopped a push: an error's code, what was wrong, what to do."""

    code: str
    detail: str
    advice: str | None = None


def check_observed(observed: Mapping[str, Any]) -> dict[str, Any]:
    """
    Raises:
        InvalidInput: a member is missing, unknown, or of another form; names `observed.MEMBER`.
    """
    return check_facts(observed, OBSERVED, "observed")


def check_backup(backup: Backup, now: Microseconds) -> dict[str, Any]:
    """
    Raises:
        InvalidInput: no SHA-256, no possible size, or a time that lies ahead.
    """
    check_facts({"sha256": backup.sha256}, {"sha256": Fact(SHA256)}, "backup")
    if not 0 < backup.size <= LARGEST_BACKUP:
        raise InvalidInput(
            f"A backup of {backup.size} bytes is none.", field="bytes", advice="Give the size of the file, in bytes."
        )
    if not 0 <= backup.taken_at <= now + AHEAD:
        raise InvalidInput("The backup's time lies ahead.", field="taken_at", advice="Look at the clock that told it.")
    return {"sha256": backup.sha256, "bytes": backup.size, "taken_at": backup.taken_at}


def check_problem(problem: Problem) -> dict[str, Any]:
    """A problem as a row keeps it; what is too long is cut, as it is a cloud's wording that may fill it.

    Raises:
        InvalidInput: the code is none.
    """
    if re.fullmatch(r"[a-z0-9-]{1,64}", problem.code) is None:
        raise InvalidInput(
            "The problem's code is none.", field="code", advice="Give an error's code: 1 to 64 of a-z, 0-9 and '-'."
        )
    told = {"code": problem.code, "detail": _line(problem.detail), "advice": _line(problem.advice or "") or None}
    return {name: value for name, value in told.items() if value is not None}


def _line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:LONGEST_LINE]
