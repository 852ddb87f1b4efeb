"""The audit log's chain: how events are numbered without gaps, and linked.

An event is written, under a MAC, in the transaction of what it records. Within a second the sequencer gives committed
events their numbers and hashes:

    leaf hash  = SHA-256(0x00 || event)                        RFC 6962 section 2.1
    head       = SHA-256(0x01 || previous head || leaf hash)   the first previous head is the hash of nothing

so that a head, noted elsewhere, vouches for every event up to it. Anybody can compute these; so the place that each
event is given is put under a MAC too, and a log that was numbered and chained anew is found even without such a head.
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy import bindparam, desc, select, update

from keyferry.errors import IntegrityViolation, InvalidInput
from keyferry.material.sealing import Sealer
from keyferry.store.events import COLUMNS, columns_of, encode_event, encode_row, event_of, mac_place
from keyferry.store.records import AuditEvent
from keyferry.store.statements import Prepared
from keyferry.store.tables import audit_events, stores
from keyferry.store.transaction import Transaction

EMPTY_HEAD = hashlib.sha256().digest()
BATCH = 1000

#: the smallest number that a database takes: an event moved below zero shall not be missed
BEFORE_ALL = -(2**63)

UNNUMBERED = Prepared(
    select(*COLUMNS)
    .where(audit_events.c.number.is_(None), audit_events.c.id > bindparam("after"))
    .order_by(audit_events.c.id)
    .limit(bindparam("limit"))
)
_LAST = Prepared(
    select(*COLUMNS).where(audit_events.c.number.is_not(None)).order_by(desc(audit_events.c.number)).limit(1)
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
    for row in tx.rows(UNNUMBERED, after=BEFORE_ALL, limit=BATCH):
        event = columns_of(row)
        leaf = _leaf_hash(encode_row(event), event["mac"])
        head = Head(head.number + 1, next_hash(head.hash, leaf))
        place = {"id": event["id"], "number": head.number, "leaf_hash": leaf, "head": head.hash}
        places.append({**place, "id_": event["id"], "place_mac": mac_place(sealer, event["uid"], place)})
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
    return _leaf_hash(encode_event(event), event.mac)


def _leaf_hash(event: bytes, mac: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + event + mac).digest()


def next_hash(head: bytes, leaf: bytes) -> bytes:
    """The head after one more event, 32 bytes: the two joined as RFC 6962 section 2.1 joins nodes."""
    return hashlib.sha256(b"\x01" + head + leaf).digest()


def _no_head() -> InvalidInput:
    return InvalidInput(
        "That is no head of an audit log.",
        field="expect_head",
        advice="Give it as `audit verify` printed it: a number, a colon, 64 hex digits.",
    )
