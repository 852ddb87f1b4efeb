"""Deployments over REST: planned, reported step by step by a client, or run by the server."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.api.conftest import Door, Person, kek_body, services_of
from tests.api.problems import refused
from tests.custody.pushing import REMOTE_VERSION, Walk, connect

from keyferry.api.app import create_app
from keyferry.custody.caller import Caller
from keyferry.custody.customer_key_lookup import CustomerKeyDetail
from keyferry.custody.deployment_lookup import DeploymentDetail
from keyferry.custody.deployment_steps import ORDER, Reporter, Step
from keyferry.deployments.push import AS_USUAL, Wishes
from keyferry.deployments.server_checks import NO_PRINCIPALS
from keyferry.errors import CloudFailed
from keyferry.testing import VAULT, Kek, Kit

PLACE = {"vault": VAULT, "name": "exchange", "operations": ["verify", "sign"]}
ID = "01936f2e-0000-7000-8000-000000000000"
FILE = b"the vault's own file"


@pytest.fixture
def deployment(user: Person, key: dict[str, Any]) -> dict[str, Any]:
    answer = user("POST", "/keys/signer/deployments", PLACE)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def report(person: Person, deployment: dict[str, Any], step: str, **evidence: Any) -> Any:
    return person("POST", f"/deployments/{deployment['id']}/steps", {"step": step, "evidence": evidence})


def reports(user: Person, kek: Kek, azure: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a client tells of each step, in order."""
    yield "kek-ready", {"identifier": kek.identifier, "public_key": kek.public_pem.decode(), "made": True}
    yield "exported", {"export": user("POST", "/keys/signer/exports", azure).json()["id"]}
    yield "imported", {"identifier": f"{VAULT}/keys/exchange/{REMOTE_VERSION}"}
    key = user("GET", "/keys/signer").json()
    told = {"type": "EC-HSM", "operations": ["sign"], "enabled": True, "expires": 4_000_000_000}
    yield "read-back", {"spki_sha256": key["spki_sha256"], **told}
    yield "proved", {"how": "sign", "algorithm": "ES256"}


class TestPlanning:
    def test_it_says_what_shall_be_where(self, user: Person, key: dict[str, Any], deployment: dict[str, Any]) -> None:
        facts = ("key_id", "key_name", "version", "version_state", "vault", "name", "operations", "step", "live")
        assert {name: deployment[name] for name in facts} == {
            "key_id": key["id"],
            "key_name": "signer",
            "version": 1,
            "version_state": "active",
            "vault": VAULT,
            "name": "exchange",
            "operations": ["sign", "verify"],
            "step": "planned",
            "live": True,
        }
        assert (deployment["evidence"], deployment["connection"], deployment["problem"]) == ({}, None, None)
        answer = user("GET", f"/deployments/{deployment['id']}")
        assert answer.json() == deployment
        assert answer.headers["etag"] == '"1"'

    def test_it_says_where_it_is_and_is_planned_once(self, user: Person, key: dict[str, Any]) -> None:
        header = {"Idempotency-Key": "a1"}
        first = user("POST", "/keys/payments%2Fsigner/deployments", PLACE, headers=header)
        again = user("POST", "/keys/payments%2Fsigner/deployments", PLACE, headers=header)
        assert first.headers["location"] == again.headers["location"] == f"/api/v1/deployments/{first.json()['id']}"
        refused(user("POST", "/keys/signer/deployments", PLACE), 409, "deployment-exists", "name")

    def test_it_is_listed_for_whoever_sees_the_key(
        self, administrator: Person, user: Person, stranger: Person, deployment: dict[str, Any]
    ) -> None:
        for person in (administrator, user):
            for path in ("/deployments", f"/keys/{deployment['key_id']}/deployments"):
                assert person("GET", path).json() == {"items": [deployment], "next": None}
        assert stranger("GET", "/deployments").json()["items"] == []
        refused(stranger("GET", f"/deployments/{deployment['id']}"), 404, "not-found")
        refused(stranger("GET", f"/keys/{deployment['key_id']}/deployments"), 404, "not-found")
        refused(administrator("POST", f"/keys/{deployment['key_id']}/deployments", PLACE), 403, "not-permitted")

    @pytest.mark.parametrize(
        ("changes", "code", "field"),
        [
            ({"vault": "contoso-kv"}, "vault-refused", "vault"),
            ({"name": "a_b"}, "name-refused", "name"),
            ({"operations": ["import"]}, "invalid-input", "operations.0"),
            ({"operations": ["encrypt"]}, "invalid-input", "operations"),
            ({"connection": "nothing"}, "invalid-input", "connection"),
            ({"version": 1}, "invalid-input", "version"),
        ],
    )
    def test_what_will_not_do_is_refused(
        self, user: Person, key: dict[str, Any], changes: dict[str, Any], code: str, field: str
    ) -> None:
        refused(user("POST", "/keys/signer/deployments", {**PLACE, **changes}), 422, code, field)


class TestReporting:
    def test_a_client_walks_every_step(
        self, user: Person, deployment: dict[str, Any], kek: Kek, azure: dict[str, str]
    ) -> None:
        for step, evidence in reports(user, kek, azure):
            answer = report(user, deployment, step, **evidence)
            assert answer.status_code == 200, answer.text
            told = answer.json()["evidence"][step]
            assert (answer.json()["step"], told["reported_by"], told["by"]) == (step, "client", user.id)
            assert told["at"].endswith("Z")
        done = answer.json()
        assert (done["step"], done["live"]) == ("proved", False)
        assert done["remote_identifier"] == f"{VAULT}/keys/exchange/{REMOTE_VERSION}"
        assert done["evidence"]["read-back"]["expires"] == 4_000_000_000

    def test_a_refusal_says_which_member(self, user: Person, deployment: dict[str, Any], kek: Kek) -> None:
        refused(report(user, deployment, "imported", identifier="x"), 409, "deployment-step-refused", "step")
        refused(report(user, deployment, "arrived"), 422, "invalid-input", "step")
        refused(
            report(user, deployment, "kek-ready", identifier=kek.identifier),
            422,
            "invalid-input",
            "evidence.public_key",
        )
        pem = kek.public_pem.decode()
        answer = report(user, deployment, "kek-ready", identifier="https://x", public_key=pem)
        refused(answer, 422, "identifier-path", "evidence.identifier")

    def test_what_stopped_it_is_kept(self, user: Person, deployment: dict[str, Any]) -> None:
        problem = {"step": "kek-ready", "code": "azure-forbidden", "detail": "No.", "advice": "Grant it."}
        answer = user("POST", f"/deployments/{deployment['id']}/problems", problem)
        told = answer.json()["problem"]
        assert {name: told[name] for name in problem} == problem
        assert told["at"].endswith("Z")

    def test_what_was_seen_and_backed_up_is_kept(
        self, user: Person, deployment: dict[str, Any], kek: Kek, azure: dict[str, str]
    ) -> None:
        path = f"/deployments/{deployment['id']}"
        backup = {"sha256": "0" * 64, "bytes": 4096, "taken_at": "2026-01-31T12:00:00Z"}
        refused(user("POST", f"{path}/backups", backup), 409, "deployment-not-imported")
        for step, evidence in list(reports(user, kek, azure))[:3]:
            report(user, deployment, step, **evidence)
        answer = user("POST", f"{path}/backups", backup).json()
        assert {name: answer["backup"][name] for name in backup} == backup
        assert answer["file"] is None
        seen = user("POST", f"{path}/observations", {"observed": {"present": True, "enabled": False}}).json()
        assert (seen["observed"]["enabled"], seen["observed"]["reported_by"]) == (False, "client")
        refused(user("POST", f"{path}/observations", {"observed": {}}), 422, "invalid-input", "observed.present")
        for part in ({"sha256": "0" * 64}, {"bytes": 1, "taken_at": "2026-01-31T12:00:00Z"}):
            refused(user("POST", f"{path}/backups", part), 422, "invalid-input", "sha256")
        answer = user("POST", f"{path}/backups", backup, headers={"Idempotency-Key": "a"})
        refused(answer, 422, "invalid-input", "Idempotency-Key")

    def test_it_may_be_given_up(self, user: Person, deployment: dict[str, Any]) -> None:
        answer = user("POST", f"/deployments/{deployment['id']}/abandon").json()
        assert (answer["live"], answer["abandoned_at"] is None) == (False, False)
        refused(user("POST", f"/deployments/{deployment['id']}/abandon"), 409, "deployment-abandoned")
        assert user("POST", "/keys/signer/deployments", PLACE).status_code == 201


class TestWithoutTheSdk:
    @pytest.mark.parametrize("what", ["run", "observations", "backups"])
    def test_a_server_that_cannot_push_says_so(self, user: Person, deployment: dict[str, Any], what: str) -> None:
        problem = refused(user("POST", f"/deployments/{deployment['id']}/{what}"), 409, "azure-not-configured")
        assert "keyferry[azure]" in problem["advice"]


@dataclass
class WithoutANetwork:
    """Pushes as the door has them done, by somebody who needs no vault: every step is recorded in custody."""

    kit: Kit
    kek: Kek
    wishes: Wishes | None = None

    def run(self, caller: Caller, deployment: str, wishes: Wishes = AS_USUAL) -> DeploymentDetail:
        self.wishes = wishes
        leased = self.kit.custody.deployments.lease(caller, deployment)
        walked = Walk(self.kit, caller, leased.detail, self.kek, leased.lease).to(Step.PROVED)
        return self.kit.custody.deployments.release(caller, walked.id, leased.lease)

    def observe(self, caller: Caller, deployment: str) -> DeploymentDetail:
        raise CloudFailed("The vault did not answer.", code="azure-unavailable", advice="Try again later.")

    def back_up(self, caller: Caller, deployment: str) -> bytes:
        return FILE

    def validate(
        self,
        caller: Caller,
        request: str,
        *,
        principals: Mapping[str, str] = NO_PRINCIPALS,
        accept_unseen: bool = False,
    ) -> CustomerKeyDetail:
        raise CloudFailed("The vault did not answer.", code="azure-unavailable", advice="Try again later.")


@contextmanager
def pushing(door: Door, kek: Kek) -> Iterator[tuple[TestClient, WithoutANetwork]]:
    pushes = WithoutANetwork(door.kit, kek)
    app = create_app(replace(services_of(door.kit), pushes=pushes))
    with TestClient(app, client=("127.0.0.1", 50000)) as client:
        yield client, pushes


class TestPushesByTheServer:
    def test_it_runs_observes_and_backs_up(self, door: Door, user: Person, key: dict[str, Any], kek: Kek) -> None:
        connect(door.kit)
        with pushing(door, kek) as (client, pushes):
            person = replace(user, client=client)
            planned = person("POST", "/keys/signer/deployments", {**PLACE, "connection": "production"}).json()
            path = f"/deployments/{planned['id']}"
            run = person("POST", f"{path}/run", {"kek_name": "another-kek", "new_version": True}).json()
            assert (run["step"], run["connection"], run["busy_until"]) == ("proved", "production", None)
            assert {told["reported_by"] for told in run["evidence"].values()} == {Reporter.SERVER}
            assert list(run["evidence"]) == sorted(ORDER[1:])
            assert pushes.wishes is not None
            assert (pushes.wishes.kek_name, pushes.wishes.new_version) == ("another-kek", True)
            backup = person("POST", f"{path}/backups")
            assert backup.json()["file"] == "dGhlIHZhdWx0J3Mgb3duIGZpbGU"
            assert backup.json()["id"] == run["id"]
            problem = refused(person("POST", f"{path}/observations"), 502, "azure-unavailable")
            assert problem["detail"] == "The vault did not answer."

    def test_a_client_reports_nothing_of_it_and_it_is_pushed_once_at_a_time(
        self, door: Door, user: Person, key: dict[str, Any], kek: Kek
    ) -> None:
        connect(door.kit)
        with pushing(door, kek) as (client, _):
            person = replace(user, client=client)
            planned = person("POST", "/keys/signer/deployments", {**PLACE, "connection": "production"}).json()
            refused(report(person, planned, "kek-ready"), 409, "deployment-pushed-otherwise")
            caller = door.kit.sign_in("user")
            door.kit.custody.deployments.lease(caller, planned["id"])
            refused(person("POST", f"/deployments/{planned['id']}/run"), 409, "deployment-busy")
            assert person("GET", f"/deployments/{planned['id']}").json()["busy_until"].endswith("Z")

    def test_what_a_client_pushes_is_not_run(
        self, door: Door, user: Person, deployment: dict[str, Any], kek: Kek
    ) -> None:
        with pushing(door, kek) as (client, _):
            answer = replace(user, client=client)("POST", f"/deployments/{deployment['id']}/run")
            refused(answer, 409, "deployment-pushed-otherwise")


def test_an_export_under_another_kek_shows_no_step(
    user: Person, deployment: dict[str, Any], kek: Kek, azure: dict[str, str]
) -> None:
    other = Kek.make(name="other")
    step, evidence = next(reports(user, kek, azure))
    report(user, deployment, step, **evidence)
    export = user("POST", "/keys/signer/exports", kek_body(other)).json()["id"]
    refused(report(user, deployment, "exported", export=export), 422, "invalid-input", "evidence.export")


@pytest.mark.parametrize("path", ["", "/run", "/steps", "/problems", "/abandon", "/observations", "/backups"])
def test_a_deployment_that_is_none(user: Person, path: str) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "/steps": {"step": "kek-ready", "evidence": {}},
        "/problems": {"step": "kek-ready", "code": "conflict", "detail": "No."},
        "/observations": {"observed": {"present": False}},
        "/backups": {"sha256": "0" * 64, "bytes": 1, "taken_at": "2026-01-31T12:00:00Z"},
    }
    if path == "/run":
        refused(user("POST", f"/deployments/{ID}/run"), 409, "azure-not-configured")
        return
    refused(user("POST" if path else "GET", f"/deployments/{ID}{path}", bodies.get(path)), 404, "not-found")
