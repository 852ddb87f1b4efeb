"""Requests and votes are in backups: what was approved before one can be used after it was restored."""

from pathlib import Path

from tests.backup.conftest import root_of
from tests.custody.approval import Board

from keyferry.backup.creating import create_backup
from keyferry.backup.restoring import restore_backup
from keyferry.custody.approving import RequestState
from keyferry.testing import Kek, Kit


def test_an_approval_is_used_in_a_restored_home(tmp_path: Path, kek: Kek) -> None:
    kit = Kit.make(tmp_path / "home")
    board = Board.of(kit)
    key = board.key("tenant")
    board.cover_group("export")
    request = board.asked(lambda: kit.export(board.kim, key, kek))
    board.approve(request)
    made = create_backup(kit.installation, tmp_path / "store.backup")
    root = root_of(kit)
    kit.close()

    assert restore_backup(made.file, root, tmp_path / "second").verified.findings == ()
    restored = Kit.open(tmp_path / "second")
    try:
        again = Board(restored, board.kim, board.max, board.lee, board.sam, board.pat)
        assert [vote.user for vote in again.show(request).votes] == ["lee", "sam"]
        restored.export(again.kim, key, kek)
        assert again.show(request).state is RequestState.USED
    finally:
        restored.close()
