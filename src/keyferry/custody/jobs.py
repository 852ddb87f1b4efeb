"""Work that comes due: dates that have passed are recorded, material that is due is erased, old rows are dropped.

Nothing waits for these jobs to be safe: a date takes effect when a version's state is evaluated. They may run on
several nodes at once; a row that another node has changed meanwhile is left to it.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import structlog
from sqlalchemy import bindparam, delete, or_, select, text

from keyferry import clock
from keyferry.clock import Microseconds
from keyferry.custody import tickets
from keyferry.custody.approval_expiry import expire_requests
from keyferry.custody.caller import Origin
from keyferry.custody.lifecycle import ERASED, State, state_at
from keyferry.custody.once import KEPT
from keyferry.custody.policy import Operation
from keyferry.custody.provider_sessions import forget_sessions
from keyferry.custody.provider_tests import forget_tests
from keyferry.custody.recording import Subject, event_by
from keyferry.custody.seen import forget_seen
from keyferry.errors import IntegrityViolation, PreconditionFailed
from keyferry.identity import attempts
from keyferry.material.sealing import Sealer
from keyferry.store.events import write_event
from keyferry.store.records import KeyVersion
from keyferry.store.sealed import KEY_VERSIONS, KEYS, Lock
from keyferry.store.statements import Prepared, Row
from keyferry.store.store import Store
from keyferry.store.tables import idempotency, key_versions
from keyferry.store.transaction import Transaction

BATCH = 200

log = structlog.get_logger("keyferry.jobs")

# The states are written out: with a parameter in their place, the indexes on just these rows could not be used.
_DUE = Prepared(
    select(key_versions.c.id, key_versions.c.state, key_versions.c.destroy_at)
    .where(
        key_versions.c.id > bindparam("after"),
        or_(
            key_versions.c.destroy_at <= bindparam("now"),
            text("state = 'pre-active'") & (key_versions.c.activation_date <= bindparam("now")),
            text("state = 'active'") & (key_versions.c.deactivation_date <= bindparam("now")),
        ),
    )
    .order_by(key_versions.c.id)
    .limit(bindparam("limit"))
)
_FORGET_REQUESTS = Prepared(delete(idempotency).where(idempotency.c.created_at <= bindparam("before")))


def _drop_old_rows(tx: Transaction) -> None:
    now = clock.now()
    tx.run(_FORGET_REQUESTS, before=now - KEPT)
    attempts.forget_old_failures(tx, now)
    for forget in (forget_seen, forget_tests, forget_sessions):
        forget(tx, now)
    tickets.forget_old(tx, now)


class Jobs:
    """Runs what is due; `run` is called every few seconds while serving."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer
        self._told: set[str] = set()
        self._to_scrub = True  # a process that was killed may have erased something and not scrubbed yet

    def run(self) -> int:
        """Do everything that is due now; answers how many versions changed.

        A version that was changed behind Keyferry's back is left as it is, and said so in the audit log once.
        """
        changed = sum(self._settle_or_tell(*due) for due in self._due())
        self._store.write(_drop_old_rows)
        expire_requests(self._store, self._sealer, self._told)
        if changed or self._to_scrub:
            self._to_scrub = False  # before it is done: what is erased meanwhile asks again
            if not self._store.scrub():
                self._to_scrub = True
        return changed

    def scrub_soon(self) -> None:
        """Something was erased or replaced: the next run sees to it that it does not linger in files."""
        self._to_scrub = True

    def _due(self) -> Iterator[tuple[str, Operation]]:
        after = ""
        while rows := self._store.read(partial(_due_after, after)):
            for id_, state, destroy_at in rows:
                yield id_, Operation.KEY_DESTROY if destroy_at is not None else _DATED.get(state, Operation.KEY_DESTROY)
            after = rows[-1][0]

    def _settle_or_tell(self, version_id: str, operation: Operation) -> int:
        try:
            return self._store.write(lambda tx: self._settle(tx, version_id))
        except IntegrityViolation as violation:
            if version_id not in self._told:
                self._told.add(version_id)
                self._tell(version_id, operation, violation)
            return 0

    def _tell(self, version_id: str, operation: Operation, violation: IntegrityViolation) -> None:
        log.critical("integrity violation", operation=operation, detail=violation.detail, version=version_id)
        details = {"by": "date", "detail": violation.detail, "version_id": version_id}
        event = event_by(Origin(None), None, operation, clock.now(), details)
        event = replace(event, outcome="failed", code=violation.code)
        self._store.write(lambda tx: write_event(tx, self._sealer, event))

    def _settle(self, tx: Transaction, version_id: str) -> int:
        """Record the state that a version's dates have put it in; erase its material if it is due."""
        now = clock.now()
        version = KEY_VERSIONS.get(tx, self._sealer, version_id, Lock.UPDATE)
        if version is None or State(version.state) is state_at(version, now):
            return 0
        settled = _settled(version, now)
        key = KEYS.get(tx, self._sealer, version.key_id, Lock.SHARE)
        try:
            written = KEY_VERSIONS.update(tx, self._sealer, version, settled)
        except PreconditionFailed:
            return 0
        erased = version.material is not None and written.material is None
        operation = Operation.KEY_DESTROY if erased else _OPERATIONS[State(written.state)]
        details = {"by": "date", "version": version.number, "state": written.state, "erased": erased or None}
        event = event_by(Origin(None), None, operation, now, details)
        event = Subject("key", version.key_id, None if key is None else key.name).on(event)
        write_event(tx, self._sealer, replace(event, version_id=written.id, version_revision=written.revision))
        return 1


def _due_after(after: str, tx: Transaction) -> list[Row]:
    return tx.rows(_DUE, after=after, now=clock.now(), limit=BATCH)


_OPERATIONS = {State.ACTIVE: Operation.KEY_ACTIVATE, State.DEACTIVATED: Operation.KEY_DEACTIVATE}
#: what the date of a version in this state is for
_DATED = {State.PRE_ACTIVE: Operation.KEY_ACTIVATE, State.ACTIVE: Operation.KEY_DEACTIVATE}


def _settled(version: KeyVersion, now: Microseconds) -> KeyVersion:
    state = state_at(version, now)
    if state not in ERASED:
        return replace(version, state=state.value)
    return replace(version, state=state.value, material=None, destroy_at=None, destroyed_at=now)
