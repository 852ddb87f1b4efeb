"""A backup is taken while the store is open, and restored on an empty home, on either kind of database."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Table
from tests.backup.conftest import root_of

from keyferry.backup.creating import create_backup
from keyferry.backup.entries import TableBegins
from keyferry.backup.restoring import restore_backup
from keyferry.backup.rows import TABLES, count_rows, rows_of
from keyferry.certificates import fingerprint
from keyferry.config.sources import load_settings
from keyferry.errors import CannotStart
from keyferry.store.migrating import newest, present
from keyferry.store.statements import Row
from keyferry.store.transaction import Transaction
from keyferry.testing import Kek, Kit

#: columns of backed up tables that have come since schema 0013
SINCE = {
    "certificates": {"authority_id"},
    "certificate_authorities": {"retired_at"},
    "server_policy": {"recovered_at", "recovered_user_id"},
    "tokens": {"method", "second_factor", "operations", "key_ids", "group_ids", "networks", "provider_id"},
    "users": {"must_change", "factors", "factors_reset_by", "factors_reset_at"},
}
#: backed up tables that have come since
TABLES_SINCE = {"trusted_issuers", "workloads", "factors", "tickets", "earlier_passwords"}


def _begun_at_0013(table: str, columns: tuple[str, ...]) -> TableBegins:
    return TableBegins(table, tuple(column for column in columns if column not in SINCE.get(table, ())))


def _counts_at_0013(tx: Transaction) -> dict[str, int]:
    return {table: count for table, count in count_rows(tx).items() if table not in TABLES_SINCE}


def _rows_at_0013(tx: Transaction, table: Table) -> Iterator[Row]:
    kept = [place for place, column in enumerate(table.c.keys()) if column not in SINCE.get(table.name, ())]
    return (tuple(row[place] for place in kept) for row in rows_of(tx, table))


def test_a_key_is_exported_from_a_restored_home(
    kept: Kit, tmp_path: Path, elsewhere: Path | None, kek: Kek, reopen: Callable[[Path], Kit]
) -> None:
    made = create_backup(kept.installation, tmp_path / "store.backup")
    restored = restore_backup(made.file, root_of(kept), tmp_path / "second", database_file=elsewhere)
    assert restored.verified.findings == ()
    kit = reopen(tmp_path / "second")
    assert kit.installation.sealer.store_id == kept.installation.sealer.store_id
    kim = kit.sign_in("kim")
    exported = kit.export(kim, "tenant", kek)
    assert exported.export.file_sha256
    kit.key(kim, "aes-256", "made-afterwards")
    kit.background.tick()
    assert kit.custody.audit.verify(kit.administrator, expected=made.header.head).findings == ()


def test_a_backup_of_an_older_schema_is_brought_to_the_newest(
    kept: Kit, tmp_path: Path, elsewhere: Path | None, reopen: Callable[[Path], Kit], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the columns and tables that came later, a backup that says so is one of 0013."""
    monkeypatch.setattr("keyferry.backup.creating.newest", lambda: "0013")
    monkeypatch.setattr("keyferry.backup.creating.TableBegins", _begun_at_0013)
    monkeypatch.setattr("keyferry.backup.creating.rows_of", _rows_at_0013)
    monkeypatch.setattr("keyferry.backup.creating.count_rows", _counts_at_0013)
    tables = tuple(table for table in TABLES if table.name not in TABLES_SINCE)
    monkeypatch.setattr("keyferry.backup.creating.TABLES", tables)
    made = create_backup(kept.installation, tmp_path / "store.backup")
    assert made.header.schema == "0013"
    restored = restore_backup(made.file, root_of(kept), tmp_path / "second", database_file=elsewhere)
    kit = reopen(restored.home)
    assert present(kit.installation.store.engine) == newest()
    assert kit.custody.keys.show(kit.sign_in("kim"), "tenant").key.algorithm == "rsa-2048"


def test_a_backup_of_a_newer_release_is_refused(kept: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyferry.backup.creating.newest", lambda: "9999")
    made = create_backup(kept.installation, tmp_path / "store.backup")
    with pytest.raises(CannotStart) as caught:
        restore_backup(made.file, root_of(kept), tmp_path / "second")
    assert caught.value.code == "schema-version"
    assert not (tmp_path / "second").exists()


def test_the_old_settings_hold_but_for_those_of_the_place(
    make_kit: Callable[..., Kit], tmp_path: Path, elsewhere: Path | None
) -> None:
    kit = make_kit(kek_policy="registered", tls_names=["keys.example.org"])
    made = create_backup(kit.installation, tmp_path / "store.backup")
    restored = restore_backup(
        made.file, root_of(kit), tmp_path / "second", root_uri="file:elsewhere.key", database_file=elsewhere
    )
    found = load_settings(restored.home, environ={})
    assert (found.kek_policy, found.tls_names) == ("registered", ("keys.example.org",))
    assert (found.root, found.database_file) == ("file:elsewhere.key", elsewhere)
    assert (restored.home / "elsewhere.key").stat().st_mode & 0o777 == 0o600
    assert fingerprint(restored.ca_file) == fingerprint(kit.installation.tls.authority)


def test_a_restored_store_says_so_in_its_audit_log(
    kept: Kit, tmp_path: Path, elsewhere: Path | None, reopen: Callable[[Path], Kit]
) -> None:
    made = create_backup(kept.installation, tmp_path / "store.backup")
    kept.background.tick()
    kit = reopen(restore_backup(made.file, root_of(kept), tmp_path / "second", database_file=elsewhere).home)
    kit.background.tick()
    events = kit.custody.audit.list(kit.administrator, size=100).items
    (event,) = (event for event in events if event.operation == "backup.restore")
    assert str(made.header.head) in event.details
    assert "backup.create" not in {event.operation for event in events}  # it came after the snapshot


def test_a_database_that_is_in_use_is_left_alone(kept: Kit, tmp_path: Path, database_file: Path | None) -> None:
    made = create_backup(kept.installation, tmp_path / "store.backup")
    home = kept.installation.settings.home if database_file is None else tmp_path / "second"
    with pytest.raises(CannotStart) as caught:
        restore_backup(made.file, root_of(kept), home, database_file=database_file)
    assert caught.value.code == "already-initialised"
    assert kept.custody.keys.show(kept.sign_in("kim"), "tenant").key.algorithm == "rsa-2048"
