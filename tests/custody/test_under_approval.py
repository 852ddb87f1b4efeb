"""Every operation that can be under approval: refused without, done once with, and not with an approval of another.

Then the ways round that somebody could try, each of which a policy that covers everything closes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.certificates import own
from tests.custody.approval import EVERYTHING, GROUP, Board
from tests.custody.reading import events_of, rows
from tests.custody.refusing import refused
from tests.custody.vouching import arrival, vouched

from keyferry.clock import DAY
from keyferry.custody.accounts import NewUser, UserEdit
from keyferry.custody.approval_policy import NO_APPROVALS, ApprovalWish
from keyferry.custody.approving import RequestState
from keyferry.custody.certificates import BundleForm, NewCertificate
from keyferry.custody.export_batches import OwnersKeys, Passed
from keyferry.custody.groups import GroupEdit
from keyferry.custody.identity_binding import NewIdentity
from keyferry.custody.keys import KeyEdit
from keyferry.custody.lifecycle import RevocationReason, State
from keyferry.custody.policy import UNDER_APPROVAL, Covered, Operation, Role
from keyferry.custody.provider_writing import ProviderEdit
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.custody.trusted_issuers import IssuerEdit, NewIssuer
from keyferry.custody.workloads import NewWorkload
from keyferry.errors import ApprovalRequired
from keyferry.ids import new_id
from keyferry.material.secret import Secret
from keyferry.store.tables import metadata
from keyferry.testing import ADDRESS, Kek, Kit
from keyferry.testing import PASSWORD as CURRENT

PASSWORD = Secret(b"lantern-over-the-harbour-9")
KEK, OTHER_KEK = Kek.make(), Kek.make()

Ask = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """What is asked for, and something else that is nearly the same."""

    ask: Ask
    another: Ask


def _name(what: str) -> str:
    return f"{what}{new_id()[-10:]}"


def export(board: Board) -> Case:
    key, kek = board.key(_name("k")), Kek(KEK.private, f"{KEK.identifier[:-10]}{new_id()[-10:]}")
    other = Kek(OTHER_KEK.private, kek.identifier)
    return Case(lambda: board.kit.export(board.kim, key, kek), lambda: board.kit.export(board.kim, key, other))


def batch(board: Board) -> Case:
    first, second = board.key(_name("k")), board.key(_name("k"))

    def exporting(key: str) -> Ask:
        def ask() -> object:
            ((outcome,),) = board.custody.export_batches.export(board.kim, [key], KEK.request, Passed())
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        return ask

    return Case(exporting(first), exporting(second))


def destroy(board: Board) -> Case:
    key = board.key(_name("k"), activated=False)
    board.custody.states.rotate(board.kim, key, activated=False)
    states = board.custody.states
    return Case(lambda: states.destroy(board.kim, key, version=1), lambda: states.destroy(board.kim, key))


def compromise(board: Board) -> Case:
    key, revoke = board.key(_name("k")), board.custody.states.revoke
    return Case(
        lambda: revoke(board.kim, key, RevocationReason.KEY_COMPROMISE),
        lambda: revoke(board.kim, key, RevocationReason.KEY_COMPROMISE, message="no, it was not"),
    )


def reassign(board: Board) -> Case:
    key, keys = board.key(_name("k")), board.custody.keys
    return Case(
        lambda: keys.reassign(board.kim, key, group="elsewhere"), lambda: keys.reassign(board.kim, key, group="nowhere")
    )


def key_policy(board: Board) -> Case:
    key, edit = board.key(_name("k")), board.custody.keys.edit
    wish = ApprovalWish(("destroy",), 1, ("lee", "sam"))
    return Case(
        lambda: edit(board.kim, key, KeyEdit(approvals=wish)),
        lambda: edit(board.kim, key, KeyEdit(approvals=ApprovalWish(("destroy",), 1, ("lee", "max")))),
    )


def group_policy(board: Board) -> Case:
    edit = board.custody.groups.edit
    return Case(
        lambda: edit(board.admin, GROUP, GroupEdit(approvals=ApprovalWish(EVERYTHING, 1, ("lee", "sam", "pat")))),
        lambda: edit(board.admin, GROUP, GroupEdit(approvals=NO_APPROVALS)),
    )


def kek_policy(board: Board) -> Case:
    edit = board.custody.groups.edit
    return Case(
        lambda: edit(board.admin, GROUP, GroupEdit(kek_policy="any")),
        lambda: edit(board.admin, GROUP, GroupEdit(kek_policy="registered")),
    )


def group_deletion(board: Board) -> Case:
    for name in (first := _name("g"), second := _name("g")):
        board.kit.group(name)
        board.cover_group("policy-change", group=name)
    delete = board.custody.groups.delete
    return Case(lambda: delete(board.admin, first), lambda: delete(board.admin, second))


def new_user(board: Board) -> Case:
    name, create = _name("u"), board.custody.users.create
    new = NewUser(name=name, role=Role.KEY_ACCESS_USER, groups=(GROUP,))
    more = NewUser(name=name, role=Role.KEY_ACCESS_USER, groups=(GROUP, "elsewhere"))
    return Case(lambda: create(board.admin, new), lambda: create(board.admin, more))


def new_user_of_a_provider(board: Board) -> Case:
    name, create = _name("u"), board.custody.users.create
    first, second = (NewIdentity(provider=board.providers[0], subject=f"{name}-{number}") for number in (1, 2))
    new = NewUser(name=name, role=Role.KEY_ACCESS_USER, groups=(GROUP,), identity=first)
    return Case(lambda: create(board.admin, new), lambda: create(board.admin, replace(new, identity=second)))


def joining(board: Board) -> Case:
    name, edit = board.stranger(), board.custody.users.edit
    return Case(
        lambda: edit(board.admin, name, UserEdit(groups=(GROUP,))),
        lambda: edit(board.admin, name, UserEdit(groups=(GROUP, "elsewhere"))),
    )


def role(board: Board) -> Case:
    name, edit = board.member(), board.custody.users.edit
    return Case(
        lambda: edit(board.admin, name, UserEdit(role=Role.AUDITOR)),
        lambda: edit(board.admin, name, UserEdit(role=Role.ADMINISTRATOR)),
    )


def enabling(board: Board) -> Case:
    first, second, users = board.member(), board.member(), board.custody.users
    for name in (first, second):
        users.disable(board.admin, name)
    return Case(lambda: users.enable(board.admin, first), lambda: users.enable(board.admin, second))


def password(board: Board) -> Case:
    first, second, setting = board.member(), board.member(), board.custody.users.set_password
    return Case(lambda: setting(board.admin, first, PASSWORD), lambda: setting(board.admin, second, PASSWORD))


def password_of_an_approver(board: Board) -> Case:
    setting = board.custody.users.set_password
    return Case(lambda: setting(board.admin, "pat", PASSWORD), lambda: setting(board.admin, "sam", PASSWORD))


def invitation(board: Board) -> Case:
    first, second, invite = board.member(), board.member(), board.custody.invitations.create
    return Case(lambda: invite(board.admin, first), lambda: invite(board.admin, second))


def certificate(board: Board) -> Case:
    name, issue = board.member(), board.custody.certificates.issue
    new = NewCertificate(name="laptop", form=BundleForm.PEM)
    return Case(
        lambda: issue(board.admin, new, user=name),
        lambda: issue(board.admin, replace(new, lifetime=new.lifetime - DAY), user=name),
    )


def certificate_of_an_approver(board: Board) -> Case:
    upload, mine, other = board.custody.certificates.upload, own(new_id()), own(new_id())
    return Case(
        lambda: upload(board.admin, "card", mine.pem, user="pat"),
        lambda: upload(board.admin, "card", other.pem, user="pat"),
    )


def second_factors(board: Board) -> Case:
    first, second = board.with_factors
    reset = board.custody.factors.reset
    return Case(lambda: reset(board.admin, first), lambda: reset(board.admin, second))


def identity(board: Board) -> Case:
    provider, name = vouched(board.kit, _name("p"), enabled=False).provider.name, board.member()
    bind = board.custody.identities.bind
    return Case(
        lambda: bind(board.admin, name, NewIdentity(provider=provider, subject="s-1")),
        lambda: bind(board.admin, name, NewIdentity(provider=provider, subject="s-2")),
    )


def provider(board: Board) -> Case:
    first, second = (vouched(board.kit, _name("p"), enabled=False).provider.id for _ in range(2))
    enable = board.custody.providers.enable
    return Case(lambda: enable(board.admin, first, untested=True), lambda: enable(board.admin, second, untested=True))


def provider_edit(board: Board) -> Case:
    name, edit = board.providers[0], board.custody.providers.edit
    return Case(
        lambda: edit(board.admin, name, ProviderEdit(mapping={"user_name": "uid"}, untested=True)),
        lambda: edit(board.admin, name, ProviderEdit(mapping={"user_name": "upn"}, untested=True)),
    )


def workload(board: Board) -> Case:
    issuer, user = _issuer(board), board.member()
    create = board.custody.workloads.create
    new = NewWorkload(name="pipeline", issuer=issuer, subject="repo:a", user=user)
    return Case(lambda: create(board.admin, new), lambda: create(board.admin, replace(new, subject="repo:a:ref:main")))


def issuer(board: Board) -> Case:
    name, edit = _issuer(board), board.custody.trusted_issuers.edit
    return Case(
        lambda: edit(board.admin, name, IssuerEdit(audience="elsewhere")),
        lambda: edit(board.admin, name, IssuerEdit(audience="nowhere")),
    )


def _issuer(board: Board) -> str:
    name = _name("i")
    new = NewIssuer(name=name, issuer=f"https://login.microsoftonline.com/{name}", audience="keyferry")
    return board.custody.trusted_issuers.create(board.admin, new).id


def account_networks(board: Board) -> Case:
    name, edit = board.member(), board.custody.users.edit
    edit(board.admin, name, UserEdit(networks=("10.0.0.0/8",)))
    return Case(
        lambda: edit(board.admin, name, UserEdit(networks=("10.0.0.0/8", "192.0.2.7"))),
        lambda: edit(board.admin, name, UserEdit(enforce_networks=False)),
    )


def server_networks(board: Board) -> Case:
    edit = _with_a_strict_server(board)
    return Case(
        lambda: edit(board.admin, ServerPolicyEdit(networks=("127.0.0.0/8", "192.0.2.0/24"))),
        lambda: edit(board.admin, ServerPolicyEdit(enforce_networks=False)),
    )


def server_second_factors(board: Board) -> Case:
    edit = _with_a_strict_server(board)
    return Case(
        lambda: edit(board.admin, ServerPolicyEdit(second_factor_roles=())),
        lambda: edit(board.admin, ServerPolicyEdit(second_factor_roles=(), networks=("127.0.0.1",))),
    )


def _with_a_strict_server(board: Board) -> Callable[..., object]:
    edit = board.custody.server_policy.edit
    strict = ServerPolicyEdit(second_factor_roles=(Role.AUDITOR,), networks=("127.0.0.0/8",))
    edit(board.admin, strict)  # which needs nobody
    return edit


def kek_registration(board: Board) -> Case:
    identifier, register = f"{KEK.identifier[:-10]}{new_id()[-10:]}", board.custody.keks.register
    return Case(
        lambda: register(board.admin, "azure", identifier, KEK.public_pem),
        lambda: register(board.admin, "azure", identifier, OTHER_KEK.public_pem),
    )


CASES: dict[Callable[[Board], Case], Operation] = {
    export: Operation.KEY_EXPORT,
    batch: Operation.KEY_EXPORT,
    destroy: Operation.KEY_DESTROY,
    compromise: Operation.KEY_REVOKE,
    reassign: Operation.KEY_REASSIGN,
    key_policy: Operation.KEY_EDIT,
    group_policy: Operation.GROUP_EDIT,
    kek_policy: Operation.GROUP_EDIT,
    group_deletion: Operation.GROUP_DELETE,
    new_user: Operation.USER_CREATE,
    new_user_of_a_provider: Operation.USER_CREATE,
    joining: Operation.USER_EDIT,
    role: Operation.USER_EDIT,
    enabling: Operation.USER_ENABLE,
    password: Operation.USER_PASSWORD,
    invitation: Operation.USER_INVITE,
    password_of_an_approver: Operation.USER_PASSWORD,
    certificate: Operation.CERTIFICATE_ISSUE,
    certificate_of_an_approver: Operation.CERTIFICATE_UPLOAD,
    second_factors: Operation.FACTOR_RESET,
    identity: Operation.IDENTITY_BIND,
    provider: Operation.PROVIDER_ENABLE,
    provider_edit: Operation.PROVIDER_EDIT,
    workload: Operation.WORKLOAD_CREATE,
    issuer: Operation.ISSUER_EDIT,
    account_networks: Operation.USER_EDIT,
    server_networks: Operation.SERVER_POLICY_EDIT,
    server_second_factors: Operation.SERVER_POLICY_EDIT,
    kek_registration: Operation.KEK_REGISTER,
}
cases = pytest.mark.parametrize("case", CASES, ids=[case.__name__ for case in CASES])


def _board(home: Path) -> Iterator[Board]:
    kit = Kit.make(home)
    board = Board.of(kit)
    for group in ("elsewhere", "nowhere"):
        kit.group(group)
    kit.custody.users.edit(board.admin, "kim", UserEdit(groups=(GROUP, "elsewhere", "nowhere")))
    board.with_members(16)
    for name in ("ann", "bea"):
        kit.set_up_app(kit.user(name, groups=(GROUP,)))
        board.with_factors.append(name)
    board.providers.append(vouched(kit).provider.name)
    yield board
    kit.close()


@pytest.fixture(scope="module")
def covered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A group whose policy covers everything, with two of three approvals."""
    for board in _board(tmp_path_factory.mktemp("covered") / "home"):
        board.cover_group()
        yield board


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    yield from _board(tmp_path / "home")


def _state(board: Board) -> dict[str, list[tuple[object, ...]]]:
    apart = {"audit_events", "approval_requests", "approval_votes"}
    with board.kit.installation.store.engine.connect() as connection:
        return {
            name: sorted(map(tuple, connection.execute(table.select())), key=repr)
            for name, table in metadata.tables.items()
            if name not in apart
        }


def test_every_operation_that_can_be_under_approval_is_tried() -> None:
    assert set(CASES.values()) == set(UNDER_APPROVAL)


@cases
def test_it_is_refused_done_once_when_approved_and_not_with_anothers_approval(
    covered: Board, case: Callable[[Board], Case]
) -> None:
    tried = case(covered)
    before = _state(covered)
    request = covered.asked(tried.ask)
    assert _state(covered) == before, "nothing is done before it is approved"
    other = covered.asked(tried.another)
    assert other != request
    assert covered.show(request).request.operation == CASES[case].value
    covered.approve(request)
    assert covered.asked(tried.another) == other, "an approval is good for exactly what was asked for"
    assert _state(covered) == before
    if case is group_policy:
        return  # the others are tried under this policy, too
    tried.ask()
    assert covered.show(request).state is RequestState.USED
    assert _state(covered) != before


@pytest.fixture(scope="module")
def uncovered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    yield from _board(tmp_path_factory.mktemp("uncovered") / "home")


#: those that bring a policy with them, or leave one behind
SETTING = {group_deletion, group_policy}


@pytest.mark.parametrize("case", [case for case in CASES if case not in SETTING])
def test_without_a_policy_nothing_needs_approval(uncovered: Board, case: Callable[[Board], Case]) -> None:
    case(uncovered).ask()
    assert rows(uncovered.kit, "approval_requests") == []


def test_the_first_policy_needs_nobody(board: Board) -> None:
    group_policy(board).ask()
    assert rows(board.kit, "approval_requests") == []


class TestWaysRound:
    """Everything that is covered, tried by somebody who would rather not ask."""

    def test_a_batch_of_all_keys_of_the_group(self, covered: Board) -> None:
        keys = {covered.key(_name("k")), covered.key(_name("k"))}
        exported = rows(covered.kit, "exports")
        chunks = covered.custody.export_batches.export(covered.kim, OwnersKeys(group=GROUP), KEK.request, Passed())
        outcomes = [outcome for chunk in chunks for outcome in chunk]
        assert len(outcomes) >= len(keys)
        assert all(isinstance(outcome, ApprovalRequired) and outcome.approval_request for outcome in outcomes)
        assert rows(covered.kit, "exports") == exported

    def test_the_key_is_given_away_first(self, covered: Board) -> None:
        key = covered.key(_name("k"))
        covered.asked(lambda: covered.custody.keys.reassign(covered.kim, key, group="elsewhere"))

    def test_an_administrator_gives_away_the_key_of_somebody_they_disabled(self, board: Board) -> None:
        key = board.kit.key(board.max, "ec-p256", owner="max").key.id
        wish = ApprovalWish(("export", "owner-change"), 1, ("lee", "sam"))
        board.custody.keys.edit(board.max, key, KeyEdit(approvals=wish))
        board.custody.users.disable(board.admin, "max")
        board.asked(lambda: board.custody.keys.reassign(board.admin, key, group="elsewhere"))

    def test_the_key_is_rotated_after_the_approval(self, covered: Board) -> None:
        key = covered.key(_name("k"))
        request = covered.asked(lambda: covered.kit.export(covered.kim, key, KEK))
        covered.approve(request)
        covered.custody.states.rotate(covered.kim, key)
        assert covered.asked(lambda: covered.kit.export(covered.kim, key, KEK)) != request

    def test_another_version_is_made_the_current_one(self, covered: Board) -> None:
        key = covered.key(_name("k"))
        covered.custody.states.rotate(covered.kim, key)
        covered.approve(covered.asked(lambda: covered.kit.export(covered.kim, key, KEK)))
        covered.custody.states.promote(covered.kim, key, version=1)
        covered.asked(lambda: covered.kit.export(covered.kim, key, KEK))

    def test_a_keys_own_policy_comes_beside_the_groups_and_not_in_its_place(self, board: Board) -> None:
        key = board.key(_name("k"))
        board.cover_key(key, "export", needed=1, approvers=("max",))
        board.cover_group("export")
        request = board.asked(lambda: board.kit.export(board.kim, key, KEK))
        assert board.approve(request, board.max).state is RequestState.PENDING

    def test_an_administrator_joins_as_a_member_by_a_change_of_role(self, covered: Board) -> None:
        name = _name("a")
        covered.custody.users.create(covered.admin, NewUser(name=name, role=Role.ADMINISTRATOR))
        edit = UserEdit(role=Role.KEY_ACCESS_USER, groups=(GROUP,))
        covered.asked(lambda: covered.custody.users.edit(covered.admin, name, edit))

    def test_who_leaves_or_is_deleted_has_less_than_before_and_needs_nobody(self, covered: Board) -> None:
        name, other = covered.member(), covered.member()
        covered.custody.users.edit(covered.admin, name, UserEdit(groups=()))
        covered.asked(lambda: covered.custody.users.edit(covered.admin, name, UserEdit(groups=(GROUP,))))
        covered.custody.users.delete(covered.admin, other)

    def test_who_may_come_from_fewer_networks_has_less_than_before_and_needs_nobody(self, covered: Board) -> None:
        name, edit = covered.member(), covered.custody.users.edit
        for networks in (("10.0.0.0/9", "10.128.0.0/9", "2001:db8::/32"), ("10.0.0.0/8",), ("10.1.0.0/16",), ()):
            edit(covered.admin, name, UserEdit(networks=networks))
        covered.asked(lambda: edit(covered.admin, name, UserEdit(networks=("::/0",))))

    def test_an_approver_is_let_in_from_elsewhere(self, covered: Board) -> None:
        edit = covered.custody.users.edit
        edit(covered.admin, "pat", UserEdit(networks=("10.0.0.0/8",)))
        covered.asked(lambda: edit(covered.admin, "pat", UserEdit(networks=("10.0.0.0/8", "192.0.2.7"))))

    @pytest.mark.parametrize("covers", ["membership", "account-networks"])
    def test_somebody_who_joins_and_comes_from_elsewhere_at_once(self, board: Board, covers: str) -> None:
        name, edit = board.stranger(), board.custody.users.edit
        edit(board.admin, name, UserEdit(networks=()))
        board.cover_group(covers)

        def ask() -> object:
            return edit(board.admin, name, UserEdit(groups=(GROUP,), enforce_networks=False))

        found = board.show(request := board.asked(ask))
        assert found.request.covered_as == covers
        assert found.facts["groups_after"] == [GROUP]
        assert (found.facts["networks_before"], found.facts["networks_after"]) == ([], "any")
        board.approve(request)
        ask()
        assert board.show(request).state is RequestState.USED

    def test_the_servers_policy_is_about_every_group_and_stricter_needs_nobody(self, board: Board) -> None:
        _with_a_strict_server(board)
        edit = board.custody.server_policy.edit
        board.cover_group("server-policy", needed=1, group="elsewhere")
        board.cover_group("export", needed=1, group="nowhere")
        edit(board.admin, ServerPolicyEdit(second_factor_roles=(Role.AUDITOR, Role.KEY_ACCESS_USER)))
        edit(board.admin, ServerPolicyEdit(networks=("127.0.0.1",)))
        request = board.asked(lambda: edit(board.admin, ServerPolicyEdit(second_factor_roles=(Role.KEY_ACCESS_USER,))))
        found = board.show(request)
        assert [(each.kind, each.name) for each in found.asked] == [("group", "elsewhere")]
        assert (found.request.object_type, found.request.covered_as) == ("server-policy", Covered.SERVER_POLICY.value)
        assert found.facts["second_factor_roles_before"] == ["auditor", "key-access-user"]
        assert found.facts["networks_after"] == ["127.0.0.1"]

    def test_the_servers_policy_is_changed_after_the_approval(self, board: Board) -> None:
        edit = _with_a_strict_server(board)
        board.cover_group("server-policy")
        wider = ServerPolicyEdit(networks=("127.0.0.0/8", "198.51.100.0/24"))
        request = board.asked(lambda: edit(board.admin, wider))
        board.approve(request)
        edit(board.admin, ServerPolicyEdit(second_factor_roles=(Role.AUDITOR, Role.KEY_ACCESS_USER)))
        assert board.asked(lambda: edit(board.admin, wider)) != request

    def test_a_provider_brings_nobody_into_the_group(self, board: Board) -> None:
        mapping = {"user_name": "mail", "groups": "groups", "group_table": {"pay": GROUP}, "update": True}
        detail = vouched(board.kit, "just-in-time", just_in_time=True, mapping=mapping)
        outside = arrival(board.kit, detail, "s-1", mail="ada@example.org")
        user = board.custody.arrivals.arrive(outside, ADDRESS).user
        board.cover_group("membership")
        again = arrival(board.kit, detail, "s-1", mail="ada@example.org", groups="pay")
        assert board.custody.arrivals.arrive(again, ADDRESS).user.id == user.id
        assert board.custody.users.show(board.admin, user.id).groups == ()
        assert events_of(board.kit, "user.edit", "refused")[-1].code == "approval-required"
        new = arrival(board.kit, detail, "s-2", mail="bob@example.org", groups="pay")
        with refused("sign-in-refused"):
            board.custody.arrivals.arrive(new, ADDRESS)

    def test_an_approver_cannot_be_deleted_and_named_anew(self, covered: Board) -> None:
        with refused("still-approves"):
            covered.custody.users.delete(covered.admin, "lee")

    def test_disabling_an_approver_opens_nothing_and_enabling_is_covered(self, board: Board) -> None:
        board.cover_group()
        key = board.key(_name("k"))
        request = board.asked(lambda: board.kit.export(board.kim, key, KEK))
        board.approve(request, board.lee)
        board.custody.users.disable(board.admin, "pat")
        board.custody.users.disable(board.admin, "sam")
        with refused("approval-required"):
            board.kit.export(board.kim, key, KEK)
        with refused("approval-required"):
            board.custody.users.enable(board.admin, "sam")

    def test_an_administrator_who_sets_an_approvers_password_approves_nothing(self, covered: Board) -> None:
        for name in ("lee", "sam", "pat"):
            with refused("approval-required"):
                covered.custody.users.set_password(covered.admin, name, PASSWORD)

    def test_ones_own_password_needs_nobody(self, kit: Kit) -> None:
        kim = kit.user("kim", groups=(GROUP,))
        for name in ("lee", "sam"):
            kit.custody.users.create(kit.administrator, NewUser(name=name, role=Role.KEY_ACCESS_USER))
        kit.custody.groups.edit(
            kit.administrator, GROUP, GroupEdit(approvals=ApprovalWish(EVERYTHING, 1, ("lee", "sam")))
        )
        kit.custody.users.set_password(kim, "kim", PASSWORD, current=Secret(CURRENT.encode()))

    def test_a_revocation_for_another_reason_is_no_compromise(self, covered: Board) -> None:
        key = covered.key(_name("k"))
        detail = covered.custody.states.revoke(covered.kim, key, RevocationReason.SUPERSEDED)
        assert detail.state is State.DEACTIVATED
        covered.asked(lambda: covered.custody.states.revoke(covered.kim, key, RevocationReason.CA_COMPROMISE))

    def test_a_destruction_of_all_versions_is_not_one_of_a_part(self, covered: Board) -> None:
        key = covered.key(_name("k"), activated=False)
        covered.approve(covered.asked(lambda: covered.custody.states.destroy(covered.kim, key)))
        covered.custody.states.rotate(covered.kim, key, activated=False)
        covered.asked(lambda: covered.custody.states.destroy(covered.kim, key))

    def test_what_is_registered_already_needs_nobody(self, board: Board) -> None:
        register = board.custody.keks.register
        register(board.admin, "azure", KEK.identifier, KEK.public_pem)
        board.cover_group("kek-registration")
        register(board.admin, "azure", KEK.identifier, KEK.public_pem)
        board.custody.keks.unregister(board.admin, KEK.identifier)
        board.asked(lambda: register(board.admin, "azure", KEK.identifier, KEK.public_pem))
