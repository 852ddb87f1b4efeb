"""A backup is taken while the store is open, and restored on an empty home, on either kind of database."""

from collections.abc import Callable
from pathlib import Path

from tests.backup.conftest import root_of

from keyferry.backup.creating import create_backup
from keyferry.backup.restoring import restore_backup
from keyferry.testing import Kek, Kit


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
