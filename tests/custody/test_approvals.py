"""What others have to approve: asked for, decided, used once; and all the ways in which an approval is no good."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.conftest import Founded
from tests.custody.approval import GROUP, HOUR, Board
from tests.custody.reading import details_of, events_of, later, rows
from tests.custody.refusing import refused

from keyferry.custody.accounts import UserEdit
from keyferry.custody.approval_policy import NO_APPROVALS, ApprovalWish
from keyferry.custody.approvals import Which
from keyferry.custody.approving import RequestState
from keyferry.custody.caller import Caller
from keyferry.custody.export_batches import Passed
from keyferry.custody.exports import ExportedFile
from keyferry.custody.groups import GroupEdit
from keyferry.custody.keys import KeyEdit
from keyferry.custody.policy import Role
from keyferry.errors import ApprovalRequired, InternalError
from keyferry.testing import Kek


@pytest.fixture
def board(founded: Founded, tmp_path: Path) -> Iterator[Board]:
    kit = founded.copy(tmp_path / "home")
    yield Board.of(kit)
    kit.close()


@pytest.fixture
def key(board: Board) -> str:
    made = board.key("tenant")
    board.cover_group("export", "policy-change")
    return made


@pytest.fixture
def export(board: Board, key: str, kek: Kek) -> Callable[[], object]:
    return lambda: board.kit.export(board.kim, key, kek)


class TestOneExport:
    def test_it_is_refused_then_approved_by_two_then_done_once(
        self, board: Board, key: str, kek: Kek, export: Callable[[], object]
    ) -> None:
        request = board.asked(export)
        assert rows(board.kit, "exports") == []

        detail = board.show(request)
        assert (detail.state, detail.requester, detail.request.operation) == ("pending", "kim", "key.export")
        assert detail.request.object_id == key
        assert detail.facts["key_identifier"] == kek.identifier.lower()
        assert (detail.facts["destination"], detail.facts["version"]) == ("azure", 1)
        assert board.approve(request, board.lee).state is RequestState.PENDING
        assert board.asked(export) == request
        assert board.approve(request, board.sam).state is RequestState.APPROVED

        export()
        assert board.show(request).state is RequestState.USED
        assert board.asked(export) != request, "an approval is good for once"
        assert len(rows(board.kit, "exports")) == 1

    def test_all_of_it_is_in_the_audit_log(self, board: Board, key: str, export: Callable[[], object]) -> None:
        request = board.asked(export)
        board.approve(request)
        export()
        (filed,) = events_of(board.kit, "approval.request")
        assert (filed.object_id, filed.actor_name, details_of(filed)["about"]) == (request, "kim", key)
        refusal = events_of(board.kit, "key.export", "refused")[-1]
        assert (refusal.code, refusal.object_id) == ("approval-required", key)
        votes = events_of(board.kit, "approval.approve")
        assert [vote.actor_name for vote in votes] == ["lee", "sam"]
        done, *parts = events_of(board.kit, "key.export")
        assert details_of(done)["approval"] == request
        assert request in [part.object_id for part in parts]
        assert board.custody.audit.verify(board.admin).findings == ()

    @pytest.mark.parametrize("what", ["another version", "another KEK", "another identifier", "another requester"])
    def test_an_approval_is_good_for_exactly_what_was_asked_for(
        self, board: Board, key: str, kek: Kek, export: Callable[[], object], what: str
    ) -> None:
        board.approve(board.asked(export))
        if what == "another version":
            board.custody.states.rotate(board.kim, key)
            board.asked(export)
        elif what == "another KEK":
            board.asked(lambda: board.kit.export(board.kim, key, Kek.make(name="other")))
        elif what == "another identifier":
            other = Kek(kek.private, kek.identifier.replace("contoso-kv", "evil-kv"))
            board.asked(lambda: board.kit.export(board.kim, key, other))
        else:
            board.asked(lambda: board.kit.export(board.max, key, kek))
        assert rows(board.kit, "exports") == []

    def test_asking_again_files_nothing_more(self, board: Board, export: Callable[[], object]) -> None:
        assert len({board.asked(export) for _ in range(3)}) == 1
        assert len(events_of(board.kit, "approval.request")) == 1
        assert len(events_of(board.kit, "key.export", "refused")) == 3

    def test_a_preview_says_so_and_files_nothing(
        self, board: Board, key: str, kek: Kek, export: Callable[[], object]
    ) -> None:
        def warned() -> bool:
            found = board.custody.exports.preview(board.kim, key, kek.request).warnings
            return any("needs the approval of others: group payments" in warning for warning in found)

        assert warned()
        assert rows(board.kit, "approval_requests") == []
        board.approve(board.asked(export))
        assert not warned()
        export()
        assert warned()

    def test_a_key_that_is_named_twice_in_a_batch_leaves_once(self, board: Board, key: str, kek: Kek) -> None:
        board.approve(board.asked(lambda: board.kit.export(board.kim, key, kek)))
        ((first, second),) = board.custody.export_batches.export(board.kim, [key, key], kek.request, Passed())
        assert isinstance(first, ExportedFile)
        assert isinstance(second, ApprovalRequired)
        assert second.approval_request
        assert len(rows(board.kit, "exports")) == 1


class TestEnds:
    def test_a_rejection_ends_it(self, board: Board, export: Callable[[], object]) -> None:
        request = board.asked(export)
        board.approve(request, board.lee)
        detail = board.custody.approvals.reject(board.sam, request, note="not today")
        assert detail.state is RequestState.REJECTED
        assert [(vote.user, vote.note) for vote in detail.votes] == [("lee", None), ("sam", "not today")]
        with refused("approval-ended"):
            board.custody.approvals.approve(board.pat, request)
        assert board.asked(export) != request

    def test_an_approved_one_can_still_be_rejected(self, board: Board, export: Callable[[], object]) -> None:
        request = board.asked(export)
        board.approve(request)
        board.custody.approvals.reject(board.pat, request)
        assert board.asked(export) != request

    def test_who_asked_can_withdraw_it_and_nobody_else(self, board: Board, export: Callable[[], object]) -> None:
        request = board.asked(export)
        for person in (board.lee, board.admin):
            with refused("not-permitted"):
                board.custody.approvals.withdraw(person, request)
        with refused("not-found"):
            board.custody.approvals.withdraw(board.max, request)
        assert board.custody.approvals.withdraw(board.kim, request).state is RequestState.WITHDRAWN
        with refused("approval-ended"):
            board.custody.approvals.approve(board.lee, request)
        with refused("approval-ended"):
            board.custody.approvals.withdraw(board.kim, request)

    def test_it_expires_pending_and_approved(
        self, board: Board, key: str, kek: Kek, export: Callable[[], object]
    ) -> None:
        request = board.asked(export)
        board.approve(request, board.lee)
        with later(25 * HOUR):
            kim, sam = board.sign_in("kim"), board.sign_in("sam")
            assert board.custody.approvals.show(kim, request).state is RequestState.EXPIRED
            with refused("approval-ended"):
                board.custody.approvals.approve(sam, request)
        board.approve(request, board.sam)
        with later(25 * HOUR):
            kim = board.sign_in("kim")
            assert board.asked(lambda: board.kit.export(kim, key, kek)) != request
        assert rows(board.kit, "exports") == []
        (old,) = (row for row in rows(board.kit, "approval_requests") if row["id"] == request)
        assert old["state"] == "expired"

    def test_the_audit_log_says_when_its_time_was_over(
        self, board: Board, key: str, kek: Kek, export: Callable[[], object]
    ) -> None:
        request = board.asked(export)
        board.custody.jobs.run()
        assert board.show(request).state is RequestState.PENDING
        with later(25 * HOUR):
            board.custody.jobs.run()
            board.custody.jobs.run()
            kim = board.sign_in("kim")
            assert board.asked(lambda: board.kit.export(kim, key, kek)) != request
        (event,) = events_of(board.kit, "approval.expire")
        assert (event.object_id, details_of(event)["was"]) == (request, "pending")
        assert board.custody.audit.verify(board.admin).findings == ()


class TestVotes:
    def test_nobody_approves_their_own(self, board: Board, kek: Kek) -> None:
        key = board.key("own")
        board.cover_group("export", approvers=("kim", "lee", "sam"))
        request = board.asked(lambda: board.kit.export(board.kim, key, kek))
        for decide in (board.custody.approvals.approve, board.custody.approvals.reject):
            with refused("not-permitted"):
                decide(board.kim, request)
        assert board.show(request).votes == ()

    def test_one_person_is_one_vote(self, board: Board, export: Callable[[], object]) -> None:
        request = board.asked(export)
        board.approve(request, board.lee)
        with refused("approval-given"):
            board.custody.approvals.approve(board.lee, request)
        with refused("approval-given"):
            board.custody.approvals.reject(board.sign_in("lee"), request)
        assert board.show(request).state is RequestState.PENDING

    def test_an_approvers_program_approves_nothing(self, board: Board, export: Callable[[], object]) -> None:
        request = board.asked(export)
        token = board.custody.tokens.create(board.lee, "script", HOUR).token
        program = Caller(board.lee.user_id, token.id, board.lee.address)
        assert board.custody.approvals.show(program, request).state is RequestState.PENDING
        for decide in (board.custody.approvals.approve, board.custody.approvals.reject):
            with refused("not-permitted"):
                decide(program, request)

    def test_who_is_not_named_does_not_even_see_it(self, board: Board, export: Callable[[], object]) -> None:
        request = board.asked(export)
        for decide in (board.custody.approvals.approve, board.custody.approvals.reject, board.custody.approvals.show):
            with refused("not-found"):
                decide(board.max, request)
        with refused("not-permitted"):
            board.custody.approvals.approve(board.admin, request)

    def test_a_disabled_approver_counts_for_nothing(self, board: Board, export: Callable[[], object]) -> None:
        request = board.asked(export)
        board.approve(request, board.lee)
        board.custody.users.disable(board.admin, "lee")
        assert board.approve(request, board.sam).state is RequestState.PENDING
        board.approve(request, board.pat)
        board.custody.users.disable(board.admin, "pat")
        assert board.asked(export) == request, "what was approved is judged again when it is used"
        assert rows(board.kit, "exports") == []
        assert board.show(request).state is RequestState.PENDING

    def test_an_approver_who_is_named_no_more_counts_for_nothing(
        self, board: Board, export: Callable[[], object]
    ) -> None:
        request = board.asked(export)
        board.approve(request)
        change = ApprovalWish(("export", "policy-change"), 2, ("lee", "pat"))
        edit = GroupEdit(approvals=change)
        board.approve(board.asked(lambda: board.custody.groups.edit(board.admin, GROUP, edit)))
        board.custody.groups.edit(board.admin, GROUP, edit)
        assert board.asked(export) == request
        board.approve(request, board.pat)
        export()

    def test_a_policy_that_was_tightened_holds_for_what_was_approved(
        self, board: Board, export: Callable[[], object]
    ) -> None:
        request = board.asked(export)
        board.approve(request)
        edit = GroupEdit(approvals=ApprovalWish(("export", "policy-change"), 3, ("lee", "sam", "pat")))
        board.approve(board.asked(lambda: board.custody.groups.edit(board.admin, GROUP, edit)))
        board.custody.groups.edit(board.admin, GROUP, edit)
        assert board.asked(export) == request
        assert board.show(request).state is RequestState.PENDING
        assert board.approve(request, board.pat).state is RequestState.APPROVED
        export()

    def test_where_too_few_can_approve_nothing_is_filed(self, board: Board, export: Callable[[], object]) -> None:
        board.custody.users.disable(board.admin, "lee")
        board.custody.users.disable(board.admin, "sam")
        with refused("approval-required") as refusal:
            export()
        assert "can approve" in refusal.error.advice
        assert rows(board.kit, "approval_requests") == []
        assert events_of(board.kit, "approval.request", "refused")[-1].code == "approval-unreachable"


class TestKeyAndGroup:
    def test_both_policies_hold(self, board: Board, kek: Kek) -> None:
        key = board.key("tenant")
        board.cover_key(key, "export", needed=1, approvers=("max",))
        board.cover_group("export", needed=1, approvers=("lee",))
        request = board.asked(lambda: board.kit.export(board.kim, key, kek))
        assert board.approve(request, board.lee).state is RequestState.PENDING
        assert board.approve(request, board.max).state is RequestState.APPROVED
        board.kit.export(board.kim, key, kek)

    def test_a_key_without_a_policy_needs_nothing(self, board: Board, kek: Kek) -> None:
        board.cover_group("destroy")
        board.kit.export(board.kim, board.key("tenant"), kek)

    def test_a_policy_covers_what_it_names_and_nothing_else(self, board: Board, key: str) -> None:
        board.custody.states.rotate(board.kim, key)
        board.custody.keys.edit(board.kim, key, KeyEdit(description="ours"))
        board.custody.groups.edit(board.admin, GROUP, GroupEdit(description="ours"))
        board.custody.states.deactivate(board.kim, key)


class TestSetting:
    @pytest.mark.parametrize(
        ("wish", "field"),
        [
            (ApprovalWish(("export",), 3, ("lee", "sam")), "approvals.needed"),
            (ApprovalWish(("export",), 0, ("lee", "sam")), "approvals.needed"),
            (ApprovalWish(("export",), 1, ()), "approvals.needed"),
            (ApprovalWish((), 1, ("lee",)), "approvals.operations"),
            (ApprovalWish(("exports",), 1, ("lee",)), "approvals.operations"),
            (ApprovalWish(("export",), 1, ("nobody",)), "approvals.approvers"),
            (ApprovalWish(("export",), 1, ("lee", "LEE")), "approvals.approvers"),
            (ApprovalWish(("export",), 1, ("lee",), 1), "approvals.lifetime_seconds"),
            (ApprovalWish(("export",), 1, ("lee",), 31 * 24 * HOUR), "approvals.lifetime_seconds"),
        ],
    )
    def test_a_policy_that_could_never_be_met_is_refused(self, board: Board, wish: ApprovalWish, field: str) -> None:
        with refused("invalid-input", field):
            board.custody.groups.edit(board.admin, GROUP, GroupEdit(approvals=wish))
        key = board.key("tenant")
        with refused("invalid-input", field):
            board.custody.keys.edit(board.kim, key, KeyEdit(approvals=wish))

    def test_a_disabled_account_is_no_approver(self, board: Board) -> None:
        board.custody.users.disable(board.admin, "lee")
        with refused("invalid-input", "approvals.approvers"):
            board.cover_group("export", approvers=("lee", "sam"))

    @pytest.mark.parametrize("word", ["kek-registration", "server-policy"])
    def test_what_is_about_all_keys_is_for_groups(self, board: Board, word: str) -> None:
        key = board.key("tenant")
        with refused("invalid-input", "approvals.operations"):
            board.cover_key(key, word)

    def test_a_policy_is_shown_with_what_it_leaves_open(self, board: Board) -> None:
        board.cover_group("export", needed=2, approvers=("lee", "sam"))
        policy = board.custody.approvals.policy_of_group(board.kim, GROUP)
        assert policy is not None
        assert (policy.operations, policy.needed, policy.approvers) == (("export",), 2, ("lee", "sam"))
        assert len(policy.gaps) == 4
        assert board.custody.approvals.policy_of_key(board.kim, board.key("tenant")) is None

    def test_one_that_does_not_cover_itself_can_be_taken_off_alone(self, board: Board) -> None:
        board.cover_group("export")
        changed = board.custody.groups.edit(board.admin, GROUP, GroupEdit(approvals=NO_APPROVALS))
        assert changed.approvals is None


class TestLists:
    def test_each_sees_what_is_theirs(self, board: Board, export: Callable[[], object]) -> None:
        request = board.asked(export)
        listed = board.custody.approvals.list

        def seen(person: Caller, which: Which) -> list[str]:
            return [each.request.id for each in listed(person, which=which, size=5).items]

        assert seen(board.lee, Which.WAITING) == [request] == seen(board.lee, Which.ALL)
        assert seen(board.lee, Which.MINE) == [] == seen(board.kim, Which.WAITING)
        assert seen(board.kim, Which.MINE) == [request] == seen(board.kim, Which.ALL)
        assert seen(board.admin, Which.ALL) == [request]
        assert seen(board.max, Which.ALL) == []
        assert (board.custody.approvals.waiting(board.lee), board.custody.approvals.waiting(board.kim)) == (1, 0)
        board.approve(request, board.lee)
        assert seen(board.lee, Which.WAITING) == []
        assert board.custody.approvals.waiting(board.lee) == 0

    def test_pages_go_from_the_newest_back(self, board: Board, key: str) -> None:
        keks = [Kek.make(name=f"k{number}") for number in range(3)]
        requests = [board.asked(partial(board.kit.export, board.kim, key, kek)) for kek in keks]
        first = board.custody.approvals.list(board.kim, which=Which.MINE, size=2)
        second = board.custody.approvals.list(board.kim, which=Which.MINE, size=2, before=first.next or "")
        assert [each.request.id for each in (*first.items, *second.items)] == requests[::-1]
        assert second.next is None


def test_an_operation_that_says_nothing_of_what_it_does_is_undone(
    board: Board, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keyferry.custody.keys.no_approval", lambda _: None)
    with pytest.raises(InternalError):
        board.custody.keys.edit(board.kim, key, KeyEdit(description="mine"))
    assert board.custody.keys.show(board.kim, key).key.description is None


def test_who_has_become_an_auditor_decides_nothing(board: Board, export: Callable[[], object]) -> None:
    board.kit.group("elsewhere")
    request = board.asked(export)
    board.approve(request)
    board.custody.users.edit(board.admin, "lee", UserEdit(role=Role.AUDITOR))
    assert board.asked(export) == request
    assert board.custody.approvals.show(board.lee, request).may_decide is False
    with refused("invalid-input", "approvals.approvers"):
        board.cover_group("export", approvers=("lee", "sam"), group="elsewhere")
