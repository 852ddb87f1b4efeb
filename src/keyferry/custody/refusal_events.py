"""Refusals on record: an audit event for each, and a request filed for what others could lift.

Of callers who could not be authenticated, refusals are counted, and the counts are written twice a second.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import structlog

from keyferry import clock
from keyferry.custody.access import Actor, identify_actor, name_of
from keyferry.custody.approving import ApprovalNeeded, file_request, next_step
from keyferry.custody.caller import Caller
from keyferry.custody.policy import Operation
from keyferry.custody.recording import Subject, event_by
from keyferry.custody.refusals import Refusal, Refusals
from keyferry.custody.view import Change, View
from keyferry.errors import Conflict, IntegrityViolation, InternalError, KeyferryError, NotAuthenticated
from keyferry.material.sealing import Sealer
from keyferry.store.events import write_event
from keyferry.store.sealed import Lock
from keyferry.store.store import Store
from keyferry.store.transaction import Transaction

log = structlog.get_logger("keyferry.gate")

#: codes of what went wrong with Keyferry or its store, rather than with the request
_FAULTS: Final = frozenset({IntegrityViolation.default_code, InternalError.default_code})


class RefusalEvents:
    """Puts on record what the gate has refused.

    Attributes:
        counts: of unauthenticated callers.
    """

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self.counts = Refusals()
        self._store = store
        self._sealer = sealer

    def put(self, caller: Caller, operation: Operation, refused: Sequence[tuple[Subject, KeyferryError]]) -> None:
        """Count what an unauthenticated caller was refused; write the rest, in one transaction, and file requests."""
        known = [each for each in refused if not isinstance(each[1], NotAuthenticated)]
        for _, refusal in refused:
            self.count(caller, operation, refusal)

        def write(tx: Transaction) -> None:
            for subject, refusal in known:
                self.write(tx, caller, operation, subject, refusal)

        if known:
            self._store.write(write)
        self.file(caller, [refusal for _, refusal in known])

    def count(self, caller: Caller, operation: Operation, refusal: KeyferryError | None) -> None:
        """Count a refusal, if it is of an unauthenticated caller."""
        if isinstance(refusal, NotAuthenticated):
            self.counts.count(Refusal(caller, operation, refusal.code, refusal.detail))

    def write(
        self, tx: Transaction, caller: Caller, operation: Operation, subject: Subject, refusal: KeyferryError
    ) -> None:
        """Write the audit event of a refusal, in a transaction that is under way."""
        if isinstance(refusal, IntegrityViolation):
            log.critical("integrity violation", operation=operation, detail=refusal.detail, user=caller.user_id)
        details = {"detail": refusal.detail, "field": refusal.field}
        outcome = "failed" if refusal.code in _FAULTS else "refused"
        name = None if outcome == "failed" else name_of(tx, caller)  # the row may be what is at fault
        event = event_by(caller, name, operation, clock.now(), details)
        write_event(tx, self._sealer, replace(subject.on(event), outcome=outcome, code=refusal.code))

    def write_counts(self) -> None:
        """Write what was counted, in one transaction. What fails to be written is counted on."""
        taken = self.counts.take()
        if not taken:
            return
        try:
            self._store.write(lambda tx: self._write_counts(tx, taken))
        except Exception:
            self.counts.put_back(taken)
            raise

    def file(self, caller: Caller, refusals: Sequence[KeyferryError | None]) -> None:
        """File a request for each refusal that others could lift, in one transaction; the refusal tells of it then.

        Raises:
            NotAuthenticated: the caller has been shut out meanwhile.
        """
        needed = [each for each in refusals if isinstance(each, ApprovalNeeded)]
        if not needed:
            return

        def file(tx: Transaction) -> list[tuple[str | None, str]]:
            actor = identify_actor(tx, self._sealer, caller, clock.now(), Lock.SHARE)
            return [self._filed(tx, caller, actor, each) for each in needed]

        for refusal, (request_id, advice) in zip(needed, self._store.write(file), strict=True):
            refusal.approval_request, refusal.advice = request_id, advice

    def _filed(self, tx: Transaction, caller: Caller, actor: Actor, refusal: ApprovalNeeded) -> tuple[str | None, str]:
        """The id of the request that waits for approval, and what to do next; no id where nobody could approve it."""
        operation, subject = Operation.APPROVAL_REQUEST, Subject()
        try:
            with tx.savepoint():
                change = Change(tx, self._sealer, actor, operation, subject)
                request = file_request(change, refusal.filing)
                for event in change.events(caller) if change.has_changed else ():
                    write_event(tx, self._sealer, event)
        except Conflict as unreachable:
            self.write(tx, caller, operation, subject, unreachable)
            return None, f"{unreachable.detail} {unreachable.advice}"
        return request.id, next_step(View(tx, self._sealer, actor, operation, subject), request)

    def _write_counts(self, tx: Transaction, counts: list[tuple[Refusal, int]]) -> None:
        for refusal, times in counts:
            outcome = "failed" if refusal.code in _FAULTS else "refused"
            name = None if outcome == "failed" else name_of(tx, refusal.who)  # the row may be what is at fault
            details = {"detail": refusal.reason, "times": times}
            event = event_by(refusal.who, name, refusal.operation, clock.now(), details)
            write_event(tx, self._sealer, replace(event, outcome=outcome, code=refusal.code))
