"""A new data key, and every live row put under it while the store serves.

1. A new generation of the data key is kept, wrapped by the root of trust. Processes that serve learn of it within
   seconds, or when they meet it, and seal under it from then on.
2. Every sealed row, key material, credential and pool key of an older generation is read, verified, and sealed anew: a
   few rows a transaction, each only if it is still as it was read. What somebody changes meanwhile is met again.
3. When nothing is left, the audit log says so.

A row's revision stays what it was, since nothing that it says has changed. What does not verify is left as it is:
sealing it anew would hide what was done to it. Older data keys are kept: audit events are under them for good.

Cut off anywhere, it is taken up where it was: what is of an older generation is still to be done.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, LargeBinary, Table, and_, bindparam, func, or_, select, update

from keyferry.client_certificates import Authority
from keyferry.custody import client_authority, credentials, factor_rows, provider_writing
from keyferry.custody.founding import RootOfTrust, add_data_key
from keyferry.custody.local import local_event
from keyferry.custody.policy import Operation
from keyferry.custody.pool import binding_of as pool_binding
from keyferry.custody.recording import Subject
from keyferry.custody.versions import binding_of
from keyferry.errors import IntegrityViolation, InternalError
from keyferry.material.sealing import Binding, SealedMaterial, Sealer
from keyferry.store.events import NewestEvent, write_event
from keyferry.store.records import CertificateAuthority, Connection, Factor, IdentityProvider, KeyVersion, PoolKey
from keyferry.store.sealed import (
    CERTIFICATE_AUTHORITIES,
    CONNECTIONS,
    FACTORS,
    IDENTITY_PROVIDERS,
    KEY_VERSIONS,
    KEYS,
    POOL_KEYS,
    SEALED_TABLES,
    SealedTable,
)
from keyferry.store.shapes import Shape
from keyferry.store.statements import Prepared, Row
from keyferry.store.store import Store
from keyferry.store.transaction import Transaction

#: rows that are sealed anew in one transaction: they are held while it lasts
BATCH: Final = 50
#: seconds within which every process has learned of a new data key
LEARNED_WITHIN: Final = 6.0

_MADE, _DONE = 1, 2  # revisions of a data key, as the events about it count
_COMMAND: Final = "keyferry root rotate"
_NEWEST: Final = NewestEvent.of_object()


@dataclass(frozen=True, slots=True)
class Resealed:
    """What was done: how many rows, and which did not verify and were left."""

    generation: int
    rows: int
    findings: tuple[str, ...]
    continued: bool


class Resealing:
    """Gives a store a new data key; for the command line on the server's own machine.

    Args:
        root: the root of trust that the data keys are under.
    """

    def __init__(self, store: Store, sealer: Sealer, root: RootOfTrust) -> None:
        self._store = store
        self._sealer = sealer
        self._root = root
        self._findings: dict[str, str] = {}

    def run(
        self, progress: Callable[[int, int], None] = lambda _done, _of: None, *, learned_within: float | None = None
    ) -> Resealed:
        """Make a new data key, or go on with the one whose rows are not all under it yet, and seal every row anew.

        Args:
            progress: called with how many rows are done, and of how many.
            learned_within: seconds after which every serving process knows the new data key, `LEARNED_WITHIN` if not
                given; not before that is the last look taken.

        Raises:
            CannotStart: the root of trust is not the one that the store is under (any more).
        """
        continued = self._store.read(self._is_unfinished)
        if not continued:
            generation = self._store.write(self._begin)
            if not self._sealer.learn(generation):
                raise InternalError("The new data key was not found again.")
        learned_at = time.monotonic() + (LEARNED_WITHIN if learned_within is None else learned_within)
        total, done, waited = self._store.read(self._count), 0, False
        while True:
            sealed = 0
            for each in _EACH:
                sealed += self._go_through(each, partial(_tell, progress, done + sealed, total))
            done += sealed
            if not sealed and waited:
                break
            if not sealed:
                time.sleep(max(0.0, learned_at - time.monotonic()))
                waited = True
        findings = tuple(self._findings.values())
        self._store.write(partial(self._finish, done, len(findings)))
        self._store.scrub()
        return Resealed(self._sealer.generation, done, findings, continued)

    def _is_unfinished(self, tx: Transaction) -> bool:
        return self._sealer.generation > 1 and _NEWEST.read(tx, self._sealer, _id(self._sealer.generation)) != _DONE

    def _begin(self, tx: Transaction) -> int:
        generation = add_data_key(tx, self._sealer.store_id, self._root)
        self._record(tx, generation, _MADE, {"generation": generation})
        return generation

    def _finish(self, rows: int, findings: int, tx: Transaction) -> None:
        generation = self._sealer.generation
        self._record(tx, generation, _DONE, {"generation": generation, "rows": rows, "findings": findings})

    def _record(self, tx: Transaction, generation: int, revision: int, details: dict[str, int]) -> None:
        event = local_event(f"{_COMMAND} --data-keys", Operation.DATA_KEYS_ROTATE, details)
        event = Subject("data-key", _id(generation)).on(event)
        write_event(tx, self._sealer, replace(event, object_revision=revision))

    def _count(self, tx: Transaction) -> int:
        return sum(int(tx.rows(each.count, header=self._sealer.current_header)[0][0]) for each in _EACH)

    def _go_through(self, each: "_Rows", progress: Callable[[int], None]) -> int:
        """Once through one table; answers how many rows were sealed anew."""
        after, done = "", 0
        while True:
            began = time.monotonic()
            last, sealed = self._store.write(partial(self._some, each, after))
            done += sealed
            progress(done)
            if last is None:
                return done
            after = last
            time.sleep(time.monotonic() - began)  # half of the time is that of others who write

    def _some(self, each: "_Rows", after: str, tx: Transaction) -> tuple[str | None, int]:
        """Seal a few rows anew; answers the last one's id, None when there are none, and how many were sealed."""
        rows = tx.rows(each.older, after=after, header=self._sealer.current_header, limit=BATCH)
        sealed = sum(self._one(tx, each, row) for row in rows)
        return (rows[-1][0] if rows else None), sealed

    def _one(self, tx: Transaction, each: "_Rows", row: Row) -> int:
        try:
            values = each.read(row)
            self._sealer.check_row(each.table.kind, values["id"], each.sealed(values), values["seal"])
            fresh = {**values, **each.anew(tx, self._sealer, values)}
        except IntegrityViolation as violation:
            self._findings[f"{each.table.kind} {row[0]}"] = violation.detail
            return 0
        changed = {name: fresh[name] for name in each.changing if name != "seal"}
        seal = self._sealer.mac_row(each.table.kind, each.sealed(fresh))
        return tx.run(each.put, id_=values["id"], seal_=values["seal"], seal=seal, **changed)


def _tell(progress: Callable[[int, int], None], before: int, total: int, more: int) -> None:
    progress(before + more, max(total, before + more))


def _id(generation: int) -> str:
    return f"data-key-{generation}"


@dataclass(frozen=True, slots=True)
class _Rows:
    """How the rows of one table are found and sealed anew.

    Attributes:
        blob: the column with what is encrypted in a row, if there is one.
        anew: from a row's values, that column's under the current data key.
    """

    table: SealedTable[Any]
    blob: str | None = None
    anew: Callable[[Transaction, Sealer, dict[str, Any]], Mapping[str, Any]] = lambda _tx, _sealer, _values: {}
    count: Prepared = field(init=False)
    older: Prepared = field(init=False)
    put: Prepared = field(init=False)
    shape: Shape = field(init=False)

    def __post_init__(self) -> None:
        table = self.table.table
        columns = [table.c[name] for name in (*self.table.sealed_columns, "seal")]
        set_ = object.__setattr__  # as frozen dataclasses do it themselves
        set_(self, "shape", Shape(table.name, columns))
        set_(self, "count", Prepared(select(func.count()).select_from(table).where(self._is_older(table))))
        older = select(*columns).where(table.c.id > bindparam("after"), self._is_older(table))
        held = older.order_by(table.c.id).limit(bindparam("limit")).with_for_update(skip_locked=True)
        set_(self, "older", Prepared(held))
        same = (table.c.id == bindparam("id_"), table.c.seal == bindparam("seal_"))
        values: dict[str, Any] = {name: bindparam(name) for name in self.changing}
        set_(self, "put", Prepared(update(table).where(*same).values(values)))

    @property
    def changing(self) -> tuple[str, ...]:
        """The columns that are written."""
        return ("seal",) if self.blob is None else ("seal", self.blob)

    def read(self, row: Row) -> dict[str, Any]:
        """A row's values by column."""
        return self.shape.read(row)

    def sealed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Those that are under the seal: the revision among them."""
        return {name: values[name] for name in self.table.sealed_columns}

    def _is_older(self, table: Table) -> ColumnElement[bool]:
        older = _begins_otherwise(table.c.seal)
        if self.blob is None:
            return older
        blob = table.c[self.blob]
        return or_(older, and_(blob.is_not(None), _begins_otherwise(blob)))


def _begins_otherwise(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.substr(column, 1, 5, type_=LargeBinary) != bindparam("header", type_=LargeBinary)


def _material(sealer: Sealer, blob: bytes, binding: Binding) -> bytes:
    return sealer.seal(sealer.unseal(SealedMaterial(blob), binding), binding).blob


def _version(tx: Transaction, sealer: Sealer, values: dict[str, Any]) -> dict[str, Any]:
    if values["material"] is None:
        return {}
    version = KeyVersion(**values)
    key = KEYS.get(tx, sealer, version.key_id)
    if key is None:
        raise IntegrityViolation(f"The key of version {version.id} is not there.")
    return {"material": _material(sealer, values["material"], binding_of(key, version))}


def _pool_key(_tx: Transaction, sealer: Sealer, values: dict[str, Any]) -> dict[str, Any]:
    pooled = PoolKey(**values)
    return {"material": _material(sealer, pooled.material, pool_binding(pooled.id, pooled.algorithm))}


def _connection(_tx: Transaction, sealer: Sealer, values: dict[str, Any]) -> dict[str, Any]:
    connection = Connection(**values)
    secret = None if connection.credential is None else credentials.unseal(sealer, connection)
    if secret is None:
        return {}
    kind = credentials.CredentialKind(connection.credential_kind)
    return {"credential": credentials.seal(sealer, connection, credentials.NewCredential(kind, secret))}


def _provider(_tx: Transaction, sealer: Sealer, values: dict[str, Any]) -> dict[str, Any]:
    provider = IdentityProvider(**values)
    return {"credential": provider_writing.seal(sealer, provider, provider_writing.unseal(sealer, provider))}


def _authority(_tx: Transaction, sealer: Sealer, values: dict[str, Any]) -> dict[str, Any]:
    row = CertificateAuthority(**values)
    authority = Authority(row.certificate, client_authority.unseal_key(sealer, row))
    return {"key": client_authority.seal_key(sealer, row.id, authority)}


def _factor(_tx: Transaction, sealer: Sealer, values: dict[str, Any]) -> dict[str, Any]:
    factor = Factor(**values)
    if factor.secret is None:
        return {}
    seed = factor_rows.unseal_seed(sealer, factor.id, factor.user_id, factor.secret)
    return {"secret": factor_rows.seal_seed(sealer, factor.id, factor.user_id, seed)}


_WITH_CONTENT: Final = {
    CERTIFICATE_AUTHORITIES.kind: _Rows(CERTIFICATE_AUTHORITIES, "key", _authority),
    KEY_VERSIONS.kind: _Rows(KEY_VERSIONS, "material", _version),
    POOL_KEYS.kind: _Rows(POOL_KEYS, "material", _pool_key),
    CONNECTIONS.kind: _Rows(CONNECTIONS, "credential", _connection),
    IDENTITY_PROVIDERS.kind: _Rows(IDENTITY_PROVIDERS, "credential", _provider),
    FACTORS.kind: _Rows(FACTORS, "secret", _factor),
}
_EACH: Final = tuple(_WITH_CONTENT.get(kind) or _Rows(table) for kind, table in SEALED_TABLES.items())
