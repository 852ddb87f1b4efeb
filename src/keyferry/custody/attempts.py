"""Operations in a writing transaction: each is authorised, done and audited, or is undone and its refusal on record."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from keyferry import clock
from keyferry.custody.access import Actor, identify_actor
from keyferry.custody.caller import Caller
from keyferry.custody.once import Once
from keyferry.custody.policy import UNDER_APPROVAL, Operation
from keyferry.custody.recording import Subject
from keyferry.custody.refusal_events import RefusalEvents
from keyferry.custody.view import Change, View
from keyferry.errors import InternalError, KeyferryError, NotAuthenticated
from keyferry.material.sealing import Sealer
from keyferry.store.events import write_event
from keyferry.store.sealed import Lock
from keyferry.store.transaction import Transaction

T = TypeVar("T")

Steps = Generator[None, None, T]
"""Work that is done a step at a time. It has written nothing when it yields: a step undoes itself alone."""


@dataclass(slots=True)
class Outcome(Generic[T]):
    """What came of an operation: its result or, where there is one, what it was refused with."""

    result: T | None = None
    refusal: KeyferryError | None = None


@dataclass(frozen=True, slots=True)
class _Ended(Generic[T]):
    value: T


class Attempts:
    """What one caller asks for, in a writing transaction that goes on whatever comes of it.

    Args:
        refused: puts on record what is refused, where the caller is known.
    """

    def __init__(
        self, tx: Transaction, sealer: Sealer, refused: RefusalEvents, caller: Caller, operation: Operation
    ) -> None:
        self._tx = tx
        self._sealer = sealer
        self._refused = refused
        self._caller = caller
        self._operation = operation

    def one(self, work: Callable[[Change], T], once: Once | None) -> Outcome[T]:
        """One operation."""
        subject = Subject()

        def whole() -> T:
            change = self._begin(self._identify(), subject, once)
            result = work(change)
            self._end(change, result, once)
            return result

        return self._attempt(subject, whole)

    def many(self, works: Sequence[Callable[[Change], Steps[T]]], onces: Sequence[Once | None]) -> list[Outcome[T]]:
        """Several, in turn: each as far as its first `yield`, then each as far as the next.

        What is alike is done in a row: that way a processor finds most of what it needs in its caches. What the
        operations append, their audit events included, is written together. The caller is read once, before all of
        them: held (on PostgreSQL, by a savepoint that none of them undoes), the rows stay as they are until the end.
        """
        with self._tx.gathering():
            try:
                with self._tx.savepoint():
                    actor = self._identify()
            except KeyferryError as refusal:
                return [self._refuse(Subject(), refusal) for _ in works]
            subjects = [Subject() for _ in works]
            begun = [
                self._steps(actor, subject, work, once)
                for subject, work, once in zip(subjects, works, onces, strict=True)
            ]
            outcomes: dict[int, Outcome[T]] = {}
            while len(outcomes) < len(works):
                for place in [place for place in range(len(works)) if place not in outcomes]:
                    step = self._attempt(subjects[place], partial(_advance, begun[place]))
                    if step.refusal is not None:
                        outcomes[place] = Outcome(refusal=step.refusal)
                    elif step.result is not None:
                        outcomes[place] = Outcome(step.result.value)
            return [outcomes[place] for place in range(len(works))]

    def _steps(self, actor: Actor, subject: Subject, work: Callable[[Change], Steps[T]], once: Once | None) -> Steps[T]:
        change = self._begin(actor, subject, once)
        steps = work(change)
        while (ended := _advance(steps)) is None:
            if change.has_changed:
                raise InternalError(f"{self._operation} had steps to go when it wrote, and was undone.")
            yield
        self._end(change, ended.value, once)
        return ended.value

    def _attempt(self, subject: Subject, work: Callable[[], T]) -> Outcome[T]:
        try:
            with self._tx.savepoint():
                return Outcome(work())
        except KeyferryError as refusal:
            return self._refuse(subject, refusal)

    def _refuse(self, subject: Subject, refusal: KeyferryError) -> Outcome[T]:
        """Of who is not known, the gate counts the refusals once the transaction has ended."""
        if not isinstance(refusal, NotAuthenticated):
            self._refused.write(self._tx, self._caller, self._operation, subject, refusal)
        return Outcome(refusal=refusal)

    def _identify(self) -> Actor:
        return identify_actor(self._tx, self._sealer, self._caller, clock.now(), Lock.SHARE)

    def _begin(self, actor: Actor, subject: Subject, once: Once | None) -> Change:
        change = Change(self._tx, self._sealer, actor, self._operation, subject)
        if once is not None:
            once.require_unused(self._tx, self._sealer, self._caller, change.now)
        return change

    def _end(self, change: Change, result: T, once: Once | None) -> None:
        require_authorised(change)
        if once is not None:
            made = result.id  # type: ignore[attr-defined]  # the gate's callers give `once` for what has an id alone
            once.remember(self._tx, self._sealer, self._caller, made, change.now)
        for event in change.events(self._caller):
            write_event(self._tx, self._sealer, event)


def require_authorised(view: View) -> None:
    """
    Raises:
        InternalError: the operation did not ask whether it may be done, or whether others have to approve it.
    """
    if not view.authorised:
        raise InternalError(f"{view.operation} asked the policy for nothing, and was undone.")
    if isinstance(view, Change) and view.operation in UNDER_APPROVAL and not view.approval_judged:
        raise InternalError(f"{view.operation} did not say what of it could need approval, and was undone.")


def _advance(steps: Steps[T]) -> _Ended[T] | None:
    """Do the next step; what it all came to, if it was the last one."""
    try:
        next(steps)
    except StopIteration as end:
        return _Ended(end.value)
    return None
