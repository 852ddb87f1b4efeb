"""What may be done to which of a key's versions, judged on rows and a time alone.

Whoever acts asks these, and so does whoever says beforehand what may be done.
"""

from collections.abc import Sequence

from keyferry.clock import Microseconds
from keyferry.custody.lifecycle import ERASED, State, Transition, after, require_protecting, state_at
from keyferry.custody.versions import check_deactivation
from keyferry.errors import Conflict
from keyferry.store.records import Key, KeyVersion


def require_activatable(version: KeyVersion, now: Microseconds) -> State:
    """The state that activating leads to.

    Raises:
        Conflict: it is not pre-active.
        InvalidInput: its deactivation date has passed, and has to be moved first.
    """
    state = after(version, Transition.ACTIVATE, now)
    check_deactivation(now, now, version.deactivation_date)
    return state


def require_promotable(key: Key, version: KeyVersion, now: Microseconds) -> None:
    """
    Raises:
        Conflict: it is the current version already, is not active, or its destruction is pending.
    """
    if version.id == key.current_version_id:
        raise Conflict(
            f"Version {version.number} is the current one already.",
            field="version",
            advice="`keyferry key versions` shows which versions there are.",
        )
    require_protecting(version, now)


def doomed_of(versions: Sequence[KeyVersion], now: Microseconds) -> list[KeyVersion]:
    """Those of a key's versions that its destruction is about: all that are not erased, nor on their way there.

    Raises:
        Conflict: one of them may not be destroyed, or none is left.
    """
    remaining = [each for each in versions if State(each.state) not in ERASED and each.destroy_at is None]
    doomed = remaining or list(versions)
    for version in doomed:
        after(version, Transition.DESTROY, now)
    return doomed


def pending_of(versions: Sequence[KeyVersion], now: Microseconds) -> list[KeyVersion]:
    """Those whose destruction can still be called off.

    Raises:
        Conflict: there is none.
    """
    pending = [each for each in versions if _is_pending(each, now)]
    if not pending:
        raise Conflict(
            "No destruction is pending.",
            code="state-transition-refused",
            field="version",
            advice="What has been erased cannot be brought back.",
        )
    return pending


def _is_pending(version: KeyVersion, now: Microseconds) -> bool:
    return version.destroy_at is not None and version.destroy_at > now and state_at(version, now) not in ERASED
