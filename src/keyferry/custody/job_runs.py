"""Which process runs which periodic work, when it ran last and will run next, and what went wrong the last time.

Each process notes its own runs in memory and writes them once a minute; a work's first run, and one that fails, at
once. The rows are not sealed: they are for people to look at.
"""

import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import bindparam, delete, insert, select

from keyferry import clock
from keyferry.clock import DAY, SECOND, Microseconds
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.leases import holders
from keyferry.custody.policy import Operation
from keyferry.custody.view import View
from keyferry.errors import KeyferryError
from keyferry.ids import new_id
from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.tables import job_runs
from keyferry.store.transaction import Transaction

#: runs of a process that has said nothing for so long are dropped
KEPT: Final[Microseconds] = DAY
#: a process that has said nothing for so long is not running any more
SILENT: Final[Microseconds] = 180 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """A periodic work in one process.

    Attributes:
        node: the id of the process.
        holds_lease: whether it is the one of all nodes that runs the work just now; None for a work that each node
            runs for itself.
        alive: whether the process has been heard of lately.
        failure: what went wrong at `failed_at`, in a line; kept when later runs go well.
    """

    name: str
    node: str
    host: str
    holds_lease: bool | None = None
    alive: bool = True
    last_at: Microseconds | None = None
    next_at: Microseconds | None = None
    failed_at: Microseconds | None = None
    failure: str | None = None


_COLUMNS = (
    *(job_runs.c.name, job_runs.c.node, job_runs.c.host, job_runs.c.last_at, job_runs.c.next_at),
    *(job_runs.c.failed_at, job_runs.c.failure, job_runs.c.told_at),
)
_ALL = Prepared(select(*_COLUMNS).order_by(job_runs.c.name, job_runs.c.node))
_FORGET = Prepared(
    delete(job_runs).where((job_runs.c.node == bindparam("of_node")) | (job_runs.c.told_at <= bindparam("before")))
)
_KEEP = Prepared(insert(job_runs).values({column.name: bindparam(column.name) for column in _COLUMNS}))


class Runs:
    """The runs of this process."""

    def __init__(self, store: Store) -> None:
        self.node = new_id()
        self._host = socket.gethostname()[:200]
        self._store = store
        self._runs: dict[str, JobRun] = {}
        self._lock = threading.Lock()

    def ran(self, name: str, *, next_in: float, fault: Exception | None = None) -> bool:
        """A work has run, well or not, and will run again in so many seconds. A fault is told by its kind and, if it is
        a refusal of Keyferry's own, in its words; other texts may hold anything, and are in the server's log alone.

        Returns:
            Whether it is news, to be written at once: the work's first run, or one that failed.
        """
        now = clock.now()
        with self._lock:
            before = self._runs.get(name)
            run = before or JobRun(name=name, node=self.node, host=self._host)
            run = replace(run, last_at=now, next_at=now + int(next_in * SECOND))
            if fault is not None:
                run = replace(run, failed_at=now, failure=_line(fault))
            self._runs[name] = run
        return before is None or fault is not None

    def flush(self) -> None:
        """Write what was noted, over what this process has written before."""
        with self._lock:
            runs = list(self._runs.values())
        self._store.write(lambda tx: _write(tx, self.node, runs))

    def withdraw(self) -> None:
        """The process ends: it runs nothing any more."""
        with self._lock:
            self._runs.clear()
        self.flush()


class JobRuns:
    """For Administrators."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def list(self, caller: Caller) -> list[JobRun]:
        """Every periodic work of every process that has been heard of within a day, as far as it has been written."""

        def read(view: View) -> list[JobRun]:
            view.permit(view.actor.relation_to_user(view.actor.user.id), "job", None, None)
            return runs_of(view.tx)

        return self._gate.read(caller, Operation.JOB_LIST, read)


def runs_of(tx: Transaction) -> list[JobRun]:
    """Every periodic work of every process, by name; without a caller, for the server's own machine."""
    now = clock.now()
    leased = holders(tx, now)
    return [
        JobRun(
            name=name,
            node=node,
            host=host,
            holds_lease=leased[name] == node if name in leased else None,
            alive=now - told < SILENT,
            last_at=last,
            next_at=next_,
            failed_at=failed,
            failure=failure,
        )
        for name, node, host, last, next_, failed, failure, told in tx.rows(_ALL)
    ]


def _write(tx: Transaction, node: str, runs: Iterable[JobRun]) -> None:
    now = clock.now()
    tx.run(_FORGET, of_node=node, before=now - KEPT)
    for run in runs:
        tx.run(
            _KEEP,
            name=run.name,
            node=run.node,
            host=run.host,
            last_at=run.last_at,
            next_at=run.next_at,
            failed_at=run.failed_at,
            failure=run.failure,
            told_at=now,
        )


def _line(fault: Exception) -> str:
    return f"{fault.code}: {fault.detail}" if isinstance(fault, KeyferryError) else type(fault).__name__
