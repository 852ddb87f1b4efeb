"""`keyferry status`: what an installation is, and whether its seals open. For the machine that holds the home."""

import socket
from functools import partial
from typing import Any

from sqlalchemy import func, select

from keyferry import __version__
from keyferry.certificates import fingerprint
from keyferry.clock import Microseconds, to_rfc3339
from keyferry.config.settings import Settings
from keyferry.config.values import Listen
from keyferry.custody.audit_chain import last_head
from keyferry.custody.backups import last_backup
from keyferry.custody.job_runs import JobRun, runs_of
from keyferry.installation import Installation, open_installation
from keyferry.material.sealing import Sealer
from keyferry.store.migrating import newest
from keyferry.store.statements import Prepared
from keyferry.store.tables import audit_events, data_keys, exports, groups, keys, users
from keyferry.store.transaction import Transaction
from keyferry.whereabouts import told

_COUNTS = {
    "users": Prepared(select(func.count()).select_from(users).where(users.c.deleted_at.is_(None))),
    "groups": Prepared(select(func.count()).select_from(groups).where(groups.c.deleted_at.is_(None))),
    "keys": Prepared(select(func.count()).select_from(keys)),
    "exports": Prepared(select(func.count()).select_from(exports)),
    "data_keys": Prepared(select(func.count()).select_from(data_keys)),
    "audit_events": Prepared(select(func.count()).select_from(audit_events)),
}


def status(settings: Settings) -> dict[str, Any]:
    """Facts about an installation; opening it proves that the root of trust unwraps its data keys.

    Raises:
        CannotStart: it does not open; says why.
    """
    installation = open_installation(settings)
    try:
        facts: dict[str, Any] = {
            "version": __version__,
            "home": str(settings.home),
            "store_id": installation.sealer.store_id,
            "database": "SQLite" if settings.database_file is None else "PostgreSQL",
            "schema": newest(),
            "root": settings.root,
            "root_fingerprint": installation.root_fingerprint,
            "listen": str(settings.listen),
            **_answering(settings),
            "kek_policy": settings.kek_policy,
        }
        if installation.tls.authority.exists():
            facts["ca_fingerprint"] = fingerprint(installation.tls.authority)
        facts["pool"] = _stock(installation)
        facts |= installation.store.read(_count)
        facts["jobs"] = [_job(run) for run in installation.store.read(runs_of)]
        facts["last_backup"] = installation.store.read(partial(_last_backup, sealer=installation.sealer))
        return facts
    finally:
        installation.close()


def _count(tx: Transaction) -> dict[str, Any]:
    counts: dict[str, Any] = {name: tx.rows(statement)[0][0] for name, statement in _COUNTS.items()}
    return counts | {"audit_head": str(last_head(tx))}


def _last_backup(tx: Transaction, sealer: Sealer) -> dict[str, str] | None:
    """The newest backup, as the audit log knows it; what has happened since its head is not in it."""
    found = last_backup(tx, sealer)
    if found is None:
        return None
    return {"file": found.file, "taken_at": to_rfc3339(found.taken_at), "head": found.head}


def _job(run: JobRun) -> dict[str, Any]:
    """A periodic work in one server process, as it has told of itself within the last minute."""
    return {
        "name": run.name,
        "node": run.node,
        "host": run.host,
        "holds_lease": run.holds_lease,
        "alive": run.alive,
        "last_at": _when(run.last_at),
        "next_at": _when(run.next_at),
        "failed_at": _when(run.failed_at),
        "failure": run.failure,
    }


def _when(moment: Microseconds | None) -> str | None:
    return None if moment is None else to_rfc3339(moment)


def _stock(installation: Installation) -> dict[str, dict[str, int]]:
    """Of each type of which keys are kept ready: how many there are, and how many there are to be."""
    pool = installation.custody.pool
    ready = pool.counts()
    return {name: {"ready": ready.get(name, 0), "size": size} for name, size in pool.sizes.items()}


def _answering(settings: Settings) -> dict[str, Any]:
    """Whether a server answers, and where: as running ones have told, else where the setting has one listen."""
    at = [each for each in told(settings.home) if _answers(*each)]
    if not at and _answers(settings.listen.host, settings.listen.port):
        at = [(settings.listen.host, settings.listen.port)]
    return {"answering": bool(at), "answering_at": [str(Listen(*each)) for each in at]}


def _answers(host: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
