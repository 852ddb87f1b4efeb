"""Keys ready before they are asked for: RSA keys, generated while the machine is idle, sealed at rest as any key is.

A key leaves the pool in the transaction that stores it as a version of somebody's key: its row is deleted there, held
so that no other node takes it, and a crash before the commit leaves it in the pool. It brings along the id that its
version is given; versions keep their rows for good, so that a row that was put back behind Keyferry's back is told from
one whose key nobody has.

A row that does not verify is not used: it is removed, and the audit log says so.
"""

import threading
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import structlog
from sqlalchemy import bindparam, delete, func, select

from keyferry import clock
from keyferry.custody.caller import Origin
from keyferry.custody.generation import Made
from keyferry.custody.policy import Operation
from keyferry.custody.recording import Subject, event_by
from keyferry.errors import IntegrityViolation
from keyferry.material.algorithms import ALGORITHMS, Algorithm
from keyferry.material.keys import Identity
from keyferry.material.sealing import Binding, SealedMaterial, Sealer
from keyferry.store.events import write_event
from keyferry.store.records import PoolKey
from keyferry.store.sealed import POOL_KEYS
from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.tables import key_versions, pool_keys
from keyferry.store.transaction import Transaction

#: what pool keys are bound to instead of a key's id, which none is equal to
_OWNER = "pool"

log = structlog.get_logger("keyferry.pool")

_COUNTS = Prepared(select(pool_keys.c.algorithm, func.count()).group_by(pool_keys.c.algorithm))
_OLDEST = Prepared(
    select(pool_keys.c.id)
    .where(pool_keys.c.algorithm == bindparam("algorithm"), pool_keys.c.id > bindparam("after"))
    .order_by(pool_keys.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_NEWEST = Prepared(
    select(pool_keys.c.id)
    .where(pool_keys.c.algorithm == bindparam("algorithm"))
    .order_by(pool_keys.c.id.desc())
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_REMOVE = Prepared(delete(pool_keys).where(pool_keys.c.id == bindparam("id")))
_VERSION = Prepared(select(key_versions.c.id).where(key_versions.c.id == bindparam("id")))


class Pool:
    """The keys that are ready.

    Args:
        sizes: how many of each type are to be ready, by the type's name. Types that are not named, and those of which
            there shall be none, are neither kept nor taken.
    """

    def __init__(self, store: Store, sealer: Sealer, sizes: Mapping[str, int]) -> None:
        self._store = store
        self._sealer = sealer
        self._sizes = {name: size for name, size in sizes.items() if size > 0}
        self._unsound: dict[str, IntegrityViolation] = {}
        self._lock = threading.Lock()

    @property
    def sizes(self) -> Mapping[str, int]:
        """How many of each type are to be ready; empty when the pool is off."""
        return self._sizes

    def counts(self) -> Mapping[str, int]:
        """How many of each type are ready now, of the types that are kept."""
        if not self._sizes:
            return {}
        found = self._store.read(stock)
        return {name: found[name] for name in self._sizes if name in found}

    def wanted(self) -> Algorithm | None:
        """The type that there is to be more of: of those, the first in the table; None when the pool is full."""
        found = self.counts()
        return next((ALGORITHMS[name] for name, size in self._sizes.items() if found.get(name, 0) < size), None)

    def take(self, tx: Transaction, algorithm: Algorithm) -> Made | None:
        """The key of this type that has waited the longest, deleted with this transaction; None where there is none."""
        after = ""
        while row := tx.row(_OLDEST, algorithm=algorithm.name, after=after):
            after = row[0]
            try:
                made = self._open(tx, after, algorithm)
            except IntegrityViolation as violation:
                with self._lock:
                    self._unsound[after] = violation  # removed by itself: this transaction may be undone
                continue
            tx.run(_REMOVE, id=after)
            return made
        return None

    def put(self, made: Made) -> bool:
        """Keep a key that was generated, sealed; answers whether there was still room for it."""
        record = self._sealed(made)

        def write(tx: Transaction) -> bool:
            name = record.algorithm
            if stock(tx).get(name, 0) >= self._sizes.get(name, 0):
                return False
            self._unsealed(POOL_KEYS.insert(tx, self._sealer, record))
            return True

        return self._store.write(write)

    def tidy(self) -> None:
        """Remove what did not verify, each with an event in the audit log, and what is more than there is to be."""
        with self._lock:
            unsound, self._unsound = self._unsound, {}
        for row_id, violation in unsound.items():
            log.critical("integrity violation", operation=Operation.KEY_GENERATE, detail=violation.detail, pool=row_id)
            self._store.write(partial(self._drop, row_id, violation))
        if any(count > self._sizes.get(name, 0) for name, count in self._store.read(stock).items()):
            self._store.write(self._shrink)

    def _open(self, tx: Transaction, row_id: str, algorithm: Algorithm) -> Made:
        record = POOL_KEYS.get(tx, self._sealer, row_id)
        if record is None or record.algorithm != algorithm.name:
            raise IntegrityViolation(f"Row {row_id} of pool_keys is another key's.")
        if tx.row(_VERSION, id=row_id) is not None:
            raise IntegrityViolation(f"Row {row_id} of pool_keys was put back: its key is somebody's already.")
        return self._unsealed(record)

    def _unsealed(self, record: PoolKey) -> Made:
        material = self._sealer.unseal(SealedMaterial(record.material), binding_of(record.id, record.algorithm))
        identity = Identity(record.public_key, record.spki_sha256, record.thumbprint, None)
        return Made(material, identity, record.id)

    def _sealed(self, made: Made) -> PoolKey:
        name, identity = made.material.algorithm.name, made.identity
        if identity.public_key is None or identity.spki_sha256 is None or identity.thumbprint is None:
            raise ValueError("the pool keeps keys that have a public half")
        return PoolKey(
            id=made.version_id,
            algorithm=name,
            material=self._sealer.seal(made.material, binding_of(made.version_id, name)).blob,
            public_key=identity.public_key,
            spki_sha256=identity.spki_sha256,
            thumbprint=identity.thumbprint,
            created_at=clock.now(),
        )

    def _drop(self, row_id: str, violation: IntegrityViolation, tx: Transaction) -> None:
        if tx.run(_REMOVE, id=row_id) == 0:
            return  # another node has removed it, and said so
        event = event_by(Origin(None), None, Operation.KEY_GENERATE, clock.now(), {"detail": violation.detail})
        event = Subject("pool-key", row_id).on(event)
        write_event(tx, self._sealer, replace(event, outcome="failed", code=violation.code))

    def _shrink(self, tx: Transaction) -> None:
        for name, count in stock(tx).items():
            excess = max(0, count - self._sizes.get(name, 0))
            for (row_id,) in tx.rows(_NEWEST, algorithm=name, limit=excess):
                tx.run(_REMOVE, id=row_id)


def stock(tx: Transaction) -> dict[str, int]:
    """How many keys of each type lie in the pool, whatever is to be there."""
    return dict(tx.rows(_COUNTS))


def binding_of(row_id: str, algorithm: str) -> Binding:
    """What a pool key is sealed to. Put into a version's row, it does not unseal."""
    return Binding(_OWNER, row_id, 0, algorithm, exportable=False)
