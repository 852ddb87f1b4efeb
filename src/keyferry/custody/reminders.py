"""Reminders of what is to come: a key's current version stops protecting, or is rotated by itself.

They are given 30, 7 and 1 day ahead, each once for a date: in the audit log, as a line in the server's log, and in a
list for those who may see the key. A key that was due for rotation and could not be rotated is reminded of once more
(0 days ahead). A reminder goes when its date has passed or was moved.

The rows are not sealed: nothing that grants access depends on them. What one says is compared with the key's own rows,
which are verified, when it is made and each time it is shown.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Final

import structlog
from sqlalchemy import text

from keyferry import clock
from keyferry.clock import DAY, Microseconds, to_rfc3339
from keyferry.custody.caller import Caller, Origin
from keyferry.custody.gate import Gate
from keyferry.custody.key_lookup import load_key
from keyferry.custody.lifecycle import ERASED, State, state_at
from keyferry.custody.owners import Owner, owner_of
from keyferry.custody.pages import Page
from keyferry.custody.policy import Operation, permits
from keyferry.custody.recording import Subject, event_by
from keyferry.custody.versions import current_version
from keyferry.custody.view import View
from keyferry.errors import IntegrityViolation
from keyferry.ids import new_id
from keyferry.material.sealing import Sealer
from keyferry.store.events import write_event
from keyferry.store.records import Key, KeyVersion
from keyferry.store.sealed import KEY_VERSIONS, KEYS, Lock
from keyferry.store.statements import Prepared, Row
from keyferry.store.store import Store
from keyferry.store.transaction import Transaction

#: how many days ahead, from the farthest on
DAYS_AHEAD: Final = (30, 7, 1)
#: of a rotation that was due and has not been done
OVERDUE: Final = 0
#: reminders that are made in one transaction
BATCH: Final = 50

log = structlog.get_logger("keyferry.reminders")


class About(StrEnum):
    """What a reminder is about."""

    DEACTIVATION = "deactivation"
    ROTATION = "rotation"


@dataclass(frozen=True, slots=True)
class Reminder:
    """What somebody is reminded of: `due_at` is when it comes, `days` how many before that it was said."""

    id: str
    key: Key
    version: KeyVersion
    owner: Owner
    about: About
    days: int
    due_at: Microseconds
    created_at: Microseconds


_CURRENT = "FROM keys JOIN key_versions ON key_versions.id = keys.current_version_id AND key_versions.key_id = keys.id"
_NOT_TOLD = (
    "NOT EXISTS (SELECT 1 FROM reminders WHERE reminders.version_id = key_versions.id AND reminders.about = :about "
    "AND reminders.due_at = {due} AND reminders.days <= :days)"
)
_AHEAD = (
    "key_versions.destroy_at IS NULL "
    "AND {due} - coalesce(key_versions.activation_date, key_versions.created_at) > :span AND "
)
_NOT_ERASED = "key_versions.state NOT IN ('destroyed', 'destroyed-compromised')"


def _to_tell(due: str, condition: str) -> Prepared:
    """What nobody was told of yet, in the order of the dates: of all keys, only those with a near date are read."""
    return Prepared(
        text(
            (
                "SELECT keys.id, key_versions.id, {due} " + _CURRENT + " WHERE {due} >= :since AND {due} <= :latest "
                "AND ({due}, keys.id) > (:since, :after) AND " + condition + " AND " + _NOT_TOLD + " "
                "ORDER BY {due}, keys.id LIMIT :limit"
            ).format(due=due)
        )
    )


_DEACTIVATION, _ROTATION = "key_versions.deactivation_date", "keys.rotate_at"
_COMING = {
    About.DEACTIVATION: _to_tell(_DEACTIVATION, _AHEAD + "key_versions.state = 'active'"),
    About.ROTATION: _to_tell(_ROTATION, _AHEAD + _NOT_ERASED),
}
_OVERDUE = _to_tell(
    _ROTATION,
    _NOT_ERASED + " AND (key_versions.state <> 'active' OR key_versions.destroy_at IS NOT NULL "
    "OR key_versions.deactivation_date <= :latest)",
)
_KEEP = Prepared(
    text(
        "INSERT INTO reminders (id, key_id, version_id, about, days, due_at, created_at) "
        "VALUES (:id, :key_id, :version_id, :about, :days, :due_at, :created_at) "
        "ON CONFLICT (version_id, about, days, due_at) DO NOTHING"
    )
)
#: what a reminder says is still so; `now` is the time at which it is asked
_LIVE = (
    "EXISTS (SELECT 1 "
    + _CURRENT
    + " WHERE keys.id = reminders.key_id AND key_versions.id = reminders.version_id AND ("
    "(reminders.about = 'deactivation' AND key_versions.deactivation_date = reminders.due_at "
    "AND key_versions.state = 'active' AND reminders.due_at > :now) OR "
    "(reminders.about = 'rotation' AND keys.rotate_at = reminders.due_at "
    "AND (reminders.due_at > :now OR reminders.days = 0)))) "
)
_FORGET = Prepared(text(f"DELETE FROM reminders WHERE NOT {_LIVE}"))  # noqa: S608  # all of it is written here
_NEAREST = (
    "NOT EXISTS (SELECT 1 FROM reminders AS nearer WHERE nearer.version_id = reminders.version_id "
    "AND nearer.about = reminders.about AND nearer.due_at = reminders.due_at AND nearer.days < reminders.days)"
)
_PAGE = (
    "SELECT reminders.id, reminders.key_id, reminders.about, reminders.days, reminders.due_at, reminders.created_at "
    "FROM reminders JOIN keys ON keys.id = reminders.key_id WHERE reminders.id > :after AND "
    + _LIVE
    + "AND "
    + _NEAREST
)
_OF_MINE = (
    " AND (keys.owner_user_id = :user_id "
    "OR keys.owner_group_id IN (SELECT group_id FROM memberships WHERE user_id = :user_id))"
)
_OF_KEY = " AND reminders.key_id = :key_id"
_IN_ORDER = " ORDER BY reminders.id LIMIT :limit"
_EVERYBODYS = Prepared(text(_PAGE + _IN_ORDER))
_MINE = Prepared(text(_PAGE + _OF_MINE + _IN_ORDER))
_OF_ONE = Prepared(text(_PAGE + _OF_KEY + _IN_ORDER))


class Reminding:
    """Makes reminders and lets old ones go; `run` is called now and then while serving, on one node at a time."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer
        self._told: set[str] = set()

    def run(self, go_on: Callable[[], bool] = lambda: True) -> int:
        """Remind of all that is to be reminded of now; answers how often.

        Of a date that is nearer than several of `DAYS_AHEAD`, only the nearest is told. None is told that is longer
        than the whole time from a version's activation to that date: who makes a key for 5 days knows it.

        Args:
            go_on: asked before each transaction; False ends the run.
        """
        self._store.write(lambda tx: tx.run(_FORGET, now=clock.now()))
        told = 0
        for about, statement in _COMING.items():
            for days, nearer in zip(DAYS_AHEAD, (*DAYS_AHEAD[1:], OVERDUE), strict=True):
                told += self._tell_each(statement, about, days, (nearer, days), go_on)
        return told + self._tell_each(_OVERDUE, About.ROTATION, OVERDUE, None, go_on)

    def _tell_each(
        self,
        statement: Prepared,
        about: About,
        days: int,
        between: tuple[int, int] | None,
        go_on: Callable[[], bool],
    ) -> int:
        since, after, told = None, "", 0
        while go_on():
            now = clock.now()
            earliest, latest = (0, now) if between is None else (now + each * DAY for each in between)
            asked: dict[str, object] = {
                "about": about.value,
                "days": days,
                "span": days * DAY,
                "latest": latest,
                "limit": BATCH,
            }
            asked |= {"since": earliest if since is None else since, "after": after}
            found = self._store.read(partial(_rows, statement, asked))
            if not found:
                break
            said = self._store.write(partial(self._tell, about, days, found))
            for line in said:
                log.warning("key reminder", **line)
            told += len(said)
            after, _, since = found[-1]
        return told

    def _tell(self, about: About, days: int, found: list[Row], tx: Transaction) -> list[dict[str, object]]:
        said = []
        for key_id, version_id, due in found:
            try:
                line = self._tell_one(tx, about, days, key_id, version_id, due)
            except IntegrityViolation as violation:
                line = None
                self._report(key_id, violation)
            if line is not None:
                said.append(line)
        return said

    def _tell_one(
        self, tx: Transaction, about: About, days: int, key_id: str, version_id: str, due: Microseconds
    ) -> dict[str, object] | None:
        """Keep one reminder and its audit event, if the verified rows say so and nobody has been told of it yet."""
        now = clock.now()
        key = KEYS.get(tx, self._sealer, key_id, Lock.SHARE)
        version = KEY_VERSIONS.get(tx, self._sealer, version_id, Lock.SHARE)
        if key is None or version is None or not _holds(key, version, about, days, due, now):
            return None
        kept = tx.run(
            _KEEP,
            id=new_id(),
            key_id=key_id,
            version_id=version_id,
            about=about.value,
            days=days,
            due_at=due,
            created_at=now,
        )
        if kept != 1:
            return None
        line = {"about": about.value, "days": days, "due_at": to_rfc3339(due), "version": version.number}
        event = event_by(Origin(None), None, Operation.KEY_REMIND, now, {"by": "date", **line})
        event = replace(Subject("key", key.id, key.name).on(event), version_id=version.id)
        write_event(tx, self._sealer, event)
        return {"key": key.id, "name": key.name, "owner": key.owner_group_id or key.owner_user_id, **line}

    def _report(self, key_id: str, violation: IntegrityViolation) -> None:
        """Say it in the server's log, once; in the audit log, who works with the key is told."""
        if key_id not in self._told:
            self._told.add(key_id)
            log.critical("integrity violation", operation=Operation.KEY_REMIND, detail=violation.detail, key=key_id)


class Reminders:
    """What callers are reminded of."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def list(self, caller: Caller, *, size: int, after: str = "", key: str | None = None) -> Page[Reminder]:
        """Reminders in the order in which they were given: of one key; else all for who sees everything, those of one's
        own and one's groups' keys for others. Of a date, only the newest reminder is shown.
        """

        def read(view: View) -> Page[Reminder]:
            statement, whose = _asked(view, key)
            rows = view.tx.rows(statement, after=after, limit=size + 1, now=view.now, **whose)
            found = [reminder for row in rows[:size] if (reminder := _shown(view, row)) is not None]
            return Page(tuple(found), rows[size - 1][0] if len(rows) > size else None)

        return self._gate.read(caller, Operation.REMINDER_LIST, read)


def _asked(view: View, key: str | None) -> tuple[Prepared, dict[str, str]]:
    """The statement that finds what the caller asks for, authorised."""
    if key is not None:
        return _OF_ONE, {"key_id": load_key(view, key).id}
    view.permit(view.actor.relation_to_user(view.actor.user.id), "reminder", None, None)
    if view.actor.role.sees_everything:
        return _EVERYBODYS, {}
    return _MINE, {"user_id": view.actor.user.id}


def _rows(statement: Prepared, parameters: dict[str, object], tx: Transaction) -> list[Row]:
    return tx.rows(statement, **parameters)


def _holds(key: Key, version: KeyVersion, about: About, days: int, due: Microseconds, now: Microseconds) -> bool:
    """Whether the key's verified rows say what a reminder says."""
    if version.id != key.current_version_id or (due <= now and days != OVERDUE):
        return False
    state = state_at(version, now)
    if about is About.DEACTIVATION:
        return version.deactivation_date == due and version.destroy_at is None and state is State.ACTIVE
    return key.rotate_at == due and state not in ERASED


def _shown(view: View, row: Row) -> Reminder | None:
    """A reminder as the caller sees it; None if the verified rows do not bear it out or are not theirs."""
    id_, key_id, about, days, due, created_at = row
    key = view.get(KEYS, key_id)
    if key is None or not permits(view.actor.role, Operation.KEY_READ, view.actor.relation_to_key(key)):
        return None
    version = current_version(view, key)
    if not _holds(key, version, About(about), days, due, view.now):
        return None
    return Reminder(id_, key, version, owner_of(view, key), About(about), days, due, created_at)
