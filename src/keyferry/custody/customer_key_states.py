"""The states of a Customer Key request, and the ways between them.

              validate           submit             accept
    draft ──────────────► validated ────────► submitted ────────► accepted
      ▲ ▲                    │                   │
      │ └──── edit, back ────┘                   │ refuse
      └──────────── edit, back ───────── refused ◄

Microsoft's side decides what becomes of a request that is submitted; Keyferry keeps what was told. While it is there,
and once it is accepted, what the request says stays as it is.
"""

from enum import StrEnum
from typing import Final

from keyferry.errors import Conflict


class RequestState(StrEnum):
    """Where a request stands."""

    DRAFT = "draft"
    VALIDATED = "validated"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REFUSED = "refused"


#: from each state to those that may follow it
TRANSITIONS: Final[dict[RequestState, frozenset[RequestState]]] = {
    RequestState.DRAFT: frozenset({RequestState.VALIDATED}),
    RequestState.VALIDATED: frozenset({RequestState.SUBMITTED, RequestState.DRAFT}),
    RequestState.SUBMITTED: frozenset({RequestState.ACCEPTED, RequestState.REFUSED}),
    RequestState.ACCEPTED: frozenset(),
    RequestState.REFUSED: frozenset({RequestState.DRAFT}),
}

#: what a request says may be changed in these
EDITABLE: Final = frozenset({RequestState.DRAFT, RequestState.VALIDATED, RequestState.REFUSED})


def require_follows(present: RequestState, wanted: RequestState) -> None:
    """
    Raises:
        Conflict: (`state-transition-refused`) `wanted` does not follow `present`.
    """
    following = sorted(TRANSITIONS[present])
    if wanted not in following:
        raise Conflict(
            f"The request is {present}; {wanted} does not follow.",
            code="state-transition-refused",
            field="state",
            advice=f"From {present}, these follow: {', '.join(following)}." if following else "This state is final.",
        )


def states_to(present: RequestState, *, valid: bool) -> tuple[RequestState, ...]:
    """The states that a request passes through to `VALIDATED` if its keys are valid, to `DRAFT` if not."""
    wanted = RequestState.VALIDATED if valid else RequestState.DRAFT
    if present is wanted:
        return ()
    return (wanted,) if wanted in TRANSITIONS[present] else (RequestState.DRAFT, wanted)


def require_editable(present: RequestState) -> None:
    """
    Raises:
        Conflict: (`state-transition-refused`) it lies with Microsoft, or was accepted.
    """
    if present not in EDITABLE:
        raise Conflict(
            f"The request is {present}, and stays as it was sent.",
            code="state-transition-refused",
            field="state",
            advice="Draft another request."
            if present is RequestState.ACCEPTED
            else "Record how it was answered; once it is refused it can be edited.",
        )
