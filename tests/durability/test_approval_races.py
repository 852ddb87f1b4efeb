"""Two at once with one approval: it is used once, asked for once, and no decision is lost."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from tests.custody.approval import Board
from tests.durability.interleaving import Interleaving, Outcome

from keyferry.custody.approving import RequestState
from keyferry.errors import ApprovalRequired, KeyferryError
from keyferry.testing import Kek, Kit

KEK = Kek.make()
MOST_STATEMENTS = 200


@dataclass(frozen=True)
class Stage:
    first: Callable[[], object]
    second: Callable[[], object]
    check: Callable[[Outcome], None]


def _asking(board: Board) -> tuple[Callable[[], object], str]:
    """An export of a fresh key, which needs two approvals."""
    key = board.key(f"k{len(board.custody.keys.list(board.kim, size=500).items)}")
    return lambda: board.kit.export(board.kim, key, KEK), key


def _exports_of(board: Board, key: str) -> int:
    return len(board.custody.exports.list(board.kim, size=10, key=key).items)


def two_uses(board: Board) -> Stage:
    export, key = _asking(board)
    request = board.approve(board.asked(export)).request.id

    def check(outcome: Outcome) -> None:
        refused = [each for each in (outcome.first, outcome.second) if isinstance(each, KeyferryError)]
        assert len(refused) == 1, "one of two has the approval"
        assert isinstance(refused[0], ApprovalRequired)
        assert refused[0].approval_request != request
        assert _exports_of(board, key) == 1
        assert board.show(request).state is RequestState.USED

    return Stage(export, export, check)


def two_that_ask(board: Board) -> Stage:
    export, _ = _asking(board)

    def check(outcome: Outcome) -> None:
        assert isinstance(outcome.first, ApprovalRequired)
        assert isinstance(outcome.second, ApprovalRequired)
        assert outcome.first.approval_request == outcome.second.approval_request is not None

    return Stage(export, export, check)


def two_votes(board: Board) -> Stage:
    export, _ = _asking(board)
    request, approve = board.asked(export), board.custody.approvals.approve

    def check(outcome: Outcome) -> None:
        assert not isinstance(outcome.first, KeyferryError), outcome.first
        assert not isinstance(outcome.second, KeyferryError), outcome.second
        assert board.show(request).state is RequestState.APPROVED

    return Stage(lambda: approve(board.lee, request), lambda: approve(board.sam, request), check)


def one_person_twice(board: Board) -> Stage:
    export, _ = _asking(board)
    request, approve = board.asked(export), board.custody.approvals.approve

    def check(outcome: Outcome) -> None:
        refused = [each.code for each in (outcome.first, outcome.second) if isinstance(each, KeyferryError)]
        assert refused == ["approval-given"]
        assert board.show(request).state is RequestState.PENDING

    return Stage(lambda: approve(board.lee, request), lambda: approve(board.lee, request), check)


def rejection_against_use(board: Board) -> Stage:
    export, key = _asking(board)
    request = board.approve(board.asked(export)).request.id

    def check(outcome: Outcome) -> None:
        used = not isinstance(outcome.first, KeyferryError)
        rejected = not isinstance(outcome.second, KeyferryError)
        assert used != rejected, "it is used or rejected, never both"
        assert _exports_of(board, key) == int(used)
        assert board.show(request).state is (RequestState.USED if used else RequestState.REJECTED)

    return Stage(export, lambda: board.custody.approvals.reject(board.pat, request), check)


RACES = (two_uses, two_that_ask, two_votes, one_person_twice, rejection_against_use)


@pytest.mark.parametrize("race", RACES, ids=[race.__name__ for race in RACES])
def test_at_every_statement(racing: Kit, interleaving: Interleaving, race: Callable[[Board], Stage]) -> None:
    board = Board.of(racing)
    board.cover_group("export")
    for stop_after in range(1, MOST_STATEMENTS):
        stage = race(board)
        outcome = interleaving.run(stage.first, stage.second, stop_after=stop_after)
        try:
            stage.check(outcome)
        except AssertionError as wrong:
            raise AssertionError(f"after statement {stop_after}: {outcome}: {wrong}") from wrong
        if not outcome.stopped:
            break
    assert not outcome.stopped
    racing.background.tick()
    assert racing.custody.audit.verify(racing.administrator).findings == ()
