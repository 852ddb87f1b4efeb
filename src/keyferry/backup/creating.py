"""From a store to a file, while the store serves.

A backup is one snapshot: on SQLite a read transaction (its write-ahead log keeps the snapshot while others write), on
PostgreSQL a transaction at the level REPEATABLE READ. Rows are read a page at a time and encrypted as they come.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import select

from keyferry import __version__, clock
from keyferry.backup.chunks import ChunkWriter, cipher_of
from keyferry.backup.entries import File, RowValues, TableBegins
from keyferry.backup.header import SALT_BYTES, Header, digest_of
from keyferry.backup.rows import TABLES, count_rows, rows_of
from keyferry.backup.writing import whole_file
from keyferry.config.sources import SETTINGS_FILE
from keyferry.custody.audit_chain import last_head
from keyferry.custody.backups import record_backup
from keyferry.installation import Installation
from keyferry.private_files import read_private
from keyferry.store.migrating import newest
from keyferry.store.statements import Prepared
from keyferry.store.tables import data_keys
from keyferry.store.transaction import Transaction

#: (done, of how many): called with rows
Progress = Callable[[int, int], None]

_DATA_KEYS = Prepared(select(data_keys.c.generation, data_keys.c.wrapped, data_keys.c.created_at))
TLS_FILES: Final = ("tls/ca.pem", "tls/ca.key", "tls/server.pem", "tls/server.key")
#: permission bits that a file of the home must not have: a setting is no secret, but nobody else may write it
_MAY_NOT: Final = {SETTINGS_FILE: 0o022, "tls/ca.pem": 0o022, "tls/server.pem": 0o022}
_LARGEST_FILE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Created:
    """A backup that was made."""

    file: Path
    header: Header
    size: int


def create_backup(installation: Installation, file: Path, progress: Progress = lambda _done, _of: None) -> Created:
    """Back an installation up into a new file, mode 0600, and record it in the audit log.

    The file holds every row but those of the pool and of leases, the settings, and the certificates; not the root key.

    Raises:
        CannotStart: (`file-exists`, `file-refused`) the file cannot be written; nothing stays behind.
        IntegrityViolation: a row holds what no column of Keyferry's can.
    """
    with whole_file(file, what="backup") as target:

        def write(tx: Transaction) -> Header:
            header = _header(tx, installation)
            encoded = header.encode()
            target.write(encoded)
            cipher = cipher_of(installation.sealer, header.salt, header.generation)
            chunks = ChunkWriter(target, cipher, digest_of(encoded))
            for entry in _files(installation.settings.home):
                chunks.write(entry.encode())
            for entry_bytes in _rows(tx, sum(header.counts.values()), progress):
                chunks.write(entry_bytes)
            chunks.finish()
            return header

        header = installation.store.read(write)
        size = target.tell()
    try:
        record_backup(installation.store, installation.sealer, file.name, header.head, header.created_at, size)
    except BaseException:
        file.unlink()  # what is not in the audit log was not made
        raise
    return Created(file, header, size)


def _header(tx: Transaction, installation: Installation) -> Header:
    counts = count_rows(tx)  # the first look at the database: from here on, the snapshot stands
    keys = {int(generation): (bytes(wrapped), int(made)) for generation, wrapped, made in tx.rows(_DATA_KEYS)}
    return Header(
        store_id=installation.sealer.store_id,
        schema=newest(),
        created_at=clock.now(),
        version=__version__,
        generation=installation.sealer.generation,
        salt=os.urandom(SALT_BYTES),
        data_keys=keys,
        head=last_head(tx),
        counts=counts,
    )


def _files(home: Path) -> Iterator[File]:
    for name in (SETTINGS_FILE, *TLS_FILES):
        path = home / name
        if os.path.lexists(path):
            mode = _MAY_NOT.get(name, 0o077)
            yield File(name, read_private(path, what="file", max_bytes=_LARGEST_FILE, refused_mode=mode))


def _rows(tx: Transaction, total: int, progress: Progress) -> Iterator[bytes]:
    done = 0
    for table in TABLES:
        yield TableBegins(table.name, tuple(table.c.keys())).encode()
        for row in rows_of(tx, table):
            yield RowValues(row).encode()
            done += 1
            progress(done, total)
