"""What a server can tell of its installation beside what custody knows: for the doors, through their services."""

from functools import partial

from sqlalchemy import func, select

from keyferry import __version__
from keyferry.certificates import served_certificate
from keyferry.custody.backups import LastBackup, last_backup
from keyferry.doors.services import ServerFacts
from keyferry.installation import Installation
from keyferry.material.sealing import Sealer
from keyferry.store.migrating import newest
from keyferry.store.statements import Prepared
from keyferry.store.tables import data_keys
from keyferry.store.transaction import Transaction

_DATA_KEYS = Prepared(select(func.count()).select_from(data_keys))


def facts_of(installation: Installation) -> ServerFacts:
    """The facts as they are now."""
    settings, pool = installation.settings, installation.custody.pool
    ready = pool.counts()
    generations, backup = installation.store.read(partial(_read, sealer=installation.sealer))
    return ServerFacts(
        version=__version__,
        store_id=installation.sealer.store_id,
        database="SQLite" if settings.database_file is None else "PostgreSQL",
        schema=newest(),
        root=settings.root,
        root_fingerprint=installation.root_fingerprint,
        data_keys=generations,
        pool={name: (ready.get(name, 0), size) for name, size in pool.sizes.items()},
        last_backup=backup,
        certificate=None if settings.allow_plain_http else served_certificate(installation.tls),
    )


def _read(tx: Transaction, sealer: Sealer) -> tuple[int, LastBackup | None]:
    return int(tx.rows(_DATA_KEYS)[0][0]), last_backup(tx, sealer)
