"""The states of a key version, and the ways between them.

The words are those of NIST SP 800-57 part 1 revision 5 section 7 and the KMIP 2.1 attribute State:

                 activate                deactivate, revoke            destroy
    pre-active ─────────────► active ────────────────────► deactivated ─────────► destroyed
        │  │                    │                               │                     │
        │  │  revoke:           │  revoke: key compromise       │                     │ revoke:
        │  │  key compromise    ▼                               ▼                     ▼ key compromise
        │  └──────────────► compromised ◄───────────────────────┘          destroyed-compromised
        │                       └────────────────── destroy ──────────────────────────▲
        └───────────────────────── destroy ─────────────────────► destroyed

What a version may do follows from its state alone: an active version protects (encrypts, signs, wraps, is exported) and
processes (decrypts, verifies, unwraps); a deactivated or compromised one only processes; the others do nothing.

Dates take effect when they are evaluated, not when a job gets round to them. Destruction is asked for first and is done
when its pending period is over: until then the version is not usable for anything, and the request can be cancelled.
"""

from enum import StrEnum
from typing import Final

from keyferry.clock import Microseconds, to_rfc3339
from keyferry.errors import Conflict
from keyferry.store.records import KeyVersion


class State(StrEnum):
    """Where a version stands. A row keeps the last one recorded; `state_at` adds what dates have done since."""

    PRE_ACTIVE = "pre-active"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    COMPROMISED = "compromised"
    DESTROYED = "destroyed"
    DESTROYED_COMPROMISED = "destroyed-compromised"


class Transition(StrEnum):
    """What can be asked of a version; `TRANSITIONS` says from which state, and where it leads."""

    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"
    COMPROMISE = "compromise"
    DESTROY = "destroy"


class RevocationReason(StrEnum):
    """The Revocation Reason Codes of KMIP 2.1, as words."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key-compromise"
    CA_COMPROMISE = "ca-compromise"
    AFFILIATION_CHANGED = "affiliation-changed"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessation-of-operation"
    PRIVILEGE_WITHDRAWN = "privilege-withdrawn"

    @property
    def transition(self) -> Transition:
        """As KMIP 2.1 says of Revoke: a compromise makes the object Compromised, any other reason Deactivated."""
        compromises = {RevocationReason.KEY_COMPROMISE, RevocationReason.CA_COMPROMISE}
        return Transition.COMPROMISE if self in compromises else Transition.DEACTIVATE


TRANSITIONS: Final[dict[tuple[State, Transition], State]] = {
    (State.PRE_ACTIVE, Transition.ACTIVATE): State.ACTIVE,
    (State.PRE_ACTIVE, Transition.COMPROMISE): State.COMPROMISED,
    (State.PRE_ACTIVE, Transition.DESTROY): State.DESTROYED,
    (State.ACTIVE, Transition.DEACTIVATE): State.DEACTIVATED,
    (State.ACTIVE, Transition.COMPROMISE): State.COMPROMISED,
    (State.DEACTIVATED, Transition.COMPROMISE): State.COMPROMISED,
    (State.DEACTIVATED, Transition.DESTROY): State.DESTROYED,
    (State.COMPROMISED, Transition.DESTROY): State.DESTROYED_COMPROMISED,
    (State.DESTROYED, Transition.COMPROMISE): State.DESTROYED_COMPROMISED,
}

ERASED: Final = frozenset({State.DESTROYED, State.DESTROYED_COMPROMISED})
PROCESSING: Final = frozenset({State.ACTIVE, State.DEACTIVATED, State.COMPROMISED})


def state_at(version: KeyVersion, now: Microseconds) -> State:
    """The state as it is at `now`, with the dates that have come by then taken into account."""
    state = State(version.state)
    if version.destroy_at is not None:
        return TRANSITIONS[state, Transition.DESTROY] if version.destroy_at <= now else state
    if state is State.PRE_ACTIVE and version.activation_date is not None and version.activation_date <= now:
        state = State.ACTIVE
    if state is State.ACTIVE and version.deactivation_date is not None and version.deactivation_date <= now:
        state = State.DEACTIVATED
    return state


def after(version: KeyVersion, transition: Transition, now: Microseconds) -> State:
    """The state that `transition` leads to.

    Raises:
        Conflict: it is not allowed in the present state, or destruction is pending (`compromise` is allowed then).
    """
    state = state_at(version, now)
    target = TRANSITIONS.get((state, transition))
    if target is None:
        allowed = sorted(way.value for start, way in TRANSITIONS if start is state)
        raise Conflict(
            f"Version {version.number} is {state}; {transition} is not possible from there.",
            code="state-transition-refused",
            field="state",
            advice=_advice(state, transition, allowed),
        )
    if version.destroy_at is not None and transition is not Transition.COMPROMISE:
        raise destruction_pending(version)
    return target


def require_protecting(version: KeyVersion, now: Microseconds) -> None:
    """
    Raises:
        Conflict: the version may not protect anything or leave: it is not active, or destruction is pending.
    """
    if version.destroy_at is not None:
        raise destruction_pending(version)
    state = state_at(version, now)
    if state is not State.ACTIVE:
        raise Conflict(
            f"Version {version.number} is {state}; it has to be active.",
            code="key-not-active",
            field="state",
            advice="Activate it first." if state is State.PRE_ACTIVE else "Rotate the key, and use the new version.",
        )


def require_processing(version: KeyVersion, now: Microseconds) -> None:
    """
    Raises:
        Conflict: the version may not even process what it has protected: it was never active, its destruction is
            pending, or its material is gone.
    """
    if version.destroy_at is not None:
        raise destruction_pending(version)
    state = state_at(version, now)
    if state not in PROCESSING:
        raise Conflict(
            f"Version {version.number} is {state}; it has to be active, deactivated or compromised.",
            code="key-not-active",
            field="state",
            advice="Activate it first." if state is State.PRE_ACTIVE else "Nothing can bring its key material back.",
        )


def destruction_pending(version: KeyVersion) -> Conflict:
    """The refusal for a version whose destruction was asked for; says when it will be done."""
    when = to_rfc3339(version.destroy_at or 0)
    return Conflict(
        f"Version {version.number} is to be destroyed at {when}; until then it cannot be used or changed.",
        code="destruction-pending",
        field="state",
        advice="Cancel the destruction first, if that is what you want.",
    )


def _advice(state: State, transition: Transition, allowed: list[str]) -> str:
    if state is State.ACTIVE and transition is Transition.DESTROY:
        return "Deactivate or revoke it first: an active key is not destroyed."
    if not allowed:
        return "This state is final."
    return f"From {state}, these are possible: {', '.join(allowed)}."
