"""Audit events as rows: how one is encoded and sealed, written, and found again."""

from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any

from sqlalchemy import Column, FromClause, Select, bindparam, desc, insert, select
from sqlalchemy.sql import ColumnElement

from keyferry.errors import IntegrityViolation
from keyferry.material.sealing import Sealer, encode_columns
from keyferry.store.records import AuditEvent
from keyferry.store.shapes import Shape
from keyferry.store.statements import Prepared, Row
from keyferry.store.tables import audit_events
from keyferry.store.transaction import Transaction

NAMES = tuple(field.name for field in fields(AuditEvent))
COLUMNS = tuple(audit_events.c[name] for name in NAMES)

_SHAPE = Shape("audit_events", COLUMNS)

# The MAC covers all that is known when the event is written. Its place in the log is given later, by the sequencer.
_PLACE = ("id", "number", "leaf_hash", "head")
_COVERED = tuple(name for name in NAMES if name not in {*_PLACE, "mac", "place_mac"})
_values_of = attrgetter(*_COVERED)
SEALED = (*_COVERED, "mac")
"""The columns of an event that are there from the beginning: what its MAC covers, and the MAC."""

_SEALED_SHAPE = Shape("audit_events", [audit_events.c[name] for name in SEALED])
_NO_EVENT: Row = (None,) * len(SEALED)

_INSERT = Prepared(insert(audit_events).values({name: bindparam(name) for name in SEALED}))


def encode_event(event: AuditEvent) -> bytes:
    """The event in the encoding of `sealing.encode_columns`, without its place in the log and its MAC."""
    return encode_columns("audit_events", _covered(event))


def encode_row(columns: Mapping[str, Any]) -> bytes:
    """As `encode_event`, of all columns of a row, by name."""
    return encode_columns("audit_events", {name: columns[name] for name in _COVERED})


def _covered(event: AuditEvent) -> dict[str, Any]:
    return dict(zip(_COVERED, _values_of(event), strict=True))


def write_event(tx: Transaction, sealer: Sealer, event: AuditEvent) -> None:
    """Put `event` under its MAC and append it, in the transaction of what it records."""
    columns = _covered(event)
    columns["mac"] = sealer.mac_event(encode_columns("audit_events", columns))
    tx.append(audit_events.name, _write_rows, columns)


def _write_rows(tx: Transaction, rows: list[dict[str, Any]]) -> None:
    tx.run_many(_INSERT, rows)


def check_event(sealer: Sealer, event: AuditEvent) -> None:
    """
    Raises:
        IntegrityViolation: the event's MAC does not verify.
    """
    sealer.check_event(encode_event(event), event.mac, f"audit event {event.uid}")


def mac_place(sealer: Sealer, uid: str, place: Mapping[str, Any]) -> bytes:
    """The MAC of an event's place in the log: without the key, nobody can number and chain the log anew.

    Args:
        place: the columns `id`, `number`, `leaf_hash` and `head`.
    """
    return sealer.mac_event(_encode_place(uid, place))


def check_place(sealer: Sealer, event: AuditEvent) -> None:
    """
    Raises:
        IntegrityViolation: the event was given another place than the sequencer gave it.
    """
    place = {name: getattr(event, name) for name in _PLACE}
    encoded = _encode_place(event.uid, place)
    sealer.check_event(encoded, event.place_mac or b"", f"the place of audit event {event.uid}")


def _encode_place(uid: str, place: Mapping[str, Any]) -> bytes:
    return encode_columns("audit_events place", {"uid": uid, **place})


def event_of(row: tuple[Any, ...]) -> AuditEvent:
    """A row of `COLUMNS` as a record. Nothing is verified; `check_event` does that.

    Raises:
        IntegrityViolation: a column holds what Keyferry never writes there.
    """
    return AuditEvent(**columns_of(row))


def columns_of(row: tuple[Any, ...]) -> dict[str, Any]:
    """As `event_of`, by name: of many rows, the quicker way."""
    return _SHAPE.read(row)


class NewestEvent:
    """The newest sealed audit event about an object: it says which revision is the object's last."""

    def __init__(self, id_column: Column[Any], revision_column: Column[Any]) -> None:
        self._names = (id_column.name, revision_column.name)
        self._revision = SEALED.index(revision_column.name)
        self._query = Prepared(
            self._newest(audit_events, *(audit_events.c[name] for name in SEALED), id_=bindparam("id"))
        )

    @classmethod
    def of_object(cls) -> "NewestEvent":
        """For objects that events are about: all but key versions."""
        return cls(audit_events.c.object_id, audit_events.c.object_revision)

    @classmethod
    def of_version(cls) -> "NewestEvent":
        """For key versions, which events name beside their key."""
        return cls(audit_events.c.version_id, audit_events.c.version_revision)

    def beside(self, objects: FromClause, source: FromClause) -> tuple[FromClause, list[ColumnElement[Any]]]:
        """`source` with, beside each row of `objects` in it, the newest event about it; and the event's columns."""
        found, newest = audit_events.alias(), audit_events.alias()
        id_ = self._newest(newest, newest.c.id, id_=objects.c.id).correlate(objects).scalar_subquery()
        return source.outerjoin(found, found.c.id == id_), [found.c[name] for name in SEALED]

    def row(self, tx: Transaction, id_: str) -> Row:
        """The columns of the event (one indexed read), as they stand beside an object's row; all None for no event."""
        return tx.row(self._query, id=id_) or _NO_EVENT

    def read(self, tx: Transaction, sealer: Sealer, id_: str) -> int | None:
        """The newest revision, or None if no event changed such an object.

        Raises:
            IntegrityViolation: the newest event's own MAC does not verify.
        """
        return self.revision_in(self.row(tx, id_), sealer)

    def details(self, tx: Transaction, sealer: Sealer, id_: str) -> str | None:
        """The details of the newest event, a JSON object, or None if no event changed such an object.

        Raises:
            IntegrityViolation: the newest event's own MAC does not verify.
        """
        event = self.row(tx, id_)
        return None if self.revision_in(event, sealer) is None else str(event[SEALED.index("details")])

    def revision_in(self, event: Row, sealer: Sealer) -> int | None:
        """The revision that the columns of an event give, once its MAC has verified; None for no event.

        Raises:
            IntegrityViolation: the MAC does not verify.
        """
        if event == _NO_EVENT:
            return None
        check_event(sealer, AuditEvent(**_SEALED_SHAPE.read(event)))
        return int(event[self._revision])

    def require(self, sealer: Sealer, event: Row, table: str, id_: str, revision: int) -> None:
        """
        Raises:
            IntegrityViolation: the row's `revision` is not the one that the newest event gives.
        """
        newest = self.revision_in(event, sealer)
        if newest != revision:
            raise IntegrityViolation(
                f"Row {id_} of {table} is at revision {revision}, but the audit log says {newest}: "
                "an old row was put back."
            )

    def _newest(self, events: FromClause, *columns: ColumnElement[Any], id_: ColumnElement[Any]) -> Select[Any]:
        of, revision = (events.c[name] for name in self._names)
        return select(*columns).where(of == id_, revision.is_not(None)).order_by(desc(revision)).limit(1)
