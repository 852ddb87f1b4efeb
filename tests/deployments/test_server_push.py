"""Pushes that the server makes: one at a time, recorded as seen by the server, to hosts that its settings allow."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.deployments.conftest import connect

from keyferry.clouds.azure.hosts import AllowedHosts
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.clouds.azure.transport import GuardedTransport
from keyferry.clouds.azure.vault import AzureVault
from keyferry.custody.caller import Caller
from keyferry.custody.connection_facts import Cloud
from keyferry.custody.connection_writing import ConnectionEdit
from keyferry.custody.connections import OpenConnection
from keyferry.custody.credentials import CredentialKind
from keyferry.custody.deployment_rules import NewDeployment
from keyferry.custody.deployment_steps import Step
from keyferry.custody.export_rules import Request
from keyferry.deployments.custody_ledger import CustodyLedger
from keyferry.deployments.ledger import Evidence
from keyferry.deployments.push import push
from keyferry.deployments.server_push import Pushes
from keyferry.deployments.through_connection import credential_for
from keyferry.emulator.server import Running
from keyferry.errors import CloudFailed, Conflict, IntegrityViolation, InvalidInput, KeyferryError, Overloaded
from keyferry.testing import Kit


@pytest.fixture
def pushes(kit: Kit, outgoing: Outgoing) -> Pushes:
    return Pushes(kit.custody, outgoing)


def test_a_push_is_recorded_as_the_server_saw_it(kit: Kit, kim: Caller, pushes: Pushes, planned: str) -> None:
    done = pushes.run(kim, planned)
    assert done.step is Step.PROVED
    assert done.deployment.lease_id is None
    assert {told["reported_by"] for told in done.evidence.values()} == {"server"}
    again = pushes.run(kim, planned)
    assert again.evidence == done.evidence


def test_two_at_once_import_once(
    kit: Kit, kim: Caller, pushes: Pushes, planned: str, vault: AzureVault, name: str
) -> None:
    refused: list[str] = []

    def run() -> None:
        try:
            pushes.run(kim, planned)
        except KeyferryError as refusal:
            refused.append(refusal.code)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(refused) <= {"deployment-busy"}
    assert kit.custody.deployments.show(kim, planned).step is Step.PROVED
    assert len(vault.versions(name)) == 1


def test_a_run_that_was_overtaken_leaves_the_import_to_the_other(
    kit: Kit, kim: Caller, planned: str, vault: AzureVault, name: str
) -> None:
    """Two clients on two machines share no lease: whoever has exported last imports."""
    lease = kit.custody.deployments.lease(kim, planned).lease

    class Overtaken(CustodyLedger):
        def record(self, step: Step, evidence: Evidence) -> None:
            super().record(step, evidence)
            if step is Step.EXPORTED:
                identifier = str(self.planned().evidence[Step.KEK_READY]["identifier"])
                kek = next(each for each in kit.custody.keks.list(kim, size=100).items if each.identifier == identifier)
                other = kit.custody.exports.export(kim, name, Request("azure", identifier, kek.public_key))
                super().record(step, {"export": other.export.id})

    with pytest.raises(Conflict) as caught:
        push(Overtaken(kit.custody, kim, planned, lease), vault)
    assert caught.value.code == "deployment-busy"
    assert vault.versions(name) == ()
    push(CustodyLedger(kit.custody, kim, planned, lease), vault)
    assert len(vault.versions(name)) == 1


def test_a_server_that_lost_its_lease_records_nothing(
    kit: Kit, kim: Caller, planned: str, vault: AzureVault, name: str
) -> None:
    lease = kit.custody.deployments.lease(kim, planned).lease
    kit.custody.deployments.release(kim, planned, lease)
    with pytest.raises(Conflict) as caught:
        push(CustodyLedger(kit.custody, kim, planned, lease), vault)
    assert caught.value.code == "deployment-lease-lost"
    assert vault.versions(name) == ()
    assert kit.custody.deployments.show(kim, planned).step is Step.PLANNED


def test_no_transaction_is_open_while_the_network_is_used(
    kit: Kit, kim: Caller, pushes: Pushes, planned: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, open_, sent = kit.installation.store, [0], list[int]()

    def counted(run: Callable[..., Any]) -> Callable[..., Any]:
        def counting(work: Any) -> Any:
            open_[0] += 1
            try:
                return run(work)
            finally:
                open_[0] -= 1

        return counting

    def send(transport: Any, request: Any, **options: Any) -> Any:
        sent.append(open_[0])
        return through(transport, request, **options)

    through = GuardedTransport.send
    monkeypatch.setattr(store, "read", counted(store.read))
    monkeypatch.setattr(store, "write", counted(store.write))
    monkeypatch.setattr(GuardedTransport, "send", send)
    assert pushes.run(kim, planned).step is Step.PROVED
    pushes.observe(kim, planned)
    pushes.back_up(kim, planned)
    assert len(sent) > 10
    assert set(sent) == {0}


def test_pushes_that_wait_for_vaults_leave_room_for_others(
    kit: Kit, kim: Caller, outgoing: Outgoing, planned: str
) -> None:
    pushes = Pushes(kit.custody, outgoing, at_once=1)
    with pushes._place(), pytest.raises(Overloaded) as caught:
        pushes.run(kim, planned)
    assert (caught.value.code, caught.value.retry_after) == ("overloaded", 10)
    untouched = kit.custody.deployments.show(kim, planned)
    assert (untouched.step, untouched.deployment.problem) == (Step.PLANNED, None)
    assert pushes.run(kim, planned).step is Step.PROVED
    for act in (pushes.observe, pushes.back_up):
        with pushes._place(), pytest.raises(Overloaded):
            act(kim, planned)
        act(kim, planned)


def test_one_that_never_began_is_kept_with_its_words(kit: Kit, kim: Caller, pushes: Pushes, planned: str) -> None:
    kit.custody.connections.edit(kit.administrator, "production", ConnectionEdit(groups=()))
    with pytest.raises(InvalidInput) as caught:
        pushes.run(kim, planned)
    kept = json.loads(kit.custody.deployments.show(kim, planned).deployment.problem or "{}")
    assert (kept["code"], kept["detail"]) == (caught.value.code, caught.value.detail)
    assert kept["advice"] == caught.value.advice


def test_a_fault_of_the_servers_own_is_kept_without_its_words(
    kit: Kit, kim: Caller, pushes: Pushes, planned: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("what only the log should tell")

    monkeypatch.setattr("keyferry.deployments.server_push.push", fail)
    with pytest.raises(ValueError, match="only the log"):
        pushes.run(kim, planned)
    kept = kit.custody.deployments.show(kim, planned).deployment
    assert "internal-error" in (kept.problem or "")
    assert planned in (kept.problem or "")
    assert "only the log" not in (kept.problem or "")
    assert kept.lease_id is None


class TestHosts:
    def custom(self, emulator: Running, **changes: object) -> dict[str, object]:
        return {
            "authority": emulator.url,
            "resource_manager": emulator.url,
            "vault_suffix": ".vaults.example.net",
            "verify_challenge": False,
            "instance_discovery": False,
            **changes,
        }

    def plan(self, kit: Kit, kim: Caller, emulator: Running, name: str) -> str:
        connect(kit, emulator, cloud="custom", endpoints=self.custom(emulator), vaults=(emulator.url,))
        kit.key(kim, "ec-p256", name, group="payments")
        new = NewDeployment(vault=emulator.url, name=name, connection="production")
        return kit.custody.deployments.plan(kim, name, new).deployment.id

    def test_a_host_that_no_setting_allows_is_never_asked(
        self, kit: Kit, kim: Caller, emulator: Running, pushes: Pushes, name: str
    ) -> None:
        planned = self.plan(kit, kim, emulator, name)
        with pytest.raises(CloudFailed) as caught:
            pushes.run(kim, planned)
        assert caught.value.code == "azure-host-refused"
        assert "azure_hosts" in caught.value.advice
        stopped = kit.custody.deployments.show(kim, planned).deployment
        assert "azure-host-refused" in (stopped.problem or "")
        assert stopped.lease_id is None

    def test_one_that_a_setting_allows_is(self, kit: Kit, kim: Caller, emulator: Running, name: str) -> None:
        allowed = AllowedHosts.adding([emulator.url.removeprefix("https://")])
        pushes = Pushes(kit.custody, Outgoing(ca_file=emulator.ca_file, allowed=allowed))
        done = pushes.run(kim, self.plan(kit, kim, emulator, name))
        assert done.evidence[Step.PROVED]["how"] == "sign"


class TestCredentials:
    def opened(self, **changes: object) -> OpenConnection:
        base = {
            "id": "c",
            "name": "c",
            "cloud": Cloud.PUBLIC,
            "endpoints": None,
            "tenant_id": None,
            "client_id": None,
            "secret": None,
        }
        vault = "https://contoso-kv.vault.azure.net"
        return OpenConnection(**{**base, "kind": CredentialKind.MANAGED_IDENTITY, "vault": vault, **changes})  # type: ignore[arg-type]  # as its fields

    def test_a_managed_identity_is_the_machines_own_and_nothing_else(self) -> None:
        from azure.identity import ManagedIdentityCredential

        assert isinstance(credential_for(self.opened(), Outgoing()), ManagedIdentityCredential)

    def test_a_sign_in_that_lacks_its_secret_was_tampered_with(self) -> None:
        with pytest.raises(IntegrityViolation):
            credential_for(self.opened(kind=CredentialKind.CLIENT_SECRET), Outgoing())


def test_whether_the_sdk_is_there_is_found_out_without_loading_it() -> None:
    code = "from keyferry.deployments.server_push import sdk_is_installed as found; import sys; "
    code += "print(found(), any(name.startswith('azure.identity.') for name in sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["True", "False"]
