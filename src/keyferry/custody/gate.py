"""The one choke point: every operation is authorised, done and audited here, in one transaction.

A read runs on a snapshot. A write is authorised on a snapshot first, so that costly work (generate, unseal, wrap) can
be done with no lock held, and again in the writing transaction, on the rows as they are then:

    1. the caller's user, membership and token rows are read, and held
    2. the operation loads its objects; each is held, verified, and authorised by the policy's table
    3. the rows are written, each read back and verified
    4. the audit event is written; it names every row that changed, and its new revision
    5. the transaction is committed, and only then is anything answered

A refusal undoes what the operation did and writes an audit event of its own. An operation that asked the policy for
nothing is a fault, and is undone; so is one whose audit event cannot be written.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import structlog

from keyferry import clock
from keyferry.clock import Microseconds
from keyferry.custody.access import Actor, identify_actor
from keyferry.custody.caller import Caller, Origin
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation, Relation, permits
from keyferry.custody.refusals import Refusal, Refusals
from keyferry.errors import (
    IntegrityViolation,
    InternalError,
    KeyferryError,
    NotAuthenticated,
    NotFound,
    NotPermitted,
)
from keyferry.ids import new_id
from keyferry.material.sealing import Sealer
from keyferry.store.events import write_event
from keyferry.store.records import AuditEvent, Key, Revised, Sealed
from keyferry.store.sealed import Lock, RevisedTable, SealedTable
from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.transaction import Transaction

T = TypeVar("T")
S = TypeVar("S", bound=Sealed)
R = TypeVar("R", bound=Revised)

log = structlog.get_logger("keyferry.gate")

#: what an object is called in the audit log and in messages, by its table
KINDS = {
    "users": "user",
    "groups": "group",
    "memberships": "membership",
    "tokens": "token",
    "keys": "key",
    "key_versions": "version",
    "keks": "kek",
}

#: codes of what went wrong with Keyferry or its store, rather than with the request
_FAULTS = frozenset({IntegrityViolation.default_code, InternalError.default_code})

#: the operation that shows whether a caller may know of an object at all
_READS = {
    "user": Operation.USER_READ,
    "group": Operation.GROUP_READ,
    "key": Operation.KEY_READ,
    "token": Operation.TOKEN_LIST,
    "export": Operation.EXPORT_LIST,
}


@dataclass(slots=True)
class Subject:
    """The object of an operation, as far as it is known yet: what a refusal's audit event is about."""

    kind: str | None = None
    id: str | None = None
    name: str | None = None

    def on(self, event: AuditEvent) -> AuditEvent:
        """`event`, with this object as what it is about."""
        return replace(event, object_type=self.kind, object_id=self.id, object_name=self.name)


class View:
    """What one operation sees: verified rows, held as the transaction needs, and the policy."""

    def __init__(self, tx: Transaction, sealer: Sealer, actor: Actor, operation: Operation, subject: Subject) -> None:
        self.tx = tx
        self.sealer = sealer
        self.actor = actor
        self.operation = operation
        self.now: Microseconds = clock.now()
        self.authorised = False
        self._subject = subject
        self._lock = Lock.NONE

    def get(self, table: SealedTable[S], id_: str, lock: Lock | None = None) -> S | None:
        """The row with this id, verified, or None. Nothing is authorised yet: `permit` does that.

        Args:
            lock: how to hold the row, where the operation's own way is not enough: what is updated needs `Lock.UPDATE`.

        Raises:
            IntegrityViolation: the row was edited, or an old one put back.
        """
        return table.get(self.tx, self.sealer, id_, lock or self._lock)

    def first(self, table: SealedTable[S], query: "Query", /, lock: Lock | None = None, **parameters: Any) -> S | None:
        """The first row that answers `query`, or None; otherwise as `get`."""
        return table.first(self.tx, self.sealer, query.held(lock or self._lock), **parameters)

    def find(self, table: SealedTable[S], query: "Query", /, lock: Lock | None = None, **parameters: Any) -> list[S]:
        """Every row that answers `query`, in its order; otherwise as `get`. One bad row refuses them all."""
        return table.find(self.tx, self.sealer, query.held(lock or self._lock), **parameters)

    def missing(self, kind: str, reference: str) -> NotFound:
        """The refusal for an object that is not there, worded as for one that the caller may not see."""
        self._subject.kind, self._subject.name = kind, reference
        return _not_found(kind, reference)

    def permit(
        self, relation: Relation, kind: str, id_: str | None, name: str | None, *, asked_as: str | None = None
    ) -> None:
        """Ask the policy whether the caller, standing so to this object, may do the operation.

        Args:
            asked_as: how the caller named the object; a refusal says no more than that of one they may not see.

        Raises:
            NotFound: the caller may not even know of the object: the answer is as if there were none.
            NotPermitted: the caller may see the object, but not do this.
        """
        self._subject.kind, self._subject.id, self._subject.name = kind, id_, name
        role = self.actor.role
        if permits(role, self.operation, relation):
            self.authorised = True
            return
        if id_ is not None and kind in _READS and not permits(role, _READS[kind], relation):
            raise _not_found(kind, asked_as or id_)
        raise NotPermitted(f"{_ROLE_WORDS[role]} may not do {self.operation} here.", advice=_advice(self.operation))

    def permit_key(self, key: Key, asked_as: str) -> None:
        """`permit`, with the caller standing to the key as to its owner."""
        self.permit(self.actor.relation_to_key(key), "key", key.id, key.name, asked_as=asked_as)


class Change(View):
    """A view that writes. Rows are held until the end: for sharing unless said otherwise."""

    def __init__(self, tx: Transaction, sealer: Sealer, actor: Actor, operation: Operation, subject: Subject) -> None:
        super().__init__(tx, sealer, actor, operation, subject)
        self._lock = Lock.SHARE
        self._touched: list[tuple[str, str, str | None, int]] = []
        self._details: dict[str, Any] = {}

    def insert(self, table: RevisedTable[R], record: R) -> R:
        """Write a new row; answers it as read back, sealed. An audit event will name it and its revision."""
        written = table.insert(self.tx, self.sealer, record)
        self._touch(table, written, written.revision)
        return written

    def append(self, table: SealedTable[S], record: S) -> S:
        """Insert a row that never changes again."""
        return table.insert(self.tx, self.sealer, record)

    def update(self, table: RevisedTable[R], old: R, **changes: Any) -> R:
        """Write `old` with `changes`; it must have been loaded with `Lock.UPDATE`."""
        written = table.update(self.tx, self.sealer, old, replace(old, **changes))
        self._touch(table, written, written.revision)
        return written

    def remove(self, table: RevisedTable[R], old: R) -> None:
        """Delete a row that was loaded with `Lock.UPDATE`.

        The audit event names the revision after its last one, so that the row, put back, is refused as an old one.

        Raises:
            PreconditionFailed: the row was changed meanwhile.
        """
        table.delete(self.tx, old)
        self._touch(table, old, old.revision + 1)

    def note(self, **details: Any) -> None:
        """Facts for the audit event. Never secrets."""
        self._details.update(details)

    def events(self, caller: Caller) -> list[AuditEvent]:
        """One event about the first object that was touched, with its first version; one more for each further row."""
        objects = [touched for touched in self._touched if touched[0] != "version"]
        versions = [touched for touched in self._touched if touched[0] == "version"]
        main = self._event(caller, self._details)
        if objects:
            kind, id_, name, revision = objects.pop(0)
            main = replace(main, object_type=kind, object_id=id_, object_name=name, object_revision=revision)
        else:
            main = self._subject.on(main)
        if versions:
            _, id_, _, revision = versions.pop(0)
            main = replace(main, version_id=id_, version_revision=revision)
        events = [main]
        part = {"part_of": main.uid}
        for kind, id_, name, revision in objects:
            further = self._event(caller, part)
            events.append(replace(further, object_type=kind, object_id=id_, object_name=name, object_revision=revision))
        for _, id_, _, revision in versions:
            further = replace(self._subject.on(self._event(caller, part)), version_id=id_, version_revision=revision)
            events.append(further)
        return events

    def _touch(self, table: RevisedTable[R], record: R, revision: int) -> None:
        self._touched.append((KINDS[table.kind], record.id, getattr(record, "name", None), revision))

    def _event(self, caller: Caller, details: dict[str, Any]) -> AuditEvent:
        return event_by(caller, self.actor.user.name, self.operation, self.now, details)


class Query:
    """One question to a table, prepared for each way of holding the rows that answer it."""

    def __init__(self, table: SealedTable[Any], *where: Any, order_by: Any = None, limit: bool = False) -> None:
        self._by_lock = {lock: table.query(*where, order_by=order_by, limit=limit, lock=lock) for lock in Lock}

    def held(self, lock: Lock) -> Prepared:
        """The statement that holds, until the transaction ends, the rows that it finds."""
        return self._by_lock[lock]


@dataclass(slots=True)
class _Outcome(Generic[T]):
    result: T | None = None
    refusal: KeyferryError | None = None


class Gate:
    """Authorise, do, audit, commit."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self.store = store
        self.sealer = sealer
        self.refusals = Refusals()

    def read(self, caller: Caller, operation: Operation, work: Callable[[View], T]) -> T:
        """Run `work` on a snapshot, for `caller`.

        Raises:
            NotAuthenticated, NotPermitted, NotFound: refused; the refusal is in the audit log.
            KeyferryError: what `work` refused.
        """
        subject = Subject()

        def reading(tx: Transaction) -> T:
            actor = identify_actor(tx, self.sealer, caller, clock.now(), Lock.NONE)
            view = View(tx, self.sealer, actor, operation, subject)
            result = work(view)
            _require_authorised(view)
            return result

        try:
            return self.store.read(reading)
        except KeyferryError as refusal:
            self._refuse(caller, operation, subject, refusal)
            raise

    def look(self, who: Caller | Origin, operation: Operation, work: Callable[[Transaction], T]) -> T:
        """Run `work` on a snapshot for somebody who is still to be known; what it finds authorises nothing.

        Raises:
            IntegrityViolation: a row was changed behind Keyferry's back. It is audited as refusals of unauthenticated
                callers are: counted first, so that a flood buys no disk.
        """
        try:
            return self.store.read(work)
        except IntegrityViolation as violation:
            log.critical("integrity violation", operation=operation, detail=violation.detail)
            self.refusals.count(Refusal(who, operation, violation.code, violation.detail))
            raise

    def write(
        self, caller: Caller, operation: Operation, work: Callable[[Change], T], *, once: Once | None = None
    ) -> T:
        """Run `work` in the writing transaction, for `caller`; return once it is durable.

        Args:
            once: the request's idempotency key, if it has one; `work` must answer a record with an `id`.

        Raises:
            NotAuthenticated, NotPermitted, NotFound: refused; the refusal is in the audit log.
            KeyferryError: what `work` refused.
        """

        def writing(tx: Transaction) -> _Outcome[T]:
            subject = Subject()
            try:
                with tx.savepoint():
                    return _Outcome(self._change(tx, caller, operation, subject, work, once))
            except NotAuthenticated as refusal:
                return _Outcome(refusal=refusal)
            except KeyferryError as refusal:
                self._record_refusal(tx, caller, operation, subject, refusal)
                return _Outcome(refusal=refusal)

        outcome = self.store.write(writing)
        if isinstance(outcome.refusal, NotAuthenticated):
            self.refusals.count(Refusal(caller, operation, outcome.refusal.code, outcome.refusal.detail))
        if outcome.refusal is not None:
            raise outcome.refusal
        return outcome.result  # type: ignore[return-value]  # T may be None

    def record(
        self,
        who: Caller | Origin,
        operation: Operation,
        outcome: str,
        *,
        code: str | None = None,
        name: str | None = None,
        subject: Subject | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        """Write an audit event that stands alone: a sign-in refused, refusals counted, a use of a key."""
        event = event_by(who, name, operation, clock.now(), details or {})
        event = replace((subject or Subject()).on(event), outcome=outcome, code=code)
        self.store.write(lambda tx: write_event(tx, self.sealer, event))

    def write_refusals(self) -> None:
        """Write what was counted of unauthenticated callers; called once a second while serving."""
        for refusal, times in self.refusals.take():
            details = {"detail": refusal.reason, "times": times}
            outcome = "failed" if refusal.code in _FAULTS else "refused"
            self.record(refusal.who, refusal.operation, outcome, code=refusal.code, details=details)

    def replayed(self, caller: Caller, operation: Operation, once: Once | None) -> str | None:
        """The id of what an earlier request under this idempotency key made, or None.

        Raises:
            InvalidInput: the earlier request was another one.
        """
        if once is None:
            return None

        def read(tx: Transaction) -> str | None:
            identify_actor(tx, self.sealer, caller, clock.now(), Lock.NONE)
            return once.earlier(tx, self.sealer, caller, clock.now())

        try:
            return self.store.read(read)
        except KeyferryError as refusal:
            self._refuse(caller, operation, Subject(), refusal)
            raise

    def _refuse(self, caller: Caller, operation: Operation, subject: Subject, refusal: KeyferryError) -> None:
        if isinstance(refusal, NotAuthenticated):
            self.refusals.count(Refusal(caller, operation, refusal.code, refusal.detail))
        else:
            self.store.write(lambda tx: self._record_refusal(tx, caller, operation, subject, refusal))

    def _change(
        self,
        tx: Transaction,
        caller: Caller,
        operation: Operation,
        subject: Subject,
        work: Callable[[Change], T],
        once: Once | None,
    ) -> T:
        actor = identify_actor(tx, self.sealer, caller, clock.now(), Lock.SHARE)
        change = Change(tx, self.sealer, actor, operation, subject)
        if once is not None:
            once.require_unused(tx, self.sealer, caller, change.now)
        result = work(change)
        _require_authorised(change)
        if once is not None:
            once.remember(tx, self.sealer, caller, result.id, change.now)  # type: ignore[attr-defined]  # as documented
        for event in change.events(caller):
            write_event(tx, self.sealer, event)
        return result

    def _record_refusal(
        self, tx: Transaction, caller: Caller, operation: Operation, subject: Subject, refusal: KeyferryError
    ) -> None:
        if isinstance(refusal, IntegrityViolation):
            log.critical("integrity violation", operation=operation, detail=refusal.detail, user=caller.user_id)
        event = event_by(caller, None, operation, clock.now(), {"detail": refusal.detail, "field": refusal.field})
        outcome = "failed" if refusal.code in _FAULTS else "refused"
        write_event(tx, self.sealer, replace(subject.on(event), outcome=outcome, code=refusal.code))


def event_by(
    who: Caller | Origin, name: str | None, operation: Operation, at: Microseconds, details: dict[str, Any]
) -> AuditEvent:
    """A new event, done by `who`; details are kept as compact JSON with sorted names, empty ones left out."""
    kept = {key: value for key, value in details.items() if value is not None}
    return AuditEvent(
        uid=new_id(),
        at=at,
        operation=operation.value,
        outcome="done",
        actor_id=who.user_id if isinstance(who, Caller) else None,
        actor_name=name,
        token_id=who.token_id if isinstance(who, Caller) else None,
        address=who.address,
        details=json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
    )


def _not_found(kind: str, reference: str) -> NotFound:
    return NotFound(f"There is no {kind} {reference!r}, or none that you may see.", field=kind)


def _require_authorised(view: View) -> None:
    if not view.authorised:
        raise InternalError(f"{view.operation} asked the policy for nothing, and was undone.")


_ROLE_WORDS = {"administrator": "An Administrator", "key-access-user": "A Key Access User"}


def _advice(operation: Operation) -> str:
    if operation.value.startswith(("key.", "export.")):
        return "Ask the key's owner, or a member of the group that owns it."
    return "Ask an Administrator."
