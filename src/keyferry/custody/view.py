"""What an operation sees and changes: rows that verify, held as the transaction needs, each asked of the policy."""

from dataclasses import replace
from typing import Any, TypeVar

from keyferry import clock
from keyferry.clock import Microseconds
from keyferry.custody.access import Actor
from keyferry.custody.caller import Caller
from keyferry.custody.policy import Operation, Relation, Role, permits
from keyferry.custody.recording import Subject, event_by
from keyferry.errors import NotFound, NotPermitted
from keyferry.material.sealing import Sealer
from keyferry.store.records import AuditEvent, Key, Revised, Sealed
from keyferry.store.sealed import Lock, Question, RevisedTable, SealedTable
from keyferry.store.transaction import Transaction

S = TypeVar("S", bound=Sealed)
R = TypeVar("R", bound=Revised)

#: a row that was written: what it is called, its id, its name, its revision
_Touched = tuple[str, str, str | None, int]

APPROVAL_KIND = "approval-request"

#: what an object is called in the audit log and in messages, by its table
KINDS = {
    "server_policy": "server-policy",
    "users": "user",
    "groups": "group",
    "memberships": "membership",
    "tokens": "token",
    "certificates": "certificate",
    "certificate_authorities": "certificate-authority",
    "factors": "factor",
    "keys": "key",
    "key_versions": "version",
    "keks": "kek",
    "connections": "connection",
    "deployments": "deployment",
    "customer_key_requests": "customer-key-request",
    "approval_requests": APPROVAL_KIND,
    "identity_providers": "identity-provider",
    "identities": "identity",
    "trusted_issuers": "trusted-issuer",
    "workloads": "workload",
}

#: the operation that shows whether a caller may know of an object at all
_READS = {
    "user": Operation.USER_READ,
    "group": Operation.GROUP_READ,
    "key": Operation.KEY_READ,
    "token": Operation.TOKEN_LIST,
    "certificate": Operation.CERTIFICATE_LIST,
    "factor": Operation.FACTOR_LIST,
    "export": Operation.EXPORT_LIST,
    "connection": Operation.CONNECTION_READ,
    "deployment": Operation.DEPLOYMENT_READ,
    "customer-key-request": Operation.CUSTOMER_KEY_READ,
    APPROVAL_KIND: Operation.APPROVAL_READ,
    "identity-provider": Operation.PROVIDER_READ,
    "identity": Operation.IDENTITY_LIST,
    "trusted-issuer": Operation.ISSUER_READ,
    "workload": Operation.WORKLOAD_READ,
}


class Query:
    """One question to a table, prepared for each way of holding the rows that answer it."""

    def __init__(self, table: SealedTable[Any], *where: Any, order_by: Any = None, limit: bool = False) -> None:
        self._by_lock = {lock: table.query(*where, order_by=order_by, limit=limit, lock=lock) for lock in Lock}

    def held(self, lock: Lock) -> Question:
        """The statement that holds, until the transaction ends, the rows that it finds."""
        return self._by_lock[lock]


class View:
    """What one operation sees: verified rows, held as the transaction needs, and the policy."""

    def __init__(self, tx: Transaction, sealer: Sealer, actor: Actor, operation: Operation, subject: Subject) -> None:
        self.tx = tx
        self.sealer = sealer
        self.actor = actor
        self.operation = operation
        self.now: Microseconds = clock.now()
        self.authorised = False
        self.approval_judged = False
        """Whether the operation has said what of it could need the approval of others (`approving` sees to it)."""
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

    def first(self, table: SealedTable[S], query: Query, /, lock: Lock | None = None, **parameters: Any) -> S | None:
        """The first row that answers `query`, or None; otherwise as `get`."""
        return table.first(self.tx, self.sealer, query.held(lock or self._lock), **parameters)

    def find(self, table: SealedTable[S], query: Query, /, lock: Lock | None = None, **parameters: Any) -> list[S]:
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
        if self.actor.ticket is not None and self.operation is not Operation.SESSION_OPEN:
            raise NotPermitted("This sign-in is not complete.", advice="Complete it first.")
        narrowing = self.actor.narrowing
        if (
            narrowing is not None
            and not self._is_of_the_token(kind, id_)
            and not narrowing.is_for(self.operation, of_one=id_ is not None)
        ):
            raise _beyond_the_token(self.operation)
        if permits(role, self.operation, relation):
            self.authorised = True
            return
        if id_ is not None and kind in _READS and not permits(role, _READS[kind], relation):
            raise _not_found(kind, asked_as or id_)
        raise not_permitted(role, self.operation)

    def _is_of_the_token(self, kind: str, id_: str | None) -> bool:
        """Whether this is what any bearer is shown: whose the token is that they have presented, and what it is."""
        token = self.actor.token
        if token is None or id_ is None:
            return False
        return (self.operation, kind, id_) in {
            (Operation.USER_READ, "user", token.user_id),
            (Operation.TOKEN_LIST, "token", token.id),
        }

    def permit_key(self, key: Key, asked_as: str) -> None:
        """`permit`, with the caller standing to the key as to its owner."""
        self.permit(self.actor.relation_to_key(key), "key", key.id, key.name, asked_as=asked_as)


class Change(View):
    """A view that writes. Rows are held until the end: for sharing unless said otherwise."""

    def __init__(self, tx: Transaction, sealer: Sealer, actor: Actor, operation: Operation, subject: Subject) -> None:
        super().__init__(tx, sealer, actor, operation, subject)
        self._lock = Lock.SHARE
        self._touched: list[_Touched] = []
        self.has_changed = False
        """Whether a row was written."""
        self._details: dict[str, Any] = {}
        self._called = operation

    def insert(self, table: RevisedTable[R], record: R) -> R:
        """Write a new row; answers it as read back, sealed. An audit event will name it and its revision."""
        written = table.insert(self.tx, self.sealer, record)
        self._touch(table, written, written.revision)
        return written

    def append(self, table: SealedTable[S], record: S) -> S:
        """Insert a row that never changes again, as `SealedTable.append` does."""
        self.has_changed = True
        return table.append(self.tx, self.sealer, record)

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

    def call(self, operation: Operation) -> None:
        """What the audit log calls this, where it came to something else than what was asked for."""
        self._called = operation

    def events(self, caller: Caller) -> list[AuditEvent]:
        """One event about the operation's object, with its first version; one more for each further row.

        The object is what the policy was asked about; for something new, the first that was written.
        """
        objects = [touched for touched in self._touched if touched[0] != "version"]
        objects.sort(
            key=lambda touched: touched[0] == APPROVAL_KIND
        )  # one that is used comes after what it is used for
        versions = [touched for touched in self._touched if touched[0] == "version"]
        about = next((touched for touched in objects if self._subject.id in {None, touched[1]}), None)
        if about is not None:
            objects.remove(about)
        of_main = self._subject.members() if about is None else _object(about)
        if versions:
            of_main |= _version(versions.pop(0))
        main = self._event(caller, self._details, of_main)
        part = {"part_of": main.uid}
        return [
            main,
            *(self._event(caller, part, _object(touched)) for touched in objects),
            *(self._event(caller, part, self._subject.members() | _version(touched)) for touched in versions),
        ]

    def _touch(self, table: RevisedTable[R], record: R, revision: int) -> None:
        self.has_changed = True
        name = getattr(record, "name", None) or getattr(record, "identifier", None)
        self._touched.append((KINDS[table.kind], record.id, name, revision))

    def _event(self, caller: Caller, details: dict[str, Any], about: dict[str, Any]) -> AuditEvent:
        return event_by(caller, self.actor.user.name, self._called, self.now, details, **about)


def _object(touched: _Touched) -> dict[str, Any]:
    kind, id_, name, revision = touched
    return {"object_type": kind, "object_id": id_, "object_name": name, "object_revision": revision}


def _version(touched: _Touched) -> dict[str, Any]:
    return {"version_id": touched[1], "version_revision": touched[3]}


def not_permitted(role: Role, operation: Operation) -> NotPermitted:
    """The refusal for what the policy's table does not allow."""
    who = role.words[:1].upper() + role.words[1:]
    return NotPermitted(f"{who} may not do {operation} here.", advice=_advice(operation))


def _beyond_the_token(operation: Operation) -> NotPermitted:
    return NotPermitted(
        f"This token is narrowed, and not for {operation} here.",
        advice="Use a token that is for it, or sign in; `keyferry token list` says what each is for.",
    )


def _not_found(kind: str, reference: str) -> NotFound:
    return NotFound(f"There is no {kind} {reference!r}, or none that you may see.", field=kind)


def _advice(operation: Operation) -> str:
    if operation.value.startswith(("key.", "export.", "deployment.")):
        return "Ask the key's owner, or a member of the group that owns it."
    if operation.value.startswith("customer-key."):
        return "Ask the request's owner, or a member of the group that owns it."
    if operation.value.startswith("approval."):
        return "Those approve who are named in the policy, and nobody what they ask for themself."
    if operation is Operation.CONNECTION_USE:
        return "Ask a member of a group that the connection is granted to."
    return "Ask an Administrator."
