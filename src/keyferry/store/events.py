"""Audit events as rows: how one is encoded and sealed, written, and found again."""

from dataclasses import fields, replace
from typing import Any

from sqlalchemy import Column, bindparam, desc, insert, select

from keyferry.errors import IntegrityViolation
from keyferry.material.sealing import Sealer, encode_columns
from keyferry.store.records import AuditEvent
from keyferry.store.shapes import Shape
from keyferry.store.statements import Prepared
from keyferry.store.tables import audit_events
from keyferry.store.transaction import Transaction

NAMES = tuple(field.name for field in fields(AuditEvent))
COLUMNS = tuple(audit_events.c[name] for name in NAMES)

_SHAPE = Shape("audit_events", COLUMNS)

# The MAC covers all that is known when the event is written. Its place in the log is given later, by the sequencer.
_PLACE = ("id", "number", "leaf_hash", "head")
_COVERED = tuple(name for name in NAMES if name not in {*_PLACE, "mac", "place_mac"})
_WRITTEN = (*_COVERED, "mac")

_INSERT = Prepared(insert(audit_events).values({name: bindparam(name) for name in _WRITTEN}))


def encode_event(event: AuditEvent) -> bytes:
    """The event in the encoding of `sealing.encode_columns`, without its place in the log and its MAC."""
    return encode_columns("audit_events", {name: getattr(event, name) for name in _COVERED})


def write_event(tx: Transaction, sealer: Sealer, event: AuditEvent) -> None:
    """Put `event` under its MAC and append it, in the transaction of what it records."""
    sealed = replace(event, mac=sealer.mac_event(encode_event(event)))
    tx.run(_INSERT, **{name: getattr(sealed, name) for name in _WRITTEN})


def check_event(sealer: Sealer, event: AuditEvent) -> None:
    """
    Raises:
        IntegrityViolation: the event's MAC does not verify.
    """
    sealer.check_event(encode_event(event), event.mac, f"audit event {event.uid}")


def mac_place(sealer: Sealer, event: AuditEvent) -> bytes:
    """The MAC of an event's place in the log: without the key, nobody can number and chain the log anew."""
    return sealer.mac_event(_encode_place(event))


def check_place(sealer: Sealer, event: AuditEvent) -> None:
    """
    Raises:
        IntegrityViolation: the event was given another place than the sequencer gave it.
    """
    sealer.check_event(_encode_place(event), event.place_mac or b"", f"the place of audit event {event.uid}")


def _encode_place(event: AuditEvent) -> bytes:
    return encode_columns("audit_events place", {name: getattr(event, name) for name in ("uid", *_PLACE)})


def event_of(row: tuple[Any, ...]) -> AuditEvent:
    """A row of `COLUMNS` as a record. Nothing is verified; `check_event` does that."""
    """
    Raises:
        IntegrityViolation: a column holds what Keyferry never writes there.
    """
    return AuditEvent(**_SHAPE.read(row))


class NewestRevision:
    """The revision that the newest sealed audit event gives an object: one indexed read."""

    def __init__(self, id_column: Column[Any], revision_column: Column[Any]) -> None:
        self._revision = NAMES.index(revision_column.name)
        self._query = Prepared(
            select(*COLUMNS)
            .where(id_column == bindparam("id"), revision_column.is_not(None))
            .order_by(desc(revision_column))
            .limit(1)
        )

    @classmethod
    def of_object(cls) -> "NewestRevision":
        """For objects that events are about: all but key versions."""
        return cls(audit_events.c.object_id, audit_events.c.object_revision)

    @classmethod
    def of_version(cls) -> "NewestRevision":
        """For key versions, which events name beside their key."""
        return cls(audit_events.c.version_id, audit_events.c.version_revision)

    def read(self, tx: Transaction, sealer: Sealer, id_: str) -> int | None:
        """The newest revision, or None if no event changed such an object.

        Raises:
            IntegrityViolation: the newest event's own MAC does not verify.
        """
        row = tx.row(self._query, id=id_)
        if row is None:
            return None
        check_event(sealer, event_of(row))
        return int(row[self._revision])

    def check(self, tx: Transaction, sealer: Sealer, table: str, id_: str, revision: int) -> None:
        """
        Raises:
            IntegrityViolation: the row's `revision` is not the newest one.
        """
        newest = self.read(tx, sealer, id_)
        if newest != revision:
            raise IntegrityViolation(
                f"Row {id_} of {table} is at revision {revision}, but the audit log says {newest}: "
                "an old row was put back."
            )
