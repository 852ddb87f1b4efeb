"""A policy that nobody is left to change is taken off on the server's own machine, and the audit log says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.terminal import Shell
from tests.conftest import Founded
from tests.custody.approval import GROUP, Board
from tests.custody.reading import details_of, events_of

from keyferry.testing import Kek


@pytest.fixture
def board(founded: Founded, tmp_path: Path) -> Iterator[Board]:
    kit = founded.copy(tmp_path / "home")
    yield Board.of(kit)
    kit.close()


def test_a_groups_and_a_keys_policy_are_lifted(board: Board, kek: Kek, tmp_path: Path) -> None:
    shell, home = Shell(tmp_path), board.kit.installation.settings.home
    key = board.key("tenant")
    board.cover_key(key, approvers=("lee",))
    board.cover_group(approvers=("sam",), needed=1)
    board.custody.users.disable(board.admin, "lee")

    assert "no group 'nowhere'" in shell("approval", "lift", "--home", home, "--group", "nowhere", code=1).err
    shell("approval", "lift", "--home", home, code=2)
    said = shell("approval", "lift", "--home", home, "--group", GROUP).out
    assert said.startswith(f"Nothing of group {GROUP} needs approval any more")
    shell("approval", "lift", "--home", home, "--key", key)
    assert "nothing to take off" in shell("approval", "lift", "--home", home, "--key", key, code=1).err

    board.kit.export(board.kim, key, kek)
    of_group, of_key = events_of(board.kit, "approval.lift")
    assert (of_group.actor_name, of_group.object_name) == ("keyferry approval lift", GROUP)
    assert of_key.object_id == key
    assert details_of(of_key)["before"]["approvers"] == ["lee"]
    board.kit.background.tick()
    assert board.custody.audit.verify(board.admin).findings == ()
