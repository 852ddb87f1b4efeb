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
from keyferry.custody.refused import Refused
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
    """Tries operations, inside a transaction that goes on whatever comes of them."""

    def __init__(self, sealer: Sealer, refused: Refused) -> None:
        self._sealer = sealer
        self._refused = refused

    def one(
        self, tx: Transaction, caller: Caller, operation: Operation, work: Callable[[Change], T], once: Once | None
    ) -> Outcome[T]:
        """An operation. A refusal of one whose caller is known is written in its place."""
        subject = Subject()

        def whole() -> T:
            change = self._begin(tx, caller, operation, subject, once, [])
            result = work(change)
            self._end(change, caller, result, once)
            return result

        return self._attempt(tx, caller, operation, subject, whole)

    def many(
        self,
        tx: Transaction,
        caller: Caller,
        operation: Operation,
        works: Sequence[Callable[[Change], Steps[T]]],
        onces: Sequence[Once | None],
    ) -> list[Outcome[T]]:
        """Several, in turn: each as far as its first `yield`, then each as far as the next.

        What is alike is done in a row: that way a processor finds most of what it needs in its caches. What the
        operations append, their audit events included, is written together.
        """
        known: list[Actor] = []  # read once: held, the rows stay as they are until the end of the transaction
        subjects = [Subject() for _ in works]
        begun = [
            self._steps(tx, caller, operation, subject, work, once, known)
            for subject, work, once in zip(subjects, works, onces, strict=True)
        ]
        outcomes: dict[int, Outcome[T]] = {}
        with tx.gathering():
            while len(outcomes) < len(works):
                for place in [place for place in range(len(works)) if place not in outcomes]:
                    advance = partial(_advance, begun[place])
                    step = self._attempt(tx, caller, operation, subjects[place], advance)
                    if step.refusal is not None:
                        outcomes[place] = Outcome(refusal=step.refusal)
                    elif step.result is not None:
                        outcomes[place] = Outcome(step.result.value)
        return [outcomes[place] for place in range(len(works))]

    def _steps(
        self,
        tx: Transaction,
        caller: Caller,
        operation: Operation,
        subject: Subject,
        work: Callable[[Change], Steps[T]],
        once: Once | None,
        known: list[Actor],
    ) -> Steps[T]:
        change = self._begin(tx, caller, operation, subject, once, known)
        steps = work(change)
        while (ended := _advance(steps)) is None:
            if change.has_changed:
                raise InternalError(f"{operation} had steps to go when it wrote, and was undone.")
            yield
        self._end(change, caller, ended.value, once)
        return ended.value

    def _attempt(
        self, tx: Transaction, caller: Caller, operation: Operation, subject: Subject, work: Callable[[], T]
    ) -> Outcome[T]:
        try:
            with tx.savepoint():
                return Outcome(work())
        except NotAuthenticated as refusal:
            return Outcome(refusal=refusal)
        except KeyferryError as refusal:
            self._refused.write(tx, caller, operation, subject, refusal)
            return Outcome(refusal=refusal)

    def _begin(
        self,
        tx: Transaction,
        caller: Caller,
        operation: Operation,
        subject: Subject,
        once: Once | None,
        known: list[Actor],
    ) -> Change:
        if not known:
            known.append(identify_actor(tx, self._sealer, caller, clock.now(), Lock.SHARE))
        change = Change(tx, self._sealer, known[0], operation, subject)
        if once is not None:
            once.require_unused(tx, self._sealer, caller, change.now)
        return change

    def _end(self, change: Change, caller: Caller, result: T, once: Once | None) -> None:
        require_authorised(change)
        if once is not None:
            once.remember(change.tx, self._sealer, caller, result.id, change.now)  # type: ignore[attr-defined]  # as documented
        for event in change.events(caller):
            write_event(change.tx, self._sealer, event)


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
