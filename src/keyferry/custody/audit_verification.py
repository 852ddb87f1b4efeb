"""The whole audit log, verified: every event's MACs, the numbers without gaps, the chain."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from keyferry.clock import SECOND, Microseconds
from keyferry.clock import now as clock_now
from keyferry.custody.audit_chain import (
    BATCH,
    BEFORE_ALL,
    EMPTY_HEAD,
    UNNUMBERED,
    Head,
    leaf_hash,
    next_hash,
)
from keyferry.errors import IntegrityViolation
from keyferry.material.sealing import Sealer
from keyferry.store.events import COLUMNS, NAMES, check_event, check_place, event_of
from keyferry.store.records import AuditEvent
from keyferry.store.statements import Prepared, Row
from keyferry.store.tables import audit_events
from keyferry.store.transaction import Transaction

#: how long an event may stay without a number before its absence from the chain is a finding
GRACE: Microseconds = 10 * SECOND

Progress = Callable[[int, int], None]
"""Is told how many events are done, and of how many."""

_HOW_MANY = Prepared(select(func.count()).select_from(audit_events))
_NUMBERED = Prepared(
    select(*COLUMNS)
    .where(audit_events.c.number > bindparam("after"))
    .order_by(audit_events.c.number)
    .limit(bindparam("limit"))
)


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of a walk over the whole log: how many events, the head, and every finding (none when all is well)."""

    events: int
    head: Head
    findings: tuple[str, ...]


def unseen(_done: int, _total: int) -> None:
    """Progress that nobody looks at."""


def verify_log(
    tx: Transaction, sealer: Sealer, expected: Head | None = None, progress: Progress = unseen
) -> Verification:
    """Check every event's MACs, the numbers' gaplessness, the chain, and that `expected` lies on it.

    1. Numbered events, in order: the number follows on, the leaf hash and the head are right, the MACs of the event and
       of its place verify, no event stands twice.
    2. Events without a number: the MAC verifies, and the event is younger than `GRACE`.
    3. The expected head, if given, is the head at its number.

    Args:
        progress: is told, now and then, how many events are done, and of how many.
    """
    walk = _Walk(sealer, expected)
    counted = tx.row(_HOW_MANY)
    total = 0 if counted is None else int(counted[0])
    for done, row in enumerate(_pages(tx, _NUMBERED, "number")):
        if done % BATCH == 0:
            progress(done, total)
        walk.numbered(row)
    for row in _pages(tx, UNNUMBERED, "id"):
        walk.unnumbered(row)
    return walk.result()


class _Walk:
    """What a walk over the log has seen so far, and what it has found."""

    def __init__(self, sealer: Sealer, expected: Head | None) -> None:
        self._sealer = sealer
        self._expected = expected
        self._head = Head(0, EMPTY_HEAD)
        self._met = expected is None or expected == self._head
        self._events = 0
        self._seen: set[str] = set()
        self._findings: list[str] = []

    def numbered(self, row: Row) -> None:
        self._events += 1
        event = self._read(row)
        if event is None:
            return
        number, before = event.number or 0, self._head
        if number != before.number + 1:
            self._find(event, f"follows {before.number}; events between them are missing")
        if event.leaf_hash != leaf_hash(event):
            self._find(event, "its leaf hash is not that of its content")
        if event.head != next_hash(before.hash, leaf_hash(event)):
            self._find(event, "its head does not follow from the events before it")
        self._check(event, check_event)
        self._check(event, check_place)
        self._head = Head(number, event.head or b"")
        self._met = self._met or self._head == self._expected

    def unnumbered(self, row: Row) -> None:
        event = self._read(row)
        if event is None:
            return
        self._check(event, check_event)
        if event.at + GRACE < clock_now():
            self._find(event, "was never numbered")

    def result(self) -> Verification:
        if not self._met:
            self._findings.append(f"the expected head {self._expected} is not on the chain, which ends at {self._head}")
        return Verification(self._events, self._head, tuple(self._findings))

    def _read(self, row: Row) -> AuditEvent | None:
        try:
            event = event_of(row)
        except IntegrityViolation as violation:
            self._findings.append(f"row {row[0]}: {violation.detail}")
            return None
        if event.uid in self._seen:
            self._find(event, "stands in the log twice")
        self._seen.add(event.uid)
        return event

    def _check(self, event: AuditEvent, check: Callable[[Sealer, AuditEvent], None]) -> None:
        try:
            check(self._sealer, event)
        except IntegrityViolation as violation:
            self._find(event, violation.detail)

    def _find(self, event: AuditEvent, what: str) -> None:
        self._findings.append(f"event {event.number or event.uid}: {what}")


def _pages(tx: Transaction, statement: Prepared, cursor: str) -> Iterator[Row]:
    """Every row that a statement finds, a batch at a time; `cursor` is the column by which it goes on."""
    place = NAMES.index(cursor)
    rows = tx.rows(statement, after=BEFORE_ALL, limit=BATCH)
    while rows:
        yield from rows
        rows = tx.rows(statement, after=rows[-1][place], limit=BATCH)
