"""From a backup to a new home, on either database.

1. The whole backup is read and verified. 2. The tables, in the form that they had when the backup was made. 3. The
home's settings, certificates and root of trust. 4. All rows, and an audit event that says so, in one transaction.
5. The tables are brought to this release's form. If any of it fails, the home is taken away again.
"""

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Table, bindparam, delete, func, insert, select

from keyferry.backup.creating import TLS_FILES
from keyferry.backup.entries import File, RowValues, TableBegins, Value, checked_columns
from keyferry.backup.header import Header, damaged
from keyferry.backup.opening import opened_backup
from keyferry.backup.rows import PAGE
from keyferry.backup.verifying import Verified, verify_backup
from keyferry.certificates import prepare_certificates
from keyferry.config.settings import Settings
from keyferry.config.sources import SETTINGS_FILE, load_settings, write_settings
from keyferry.custody.backups import record_restoration
from keyferry.errors import CannotStart
from keyferry.installation import making_home, tls_files
from keyferry.private_files import create_private
from keyferry.roots.base import RootKey
from keyferry.roots.opening import save_root
from keyferry.roots.passphrase_source import PassphraseSource
from keyferry.store.migrating import is_known, upgrade
from keyferry.store.statements import Prepared
from keyferry.store.tables import audit_events, data_keys, exports, metadata
from keyferry.store.transaction import Transaction

#: settings of the old home that say where the new one is, and are given anew
_OF_THE_PLACE: Final = frozenset({"root", "root_passphrase_file", "database_file"})
#: tables whose rows the database numbers, and by which column
_NUMBERED: Final = ((audit_events, "id"), (exports, "number"))


@dataclass(frozen=True, slots=True)
class Restored:
    """A home that was made from a backup."""

    home: Path
    verified: Verified
    settings: Settings
    ca_file: Path


def restore_backup(
    file: Path,
    root: RootKey,
    home: Path,
    *,
    root_uri: str | None = None,
    database_file: Path | None = None,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _of: None,
) -> Restored:
    """Make the installation that `file` is a backup of, in a home and a database that are empty.

    Args:
        root: the root key that the backup opens under; it becomes the new home's.
        root_uri: where the new home keeps it; `file:root.key` if not given.
        database_file: holds a PostgreSQL URL; SQLite in the home without it. It need not be what the store was on.
        progress: called with what is being done, and how many rows of how many.

    Raises:
        CannotStart: `backup-refused`, `schema-version`, `already-initialised`, or a setting will not do. Nothing is
            kept.
    """
    verified = verify_backup(file, root, lambda done, of: progress("Verifying", done, of))
    _require_known(verified.header)
    given = {"root": root_uri, "database_file": database_file}
    chosen = {name: value for name, value in given.items() if value is not None}
    with making_home(home, chosen) as making:
        upgrade(making.store.engine, verified.header.schema)
        with opened_backup(file, root) as opened:
            _restore_files(list(_files(opened.entries)), home, chosen)
            files = tls_files(home, opened.sealer)
        settings = load_settings(home, given=chosen)
        prepare_certificates(files, settings.tls_names)
        save_root(settings.root, home, root.key, PassphraseSource.of(settings.root_passphrase_file))

        def fill(tx: Transaction) -> None:
            with opened_backup(file, root) as again:  # from its beginning, should this be run a second time
                header = again.header
                _Filling(tx, header, lambda done, of: progress("Restoring", done, of)).run(again.entries)
                record_restoration(tx, again.sealer, file.name, header.head, header.created_at)

        making.store.write(fill)
        upgrade(making.store.engine)
    return Restored(home, verified, settings, files.authority)


def _require_known(header: Header) -> None:
    """
    Raises:
        CannotStart: (`schema-version`) a newer release made the backup.
    """
    if not is_known(header.schema):
        raise CannotStart(
            f"The backup is at schema revision {header.schema}, which this release does not know.",
            code="schema-version",
            field="file",
            advice=f"Restore it with the release that made it, {header.version}, or a newer one.",
        )


def _files(entries: Iterator[Any]) -> Iterator[File]:
    """The files, which stand before the first table."""
    return takewhile(lambda entry: isinstance(entry, File), entries)


def _restore_files(files: list[File], home: Path, chosen: dict[str, Any]) -> None:
    """Write the certificates, and the settings but for those that say where the old home was."""
    kept: dict[str, Any] = {}
    for file in files:
        if file.name == SETTINGS_FILE:
            kept = tomllib.loads(file.data.decode())
        elif file.name in TLS_FILES:
            path = home / file.name
            path.parent.mkdir(mode=0o700, exist_ok=True)
            create_private(path, file.data, what="certificate")
        else:
            raise damaged("it holds a file that does not belong into a home")
    write_settings(home, **{name: value for name, value in kept.items() if name not in _OF_THE_PLACE}, **chosen)


class _Filling:
    """Puts the rows of a backup into the tables of an empty store."""

    def __init__(self, tx: Transaction, header: Header, progress: Callable[[int, int], None]) -> None:
        self._tx = tx
        self._header = header
        self._progress = progress
        self._total = sum(header.counts.values())
        self._done = 0
        self._waiting: list[dict[str, Value]] = []
        self._insert = Prepared(insert(data_keys))

    def run(self, entries: Iterator[Any]) -> None:
        table = TableBegins("", ())
        for entry in entries:
            if isinstance(entry, TableBegins):
                self._flush()
                table = entry
                self._begin(metadata.tables[entry.table], entry.columns)
            elif isinstance(entry, RowValues):
                self._waiting.append(checked_columns(table.columns, entry.values))
                if len(self._waiting) == PAGE:
                    self._flush()
        self._flush()
        self._keep_data_keys()
        if self._tx.dialect.name == "postgresql":
            self._count_on()

    def _begin(self, table: Table, columns: tuple[str, ...]) -> None:
        self._tx.run(Prepared(delete(table)))  # what a migration has put there
        self._insert = Prepared(insert(table).values({name: bindparam(name) for name in columns}))

    def _flush(self) -> None:
        self._tx.run_many(self._insert, self._waiting)
        self._done += len(self._waiting)
        self._progress(self._done, self._total)
        self._waiting = []

    def _keep_data_keys(self) -> None:
        names = ("generation", "wrapped", "created_at")
        keep = Prepared(insert(data_keys).values({name: bindparam(name) for name in names}))
        for generation, (wrapped, created_at) in self._header.data_keys.items():
            self._tx.run(keep, generation=generation, wrapped=wrapped, created_at=created_at)

    def _count_on(self) -> None:
        """Let the database give numbers after those that are there; SQLite does so by itself."""
        for table, column in _NUMBERED:
            last = select(func.coalesce(func.max(table.c[column]), 1)).scalar_subquery()
            self._tx.rows(Prepared(select(func.setval(func.pg_get_serial_sequence(table.name, column), last))))
