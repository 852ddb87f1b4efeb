"""The audit log: numbered without gaps, chained, read and verified.

An event is written, under a MAC, in the transaction of what it records. Within a second the sequencer gives committed
events their numbers and hashes:

    leaf hash  = SHA-256(0x00 || event)                        RFC 6962 section 2.1
    head       = SHA-256(0x01 || previous head || leaf hash)   the first previous head is the hash of nothing

so that a head, noted elsewhere, vouches for every event up to it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import bindparam, desc, select, update

from keyferry.clock import SECOND, Microseconds
from keyferry.clock import now as clock_now
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate, View
from keyferry.custody.pages import Page, page_of
from keyferry.custody.policy import Operation, Relation
from keyferry.errors import IntegrityViolation, InvalidInput
from keyferry.material.sealing import Sealer
from keyferry.store.events import COLUMNS, check_event, encode_event, event_of
from keyferry.store.records import AuditEvent
from keyferry.store.statements import Prepared
from keyferry.store.tables import audit_events, stores
from keyferry.store.transaction import Transaction

EMPTY_HEAD = hashlib.sha256().digest()
BATCH = 1000
#: how long an event may stay without a number before its absence from the chain is a finding
GRACE: Microseconds = 10 * SECOND

_UNNUMBERED = Prepared(
    select(*COLUMNS).where(audit_events.c.number.is_(None)).order_by(audit_events.c.id).limit(bindparam("limit"))
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
_PAGE = Prepared(
    select(*COLUMNS).where(audit_events.c.id > bindparam("after")).order_by(audit_events.c.id).limit(bindparam("limit"))
)
_PLACE = Prepared(
    update(audit_events)
    .where(audit_events.c.id == bindparam("id_"), audit_events.c.number.is_(None))
    .values(number=bindparam("number"), leaf_hash=bindparam("leaf_hash"), head=bindparam("head"))
)
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

    def list(self, caller: Caller, *, size: int, after: int = 0) -> Page[AuditEvent]:
        """Events in the order in which they were written. Reading the log is itself recorded."""

        def read(view: View) -> Page[AuditEvent]:
            view.permit(Relation.NONE, "audit log", None, None)
            found = [event_of(row) for row in view.tx.rows(_PAGE, after=after, limit=size + 1)]
            for event in found:
                check_event(view.sealer, event)
            return page_of(found, size, [str(event.id) for event in found])

        page = self._gate.read(caller, Operation.AUDIT_READ, read)
        self._gate.record(caller, Operation.AUDIT_READ, "done", details={"after": after, "events": len(page.items)})
        return page

    def verify(self, caller: Caller, *, expected: Head | None = None) -> Verification:
        """Walk the whole log on one snapshot; see `verify_log`."""

        def read(view: View) -> Verification:
            view.permit(Relation.NONE, "audit log", None, None)
            return verify_log(view.tx, view.sealer, expected)

        result = self._gate.read(caller, Operation.AUDIT_READ, read)
        details = {"verified": result.events, "head": str(result.head), "findings": len(result.findings)}
        self._gate.record(caller, Operation.AUDIT_READ, "done", details=details)
        return result


def sequence(tx: Transaction, previous: Head | None = None) -> Head:
    """Number and chain up to `BATCH` committed events; answers the head.

    Args:
        previous: the head that this process left the last time.

    Raises:
        IntegrityViolation: the log's end is no longer where this process left it.
    """
    tx.row(_ONE_SEQUENCER)
    head = last_head(tx)
    if previous is not None and head.number < previous.number:
        raise IntegrityViolation(f"The audit log ended at {previous.number}, and now ends at {head.number}.")
    places = []
    for row in tx.rows(_UNNUMBERED, limit=BATCH):
        event = event_of(row)
        leaf = leaf_hash(event)
        head = Head(head.number + 1, next_hash(head.hash, leaf))
        places.append({"id_": event.id, "number": head.number, "leaf_hash": leaf, "head": head.hash})
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
    """Check every event's MAC, the numbers' gaplessness, the chain, and that `expected` lies on it.

    1. Numbered events, in order: the number follows on, the MAC verifies, the leaf hash and the head are right, no
       event stands twice.
    2. Events without a number: the MAC verifies, and the event is younger than `GRACE`.
    3. The expected head, if given, is the head at its number.
    """
    findings: list[str] = []
    seen: set[str] = set()
    head, events = Head(0, EMPTY_HEAD), 0
    met = expected is None or expected == head
    for event in _numbered(tx):
        events += 1
        findings += _check_place(event, head)
        findings += _check_mac(sealer, event, seen)
        head = Head(event.number or 0, next_hash(head.hash, leaf_hash(event)))
        if event.head != head.hash:
            findings.append(f"event {head.number}: the head does not follow from the events before it")
            head = Head(head.number, event.head or b"")
        met = met or head == expected
    for row in tx.rows(_UNNUMBERED, limit=10 * BATCH):
        event = event_of(row)
        findings += _check_mac(sealer, event, seen)
        if event.at + GRACE < clock_now():
            findings.append(f"event {event.uid}: was never numbered")
    if not met and expected is not None:
        findings.append(f"the expected head {expected} is not on the chain, which ends at {head}")
    return Verification(events, head, tuple(findings))


def _numbered(tx: Transaction) -> Iterator[AuditEvent]:
    after = -1
    while rows := tx.rows(_NUMBERED, after=after, limit=BATCH):
        for row in rows:
            event = event_of(row)
            after = event.number or 0
            yield event


def _check_place(event: AuditEvent, head: Head) -> list[str]:
    found = []
    if event.number != head.number + 1:
        found.append(f"event {event.number}: follows {head.number}; events between them are missing")
    if event.leaf_hash != leaf_hash(event):
        found.append(f"event {event.number}: its leaf hash is not that of its content")
    return found


def _check_mac(sealer: Sealer, event: AuditEvent, seen: set[str]) -> list[str]:
    found = []
    try:
        check_event(sealer, event)
    except IntegrityViolation as violation:
        found.append(f"event {event.number or event.uid}: {violation.detail}")
    if event.uid in seen:
        found.append(f"event {event.number or event.uid}: stands in the log twice")
    seen.add(event.uid)
    return found


def _no_head() -> InvalidInput:
    return InvalidInput(
        "That is no head of an audit log.",
        field="expect_head",
        advice="Give it as `audit verify` printed it: a number, a colon, 64 hex digits.",
    )
