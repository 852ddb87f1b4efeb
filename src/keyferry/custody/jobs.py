"""Work that comes due: dates that have passed are recorded, material that is due is erased, old rows are dropped.

Nothing waits for these jobs to be safe: a date takes effect when a version's state is evaluated. They may run on
several nodes at once; a row that another node has changed meanwhile is left to it.
"""

from dataclasses import replace

from sqlalchemy import bindparam, delete, or_, select, text

from keyferry import clock
from keyferry.clock import Microseconds
from keyferry.custody.caller import Origin
from keyferry.custody.gate import Subject, event_by
from keyferry.custody.lifecycle import ERASED, State, state_at
from keyferry.custody.once import KEPT
from keyferry.custody.policy import Operation
from keyferry.errors import PreconditionFailed
from keyferry.material.sealing import Sealer
from keyferry.store.events import write_event
from keyferry.store.records import KeyVersion
from keyferry.store.sealed import KEY_VERSIONS, KEYS, Lock
from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.tables import idempotency, key_versions
from keyferry.store.transaction import Transaction

BATCH = 200

# The states are written out: with a parameter in their place, the indexes on just these rows could not be used.
_DUE = Prepared(
    select(key_versions.c.id)
    .where(
        or_(
            key_versions.c.destroy_at <= bindparam("now"),
            text("state = 'pre-active'") & (key_versions.c.activation_date <= bindparam("now")),
            text("state = 'active'") & (key_versions.c.deactivation_date <= bindparam("now")),
        )
    )
    .limit(bindparam("limit"))
)
_FORGET_REQUESTS = Prepared(delete(idempotency).where(idempotency.c.created_at <= bindparam("before")))


class Jobs:
    """Runs what is due; `run` is called every few seconds while serving."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    def run(self) -> int:
        """Do everything that is due now; answers how many versions changed."""
        changed = 0
        while due := self._store.read(lambda tx: tx.rows(_DUE, now=clock.now(), limit=BATCH)):
            for (version_id,) in due:
                changed += self._store.write(lambda tx, id_=version_id: self._settle(tx, id_))  # type: ignore[misc]  # a default binds it now
            if len(due) < BATCH:
                break
        self._store.write(lambda tx: tx.run(_FORGET_REQUESTS, before=clock.now() - KEPT))
        if changed:
            self._store.scrub()
        return changed

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


_OPERATIONS = {State.ACTIVE: Operation.KEY_ACTIVATE, State.DEACTIVATED: Operation.KEY_DEACTIVATE}


def _settled(version: KeyVersion, now: Microseconds) -> KeyVersion:
    state = state_at(version, now)
    if state not in ERASED:
        return replace(version, state=state.value)
    return replace(version, state=state.value, material=None, destroy_at=None, destroyed_at=now)
