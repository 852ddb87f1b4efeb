"""The one choke point: every operation is authorised, done and audited here, in one transaction.

A read runs on a snapshot, a write in the writing transaction, on the rows as they are then. A write that takes long
beside its rows (validating what is imported, generating an RSA key) is authorised on a snapshot first, does that with
no lock held, and is authorised again:

    1. the caller's user, membership and token rows are read, and held
    2. the operation loads its objects; each is held, verified, and authorised by the policy's table
    3. the rows are written, each read back and verified
    4. the audit event is written; it names every row that changed, and its new revision
    5. the transaction is committed, and only then is anything answered

A refusal undoes what the operation did and writes an audit event of its own. An operation that asked the policy for
nothing is a fault, and is undone; so is one whose audit event cannot be written, and one that can be under approval and
has not said what exactly it does. Where others have to approve first, a request is filed once the refusal is written.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeGuard, TypeVar

import structlog

from keyferry import clock
from keyferry.custody.access import identify_actor, name_of
from keyferry.custody.attempts import Attempts, Outcome, Steps, require_authorised
from keyferry.custody.caller import Caller, Origin
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation, Relation
from keyferry.custody.recording import Subject, event_by
from keyferry.custody.refusal_events import RefusalEvents
from keyferry.custody.refusals import Refusal, Refusals
from keyferry.custody.usual import Usual
from keyferry.custody.view import Change, View
from keyferry.errors import IntegrityViolation, KeyferryError
from keyferry.material.sealing import Sealer
from keyferry.store.events import write_event
from keyferry.store.sealed import Lock
from keyferry.store.store import Store
from keyferry.store.transaction import Transaction

T = TypeVar("T")

log = structlog.get_logger("keyferry.gate")


def _nothing(_tx: Transaction) -> None:
    """Nothing is expected."""


class Gate:
    """Authorise, do, audit, commit."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self.store = store
        self.sealer = sealer
        self._refused = RefusalEvents(store, sealer)
        self._usual = Usual()

    @property
    def refusals(self) -> Refusals:
        """What unauthenticated callers were refused, counted."""
        return self._refused.counts

    def read(self, caller: Caller, operation: Operation, work: Callable[[View], T], *, about: str | None = None) -> T:
        """Run `work` on a snapshot, for `caller`.

        Args:
            about: what the caller calls the object, where the operation is asked for often: a hint as to which rows
                `work` will ask for, and nothing more.

        Raises:
            NotAuthenticated, NotPermitted, NotFound: refused; the refusal is in the audit log.
            KeyferryError: what `work` refused.
        """
        subject = Subject()

        def reading(tx: Transaction) -> T:
            self._usual.bring(tx, caller, operation, about)
            actor = identify_actor(tx, self.sealer, caller, clock.now(), Lock.NONE)
            view = View(tx, self.sealer, actor, operation, subject)
            result = work(view)
            require_authorised(view)
            self._usual.note(tx, caller, operation, about)
            return result

        try:
            return self.store.read(reading)
        except KeyferryError as refusal:
            self._refused.put(caller, operation, [(subject, refusal)])
            raise

    def require(self, caller: Caller, operation: Operation, relation: Relation) -> None:
        """Refuse a caller who may not do the operation to what stands so to them: for a page that offers to do it.

        Raises:
            NotAuthenticated, NotPermitted: refused; the refusal is in the audit log.
        """
        kind = operation.value.partition(".")[0]
        self.read(caller, operation, lambda view: view.permit(relation, kind, None, None))

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
        self,
        caller: Caller,
        operation: Operation,
        work: Callable[[Change], T],
        *,
        once: Once | None = None,
        about: str | None = None,
    ) -> T:
        """Run `work` in the writing transaction, for `caller`; return once it is durable.

        Args:
            once: the request's idempotency key, if it has one; `work` must answer a record with an `id`.
            about: as for `read`.

        Raises:
            NotAuthenticated, NotPermitted, NotFound: refused; the refusal is in the audit log.
            KeyferryError: what `work` refused.
        """

        def writing(tx: Transaction) -> Outcome[T]:
            self._usual.bring(tx, caller, operation, about)
            outcome = self._attempts(tx, caller, operation).one(work, once)
            self._usual.note(tx, caller, operation, about)
            return outcome

        outcome = self.store.write(writing)
        self._refused.count(caller, operation, outcome.refusal)
        if outcome.refusal is not None:
            self._refused.file(caller, [outcome.refusal])
            raise outcome.refusal
        return outcome.result  # type: ignore[return-value]  # T may be None

    def read_each(
        self,
        caller: Caller,
        operation: Operation,
        works: Sequence[Callable[[View], T]],
        *,
        before: Callable[[Transaction], None] = _nothing,
    ) -> list[T | KeyferryError]:
        """Run each of `works` as `read` would, on one snapshot; what one refuses stands in its place.

        Args:
            before: puts rows at the transaction's hand that the works will ask for; it authorises nothing.
        """
        subjects = [Subject() for _ in works]

        def reading(tx: Transaction) -> list[T | KeyferryError]:
            try:
                actor = identify_actor(tx, self.sealer, caller, clock.now(), Lock.NONE)
            except KeyferryError as refusal:
                return [refusal for _ in works]
            before(tx)
            views = [View(tx, self.sealer, actor, operation, subject) for subject in subjects]
            return [_looked(view, work) for view, work in zip(views, works, strict=True)]

        found = self.store.read(reading)
        refused = [(subject, each) for subject, each in zip(subjects, found, strict=True) if _is_refusal(each)]
        self._refused.put(caller, operation, refused)
        return found

    def write_each(
        self,
        caller: Caller,
        operation: Operation,
        works: Sequence[Callable[[Change], Steps[T]]],
        onces: Sequence[Once | None] | None = None,
        *,
        before: Callable[[Transaction], None] = _nothing,
    ) -> list[T | KeyferryError]:
        """Run each of `works` as `write` would, all in one writing transaction; what one refuses stands in its place.

        Each is undone by itself when it is refused, and has its own audit event. They are run in turn, a step each.

        Args:
            before: as for `read_each`.

        Raises:
            IntegrityViolation: what was written together was not there when it was read back; all of it is undone.
        """

        def writing(tx: Transaction) -> list[Outcome[T]]:
            before(tx)
            return self._attempts(tx, caller, operation).many(works, onces or [None] * len(works))

        try:
            outcomes = self.store.write(writing)
        except IntegrityViolation as violation:  # rows of several works were not kept as they were written
            self._refused.put(caller, operation, [(Subject(), violation)])
            raise
        for outcome in outcomes:
            self._refused.count(caller, operation, outcome.refusal)
        self._refused.file(caller, [outcome.refusal for outcome in outcomes])
        return [outcome.refusal or outcome.result for outcome in outcomes]  # type: ignore[misc]  # T may be None

    @contextmanager
    def refusing(self, caller: Caller, operation: Operation, subject: Subject | None = None) -> Iterator[None]:
        """Audit what is refused inside: the costly part of an operation that is authorised already, with no lock held.

        Raises:
            KeyferryError: what was refused.
        """
        try:
            yield
        except KeyferryError as refusal:
            self._refused.put(caller, operation, [(subject or Subject(), refusal)])
            raise

    def record(
        self,
        who: Caller | Origin,
        operation: Operation,
        outcome: str,
        *,
        code: str | None = None,
        subject: Subject | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        """Write an audit event that stands alone, such as of a read that is audited."""
        event = event_by(who, None, operation, clock.now(), details or {})
        event = replace((subject or Subject()).on(event), outcome=outcome, code=code)
        self.store.write(lambda tx: write_event(tx, self.sealer, replace(event, actor_name=name_of(tx, who))))

    def write_refusals(self) -> None:
        """Write what was counted of unauthenticated callers; called twice a second while serving.

        What fails to be written is counted on.
        """
        self._refused.write_counts()

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
            self._refused.put(caller, operation, [(Subject(), refusal)])
            raise

    def _attempts(self, tx: Transaction, caller: Caller, operation: Operation) -> Attempts:
        return Attempts(tx, self.sealer, self._refused, caller, operation)


def _looked(view: View, work: Callable[[View], T]) -> T | KeyferryError:
    try:
        result = work(view)
        require_authorised(view)
    except KeyferryError as refusal:
        return refusal
    return result


def _is_refusal(outcome: object) -> TypeGuard[KeyferryError]:
    return isinstance(outcome, KeyferryError)
