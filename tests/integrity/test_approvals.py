"""Approvals that somebody behind Keyferry's back makes, takes away, or puts back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.custody.approval import GROUP, Board
from tests.integrity.behind import Behind

from keyferry.custody.approving import RequestState
from keyferry.errors import ApprovalRequired, IntegrityViolation
from keyferry.ids import new_id
from keyferry.testing import Kek, Kit


@dataclass(frozen=True)
class Scene:
    """An export that waits for two approvals, and somebody behind Keyferry's back."""

    board: Board
    behind: Behind
    key: str
    request: str
    export: Callable[[], object]

    def votes(self) -> list[dict[str, Any]]:
        return self.behind.rows("approval_votes")


@pytest.fixture
def scene(kit: Kit, kek: Kek) -> Iterator[Scene]:
    board = Board.of(kit)
    key = board.key("tenant")
    board.cover_group("export")

    def export() -> object:
        return board.kit.export(board.kim, key, kek)

    behind = Behind(kit)
    yield Scene(board, behind, key, board.asked(export), export)
    behind.engine.dispose()


@pytest.mark.parametrize(
    "change",
    [
        {"state": "approved"},
        {"expires_at": 2**61},
        {"facts": "{}"},
        {"policies": "[]"},
        {"digest": b"\0" * 32},
        {"votes": 2},
        {"requester_id": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_edited_request_approves_nothing(scene: Scene, change: dict[str, Any]) -> None:
    if "requester_id" in change:
        change = {"requester_id": scene.board.max.user_id}
    scene.behind.edit("approval_requests", scene.request, **change)
    with pytest.raises(IntegrityViolation):
        scene.board.custody.approvals.approve(scene.board.lee, scene.request)
    with pytest.raises((IntegrityViolation, ApprovalRequired)):
        scene.export()
    assert scene.behind.rows("exports") == []


def test_a_used_request_that_is_put_back_is_refused(scene: Scene) -> None:
    scene.board.approve(scene.request)
    approved = scene.behind.row("approval_requests", scene.request)
    scene.export()
    scene.behind.edit("approval_requests", scene.request, **approved)
    with pytest.raises(IntegrityViolation):
        scene.export()
    assert len(scene.behind.rows("exports")) == 1


def test_a_rejected_request_that_is_removed_is_asked_for_anew(scene: Scene) -> None:
    scene.board.custody.approvals.reject(scene.board.lee, scene.request)
    for vote in scene.votes():
        scene.behind.remove("approval_votes", vote["id"])
    scene.behind.remove("approval_requests", scene.request)
    assert scene.board.asked(scene.export) != scene.request


def test_a_vote_that_is_edited_or_given_to_another_counts_for_nothing(scene: Scene) -> None:
    scene.board.approve(scene.request, scene.board.lee)
    (vote,) = scene.votes()
    for change in ({"user_id": scene.board.sam.user_id}, {"decision": "reject"}, {"note": "x"}):
        scene.behind.edit("approval_votes", vote["id"], **change)
        with pytest.raises(IntegrityViolation):
            scene.board.custody.approvals.show(scene.board.kim, scene.request)
        scene.behind.edit("approval_votes", vote["id"], **vote)
    assert scene.board.show(scene.request).state is RequestState.PENDING


def test_a_vote_that_is_removed_is_missed_and_put_back_it_is_the_same(scene: Scene) -> None:
    scene.board.approve(scene.request)
    lee, sam = scene.votes()
    scene.behind.remove("approval_votes", lee["id"])
    with pytest.raises(IntegrityViolation):
        scene.export()
    with pytest.raises(IntegrityViolation):
        scene.board.custody.approvals.reject(scene.board.pat, scene.request)
    scene.behind.add("approval_votes", lee)
    scene.export()
    assert [vote["id"] for vote in scene.votes()] == [lee["id"], sam["id"]]


def test_a_vote_of_another_request_is_no_vote_here(scene: Scene) -> None:
    other = scene.board.asked(lambda: scene.board.kit.export(scene.board.max, scene.key, Kek.make(name="other")))
    scene.board.approve(other, scene.board.sam)
    (vote,) = scene.votes()
    scene.behind.add("approval_votes", {**vote, "id": new_id(), "request_id": scene.request})
    with pytest.raises(IntegrityViolation):
        scene.board.custody.approvals.approve(scene.board.lee, scene.request)


@pytest.mark.parametrize("table", ["groups", "keys"])
def test_a_policy_that_is_taken_off_behind_keyferrys_back_opens_nothing(scene: Scene, table: str) -> None:
    board = scene.board
    board.cover_key(scene.key, "export")
    row = board.custody.groups.show(board.admin, GROUP).id if table == "groups" else scene.key
    scene.behind.edit(table, row, approvals=None)
    with pytest.raises(IntegrityViolation):
        scene.export()
    assert scene.behind.rows("exports") == []


def test_an_old_group_without_its_policy_that_is_put_back_opens_nothing(scene: Scene) -> None:
    board = scene.board
    board.kit.group("young")
    group = board.custody.groups.show(board.admin, "young").id
    before = scene.behind.row("groups", group)
    board.cover_group("membership", group="young")
    scene.behind.edit("groups", group, **before)
    with pytest.raises(IntegrityViolation):
        board.custody.groups.show(board.admin, "young")
