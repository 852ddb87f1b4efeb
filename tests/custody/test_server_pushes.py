"""What the server pushes through a connection: one push at a time, ended by time after a crash; what it has seen."""

import pytest
from tests.custody.pushing import Walk, connect, leased_walk, plan, walk
from tests.custody.reading import details_of, events_of, later, rows
from tests.custody.refusing import refused

from keyferry.clock import SECOND, now
from keyferry.custody.accounts import UserEdit
from keyferry.custody.caller import Caller
from keyferry.custody.connection_writing import ConnectionEdit
from keyferry.custody.deployment_reports import Problem
from keyferry.custody.deployment_steps import Reporter, Step
from keyferry.custody.deployments import LEASE
from keyferry.testing import VAULT, Kek, Kit

OTHER_KEK = Kek.make(name="other")


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim", groups=("payments",))


@pytest.fixture
def key(kit: Kit, kim: Caller) -> str:
    connect(kit)
    return kit.key(kim, "ec-p256", "tenant", group="payments").key.id


class TestLeases:
    def test_a_push_that_is_going_on_keeps_others_out(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        lea = kit.user("lea", groups=("payments",))
        held = leased_walk(kit, kim, key, kek)
        for caller in (kim, lea):
            with refused("deployment-busy", "deployment") as refusal:
                kit.custody.deployments.lease(caller, held.id)
            assert "Wait until it has ended" in refusal.error.advice
        with refused("deployment-busy"):
            kit.custody.deployments.abandon(kim, held.id)

    def test_it_lets_go_when_it_has_ended(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        held = leased_walk(kit, kim, key, kek)
        released = kit.custody.deployments.release(kim, held.id, held.lease or "")
        assert (released.deployment.lease_id, released.deployment.lease_until) == (None, None)
        assert kit.custody.deployments.lease(kim, held.id).lease != held.lease

    def test_after_a_crash_it_lets_go_by_the_times_end(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        held = leased_walk(kit, kim, key, kek)
        with later(LEASE - 30 * SECOND), refused("deployment-busy"):
            kit.custody.deployments.lease(kim, held.id)
        with later(LEASE + SECOND):
            second = kit.custody.deployments.lease(kim, held.id)
            kit.custody.deployments.release(kim, held.id, held.lease or "")  # the first comes back: nothing happens
            assert kit.custody.deployments.show(kim, held.id).deployment.lease_id == second.lease
            with refused("deployment-lease-lost", "deployment"):
                held.record(Step.KEK_READY)
            with refused("deployment-lease-lost", "deployment"):
                fail(held, Step.KEK_READY)

    def test_each_step_begins_the_time_anew(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        held = leased_walk(kit, kim, key, kek)
        for step in (Step.KEK_READY, Step.EXPORTED, Step.IMPORTED):
            with later(LEASE - 30 * SECOND):
                told = held.record(step).deployment
                assert told.lease_until is not None
                assert told.lease_until > now() + LEASE - 30 * SECOND

    @pytest.mark.parametrize("lease", [None, "0190a8a0-0000-7000-8000-000000000000"])
    def test_the_server_reports_nothing_without_the_lease(
        self, kit: Kit, kim: Caller, key: str, kek: Kek, lease: str | None
    ) -> None:
        detail = plan(kit, kim, key, connection="production")
        with refused("deployment-lease-lost", "deployment"):
            kit.custody.deployments.record(
                kim, detail.deployment.id, Step.KEK_READY, {}, reported_by=Reporter.SERVER, lease=lease
            )

    def test_holding_and_letting_go_are_audited(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        held = leased_walk(kit, kim, key, kek)
        kit.custody.deployments.release(kim, held.id, held.lease or "")
        assert [event.object_id for event in events_of(kit, "deployment.run")] == [held.id] * 2


class TestWhoPushes:
    def test_a_client_does_not_report_what_the_server_pushes(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        walked = Walk(kit, kim, plan(kit, kim, key, connection="production"), kek)
        with refused("deployment-pushed-otherwise", "deployment"):
            walked.record(Step.KEK_READY)
        with refused("deployment-pushed-otherwise", "deployment"):
            fail(walked, Step.KEK_READY)

    def test_the_server_does_not_push_what_a_client_pushes(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        walked = walk(kit, kim, key, kek)
        with refused("deployment-pushed-otherwise", "deployment") as refusal:
            kit.custody.deployments.lease(kim, walked.id)
        assert "keyferry azure push" in refusal.error.advice
        with refused("deployment-pushed-otherwise", "deployment"):
            kit.custody.deployments.record(kim, walked.id, Step.KEK_READY, {}, reported_by=Reporter.SERVER, lease="x")

    @pytest.mark.parametrize(
        ("change", "code"),
        [("groups", "invalid-input"), ("disabled", "connection-disabled"), ("vaults", "vault-not-allowed")],
    )
    def test_a_connection_that_was_narrowed_pushes_no_more(
        self, kit: Kit, kim: Caller, key: str, change: str, code: str
    ) -> None:
        detail = plan(kit, kim, key, connection="production")
        edits = {
            "groups": ConnectionEdit(groups=()),
            "disabled": ConnectionEdit(disabled=True),
            "vaults": ConnectionEdit(vaults=()),
        }
        kit.custody.connections.edit(kit.administrator, "production", edits[change])
        with refused(code):
            kit.custody.deployments.lease(kim, detail.deployment.id)

    def test_a_connection_that_was_deleted_is_named_in_the_refusal(self, kit: Kit, kim: Caller, key: str) -> None:
        detail = plan(kit, kim, key, connection="production")
        kit.custody.connections.delete(kit.administrator, "production")
        with refused("invalid-input", "connection") as refusal:
            kit.custody.deployments.lease(kim, detail.deployment.id)
        assert "'production'" in refusal.error.detail
        assert kit.custody.deployments.show(kim, detail.deployment.id).connection == "production"

    def test_a_member_of_the_keys_group_alone_is_not_enough(self, kit: Kit, kim: Caller, key: str) -> None:
        kit.custody.connections.edit(kit.administrator, "production", ConnectionEdit(groups=("elsewhere",)))
        with refused("invalid-input", "connection"):
            plan(kit, kim, key, connection="production")

    @pytest.fixture(autouse=True)
    def elsewhere(self, kit: Kit) -> None:
        kit.group("elsewhere")

    def test_leaving_the_group_ends_it_between_two_steps(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        held = leased_walk(kit, kim, key, kek).to(Step.KEK_READY)
        told = held.evidence(Step.EXPORTED)
        kit.custody.users.edit(kit.administrator, "kim", UserEdit(groups=("elsewhere",)))
        for ask in (
            lambda: held.record(Step.EXPORTED, told),
            lambda: kit.custody.connections.open(kim, "production", VAULT),
        ):
            with refused("not-found"):
                ask()

    @pytest.mark.parametrize("change", ["rotate", "deactivate"])
    def test_a_version_out_of_use_is_not_taken_up_again(
        self, kit: Kit, kim: Caller, key: str, kek: Kek, change: str
    ) -> None:
        held = leased_walk(kit, kim, key, kek).to(Step.EXPORTED)
        arrived = leased_walk(kit, kim, key, kek).to(Step.IMPORTED)
        for each in (held, arrived):
            kit.custody.deployments.release(kim, each.id, each.lease or "")
        getattr(kit.custody.states, change)(kim, key)
        with refused("deployment-outdated", "version"):
            kit.custody.deployments.lease(kim, held.id)
        kit.custody.deployments.lease(kim, arrived.id)  # it is in the vault already, and may be proved


class TestWhatTheServerHasSeen:
    def test_each_step_says_that_the_server_saw_it(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        done = leased_walk(kit, kim, key, kek).to(Step.PROVED).detail
        assert {told["reported_by"] for told in done.evidence.values()} == {"server"}
        told = [details_of(event) for event in events_of(kit, "deployment.advance")]
        assert {each["reported_by"] for each in told if "part_of" not in each} == {"server"}
        assert ["part_of" in each for each in told].count(True) == 1, "the KEK that was bound has an event of its own"

    def test_a_kek_that_it_saw_is_bound_by_the_vault(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        leased_walk(kit, kim, key, kek).to(Step.KEK_READY)
        (bound,) = rows(kit, "keks")
        assert (bound["source"], bool(bound["registered"])) == ("vault", False)
        assert bound["identifier"] == kek.identifier.lower()
        other = Kek(OTHER_KEK.private, kek.identifier)
        with refused("kek-mismatch"):
            kit.export(kim, key, other)

    def test_a_binding_by_an_export_is_witnessed_by_the_vault(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        kit.export(kim, key, kek)
        leased_walk(kit, kim, key, kek).to(Step.KEK_READY)
        assert [row["source"] for row in rows(kit, "keks")] == ["vault"]

    def test_a_registration_by_an_administrator_stays_one(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        kit.custody.keks.register(kit.administrator, "azure", kek.identifier, kek.public_pem)
        leased_walk(kit, kim, key, kek).to(Step.EXPORTED)
        assert [(row["source"], bool(row["registered"])) for row in rows(kit, "keks")] == [("administrator", True)]

    def test_what_a_client_tells_of_binds_nothing(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        walked = walk(kit, kim, key, kek, Step.KEK_READY)
        assert rows(kit, "keks") == []
        walked.record(Step.EXPORTED)
        assert [row["source"] for row in rows(kit, "keks")] == ["export"]

    def test_another_public_key_in_the_vault_than_was_bound_is_refused(
        self, kit: Kit, kim: Caller, key: str, kek: Kek
    ) -> None:
        kit.export(kim, key, Kek(OTHER_KEK.private, kek.identifier))
        with refused("kek-mismatch"):
            leased_walk(kit, kim, key, kek).to(Step.KEK_READY)
        assert [row["source"] for row in rows(kit, "keks")] == ["export"]


def fail(walked: Walk, step: Step) -> object:
    reporter = Reporter.CLIENT if walked.lease is None else Reporter.SERVER
    return walked.kit.custody.deployments.fail(
        walked.caller,
        walked.id,
        step,
        Problem(code="azure-forbidden", detail="No."),
        reported_by=reporter,
        lease=walked.lease,
    )
