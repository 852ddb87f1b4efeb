"""The audit log: numbered without gaps, chained, read and verified.

An event is written, under a MAC, in the transaction of what it records. Within a second the sequencer gives committed
events their numbers and hashes:

    leaf hash  = SHA-256(0x00 || event)                        RFC 6962 section 2.1
    head       = SHA-256(0x01 || previous head || leaf hash)   the first previous head is the hash of nothing

so that a head, noted elsewhere, vouches for every event up to it. Anybody can compute these; so the place that each
event is given is put under a MAC too, and a log that was numbered and chained anew is found even without such a head.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, desc, func, select, update

from keyferry.clock import SECOND, Microseconds
from keyferry.clock import now as clock_now
from keyferry.custody.audit_search import ANYTHING, Sought, start, walk
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.pages import Page
from keyferry.custody.policy import Operation, Relation
from keyferry.custody.view import View
from keyferry.errors import IntegrityViolation, InvalidInput
from keyferry.material.sealing import Sealer
from keyferry.store.events import COLUMNS, NAMES, check_event, check_place, encode_event, event_of, mac_place
from keyferry.store.records import AuditEvent
from keyferry.store.statements import Prepared
from keyferry.store.tables import audit_events, stores
from keyferry.store.transaction import Row, Transaction

EMPTY_HEAD = hashlib.sha256().digest()
BATCH = 1000
#: how long an event may stay without a number before its absence from the chain is a finding
GRACE: Microseconds = 10 * SECOND

#: the smallest number that a database takes: an event moved below zero shall not be missed
_BEFORE_ALL = -(2**63)

_UNNUMBERED = Prepared(
    select(*COLUMNS)
    .where(audit_events.c.number.is_(None), audit_events.c.id > bindparam("after"))
    .order_by(audit_events.c.id)
    .limit(bindparam("limit"))
)
_LAST = Prepared(
    select(*COLUMNS).where(audit_events.c.number.is_not(None)).order_by(desc(audit_events.c.number)).limit(1)
)
_NUMBERED = Prepared(
    select(*COLUMNS)
    .where(audit_events.c.number > bindparam("after"))
    .order_by(audit_events.c.number)
    .limit(bindparam("limit"))
)
_PLACE = Prepared(
    update(audit_events)
    .where(audit_events.c.id == bindparam("id_"), audit_events.c.number.is_(None))
    .values(
        number=bindparam("number"),
        leaf_hash=bindparam("leaf_hash"),
        head=bindparam("head"),
        place_mac=bindparam("place_mac"),
    )
)
_NEWEST = Prepared(select(func.max(audit_events.c.id)))
_HEAD_AT = Prepared(select(audit_events.c.head).where(audit_events.c.number == bindparam("number")))
_ONE_SEQUENCER = Prepared(select(stores.c.id).with_for_update())


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the number of the last event and the hash that vouches for all of them."""

    number: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Read what `str` gives: the number, a colon, the hash in 64 hex digits.

        Raises:
            InvalidInput: `text` has not that form.
        """
        number, colon, digest = text.partition(":")
        if (
            not colon
            or not number.isascii()
            or not number.isdecimal()
            or len(digest) != 2 * hashlib.sha256().digest_size
        ):
            raise _no_head()
        try:
            return cls(int(number), bytes.fromhex(digest))
        except ValueError:
            raise _no_head() from None


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of a walk over the whole log: how many events, the head, and every finding (none when all is well)."""

    events: int
    head: Head
    findings: tuple[str, ...]


class Audit:
    """The audit log as Administrators see it: read in pages, or verified as a whole.

    Nobody writes to it here: events come from the gate alone. Each reading and each verification is recorded in it too.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def list(
        self,
        caller: Caller,
        *,
        size: int,
        after: int | None = None,
        sought: Sought = ANYTHING,
        newest_first: bool = False,
    ) -> Page[AuditEvent]:
        """Events that are looked for, in the order in which they were written, or the newest first.

        A page looks at a bounded number of events: it may hold fewer than `size`, none even, and still not be the last.
        Reading the log is itself recorded.

        Raises:
            IntegrityViolation: one of them was edited.
        """
        page = self._gate.read(caller, Operation.AUDIT_READ, _reading(size, after, sought, newest_first=newest_first))
        told = {"after": after or None, "newest_first": newest_first or None, **sought.told()}
        self._gate.record(caller, Operation.AUDIT_READ, "done", details={**told, "events": len(page.items)})
        return page

    def export(self, caller: Caller, sought: Sought = ANYTHING, *, form: str) -> Iterator[tuple[AuditEvent, ...]]:
        """All events that are looked for, up to the newest that there is now, in the order in which they were written.

        They come in pieces, each read by itself: no transaction is open in between, however slowly they are taken.
        Beginning is recorded, and coming to the end.

        Args:
            form: what is made of them, for the record.
        """

        def begin(view: View) -> int:
            view.permit(Relation.NONE, "audit log", None, None)
            newest = view.tx.row(_NEWEST)
            return 0 if newest is None else int(newest[0] or 0)

        up_to = self._gate.read(caller, Operation.AUDIT_READ, begin)
        details = {"export": form, **sought.told()}
        self._gate.record(caller, Operation.AUDIT_READ, "done", details=details)
        return self._pieces(caller, sought, up_to, details)

    def _pieces(
        self, caller: Caller, sought: Sought, up_to: int, details: Mapping[str, Any]
    ) -> Iterator[tuple[AuditEvent, ...]]:
        after: int | None = None
        total = 0
        while True:
            page = self._gate.read(caller, Operation.AUDIT_READ, _reading(BATCH, after, sought, up_to=up_to))
            total += len(page.items)
            yield page.items
            if page.next is None:
                break
            after = int(page.next)
        self._gate.record(caller, Operation.AUDIT_READ, "done", details={**details, "exported": total})

    def verify(self, caller: Caller, *, expected: Head | None = None) -> Verification:
        """Walk the whole log on one snapshot; see `verify_log`."""

        def read(view: View) -> Verification:
            view.permit(Relation.NONE, "audit log", None, None)
            return verify_log(view.tx, view.sealer, expected)

        result = self._gate.read(caller, Operation.AUDIT_READ, read)
        details = {"verified": result.events, "head": str(result.head), "findings": len(result.findings)}
        self._gate.record(caller, Operation.AUDIT_READ, "done", details=details)
        return result


def _reading(
    size: int, after: int | None, sought: Sought, *, newest_first: bool = False, up_to: int | None = None
) -> Callable[[View], Page[AuditEvent]]:
    def read(view: View) -> Page[AuditEvent]:
        view.permit(Relation.NONE, "audit log", None, None)
        since = start(newest_first=newest_first) if after is None else after
        found = walk(view.tx, sought, size=size, after=since, newest_first=newest_first, up_to=up_to)
        for event in found.events:
            check_event(view.sealer, event)
        return Page(found.events, None if found.end is None else str(found.end))

    return read


def sequence(tx: Transaction, sealer: Sealer, previous: Head | None = None) -> Head:
    """Number and chain up to `BATCH` committed events; answers the head.

    Args:
        previous: the head that this process left the last time.

    Raises:
        IntegrityViolation: what this process left is no longer in the log.
    """
    tx.row(_ONE_SEQUENCER)
    if previous is not None and previous.number and tx.row(_HEAD_AT, number=previous.number) != (previous.hash,):
        raise IntegrityViolation(f"The audit log's head was {previous}, and is no longer in the log.")
    head = last_head(tx)
    places = []
    for row in tx.rows(_UNNUMBERED, after=_BEFORE_ALL, limit=BATCH):
        event = event_of(row)
        leaf = leaf_hash(event)
        head = Head(head.number + 1, next_hash(head.hash, leaf))
        placed = replace(event, number=head.number, leaf_hash=leaf, head=head.hash)
        place = {"number": head.number, "leaf_hash": leaf, "head": head.hash, "place_mac": mac_place(sealer, placed)}
        places.append({"id_": event.id, **place})
    tx.run_many(_PLACE, places)
    return head


def last_head(tx: Transaction) -> Head:
    """The head that the last numbered event's row claims, unverified; number 0 and `EMPTY_HEAD` while there is none."""
    row = tx.row(_LAST)
    if row is None:
        return Head(0, EMPTY_HEAD)
    event = event_of(row)
    return Head(event.number or 0, event.head or b"")


def leaf_hash(event: AuditEvent) -> bytes:
    """RFC 6962 section 2.1, over the event and its MAC."""
    return hashlib.sha256(b"\x00" + encode_event(event) + event.mac).digest()


def next_hash(head: bytes, leaf: bytes) -> bytes:
    """The head after one more event, 32 bytes: the two joined as RFC 6962 section 2.1 joins nodes."""
    return hashlib.sha256(b"\x01" + head + leaf).digest()


def verify_log(tx: Transaction, sealer: Sealer, expected: Head | None = None) -> Verification:
    """Check every event's MACs, the numbers' gaplessness, the chain, and that `expected` lies on it.

    1. Numbered events, in order: the number follows on, the leaf hash and the head are right, the MACs of the event and
       of its place verify, no event stands twice.
    2. Events without a number: the MAC verifies, and the event is younger than `GRACE`.
    3. The expected head, if given, is the head at its number.
    """
    walk = _Walk(sealer, expected)
    for row in _pages(tx, _NUMBERED, "number"):
        walk.numbered(row)
    for row in _pages(tx, _UNNUMBERED, "id"):
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
    rows = tx.rows(statement, after=_BEFORE_ALL, limit=BATCH)
    while rows:
        yield from rows
        rows = tx.rows(statement, after=rows[-1][place], limit=BATCH)


def _no_head() -> InvalidInput:
    return InvalidInput(
        "That is no head of an audit log.",
        field="expect_head",
        advice="Give it as `audit verify` printed it: a number, a colon, 64 hex digits.",
    )
