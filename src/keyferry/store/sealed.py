"""Sealed rows: every read verifies, every write seals and is read back.

A row's seal shows that it was not edited. That it was not replaced by an older row of its own is shown by its
`revision`, which must equal the one in the newest sealed audit event about that object.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import cached_property, partial
from operator import attrgetter
from typing import Any, Generic, TypeVar

from sqlalchemy import FromClause, Select, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.sql import ColumnElement

from keyferry.errors import IntegrityViolation, PreconditionFailed
from keyferry.material.sealing import Sealer
from keyferry.store import tables
from keyferry.store.events import SEALED, NewestEvent
from keyferry.store.records import (
    ApprovalRequest,
    ApprovalVote,
    Certificate,
    CertificateAuthority,
    Connection,
    CustomerKeyRequest,
    Deployment,
    EarlierPassword,
    Export,
    Factor,
    Group,
    Idempotency,
    Identity,
    IdentityProvider,
    Kek,
    Key,
    KeyVersion,
    Membership,
    PoolKey,
    Revised,
    Sealed,
    ServerPolicy,
    Ticket,
    Token,
    TrustedIssuer,
    User,
    Workload,
)
from keyferry.store.shapes import Shape
from keyferry.store.statements import Prepared, Row
from keyferry.store.transaction import Transaction
from keyferry.store.verified import Verified

S = TypeVar("S", bound=Sealed)
R = TypeVar("R", bound=Revised)


class Lock(Enum):
    """How a row is held until the transaction ends: on PostgreSQL alone, since SQLite has one writer."""

    NONE = "none"
    SHARE = "share"
    UPDATE = "update"


@dataclass(eq=False)
class Question:
    """A statement that finds rows of one table.

    Attributes:
        table: the table's name.
        rows: for the rows alone, held as asked.
        with_events: the same for rows that change, each with the newest audit event about it; for SQLite, whose
            transactions are all of one snapshot. (PostgreSQL reads a row anew that it has waited for to hold it, and
            what stands beside it not.)
    """

    table: str
    rows: Prepared
    with_events: Prepared | None = None

    def answer(self, tx: Transaction, parameters: Mapping[str, Any], *, first: bool = False) -> list[Row]:
        """The rows, or the first one alone: as they were answered before, if that is so still."""
        asked = (self, first, *parameters.items())
        rows = tx.kept.find(self.table, asked)
        if rows is None:
            rows = self.ask(tx, parameters, first=first)
            if tx.kept.keeps and self._is_of_its_table_alone:
                tx.kept.keep(self.table, asked, rows)
        return rows

    def ask(self, tx: Transaction, parameters: Mapping[str, Any], *, first: bool = False) -> list[Row]:
        """The rows, or the first one alone, as the database answers now."""
        statement = self._for_transaction(tx)
        return tx.first(statement, **parameters) if first else tx.rows(statement, **parameters)

    @cached_property
    def _is_of_its_table_alone(self) -> bool:
        return self.rows.tables() == {self.table}

    def _for_transaction(self, tx: Transaction) -> Prepared:
        return self.with_events if self.with_events is not None and tx.dialect.name == "sqlite" else self.rows


class SealedTable(Generic[S]):
    """Rows of one table as records of one type. Rows of such a table are written once.

    Args:
        table: the table; has columns `id` and `seal`.
        record: the frozen dataclass with the same fields.
        unsealed: columns that the database fills in, and that the seal therefore leaves out.
    """

    def __init__(self, table: Table, record: type[S], *, unsealed: frozenset[str] = frozenset()) -> None:
        self.table = table
        self.kind = table.name
        self._record = record
        self._names = names = tuple(field.name for field in fields(record))
        self.sealed_columns = self._sealed = tuple(name for name in names if name not in unsealed | {"seal"})
        self._of = attrgetter(*self._sealed)
        self._written = (*self._sealed, "seal")
        self._columns = [table.c[name] for name in names]
        self._shape = Shape(table.name, self._columns)
        self._known: Verified[S] = Verified()
        self._insert = Prepared(insert(table).values({name: bindparam(name) for name in self._written}))
        self._by_id = {lock: self.query(table.c.id == bindparam("id"), lock=lock) for lock in Lock}
        among = select(func.json_each(bindparam("ids")).table_valued("value").c.value)
        self._many = self.query(table.c.id.in_(among))  # for SQLite alone

    def query(
        self, *where: ColumnElement[bool], order_by: Any = None, limit: bool = False, lock: Lock = Lock.NONE
    ) -> Question:
        """A question for `find` and `first`: rows of this table, with a `limit` parameter if asked."""
        alone = partial(select, *self._columns)
        return Question(self.kind, self._prepare(alone, where, order_by, limit=limit, lock=lock))

    def get(self, tx: Transaction, sealer: Sealer, id_: str, lock: Lock = Lock.NONE) -> S | None:
        """The row with this id, verified, or None.

        Raises:
            IntegrityViolation: the row is not as Keyferry wrote it, or not the newest of its kind.
        """
        return self.first(tx, sealer, self._by_id[lock], id=id_)

    def first(self, tx: Transaction, sealer: Sealer, query: Question, /, **parameters: Any) -> S | None:
        """The first row that answers `query`, verified as by `get`, or None."""
        rows = query.answer(tx, parameters, first=True)
        return self._verified(tx, sealer, rows[0]) if rows else None

    def find(self, tx: Transaction, sealer: Sealer, query: Question, /, **parameters: Any) -> list[S]:
        """Every row that answers `query`, in its order, each verified as by `get`."""
        return [self._verified(tx, sealer, row) for row in query.answer(tx, parameters)]

    def insert(self, tx: Transaction, sealer: Sealer, record: S) -> S:
        """Seal, insert, read back: what is answered is what the database holds."""
        values = self._seal(sealer, record)
        tx.run(self._insert, **values)
        return self._read_back(tx, values)

    def append(self, tx: Transaction, sealer: Sealer, record: S) -> S:
        """As `insert`; while the transaction gathers rows, written and read back together with others.

        Columns that the database fills in are then answered as they were given.
        """
        if not tx.gathers:
            return self.insert(tx, sealer, record)
        values = self._seal(sealer, record)
        tx.append(self.kind, self._write, values)
        return self._record(**values)

    def _write(self, tx: Transaction, rows: list[dict[str, Any]]) -> None:
        """Insert, and read back.

        Raises:
            IntegrityViolation: a row is not in the database as it was written.
        """
        tx.run_many(self._insert, rows)
        if tx.dialect.name == "sqlite":
            found = tx.rows(self._many.rows, ids=json.dumps([row["id"] for row in rows]))
            by_id = {row[0]: row for row in found}
            for row in rows:
                self._require_as_written(by_id.get(row["id"]), row)
        else:
            for row in rows:
                self._read_back(tx, row)

    def _prepare(
        self,
        rows: Callable[[], Select[Any]],
        where: tuple[ColumnElement[bool], ...],
        order_by: Any,
        *,
        limit: bool,
        lock: Lock,
    ) -> Prepared:
        def build() -> Select[Any]:
            statement = rows().where(*where)
            if order_by is not None:
                statement = statement.order_by(order_by)
            if limit:
                statement = statement.limit(bindparam("limit"))
            if lock is not Lock.NONE:
                statement = statement.with_for_update(read=lock is Lock.SHARE, of=self.table)
            return statement

        return Prepared(build)

    def _read_back(self, tx: Transaction, written: dict[str, Any]) -> S:
        """The row as the database holds it: column for column what was sealed a moment ago, or it is refused."""
        row = tx.row(self._by_id[Lock.NONE].rows, id=written["id"])
        return self._record(**self._require_as_written(row, written))

    def _require_as_written(self, row: Row | None, written: dict[str, Any]) -> dict[str, Any]:
        found = None if row is None else self._shape.read(row)
        if found is None or not written.items() <= found.items():
            raise IntegrityViolation(f"Row {written['id']} of {self.kind} differed when it was read back.")
        return found

    def _verified(self, _tx: Transaction, sealer: Sealer, row: Row) -> S:
        known = self._known.find(sealer, row)
        if known is not None:
            return known
        record = self._record_of(row)
        self._check_seal(sealer, record)
        self._known.keep(sealer, row, record)
        return record

    def _check_seal(self, sealer: Sealer, record: S) -> None:
        sealer.check_row(self.kind, record.id, self._values(record), record.seal)

    def _seal(self, sealer: Sealer, record: S) -> dict[str, Any]:
        """The columns to write, by name, with the seal over them."""
        values = self._values(record)
        values["seal"] = sealer.mac_row(self.kind, values)
        return values

    def _values(self, record: S) -> dict[str, Any]:
        """The columns that the seal covers, by name."""
        return dict(zip(self._sealed, self._of(record), strict=True))

    def _record_of(self, row: Row) -> S:
        return self._record(**self._shape.read(row))


class RevisedTable(SealedTable[R]):
    """Rows that change. Each must be at the revision that the newest audit event about it names."""

    def __init__(self, table: Table, record: type[R]) -> None:
        self._newest = NewestEvent.of_version() if table is tables.key_versions else NewestEvent.of_object()
        super().__init__(table, record)
        same = (table.c.id == bindparam("id_"), table.c.revision == bindparam("revision_"))
        changed: dict[str, Any] = {name: bindparam(name) for name in self._written if name != "id"}
        self._update = Prepared(update(table).where(*same).values(changed))
        self._delete = Prepared(delete(table).where(*same))

    def query(
        self, *where: ColumnElement[bool], order_by: Any = None, limit: bool = False, lock: Lock = Lock.NONE
    ) -> Question:
        """As for any sealed table, and once more with the newest event about each row."""
        alone = super().query(*where, order_by=order_by, limit=limit, lock=lock)
        with_events = self._prepare(self._with_events, where, order_by, limit=limit, lock=Lock.NONE)
        return Question(self.kind, alone.rows, with_events)

    def _with_events(self) -> Select[Any]:
        beside, event = self._newest.beside(self.table, self.table)
        return select(*self._columns, *event).select_from(beside)

    @property
    def width_with_event(self) -> int:
        """How many columns a row has together with the newest event about it."""
        return len(self._columns) + len(SEALED)

    def joined_to(self, source: FromClause, parameter: str) -> tuple[FromClause, list[ColumnElement[Any]]]:
        """`source` with, beside its row, this table's row whose id is `parameter`, and the newest event about that."""
        mine = self.table.alias()
        both, event = self._newest.beside(mine, source.outerjoin(mine, mine.c.id == bindparam(parameter)))
        return both, [*(mine.c[column.name] for column in self._columns), *event]

    def bring(self, tx: Transaction, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Read the rows with these ids in one statement, those that are there, for `get` to find.

        Nothing is verified yet: `get` does that, as of any row. For SQLite alone, as `read_together` is.

        Returns:
            What each holds, by column; nothing that could be relied on.
        """
        if tx.dialect.name != "sqlite" or self._many.with_events is None:
            return []
        try:
            found = tx.rows(self._many.with_events, ids=json.dumps(ids))
        except IntegrityViolation:  # who asks for that very row will meet it
            return []
        for row in found:
            tx.kept.keep(self.kind, row[0], [row])
        return [dict(zip(self._names, row, strict=False)) for row in found]

    def get(self, tx: Transaction, sealer: Sealer, id_: str, lock: Lock = Lock.NONE) -> R | None:
        """As of any sealed table; a row that is kept as it is now is not read again."""
        tx.asked.append((self, id_))
        rows = tx.kept.find(self.kind, id_)
        if rows is None:
            rows = self._by_id[lock].ask(tx, {"id": id_}, first=True)
            tx.kept.keep(self.kind, id_, rows)
        return self._verified(tx, sealer, rows[0]) if rows else None

    def insert(self, tx: Transaction, sealer: Sealer, record: R) -> R:
        """Seal, insert, read back; the audit event that names the row has to follow in the same savepoint."""
        tx.await_event(record.id, record.revision)
        return super().insert(tx, sealer, record)

    def update(self, tx: Transaction, sealer: Sealer, old: R, new: R) -> R:
        """Replace `old` by `new` under the next revision.

        Raises:
            PreconditionFailed: the row is no longer at `old`'s revision.
        """
        values = self._seal(sealer, replace(new, revision=old.revision + 1))
        if tx.run(self._update, id_=old.id, revision_=old.revision, **values) != 1:
            raise PreconditionFailed(f"Row {old.id} of {self.kind} was changed meanwhile.")
        tx.await_event(old.id, values["revision"])
        return self._read_back(tx, values)

    def delete(self, tx: Transaction, old: R) -> None:
        """Remove a row.

        Raises:
            PreconditionFailed: the row is no longer at `old`'s revision.
        """
        if tx.run(self._delete, id_=old.id, revision_=old.revision) != 1:
            raise PreconditionFailed(f"Row {old.id} of {self.kind} was changed meanwhile.")

    def was_written(self, tx: Transaction, sealer: Sealer, id_: str) -> bool:
        """Whether the audit log knows an object of this id: if it does, a row that is missing was removed.

        Raises:
            IntegrityViolation: the event that knows it does not verify.
        """
        return self._newest.read(tx, sealer, id_) is not None

    def _verified(self, tx: Transaction, sealer: Sealer, row: Row) -> R:
        width = len(self._columns)
        both = row if len(row) > width else row + self._newest.row(tx, row[0])
        known = self._known.find(sealer, both)
        if known is not None:
            return known
        record = self._record_of(both[:width])
        self._check_seal(sealer, record)
        if tx.awaits_event(record.id, record.revision):
            return record
        self._newest.require(sealer, both[width:], self.kind, record.id, record.revision)
        self._known.keep(sealer, both, record)
        return record


SERVER_POLICY = RevisedTable(tables.server_policy, ServerPolicy)
USERS = RevisedTable(tables.users, User)
GROUPS = RevisedTable(tables.groups, Group)
MEMBERSHIPS = RevisedTable(tables.memberships, Membership)
TOKENS = RevisedTable(tables.tokens, Token)
CERTIFICATES = RevisedTable(tables.certificates, Certificate)
CERTIFICATE_AUTHORITIES = RevisedTable(tables.certificate_authorities, CertificateAuthority)
TRUSTED_ISSUERS = RevisedTable(tables.trusted_issuers, TrustedIssuer)
WORKLOADS = RevisedTable(tables.workloads, Workload)
FACTORS = RevisedTable(tables.factors, Factor)
KEYS = RevisedTable(tables.keys, Key)
KEY_VERSIONS = RevisedTable(tables.key_versions, KeyVersion)
KEKS = RevisedTable(tables.keks, Kek)
CONNECTIONS = RevisedTable(tables.connections, Connection)
DEPLOYMENTS = RevisedTable(tables.deployments, Deployment)
CUSTOMER_KEY_REQUESTS = RevisedTable(tables.customer_key_requests, CustomerKeyRequest)
APPROVAL_REQUESTS = RevisedTable(tables.approval_requests, ApprovalRequest)
APPROVAL_VOTES = SealedTable(tables.approval_votes, ApprovalVote)
IDENTITY_PROVIDERS = RevisedTable(tables.identity_providers, IdentityProvider)
IDENTITIES = RevisedTable(tables.identities, Identity)
EXPORTS = SealedTable(tables.exports, Export, unsealed=frozenset({"number"}))
POOL_KEYS = SealedTable(tables.pool_keys, PoolKey)
IDEMPOTENCY = SealedTable(tables.idempotency, Idempotency)
TICKETS = SealedTable(tables.tickets, Ticket)
EARLIER_PASSWORDS = SealedTable(tables.earlier_passwords, EarlierPassword)

_ALL: tuple[SealedTable[Any], ...] = (
    SERVER_POLICY,
    *(USERS, GROUPS, MEMBERSHIPS, TOKENS, KEYS, KEY_VERSIONS, KEKS, CONNECTIONS, DEPLOYMENTS, CUSTOMER_KEY_REQUESTS),
    *(APPROVAL_REQUESTS, APPROVAL_VOTES, IDENTITY_PROVIDERS, IDENTITIES, EXPORTS, POOL_KEYS, IDEMPOTENCY),
    *(CERTIFICATES, CERTIFICATE_AUTHORITIES),
    *(TRUSTED_ISSUERS, WORKLOADS),
    *(FACTORS, TICKETS, EARLIER_PASSWORDS),
)
SEALED_TABLES: dict[str, SealedTable[Any]] = {table.kind: table for table in _ALL}
"""Every table whose rows are sealed, by its name."""
