"""Rotates the keys that are due by their schedules.

A key whose current version is active gets a new one, as a rotation by hand makes it, and that becomes the current one.
Of a key whose current version is anything else, its owner is reminded instead: what nobody may use is not replaced
behind their back.

The date that was due is looked at again in the writing transaction, with the key's row held. However many nodes try,
after however long a downtime, a key is rotated once for it, and the next date is counted from then on. The next one
lies ahead of the clock by which the key was rotated, so that a clock set back rotates nothing a second time.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import structlog
from sqlalchemy import bindparam, or_, select, text

from keyferry import clock
from keyferry.clock import DAY, Microseconds, to_rfc3339
from keyferry.custody.caller import Origin
from keyferry.custody.generation import Generation, Source
from keyferry.custody.lifecycle import State, state_at
from keyferry.custody.policy import Operation
from keyferry.custody.recording import Subject, event_by
from keyferry.custody.schedules import Schedule, deactivation_of_the_next, next_rotation
from keyferry.custody.versions import Dates, check_material, new_version
from keyferry.errors import IntegrityViolation
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.sealing import Sealer
from keyferry.store.events import write_event
from keyferry.store.records import Key, KeyVersion
from keyferry.store.sealed import KEY_VERSIONS, KEYS, Lock
from keyferry.store.statements import Prepared, Row
from keyferry.store.store import Store
from keyferry.store.tables import key_versions, keys
from keyferry.store.transaction import Transaction

BATCH = 200
#: who a version is made by that nobody asked for
MADE_BY = "schedule"

log = structlog.get_logger("keyferry.rotation")

# In the order of the dates: of a million keys, only those are read that are due.
_DUE = Prepared(
    select(keys.c.id, keys.c.rotate_at)
    .join(key_versions, key_versions.c.id == keys.c.current_version_id)
    .where(
        keys.c.rotate_at >= bindparam("since"),
        keys.c.rotate_at <= bindparam("now"),
        text("(keys.rotate_at, keys.id) > (:since, :after)"),
        text("key_versions.state IN ('active', 'pre-active')"),
        key_versions.c.destroy_at.is_(None),
        or_(key_versions.c.deactivation_date.is_(None), key_versions.c.deactivation_date > bindparam("now")),
    )
    .order_by(keys.c.rotate_at, keys.c.id)
    .limit(bindparam("limit"))
)


class Rotation:
    """Rotates by schedule; `run` is called now and then while serving, on one node at a time."""

    def __init__(self, store: Store, sealer: Sealer, generation: Generation) -> None:
        self._store = store
        self._sealer = sealer
        self._generation = generation
        self._told: set[str] = set()

    def run(self, go_on: Callable[[], bool] = lambda: True) -> int:
        """Rotate every key that is due; answers how many were.

        A key that was changed behind Keyferry's back is left as it is, and said so in the audit log once.

        Args:
            go_on: asked before each key; False ends the run.
        """
        rotated = 0
        for key_id, due in self._due():
            if not go_on():
                break
            rotated += self._rotate_or_tell(key_id, due)
        return rotated

    def _due(self) -> Iterator[tuple[str, Microseconds]]:
        after, since = "", 0
        while rows := self._store.read(partial(_due_after, since, after)):
            yield from ((id_, due) for id_, due in rows)
            after, since = rows[-1]

    def _rotate_or_tell(self, key_id: str, due: Microseconds) -> bool:
        try:
            return self._rotate(key_id, due)
        except IntegrityViolation as violation:
            if key_id not in self._told:
                self._told.add(key_id)
                self._tell(key_id, violation)
            return False

    def _rotate(self, key_id: str, due: Microseconds) -> bool:
        """Rotate the key, if it is still due as it was; the material is generated with no lock held."""
        key = self._store.read(partial(self._rotatable, key_id, due))
        if key is None:
            return False

        def write(source: Source) -> Key | None:
            return self._store.write(partial(self._change, key_id, due, source))

        rotated = self._generation.supply(ALGORITHMS[key[0].algorithm], write)
        if rotated is not None:
            at = None if rotated.rotate_at is None else to_rfc3339(rotated.rotate_at)
            log.info("key rotated by schedule", key=key_id, version=rotated.versions, next=at)
        return rotated is not None

    def _rotatable(
        self, key_id: str, due: Microseconds, tx: Transaction, lock: Lock = Lock.NONE
    ) -> tuple[Key, KeyVersion] | None:
        now = clock.now()
        key = KEYS.get(tx, self._sealer, key_id, lock)
        if key is None or key.rotate_at != due or due > now:
            return None
        current = KEY_VERSIONS.get(
            tx, self._sealer, key.current_version_id, Lock.NONE if lock is Lock.NONE else Lock.SHARE
        )
        if current is None or current.key_id != key.id:
            raise IntegrityViolation(f"Version {key.current_version_id}, current for key {key.id}, is not there.")
        usable = current.destroy_at is None and state_at(current, now) is State.ACTIVE
        return (key, current) if usable else None

    def _change(self, key_id: str, due: Microseconds, source: Source, tx: Transaction) -> Key | None:
        found = self._rotatable(key_id, due, tx, Lock.UPDATE)
        if found is None:
            return None
        key, current = found
        now, number = clock.now(), key.versions + 1
        ends = deactivation_of_the_next(current, now)
        dates = Dates(now, activated=True, activation=None, deactivation=ends)
        made = source(tx)
        version = new_version(self._sealer, key, number, "generated", made, dates, MADE_BY)
        ahead = next_rotation(Schedule.of(key), version, now)
        changed = replace(
            key,
            versions=number,
            current_version_id=version.id,
            rotate_at=None if ahead is None else max(ahead, now + DAY),
        )
        rotated = KEYS.update(tx, self._sealer, key, changed)
        written = KEY_VERSIONS.insert(tx, self._sealer, version)
        check_material(self._sealer, rotated, written, made.material)
        self._record(tx, rotated, written, due)
        return rotated

    def _record(self, tx: Transaction, key: Key, version: KeyVersion, due: Microseconds) -> None:
        details = {
            "by": "schedule",
            "version": version.number,
            "current": True,
            "due_at": to_rfc3339(due),
            "next_at": None if key.rotate_at is None else to_rfc3339(key.rotate_at),
        }
        event = Subject("key", key.id, key.name).on(
            event_by(Origin(None), None, Operation.KEY_ROTATE, version.created_at, details)
        )
        event = replace(event, object_revision=key.revision)
        write_event(tx, self._sealer, replace(event, version_id=version.id, version_revision=version.revision))

    def _tell(self, key_id: str, violation: IntegrityViolation) -> None:
        log.critical("integrity violation", operation=Operation.KEY_ROTATE, detail=violation.detail, key=key_id)
        details = {"by": "schedule", "detail": violation.detail, "key_id": key_id}
        event = event_by(Origin(None), None, Operation.KEY_ROTATE, clock.now(), details)
        event = replace(event, outcome="failed", code=violation.code)
        self._store.write(lambda tx: write_event(tx, self._sealer, event))


def _due_after(since: Microseconds, after: str, tx: Transaction) -> list[Row]:
    return tx.rows(_DUE, since=since, after=after, now=clock.now(), limit=BATCH)
