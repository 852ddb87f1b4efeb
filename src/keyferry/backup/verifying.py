"""Is a backup sound, as a file and in what it holds?

1. The file: every chunk verifies, none is missing, and every entry can be read.
2. Every sealed row: its seal verifies, and it is at the revision that the newest audit event about it gives.
3. The audit log: every event's MACs, the numbers without gaps, the chain, and that it ends where the header says.
4. The counts of the header.

What is wrong with the file is raised, as nothing in it can be relied on. What is wrong with a row was so in the store
when the backup was made: it is a finding, and such a row is refused by a restored store as by the one it came from.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from keyferry.backup.entries import RowValues, TableBegins, Value, checked_columns
from keyferry.backup.header import Header, damaged
from keyferry.backup.opening import Opened, opened_backup
from keyferry.custody.audit_chain import EMPTY_HEAD, Head, leaf_hash, next_hash
from keyferry.custody.audit_verification import GRACE
from keyferry.custody.founding import RootOfTrust
from keyferry.errors import IntegrityViolation
from keyferry.material.sealing import Sealer
from keyferry.store.events import COLUMNS, check_event, check_place, event_of
from keyferry.store.records import AuditEvent
from keyferry.store.sealed import SEALED_TABLES, RevisedTable
from keyferry.store.shapes import Shape
from keyferry.store.tables import metadata

Progress = Callable[[int, int], None]

#: findings that are told one by one; the rest are counted
MOST_FINDINGS: Final = 100


@dataclass(frozen=True, slots=True)
class Verified:
    """What a backup holds, and everything that is wrong with it (nothing when all is well)."""

    header: Header
    findings: tuple[str, ...]


def verify_backup(path: Path, root: RootOfTrust, progress: Progress = lambda _done, _of: None) -> Verified:
    """Read all of a backup and check it; see above.

    Raises:
        CannotStart: `backup-refused`, the file is no backup, damaged, or another root's; `file-refused`.
    """
    with opened_backup(path, root) as opened, closing(_Revisions()) as revisions:
        return _Walk(opened, revisions, progress).run()


class _Revisions:
    """Which revision each row is at, and which its newest event gives: in a temporary database of SQLite, on disk."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript("""
            PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;
            CREATE TABLE kept (id TEXT PRIMARY KEY, kind TEXT, revision INTEGER) WITHOUT ROWID;
            CREATE TABLE told (id TEXT PRIMARY KEY, revision INTEGER) WITHOUT ROWID;
            CREATE TABLE seen (uid TEXT PRIMARY KEY) WITHOUT ROWID;
            BEGIN;
        """)

    def row(self, kind: str, id_: str, revision: int) -> None:
        self._database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (id_, kind, revision)).close()

    def event(self, event: AuditEvent) -> bool:
        """Note what an event says; answers whether it is the first of its uid."""
        told = [(event.object_id, event.object_revision), (event.version_id, event.version_revision)]
        for id_, revision in told:
            if id_ is not None and revision is not None:
                self._database.execute(
                    "INSERT INTO told VALUES (?, ?) "
                    "ON CONFLICT DO UPDATE SET revision = max(revision, excluded.revision)",
                    (id_, revision),
                ).close()
        return self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (event.uid,)).rowcount == 1

    def mismatches(self) -> list[tuple[str, str, int, int | None]]:
        """Kind and id of rows that are at another revision than the newest event gives; with both."""
        return self._database.execute(
            "SELECT kind, kept.id, kept.revision, told.revision FROM kept LEFT JOIN told ON told.id = kept.id "
            "WHERE told.revision IS NOT kept.revision LIMIT ?",
            (MOST_FINDINGS + 1,),
        ).fetchall()

    def close(self) -> None:
        self._database.close()


class _Chain:
    """The audit log as it comes: numbered events in their order, then those that had no number yet."""

    def __init__(self, sealer: Sealer, taken_at: int, find: Callable[[str], None]) -> None:
        self._sealer = sealer
        self._taken_at = taken_at
        self._find = find
        self.head = Head(0, EMPTY_HEAD)

    def follow(self, event: AuditEvent) -> None:
        name = f"audit event {event.number or event.uid}"
        try:
            check_event(self._sealer, event)
            if event.number is not None:
                check_place(self._sealer, event)
        except IntegrityViolation as violation:
            self._find(f"{name}: {violation.detail}")
        if event.number is None:
            if event.at + GRACE < self._taken_at:
                self._find(f"{name}: was never numbered")
            return
        leaf = leaf_hash(event)
        if event.number != self.head.number + 1:
            self._find(f"{name}: follows {self.head.number}; events between them are missing")
        if event.leaf_hash != leaf or event.head != next_hash(self.head.hash, leaf):
            self._find(f"{name}: its hashes do not follow from its content and the events before it")
        self.head = Head(event.number, event.head or b"")


class _Walk:
    """One reading of a backup."""

    def __init__(self, opened: Opened, revisions: _Revisions, progress: Progress) -> None:
        self._opened = opened
        self._revisions = revisions
        self._progress = progress
        self._findings: list[str] = []
        self._more = 0
        self._counts: Counter[str] = Counter()
        self._chain = _Chain(opened.sealer, opened.header.created_at, self._find)
        self._check: Callable[[dict[str, Any]], None] = self._count_only

    def run(self) -> Verified:
        header = self._opened.header
        total, done = sum(header.counts.values()), 0
        table = TableBegins("", ())
        for entry in self._opened.entries:
            if isinstance(entry, TableBegins):
                table = entry
                self._check = self._check_for(entry)
            elif isinstance(entry, RowValues):
                self._counts[table.table] += 1
                self._row(table, checked_columns(table.columns, entry.values))
                done += 1
                self._progress(done, total)
        self._finish(header)
        return Verified(header, tuple(self._told()))

    def _row(self, table: TableBegins, values: dict[str, Value]) -> None:
        try:
            self._check(values)
        except IntegrityViolation as violation:
            self._find(f"{table.table}: {violation.detail}")

    def _check_for(self, begins: TableBegins) -> Callable[[dict[str, Any]], None]:
        table = metadata.tables.get(begins.table)
        if table is None or not set(begins.columns) <= set(table.c.keys()):
            raise damaged(f"it holds a table or columns that this release does not know: {begins.table}")
        if begins.table == "audit_events":
            return self._event
        if begins.table not in SEALED_TABLES:
            return self._count_only
        sealed = SEALED_TABLES[begins.table]
        shape = Shape(begins.table, list(table.c))
        names = table.c.keys()
        revised = isinstance(sealed, RevisedTable)

        def check(values: dict[str, Any]) -> None:
            # Columns that came later than the backup are NULL in rows of that time, and as such not under their seals.
            row = shape.read(tuple(values.get(name) for name in names))
            columns = {name: row[name] for name in sealed.sealed_columns}
            self._opened.sealer.check_row(begins.table, row["id"], columns, row["seal"])
            if revised:
                self._revisions.row(begins.table, row["id"], row["revision"])

        return check

    def _event(self, values: dict[str, Any]) -> None:
        event = event_of(tuple(values.get(column.name) for column in COLUMNS))
        if not self._revisions.event(event):
            self._find(f"audit event {event.number or event.uid}: stands in the log twice")
        self._chain.follow(event)

    def _count_only(self, values: Mapping[str, Value]) -> None:
        """Nothing that grants access depends on such a row."""

    def _finish(self, header: Header) -> None:
        for kind, id_, kept, told in self._revisions.mismatches():
            self._find(
                f"{kind}: row {id_} is at revision {kept}, but the audit log says {told}: an old row was put back"
            )
        if self._chain.head != header.head:
            self._find(f"the audit log ends at {self._chain.head}, not at {header.head}")
        if +self._counts != +Counter(header.counts):
            raise damaged("it holds other numbers of rows than it says")

    def _find(self, finding: str) -> None:
        if len(self._findings) < MOST_FINDINGS:
            self._findings.append(finding)
        else:
            self._more += 1

    def _told(self) -> list[str]:
        return [*self._findings, f"and {self._more} more"] if self._more else self._findings
