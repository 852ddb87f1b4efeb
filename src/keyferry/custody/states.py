"""Changing what state a key's versions are in, rotating, destroying, and calling a destruction off."""

from collections.abc import Callable
from typing import Any

from keyferry.clock import Microseconds, to_rfc3339
from keyferry.custody.approval_holders import holders_for_key
from keyferry.custody.approving import Exact, Fact, no_approval, require_approval
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.generation import Generation, Source
from keyferry.custody.key_lookup import KeyDetail, detail_of, load_key
from keyferry.custody.lifecycle import (
    RevocationReason,
    State,
    Transition,
    after,
    state_at,
)
from keyferry.custody.names import check_text
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation
from keyferry.custody.schedules import Schedule, deactivation_of_the_next, next_rotation
from keyferry.custody.version_rules import doomed_of, pending_of, require_activatable, require_promotable
from keyferry.custody.versions import (
    Dates,
    all_versions,
    current_version,
    new_version,
    version_numbered,
    write_version,
)
from keyferry.custody.view import Change, View
from keyferry.material.algorithms import ALGORITHMS
from keyferry.store.records import Key, KeyVersion
from keyferry.store.sealed import KEY_VERSIONS, KEYS, Lock


class States:
    """The states of a key's versions, changed by people; `lifecycle` says which ways there are.

    A version is named by its number; without one the current version is meant, or, for destruction and calling it off,
    every version. Destruction is asked for first: from then on the version is of no use, and until the pending period
    is over it can be had back.

    Args:
        destruction_pending: how long a destruction can be called off, in microseconds.
    """

    def __init__(self, gate: Gate, generation: Generation, destruction_pending: Microseconds) -> None:
        self._gate = gate
        self._generation = generation
        self._destruction_pending = destruction_pending

    def activate(self, caller: Caller, reference: str, *, version: int | None = None) -> KeyDetail:
        """Make a pre-active version active, now.

        Raises:
            Conflict: it is not pre-active.
            InvalidInput: its deactivation date has passed, and has to be moved first.
        """

        def apply(change: Change, _: Key, found: KeyVersion) -> KeyVersion:
            state = require_activatable(found, change.now)
            return change.update(KEY_VERSIONS, found, state=state.value, activation_date=change.now)

        return self._change_version(caller, Operation.KEY_ACTIVATE, reference, version, apply)

    def deactivate(self, caller: Caller, reference: str, *, version: int | None = None) -> KeyDetail:
        """Stop an active version from protecting anything further; it still processes what it has protected."""

        def apply(change: Change, _: Key, found: KeyVersion) -> KeyVersion:
            state = after(found, Transition.DEACTIVATE, change.now)
            return change.update(KEY_VERSIONS, found, state=state.value, deactivation_date=change.now)

        return self._change_version(caller, Operation.KEY_DEACTIVATE, reference, version, apply)

    def revoke(
        self,
        caller: Caller,
        reference: str,
        reason: RevocationReason,
        *,
        message: str | None = None,
        version: int | None = None,
    ) -> KeyDetail:
        """Revoke a version: Compromised for a compromise, Deactivated for any other reason.

        Raises:
            ApprovalRequired: others have to approve that it becomes Compromised.
        """

        def apply(change: Change, key: Key, found: KeyVersion) -> KeyVersion:
            state = after(found, reason.transition, change.now)
            compromised = reason.transition is Transition.COMPROMISE
            if found.destroy_at is not None:
                # It may be due and not erased yet: the job that erases it records the destruction too.
                state = State.COMPROMISED
            text = check_text(message, "message")
            if state is State.COMPROMISED:
                facts: dict[str, Fact] = {"version": found.number, "version_id": found.id, "reason": reason.value}
                exact = Exact("key", key.id, key.name, {**facts, "message": text})
                require_approval(change, exact, holders_for_key(change, key))
            else:
                no_approval(change)
            change.note(reason=reason.value)
            return change.update(
                KEY_VERSIONS,
                found,
                state=state.value,
                revocation_reason=reason.value,
                revocation_message=text,
                compromised_at=change.now if compromised else found.compromised_at,
                deactivation_date=found.deactivation_date if compromised else change.now,
            )

        return self._change_version(caller, Operation.KEY_REVOKE, reference, version, apply)

    def rotate(self, caller: Caller, reference: str, *, activated: bool = True, once: Once | None = None) -> KeyDetail:
        """Generate a new version, which lives as long as the current one; earlier versions keep their state.

        Args:
            activated: whether the new version is active, and the current one from now on. A pre-active one is neither:
                the key goes on with the version that it has until the new one is activated and promoted.
        """
        seen = self._gate.read(caller, Operation.KEY_ROTATE, lambda view: load_key(view, reference))

        def change(change: Change, source: Source) -> KeyVersion:
            key = load_key(change, seen.id, Lock.UPDATE)  # by id: the name may be another key's by now
            ends = deactivation_of_the_next(current_version(change, key), change.now)
            dates = Dates(change.now, activated=activated, activation=None, deactivation=ends)
            made, number = source(change.tx), key.versions + 1
            version = new_version(change.sealer, key, number, "generated", made, dates, caller.user_id)
            current = _made_current(key, version, change.now) if activated else {}
            rotated = change.update(KEYS, key, versions=number, **current)
            written = write_version(change, rotated, version, made.material)
            change.note(version=number, current=activated)
            return written

        def write(source: Source) -> KeyVersion:
            return self._gate.write(caller, Operation.KEY_ROTATE, lambda held: change(held, source), once=once)

        made = self._generation.supply(ALGORITHMS[seen.algorithm], write)
        return self._gate.read(caller, Operation.KEY_READ, lambda view: _detail_of_version(view, made))

    def promote(self, caller: Caller, reference: str, *, version: int) -> KeyDetail:
        """Make an active version the current one, which the key protects with from now on; others keep their state.

        Raises:
            Conflict: it is not active, its destruction is pending, or it is the current one already.
        """

        def change(change: Change) -> KeyDetail:
            key = load_key(change, reference, Lock.UPDATE)
            found = version_numbered(change, key, version)
            require_promotable(key, found, change.now)
            before = current_version(change, key)
            changed = change.update(KEYS, key, **_made_current(key, found, change.now))
            change.note(version=found.number, before=before.number)
            return detail_of(change, changed, found)

        return self._gate.write(caller, Operation.KEY_PROMOTE, change)

    def destroy(self, caller: Caller, reference: str, *, version: int | None = None) -> KeyDetail:
        """Ask for a version's destruction (all versions without a number); its material is erased when the pending
        period is over, and until then nothing can use it.

        Raises:
            Conflict: a version is active, or already destroyed or pending.
            ApprovalRequired: others have to approve it.
        """

        def change(change: Change) -> KeyDetail:
            key = load_key(change, reference, Lock.UPDATE)
            due = change.now + self._destruction_pending
            doomed = doomed_of(self._versions(change, key, version), change.now)
            facts: dict[str, Fact] = {
                "versions": [str(found.number) for found in doomed],
                "version_ids": [found.id for found in doomed],
            }
            require_approval(change, Exact("key", key.id, key.name, facts), holders_for_key(change, key))
            for found in doomed:
                state = state_at(found, change.now)  # a date may have changed it without being recorded yet
                change.update(KEY_VERSIONS, found, state=state.value, destroy_at=due)
            change.note(versions=[found.number for found in doomed], destroy_at=to_rfc3339(due))
            return detail_of(change, key, version_numbered(change, key, version))

        return self._gate.write(caller, Operation.KEY_DESTROY, change)

    def cancel_destruction(self, caller: Caller, reference: str, *, version: int | None = None) -> KeyDetail:
        """Call a pending destruction off, of one version or of all that are pending.

        Raises:
            Conflict: none is pending.
        """

        def change(change: Change) -> KeyDetail:
            key = load_key(change, reference, Lock.UPDATE)
            pending = pending_of(self._versions(change, key, version), change.now)
            for found in pending:
                change.update(KEY_VERSIONS, found, destroy_at=None)
            change.note(versions=[found.number for found in pending])
            return detail_of(change, key, version_numbered(change, key, version))

        return self._gate.write(caller, Operation.KEY_CANCEL_DESTRUCTION, change)

    def _change_version(
        self,
        caller: Caller,
        operation: Operation,
        reference: str,
        number: int | None,
        apply: Callable[[Change, Key, KeyVersion], KeyVersion],
    ) -> KeyDetail:
        def change(change: Change) -> KeyDetail:
            activates = operation is Operation.KEY_ACTIVATE
            key = load_key(change, reference, Lock.UPDATE if activates else Lock.SHARE)
            found = version_numbered(change, key, number, Lock.UPDATE)
            changed = apply(change, key, found)
            if activates:
                key = _rescheduled(change, key, changed)
            change.note(version=changed.number, state=changed.state)
            return detail_of(change, key, changed)

        return self._gate.write(caller, operation, change)

    def _versions(self, change: Change, key: Key, number: int | None) -> list[KeyVersion]:
        if number is None:
            return all_versions(change, key, Lock.UPDATE)
        return [version_numbered(change, key, number, Lock.UPDATE)]


def _made_current(key: Key, version: KeyVersion, now: Microseconds) -> dict[str, Any]:
    """What changes in a key's row when `version` becomes its current one."""
    return {"current_version_id": version.id, "rotate_at": next_rotation(Schedule.of(key), version, now)}


def _rescheduled(change: Change, key: Key, activated: KeyVersion) -> Key:
    """The key, with its next rotation counted from the activation of its current version."""
    due = next_rotation(Schedule.of(key), activated, change.now)
    if activated.id != key.current_version_id or due == key.rotate_at:
        return key
    return change.update(KEYS, key, rotate_at=due)


def _detail_of_version(view: View, made: KeyVersion) -> KeyDetail:
    key = load_key(view, made.key_id)
    return detail_of(view, key, version_numbered(view, key, made.number))
