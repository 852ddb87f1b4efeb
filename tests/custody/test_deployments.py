"""Deployments: planned, walked step by step, stopped, taken up again, given up; and what each step must agree with."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.custody.pushing import REMOTE_VERSION, Walk, connect, place, plan, walk
from tests.custody.reading import details_of, events_of, rows
from tests.custody.refusing import refused

from keyferry.clock import now
from keyferry.custody.caller import Caller
from keyferry.custody.deployment_lookup import DeploymentDetail
from keyferry.custody.deployment_reports import Backup, Problem
from keyferry.custody.deployment_steps import ORDER, PUBLIC_KEY_ONLY, Step
from keyferry.custody.lifecycle import RevocationReason
from keyferry.custody.pages import Page
from keyferry.testing import VAULT, Kek, Kit

OTHER_KEK = Kek.make(name="other")
SHA256 = "ab" * 32


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim", groups=("payments",))


@pytest.fixture
def key(kit: Kit, kim: Caller) -> str:
    return kit.key(kim, "ec-p256", "tenant", group="payments").key.id


class TestPlanning:
    def test_it_is_of_the_version_that_is_current_now(self, kit: Kit, kim: Caller, key: str) -> None:
        kit.custody.states.rotate(kim, key)
        detail = kit.custody.deployments.plan(kim, "tenant", place(vault="https://CONTOSO-kv.vault.azure.net/"))
        deployment = detail.deployment
        assert (deployment.version_number, deployment.vault, deployment.name) == (2, VAULT, "tenant")
        assert (detail.step, detail.operations, detail.evidence) == (Step.PLANNED, ("sign", "verify"), {})
        assert detail.is_current
        kit.custody.states.rotate(kim, key)
        assert not kit.custody.deployments.show(kim, deployment.id).is_current

    def test_the_event_is_about_the_deployment_and_tells_of_what_and_where(
        self, kit: Kit, kim: Caller, key: str
    ) -> None:
        detail = plan(kit, kim, key, name="exchange")
        (event,) = events_of(kit, "deployment.create")
        assert (event.object_type, event.object_id, event.object_name, event.object_revision) == (
            "deployment",
            detail.deployment.id,
            "exchange",
            1,
        )
        assert details_of(event) == {"key": key, "version": 1, "vault": VAULT, "name": "exchange"}

    @pytest.mark.parametrize(
        ("given", "code", "field"),
        [
            ({"vault": "contoso-kv"}, "vault-refused", "vault"),
            ({"name": "not_a_name"}, "name-refused", "name"),
            ({"name": ""}, "name-refused", "name"),
            ({"name": "a" * 128}, "name-refused", "name"),
            ({"operations": ("sign", "wrapKey")}, "invalid-input", "operations"),
            ({"connection": "nothing"}, "invalid-input", "connection"),
        ],
    )
    def test_a_place_that_will_not_do_is_refused(
        self, kit: Kit, kim: Caller, key: str, given: dict[str, Any], code: str, field: str
    ) -> None:
        with refused(code, field):
            kit.custody.deployments.plan(kim, key, place(**given))
        assert rows(kit, "deployments") == []

    def test_the_longest_name_that_azure_takes_is_taken(self, kit: Kit, kim: Caller, key: str) -> None:
        assert plan(kit, kim, key, name="a" * 127).deployment.name == "a" * 127

    def test_a_key_that_may_not_leave_is_planned_nowhere(self, kit: Kit, kim: Caller) -> None:
        kit.key(kim, "ec-p256", "kept", exportable=False)
        kit.key(kim, "ec-p256", "asleep", activated=False)
        for name, code in (("kept", "key-not-exportable"), ("asleep", "key-not-active")):
            with refused(code):
                plan(kit, kim, name)

    def test_a_symmetric_key_cannot_be_followed(self, kit: Kit, kim: Caller) -> None:
        kit.key(kim, "aes-256", "data")
        with refused("target-needs-managed-hsm"):
            plan(kit, kim, "data", operations=())
        with refused("target-not-taken", "key"):
            plan(kit, kim, "data", operations=(), vault="https://hsm1.managedhsm.azure.net")

    def test_one_that_is_under_way_is_not_planned_again(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        first = walk(kit, kim, key, kek, name="Exchange")
        with refused("deployment-exists", "name") as refusal:
            plan(kit, kim, key, name="exchange")
        assert first.id in refusal.error.detail
        plan(kit, kim, key, name="sharepoint")
        plan(kit, kim, key, name="exchange", vault="https://other-kv.vault.azure.net")
        kit.custody.states.rotate(kim, key)
        plan(kit, kim, key, name="exchange")

    def test_once_it_is_finished_or_given_up_it_may_be_planned_anew(
        self, kit: Kit, kim: Caller, key: str, kek: Kek
    ) -> None:
        walk(kit, kim, key, kek, Step.PROVED, name="exchange")
        second = plan(kit, kim, key, name="exchange")
        kit.custody.deployments.abandon(kim, second.deployment.id)
        plan(kit, kim, key, name="exchange")

    def test_a_connection_has_to_be_the_callers_to_use_and_to_reach_the_vault(
        self, kit: Kit, kim: Caller, key: str
    ) -> None:
        connect(kit, "others", groups=())
        connect(kit, "ours", vaults=("https://other-kv.vault.azure.net",))
        with refused("invalid-input", "connection"):
            plan(kit, kim, key, connection="others")
        with refused("vault-not-allowed", "vault"):
            plan(kit, kim, key, connection="ours")
        detail = plan(kit, kim, key, connection="ours", vault="https://other-kv.vault.azure.net")
        assert detail.connection == "ours"


class TestWalking:
    def test_each_step_is_kept_with_what_shows_it_and_who_saw_it(
        self, kit: Kit, kim: Caller, key: str, kek: Kek
    ) -> None:
        done = walk(kit, kim, key, kek, Step.PROVED).detail
        assert done.step is Step.PROVED
        assert list(done.evidence) == sorted(ORDER[1:])
        for step, told in done.evidence.items():
            assert (told["by"], told["reported_by"]) == (kim.user_id, "client"), step
            assert told["at"] <= now()
        assert done.evidence[Step.KEK_READY]["bits"] == 2048
        assert "public_key" not in done.evidence[Step.KEK_READY]
        assert done.deployment.kek_identifier == kek.identifier.lower()
        assert done.deployment.export_id == done.evidence[Step.EXPORTED]["export"]
        assert done.deployment.remote_identifier == done.evidence[Step.IMPORTED]["identifier"]
        (export,) = rows(kit, "exports")
        assert done.evidence[Step.EXPORTED]["sha256"] == export["file_sha256"]

    def test_every_step_is_audited_with_its_name(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        walk(kit, kim, key, kek, Step.PROVED)
        told = [details_of(event) for event in events_of(kit, "deployment.advance")]
        assert [each["step"] for each in told] == list(ORDER[1:])
        assert {each["reported_by"] for each in told} == {"client"}

    def test_a_step_out_of_turn_is_refused_before_its_evidence_is_read(
        self, kit: Kit, kim: Caller, key: str, kek: Kek
    ) -> None:
        planned = walk(kit, kim, key, kek)
        for step in (*ORDER[2:], Step.PLANNED):
            with refused("deployment-step-refused", "step"):
                planned.record(step, {"nonsense": True})
        assert planned.detail.step is Step.PLANNED

    def test_a_lost_answer_is_asked_for_again_and_changes_nothing(
        self, kit: Kit, kim: Caller, key: str, kek: Kek
    ) -> None:
        walked = walk(kit, kim, key, kek)
        for step in ORDER[1:]:
            told = walked.evidence(step)
            first = walked.record(step, told)
            assert walked.record(step, told).deployment == first.deployment
        assert walked.record(Step.KEK_READY).deployment == walked.detail.deployment

    def test_another_file_may_follow_a_file_that_was_never_imported(
        self, kit: Kit, kim: Caller, key: str, kek: Kek
    ) -> None:
        walked = walk(kit, kim, key, kek, Step.EXPORTED)
        first = walked.detail.deployment.export_id
        second = walked.record(Step.EXPORTED).deployment
        assert (second.step, second.export_id == first) == ("exported", False)

    def test_another_kek_takes_the_push_back_to_before_the_export(
        self, kit: Kit, kim: Caller, key: str, kek: Kek
    ) -> None:
        walked = walk(kit, kim, key, kek, Step.EXPORTED)
        other = Walk(kit, kim, walked.detail, OTHER_KEK)
        detail = other.record(Step.KEK_READY)
        assert (detail.step, detail.deployment.export_id) == (Step.KEK_READY, None)
        assert Step.EXPORTED not in detail.evidence
        with refused("invalid-input", "evidence.export"):  # it is under the former KEK
            walked.record(Step.EXPORTED)
        assert other.to(Step.PROVED).detail.step is Step.PROVED

    def test_what_was_imported_stays_what_it_was(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        walked = walk(kit, kim, key, kek, Step.IMPORTED)
        other_kek = Walk(kit, kim, walked.detail, OTHER_KEK).evidence(Step.KEK_READY)
        other_version = {"identifier": f"{VAULT}/keys/{walked.name}/{'1' * 32}"}
        again = {
            Step.KEK_READY: other_kek,
            Step.EXPORTED: walked.evidence(Step.EXPORTED),
            Step.IMPORTED: other_version,
        }
        for step, told in again.items():
            with refused("deployment-step-refused", "step"):
                walked.record(step, told)


class TestEvidence:
    """What is told has to agree with the place, the version and what is on record."""

    def refused_at(self, walked: Walk, step: Step, field: str, code: str = "invalid-input", **told: Any) -> None:
        before = walked.detail.deployment
        with refused(code, field):
            walked.record(step, {**walked.evidence(step), **told})
        assert walked.detail.deployment == before

    def test_a_kek_of_another_vault(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        elsewhere = kek.identifier.replace("contoso-kv", "other-kv")
        self.refused_at(walk(kit, kim, key, kek), Step.KEK_READY, "evidence.identifier", identifier=elsewhere)

    def test_a_kek_without_a_version(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        code, field = "identifier-no-version", "evidence.identifier"
        self.refused_at(walk(kit, kim, key, kek), Step.KEK_READY, field, code, identifier=f"{VAULT}/keys/kek")

    def test_a_kek_that_is_none(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        self.refused_at(walk(kit, kim, key, kek), Step.KEK_READY, "public_key", "kek-unreadable", public_key="x")

    def test_a_kek_whose_fingerprint_or_size_is_told_wrongly(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        walked = walk(kit, kim, key, kek)
        self.refused_at(walked, Step.KEK_READY, "evidence.spki_sha256", spki_sha256=SHA256)
        self.refused_at(walked, Step.KEK_READY, "evidence.bits", bits=3072)

    def test_a_kek_whose_identifier_is_bound_to_another_public_key(
        self, kit: Kit, kim: Caller, key: str, kek: Kek
    ) -> None:
        kit.export(kim, key, kek)
        other = OTHER_KEK.public_pem.decode()
        self.refused_at(walk(kit, kim, key, kek), Step.KEK_READY, "public_key", "kek-mismatch", public_key=other)

    def test_an_export_of_another_version_or_key_or_person_or_under_another_kek(
        self, kit: Kit, kim: Caller, key: str, kek: Kek
    ) -> None:
        lea = kit.user("lea", groups=("payments",))
        other_key = kit.key(kim, "ec-p256", "other", group="payments").key.id
        exports = [
            kit.export(kim, key, OTHER_KEK).export.id,
            kit.export(kim, other_key, kek).export.id,
            kit.export(lea, key, kek).export.id,
            kit.export(kim, key, kek).export.id,
            key,
        ]
        kit.custody.states.rotate(kim, key)
        walked = walk(kit, kim, key, kek, Step.KEK_READY)
        for export in exports:
            self.refused_at(walked, Step.EXPORTED, "evidence.export", export=export)

    def test_an_export_whose_file_is_told_wrongly(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        walked = walk(kit, kim, key, kek, Step.KEK_READY)
        self.refused_at(walked, Step.EXPORTED, "evidence.sha256", sha256=SHA256)
        self.refused_at(walked, Step.EXPORTED, "evidence.kek_identifier", kek_identifier=OTHER_KEK.identifier)

    @pytest.mark.parametrize("identifier", ["https://other-kv.vault.azure.net/keys/NAME/", f"{VAULT}/keys/other/"])
    def test_an_import_to_another_place(self, kit: Kit, kim: Caller, key: str, kek: Kek, identifier: str) -> None:
        walked = walk(kit, kim, key, kek, Step.EXPORTED)
        told = identifier.replace("NAME", walked.name) + REMOTE_VERSION
        self.refused_at(walked, Step.IMPORTED, "evidence.identifier", identifier=told)

    def test_another_key_read_back(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        walked = walk(kit, kim, key, kek, Step.IMPORTED)
        self.refused_at(walked, Step.READ_BACK, "evidence.spki_sha256", "public-key-differs", spki_sha256=SHA256)

    def test_another_version_read_back(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        walked = walk(kit, kim, key, kek, Step.IMPORTED)
        other = walked.remote[:-1] + "0"
        self.refused_at(walked, Step.READ_BACK, "evidence.identifier", identifier=other)

    def test_a_proof_by_what_the_key_may_not_do(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        walked = walk(kit, kim, key, kek, Step.READ_BACK)
        self.refused_at(walked, Step.PROVED, "evidence.how", how="decrypt")
        assert (
            walked.record(Step.PROVED, {"how": PUBLIC_KEY_ONLY, "why_not": {"sign": "not allowed"}}).step is Step.PROVED
        )


class TestVersions:
    """What leaves is the current, active version; what has arrived is recorded whatever became of it here."""

    @pytest.mark.parametrize("to", [Step.PLANNED, Step.KEK_READY, Step.EXPORTED])
    @pytest.mark.parametrize("change", ["rotate", "revoke", "deactivate", "destroy"])
    def test_one_that_is_current_or_active_no_longer_is_not_pushed(
        self, kit: Kit, kim: Caller, key: str, kek: Kek, to: Step, change: str
    ) -> None:
        walked = walk(kit, kim, key, kek, to)
        step = Step.KEK_READY if to is Step.PLANNED else Step.EXPORTED
        told = walked.evidence(step)
        out_of_use(kit, kim, key, change)
        with refused("deployment-outdated", "version") as refusal:
            walked.record(step, told)
        assert "new deployment" in refusal.error.advice

    @pytest.mark.parametrize("change", ["rotate", "revoke", "deactivate", "destroy"])
    def test_that_it_has_arrived_is_true_all_the_same(
        self, kit: Kit, kim: Caller, key: str, kek: Kek, change: str
    ) -> None:
        walked = walk(kit, kim, key, kek, Step.EXPORTED)
        out_of_use(kit, kim, key, change)
        assert walked.to(Step.PROVED).detail.step is Step.PROVED


class TestProblems:
    def test_what_stopped_it_is_kept_until_the_next_step(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        walked = walk(kit, kim, key, kek, Step.KEK_READY)
        problem = Problem(code="azure-throttled", detail="Wait.\nThen go on." + "x" * 2000, advice="Run it again.")
        failed = kit.custody.deployments.fail(kim, walked.id, Step.EXPORTED, problem)
        told = json.loads(failed.deployment.problem or "")
        assert (told["code"], told["step"], told["advice"]) == ("azure-throttled", "exported", "Run it again.")
        assert told["detail"].startswith("Wait. Then go on.")
        assert len(told["detail"]) == 1024
        assert failed.step is Step.KEK_READY
        assert walked.record(Step.EXPORTED).deployment.problem is None

    def test_a_push_that_did_not_get_its_turn_says_why(self, kit: Kit, kim: Caller, key: str) -> None:
        deployments, planned = kit.custody.deployments, plan(kit, kim, key).deployment.id
        problem = Problem(code="deployment-outdated", detail="The key was rotated.", advice="Plan a new deployment.")
        began = now()
        told = deployments.note_refusal(kim, planned, problem, since=began).deployment
        kept = json.loads(told.problem or "{}")
        assert (kept["code"], kept["step"], kept["reported_by"]) == ("deployment-outdated", "kek-ready", "server")
        assert details_of(events_of(kit, "deployment.run")[-1])["problem"] == "deployment-outdated"
        later = Problem(code="overloaded", detail="Too many.")
        assert deployments.note_refusal(kim, planned, later, since=began).deployment.problem == told.problem
        assert "overloaded" in (deployments.note_refusal(kim, planned, later, since=now()).deployment.problem or "")

    def test_of_one_that_goes_on_or_is_over_nothing_is_said(self, kit: Kit, kim: Caller, key: str) -> None:
        connect(kit)
        deployments, problem = kit.custody.deployments, Problem(code="deployment-busy", detail="Another.")
        planned = plan(kit, kim, key, connection="production").deployment.id
        lease = deployments.lease(kim, planned).lease
        held = deployments.note_refusal(kim, planned, problem, since=now()).deployment
        assert (held.problem, held.lease_id) == (None, lease)
        deployments.release(kim, planned, lease)
        deployments.abandon(kim, planned)
        assert deployments.note_refusal(kim, planned, problem, since=now()).deployment.problem is None

    def test_a_code_that_is_none_is_refused(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        with refused("invalid-input", "code"):
            kit.custody.deployments.fail(
                kim, walk(kit, kim, key, kek).id, Step.KEK_READY, Problem(code="Not A Code", detail="x")
            )


class TestGivingUp:
    def test_one_that_was_given_up_goes_no_further(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        walked = walk(kit, kim, key, kek, Step.EXPORTED)
        detail = kit.custody.deployments.abandon(kim, walked.id)
        assert (detail.step, detail.deployment.abandoned_at is None) == (Step.EXPORTED, False)
        asks: tuple[Callable[[], object], ...] = (
            lambda: walked.record(Step.IMPORTED),
            lambda: kit.custody.deployments.fail(kim, walked.id, Step.IMPORTED, Problem(code="x", detail="x")),
            lambda: kit.custody.deployments.abandon(kim, walked.id),
        )
        for ask in asks:
            with refused("deployment-abandoned", "deployment"):
                ask()

    def test_one_that_is_finished_stays(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        with refused("deployment-step-refused", "deployment"):
            kit.custody.deployments.abandon(kim, walk(kit, kim, key, kek, Step.PROVED).id)


class TestObservations:
    def test_the_last_look_is_kept(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        walked = walk(kit, kim, key, kek, Step.IMPORTED)
        seen = {
            "present": True,
            "identifier": walked.remote,
            "enabled": False,
            "versions": ["1"],
            "scheduled_purge": None,
            "drift": [{"difference": "disabled", "detail": "It is disabled.", "advice": "Enable it."}],
        }
        kit.custody.deployments.observe(kim, walked.id, {"present": False})
        observed = json.loads(kit.custody.deployments.observe(kim, walked.id, seen).deployment.observed or "")
        assert {name: observed[name] for name in seen if name in observed} == {
            name: value for name, value in seen.items() if value is not None
        }
        assert (observed["by"], observed["reported_by"]) == (kim.user_id, "client")
        assert [details_of(event)["drift"] for event in events_of(kit, "deployment.observe")] == [False, True]

    @pytest.mark.parametrize(
        ("observed", "field"),
        [
            ({}, "observed.present"),
            ({"present": "yes"}, "observed.present"),
            ({"present": True, "password": "x"}, "observed"),
            ({"present": True, "expires": 1.5}, "observed.expires"),
            ({"present": True, "drift": [{"detail": 1}]}, "observed.drift"),
        ],
    )
    def test_what_cannot_be_seen_is_refused(
        self, kit: Kit, kim: Caller, key: str, kek: Kek, observed: dict[str, Any], field: str
    ) -> None:
        with refused("invalid-input", field):
            kit.custody.deployments.observe(kim, walk(kit, kim, key, kek).id, observed)


class TestBackups:
    def test_that_one_was_taken_is_kept(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        walked = walk(kit, kim, key, kek, Step.IMPORTED)
        taken = Backup(sha256=SHA256, size=4096, taken_at=now())
        kept = json.loads(kit.custody.deployments.backed_up(kim, walked.id, taken).deployment.backup or "")
        assert (kept["sha256"], kept["bytes"], kept["taken_at"]) == (SHA256, 4096, taken.taken_at)
        (event,) = events_of(kit, "deployment.back-up")
        assert details_of(event)["sha256"] == SHA256

    def test_there_is_nothing_to_back_up_before_the_import(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        walked = walk(kit, kim, key, kek, Step.EXPORTED)
        with refused("deployment-not-imported", "deployment"):
            kit.custody.deployments.backed_up(kim, walked.id, Backup(sha256=SHA256, size=1, taken_at=now()))

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"sha256": "AB" * 32}, "backup.sha256"),
            ({"size": 0}, "bytes"),
            ({"size": 2**21}, "bytes"),
            ({"taken_at": 2**60}, "taken_at"),
            ({"taken_at": -1}, "taken_at"),
        ],
    )
    def test_what_no_backup_can_be_is_refused(
        self, kit: Kit, kim: Caller, key: str, kek: Kek, given: dict[str, Any], field: str
    ) -> None:
        walked = walk(kit, kim, key, kek, Step.IMPORTED)
        sound = {"sha256": SHA256, "size": 1, "taken_at": now()}
        with refused("invalid-input", field):
            kit.custody.deployments.backed_up(kim, walked.id, Backup(**{**sound, **given}))


class TestListing:
    def test_everybody_sees_those_of_the_keys_that_they_see(self, kit: Kit, kim: Caller, key: str) -> None:
        mallory = kit.user("mallory")
        own = kit.key(mallory, "ec-p256", "own").key.id
        first, second = plan(kit, kim, key), plan(kit, kim, key)
        third = plan(kit, mallory, own)

        def ids(caller: Caller, of: str | None = None, size: int = 10, *, newest_first: bool = False) -> list[str]:
            def page(size: int, after: str = "") -> Page[DeploymentDetail]:
                return kit.custody.deployments.list(caller, size=size, after=after, key=of, newest_first=newest_first)

            first = page(size)
            following = () if first.next is None else page(10, first.next).items
            return [detail.deployment.id for detail in (*first.items, *following)]

        every = [detail.deployment.id for detail in (first, second, third)]
        assert ids(kit.administrator) == ids(kit.administrator, size=2) == every
        assert ids(kit.administrator, size=2, newest_first=True) == every[::-1]
        assert ids(kim) == ids(kim, key) == ids(kim, key, size=1) == every[:2]
        assert ids(kim, newest_first=True) == ids(kim, key, size=1, newest_first=True) == every[1::-1]
        assert ids(mallory) == ids(kit.administrator, own) == every[2:]
        with refused("not-found"):
            ids(mallory, key)

    def test_a_key_that_is_given_away_takes_its_deployments_with_it(
        self, kit: Kit, kim: Caller, key: str, kek: Kek
    ) -> None:
        mallory = kit.user("mallory", groups=("elsewhere",))
        own = kit.key(mallory, "ec-p256", "own").key.id
        walked = walk(kit, mallory, own, kek, Step.KEK_READY)
        with refused("not-found"):
            kit.custody.deployments.show(kim, walked.id)
        kit.custody.states.revoke(mallory, own, RevocationReason.SUPERSEDED)
        kit.custody.keys.reassign(mallory, own, group="elsewhere")
        assert kit.custody.deployments.show(mallory, walked.id).key.owner_group_id is not None


def out_of_use(kit: Kit, kim: Caller, key: str, change: str) -> None:
    states = kit.custody.states
    match change:
        case "rotate":
            states.rotate(kim, key)
        case "revoke":
            states.revoke(kim, key, RevocationReason.KEY_COMPROMISE)
        case "deactivate":
            states.deactivate(kim, key)
        case _:
            states.deactivate(kim, key)
            states.destroy(kim, key)
