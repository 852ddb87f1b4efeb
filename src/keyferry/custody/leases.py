"""Leases: of several nodes on one database, which one runs a job just now.

A lease spares work and nothing more. Whatever a job changes is guarded by its row: two nodes that both believe to hold
a lease, because their clocks differ or one stood still, do nothing twice.

A node that ends or is killed leaves its lease to run out; another takes it then. A lease that lasts longer than any is
given was written by a clock that has been set back since, and is taken too.
"""

import time
from typing import Final

from sqlalchemy import bindparam, delete, select, text

from keyferry import clock
from keyferry.clock import SECOND, Microseconds
from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.tables import leases
from keyferry.store.transaction import Transaction

#: for how long a lease is given, in seconds; none is given for longer
LEASE_SECONDS: Final = 120

_TAKE = Prepared(
    text(
        "INSERT INTO leases (name, holder, until) VALUES (:name, :holder, :until) "
        "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until "
        "WHERE leases.holder = excluded.holder OR leases.until <= :now OR leases.until > :latest"
    )
)
_LEAVE = Prepared(delete(leases).where(leases.c.name == bindparam("name"), leases.c.holder == bindparam("holder")))
_HOLDERS = Prepared(select(leases.c.name, leases.c.holder, leases.c.until).order_by(leases.c.name))


def held(store: Store, name: str, holder: str, seconds: int = LEASE_SECONDS) -> bool:
    """Take the lease `name`, or renew it; answers whether `holder` has it now.

    One statement on both databases: of two that ask at once, the second finds what the first has written.

    Args:
        holder: the id of the process that asks.
        seconds: for how long; at most `LEASE_SECONDS`.
    """
    return store.write(lambda tx: _take(tx, name, holder, seconds))


class Lease:
    """One process's hold on a job, while it runs: renewed as it goes on.

    Args:
        name: of the job.
        holder: the id of the process.
    """

    def __init__(self, store: Store, name: str, holder: str) -> None:
        self._store = store
        self._name = name
        self._holder = holder
        self._renewed_at = float("-inf")

    def keep(self) -> bool:
        """Whether the process has the lease, and may go on; it is renewed when a third of its time is over."""
        now = time.monotonic()
        if now - self._renewed_at < LEASE_SECONDS / 3:
            return True
        mine = held(self._store, self._name, self._holder)
        self._renewed_at = now if mine else float("-inf")
        return mine

    def leave(self) -> None:
        """Give it back before it runs out; nothing happens if the process has it no longer."""
        leave(self._store, self._name, self._holder)


def leave(store: Store, name: str, holder: str) -> None:
    """Give a lease back before it runs out; nothing happens if `holder` has it no longer."""
    store.write(lambda tx: tx.run(_LEAVE, name=name, holder=holder))


def holders(tx: Transaction, now: Microseconds) -> dict[str, str]:
    """Which process holds each lease that has not run out, by the lease's name."""
    return {name: holder for name, holder, until in tx.rows(_HOLDERS) if now < until <= now + LEASE_SECONDS * SECOND}


def _take(tx: Transaction, name: str, holder: str, seconds: int) -> bool:
    now = clock.now()
    until = now + min(seconds, LEASE_SECONDS) * SECOND
    latest = now + LEASE_SECONDS * SECOND
    return tx.run(_TAKE, name=name, holder=holder, until=until, now=now, latest=latest) == 1
