"""What a request has to be shown valid by: a check that the server made, or a person's word.

A request is recorded as validated only if the newest check of its keys was made by the server itself, not long ago, and
found nothing against it; or if a person states that they have checked it themself, and says how. What a client reports
of a check of its own is kept, and is its word.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from keyferry.clock import DAY, Microseconds
from keyferry.custody.deployment_steps import Reporter
from keyferry.errors import Conflict, InvalidInput

#: how long what a check found is taken for how it is
CHECK_HOLDS: Final[Microseconds] = DAY

_REQUIRED: Final = "required"
_PASSES: Final = "passes"


def require_shown_valid(
    runs: Sequence[Mapping[str, Any]], now: Microseconds, *, vouched: bool, note: str | None
) -> None:
    """
    Args:
        runs: the checks that a request keeps, the newest last.
        vouched: a person states that they have checked it; `note` says how.

    Raises:
        InvalidInput: the statement says nothing of how it was checked.
        Conflict: (`not-checked`) there is no such check, and nobody vouches.
    """
    if vouched:
        if note is None:
            raise InvalidInput(
                "It is not said how it was checked.",
                field="note",
                advice="Say what you ran in Exchange Online PowerShell, and what it answered; the audit log keeps it.",
            )
        return
    why = why_not_shown(runs, now)
    if why is not None:
        raise Conflict(
            why,
            code="not-checked",
            field="vouched",
            advice="Have the server check it now; or, if you have checked it in Exchange Online PowerShell yourself, "
            "state so (vouched), with a note that says what it answered.",
        )


def why_not_shown(runs: Sequence[Mapping[str, Any]], now: Microseconds) -> str | None:
    """Why no check of the server's shows that a request validates; None where one does."""
    if not runs or runs[-1].get("reported_by") != Reporter.SERVER:
        return "The server has not checked it since it was written, or a client has after it."
    newest = runs[-1]
    if newest["at"] < now - CHECK_HOLDS:
        return "The server's check of it is more than a day old."
    required = [line["outcome"] for line in newest["lines"] if line["weight"] == _REQUIRED]
    against = sum(outcome != _PASSES for outcome in required)
    if against or not required:
        return f"The server's check of it has {against} required lines that do not pass."
    return None
