"""`keyferry customer-key` with Azure's real SDK at the emulator: from a pair of vault keys to an accepted request.

The emulator is reached as the real Azure would be, by its own names; only HTTPS_PROXY leads elsewhere. Microsoft Graph
is not to be had that way, so that object ids are given.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.cli.terminal import Outcome, Shell
from tests.cli.test_customer_key import contacts
from tests.customer_key.test_contacts import FILE, TENANT

from keyferry.cli.azure_sign_in import SignIn
from keyferry.clouds.azure.credentials import default_credential
from keyferry.clouds.azure.directory import Untold, look_up, object_id_of
from keyferry.clouds.azure.environment import PUBLIC
from keyferry.clouds.azure.hosts import AllowedHosts, HostPattern
from keyferry.clouds.azure.management import AzureManagement
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.clouds.azure.session import AzureSession
from keyferry.customer_key.workloads import ONBOARDING_APPLICATION, VAULT_ROLE, WORKLOADS
from keyferry.emulator.server import Running
from keyferry.errors import CloudFailed

M365 = WORKLOADS["multi-workload"]
STAND_IN = "https://management.azure.com"


@dataclass(frozen=True)
class Azure:
    """The emulator by way of its proxy, with a key in each of its first two vaults that the applications may use."""

    emulator: Running
    keys: tuple[str, str]
    principals: tuple[str, ...]

    @property
    def tenant_id(self) -> str:
        return self.emulator.tenant_id

    def contacts(self, shell: Shell) -> Path:
        return contacts(shell, FILE.replace(TENANT.upper(), self.tenant_id))


def vault_url(emulator: Running, number: int) -> str:
    return f"https://{emulator.vaults[number].name.lower()}.vault.azure.net"


def set_enabled(session: AzureSession, identifier: str, *, enabled: bool) -> None:
    from azure.keyvault.keys import KeyClient

    host, _, path = identifier.partition("/keys/")
    name, _, version = path.partition("/")
    client = KeyClient(host, session.credential, **session.options(host))
    client.update_key_properties(name, version, enabled=enabled)


@pytest.fixture
def own_session(azure: "Azure", monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureSession]:
    """For what happens in Azure meanwhile."""
    for name, value in azure.emulator.environment("proxy").items():
        monkeypatch.setenv(name, value)
    with SignIn("public", None, None).session() as session:
        yield session


def make_key(session: AzureSession, vault_url: str, name: str, **options: Any) -> str:
    """A key of the vault's own making; its identifier. How it came there is not what is looked at here."""
    from azure.keyvault.keys import KeyClient

    client = KeyClient(vault_url, session.credential, **session.options(vault_url))
    given: dict[str, Any] = {"key_operations": ["wrapKey", "unwrapKey"], "hardware_protected": True} | options
    return str(client.create_rsa_key(name, size=2048, **given).id)


@pytest.fixture(scope="session")
def azure(emulator: Running) -> Azure:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in emulator.environment("proxy").items():
            environment.setenv(name, value)
        directory = emulator.emulator.directory
        principal = directory.by_app_id(M365.application_id)
        onboarding = directory.by_app_id(ONBOARDING_APPLICATION)
        assert principal is not None
        assert onboarding is not None
        with SignIn("public", None, None).session() as session:
            management = AzureManagement(session)
            identifiers = []
            for number in range(2):
                url = vault_url(emulator, number)
                management.grant_role(management.vault_configuration(url), principal.object_id, VAULT_ROLE)
                identifiers.append(make_key(session, url, "customer-key"))
    given = (f"multi-workload={principal.object_id}", f"onboarding={onboarding.object_id}")
    return Azure(
        emulator, (identifiers[0], identifiers[1]), tuple(part for each in given for part in ("--principal", each))
    )


@pytest.fixture
def azure_kim(kim: Shell, azure: Azure) -> Shell:
    """Kim, signed in to the server and to Azure."""
    kim.env.update(azure.emulator.environment("proxy"))
    return kim


@pytest.fixture
def engineer(tmp_path: Path, azure: Azure) -> Shell:
    """Signed in to Azure, and to no server."""
    return Shell(tmp_path, dict(azure.emulator.environment("proxy")))


def check(shell: Shell, azure: Azure, *more: object, keys: tuple[str, str] | None = None, code: int = 0) -> Outcome:
    return shell(
        *("customer-key", "check", *(keys or azure.keys), "--workload", "multi-workload", *azure.principals),
        *more,
        code=code,
    )


def outcomes(found: Any) -> dict[tuple[str, str], str]:
    return {(line["subject"], line["id"]): line["outcome"] for line in found["lines"]}


class TestCheck:
    def test_without_a_server_everything_is_seen_but_the_backups(self, engineer: Shell, azure: Azure) -> None:
        found = check(engineer, azure, "--organization", azure.tenant_id, "--json").json
        assert found["verdict"] == "not-all-seen"
        assert [key["identifier"] for key in found["keys"]] == list(azure.keys)
        assert [key["subscription_id"] for key in found["keys"]] == list(azure.emulator.subscriptions[:2])
        by_line = outcomes(found)
        required = {(line["subject"], line["id"]) for line in found["lines"] if line["weight"] == "required"}
        unseen = {line for line in required if by_line[line] == "cannot-be-seen"}
        assert unseen == {("key 1", "backup-taken"), ("key 2", "backup-taken")}
        assert {by_line[line] for line in required - unseen} == {"passes"}
        # The operator that founded the vaults can delete keys in both, which is told, and stands in nobody's way.
        assert by_line["key 1", "vault-no-deletion"] == by_line["pair", "pair-custodians"] == "fails"
        # Azure says which regions it pairs.
        (regions,) = [line for line in found["lines"] if line["id"] == "pair-regions"]
        assert regions["outcome"] == "passes"
        assert "which Azure does not pair" in regions["found"]

    def test_it_is_readable_and_says_what_to_run(self, engineer: Shell, azure: Azure) -> None:
        out = check(engineer, azure).out
        assert "✓ passes          Purge protection is on." in out
        assert "? cannot be seen  A vault backup was taken since the key was last changed." in out
        assert f"run: az keyvault key backup --id {azure.keys[0].rpartition('/')[0]} --file" in out
        assert "Nothing required fails, but 2 of " in out

    def test_without_the_object_id_permissions_cannot_be_seen(self, engineer: Shell, azure: Azure) -> None:
        onboarding = azure.principals[2:]
        found = engineer(
            "customer-key", "check", *azure.keys, "--workload", "multi-workload", *onboarding, "--json"
        ).json
        assert outcomes(found)["key 1", "permissions-multi-workload"] == "cannot-be-seen"

    def test_one_key_twice_is_no_pair_and_ends_with_1(self, engineer: Shell, azure: Azure) -> None:
        found = check(engineer, azure, "--json", keys=(azure.keys[0], azure.keys[0]), code=1).json
        failed = {line["id"] for line in found["lines"] if line["outcome"] == "fails" and line["subject"] == "pair"}
        assert {"pair-subscriptions", "pair-vaults", "pair-keys"} <= failed

    def test_a_key_that_is_not_there_fails(self, engineer: Shell, azure: Azure) -> None:
        missing = vault_url(azure.emulator, 1) + "/keys/no-such-key"
        found = check(engineer, azure, "--json", keys=(azure.keys[0], missing), code=1).json
        assert outcomes(found)["key 2", "key-there"] == "fails"
        assert outcomes(found)["key 2", "key-size"] == "cannot-be-seen"

    def test_a_key_that_will_not_do_fails_with_the_command_that_mends_it(
        self, engineer: Shell, azure: Azure, own_session: AzureSession
    ) -> None:
        options = {"key_operations": ["sign", "verify"], "enabled": False}
        wrong = make_key(own_session, vault_url(azure.emulator, 1), "wrong-key", **options)
        found = check(engineer, azure, "--json", keys=(azure.keys[0], wrong), code=1).json
        by_line = outcomes(found)
        assert by_line["key 2", "key-operations"] == by_line["key 2", "key-enabled"] == "fails"
        remedy = next(
            line["remedy"] for line in found["lines"] if (line["subject"], line["id"]) == ("key 2", "key-operations")
        )
        assert remedy == f"az keyvault key set-attributes --id {wrong} --ops wrapKey unwrapKey"

    def test_another_tenant_is_noticed(self, engineer: Shell, azure: Azure) -> None:
        found = check(engineer, azure, "--organization", TENANT, "--json", code=1).json
        assert outcomes(found)["pair", "pair-tenant"] == "fails"

    def test_a_region_that_is_paired_is_told_by_azure(self, azure: Azure, own_session: AzureSession) -> None:
        management, (subscription, *_) = AzureManagement(own_session), azure.emulator.subscriptions
        assert management.paired_regions(subscription, "West Europe") == ("northeurope",)
        assert management.paired_regions(subscription, "polandcentral") == ()
        with pytest.raises(CloudFailed, match="does not list the region atlantis") as refused:
            management.paired_regions(subscription, "atlantis")
        assert refused.value.code == "azure-not-found"

    def test_an_application_is_there_or_absent_or_not_to_be_seen(
        self, azure: Azure, own_session: AzureSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Microsoft Graph is on loopback; the proxy, as Azure's firewalls often do, does not lead there."""
        assert look_up(own_session, M365.application_id) is Untold.HIDDEN
        for name, value in azure.emulator.environment("id").items():
            monkeypatch.setenv(name, value)
        url = azure.emulator.url
        cloud = replace(PUBLIC, resource_manager=url, graph=url, authority=url)
        cloud = replace(cloud, instance_discovery=False)
        outgoing = Outgoing(allowed=AllowedHosts((HostPattern("localhost", below=False, port=int(url.split(":")[2])),)))
        with AzureSession(cloud, default_credential(cloud, outgoing), outgoing) as session:
            assert look_up(session, M365.application_id) == azure.principals[1].partition("=")[2]
            assert look_up(session, "99999999-0000-4000-8000-00000000abcd") is Untold.ABSENT
            assert object_id_of(session, "99999999-0000-4000-8000-00000000abcd") is None

    def test_a_key_by_name_needs_a_server(self, engineer: Shell, azure: Azure) -> None:
        what, advice = check(engineer, azure, keys=("customer-key-a1", azure.keys[1]), code=1).refusal
        assert what.startswith("error (not-signed-in)")
        assert "keyferry login" in advice

    @pytest.mark.parametrize("given", ["multi-workload", "multi-workload=me", "teams=" + TENANT])
    def test_a_principal_of_another_form_is_refused(self, engineer: Shell, azure: Azure, given: str) -> None:
        engineer("customer-key", "check", *azure.keys, "--workload", "exchange", "--principal", given, code=1)


class TestRequest:
    def draft(self, shell: Shell, azure: Azure, keys: tuple[str, str] | None = None) -> str:
        made = shell(
            *("customer-key", "request", "draft", *(keys or azure.keys), "--contacts", azure.contacts(shell)),
            *("--workload", "multi-workload", "--json"),
        )
        return str(made.json["id"])

    def validate(self, shell: Shell, azure: Azure, id_: str, *more: str, code: int = 0) -> Outcome:
        return shell("customer-key", "request", "validate", id_, *azure.principals, *more, code=code)

    def show(self, shell: Shell, id_: str) -> Any:
        return shell("customer-key", "request", "show", id_, "--json").json

    def test_the_subscriptions_are_read_from_azure(self, azure_kim: Shell, azure: Azure) -> None:
        found = self.show(azure_kim, self.draft(azure_kim, azure))
        assert [key["subscription_id"] for key in found["keys"]] == list(azure.emulator.subscriptions[:2])

    def test_from_draft_to_accepted_by_the_stand_in(self, azure_kim: Shell, azure: Azure) -> None:
        id_ = self.draft(azure_kim, azure)
        # 1. Backups that Keyferry has no record of cannot be seen: that is no pass.
        out = self.validate(azure_kim, azure, id_, code=1).out
        assert "repeat this with --accept-unseen" in out
        assert self.show(azure_kim, id_)["state"] == "draft"
        # 2. Somebody vouches for them.
        out = self.validate(azure_kim, azure, id_, "--accept-unseen").out
        assert "The request is validated. 2 required lines could not be seen; they were vouched for." in out
        found = self.show(azure_kim, id_)
        assert found["state"] == "validated"
        assert len(found["checks"]) == 2
        assert {line["outcome"] for line in found["checks"][-1]["lines"]} == {"passes", "fails", "cannot-be-seen"}
        # 3. The stand-in takes it.
        sent = azure_kim("customer-key", "request", "submit", id_, "--stand-in", STAND_IN)
        assert "The stand-in accepted the request. This was no service of Microsoft's." in sent.out
        assert "New-M365DataAtRestEncryptionPolicy" in sent.out
        found = self.show(azure_kim, id_)
        assert [each["state"] for each in found["history"]] == ["draft", "validated", "submitted", "accepted"]
        assert found["reference"]
        assert "stand-in" in found["history"][-1]["note"]
        assert found["history"][-1]["validations"]["multi-workload"]["failed"] == []
        # 4. It is final.
        self.validate(azure_kim, azure, id_, code=1)
        azure_kim("customer-key", "request", "edit", id_, "--workload", "exchange", code=1)

    def test_the_whole_way_with_keys_of_our_own(self, azure_kim: Shell, azure: Azure) -> None:
        keys = ("customer-key-a1", "customer-key-b1")
        for number, key in enumerate(keys):
            place = ("--vault", azure.emulator.vaults[number].name, "--name", key)
            azure_kim("key", "create", "--type", "rsa-2048", "--name", key)
            azure_kim("azure", "push", key, *place, "--for-customer-key")
        # 1. A backup that Keyferry would know of, and does not, is missing.
        found = check(azure_kim, azure, "--json", keys=keys, code=1).json
        failed = [line for line in found["lines"] if line["weight"] == "required" and line["outcome"] == "fails"]
        assert [line["id"] for line in failed] == ["backup-taken", "backup-taken"]
        assert all(key["deployment"] for key in found["keys"])
        # 2. Each remedy is a command that can be run as it stands, but for where the file is to be.
        for line in failed:
            program, *words, file = shlex.split(line["remedy"])
            assert program == "keyferry"
            azure_kim(*words, azure_kim.directory / file)
        assert check(azure_kim, azure, keys=keys).out.splitlines()[-1].startswith("Ready: all ")
        # 3. Nothing has to be vouched for.
        id_ = self.draft(azure_kim, azure, keys)
        assert "The request is validated.\n" in self.validate(azure_kim, azure, id_).out
        deployments = [key["deployment"] for key in self.show(azure_kim, id_)["keys"]]
        assert deployments == [key["deployment"] for key in found["keys"]]
        sent = azure_kim("customer-key", "request", "submit", id_, "--stand-in", STAND_IN, "--json").json
        assert (sent["state"], sent["stand_in"]) == ("accepted", True)

    def test_a_submission_that_was_broken_off_can_be_taken_up_again(self, azure_kim: Shell, azure: Azure) -> None:
        id_ = self.draft(azure_kim, azure)
        self.validate(azure_kim, azure, id_, "--accept-unseen")
        azure_kim("customer-key", "request", "record", id_, "--state", "submitted", "--reference", "unknown")
        sent = azure_kim("customer-key", "request", "submit", id_, "--stand-in", STAND_IN, "--json").json
        assert [each["state"] for each in sent["history"]] == ["draft", "validated", "submitted", "accepted"]
        assert sent["reference"] != "unknown"

    def test_what_the_stand_in_refuses_can_be_edited_and_sent_again(
        self, azure_kim: Shell, azure: Azure, own_session: AzureSession
    ) -> None:
        key = make_key(own_session, vault_url(azure.emulator, 1), "soon-disabled")
        id_ = self.draft(azure_kim, azure, (azure.keys[0], key))
        self.validate(azure_kim, azure, id_, "--accept-unseen")
        set_enabled(own_session, key, enabled=False)
        out = azure_kim("customer-key", "request", "submit", id_, "--stand-in", STAND_IN, "--json", code=1).json
        assert (out["state"], out["stand_in"]) == ("refused", True)
        assert "disabled" in " ".join(out["answers"]["multi-workload"]["failed"])
        set_enabled(own_session, key, enabled=True)
        refused = azure_kim("customer-key", "request", "show", id_).out
        assert "refused" in refused
        self.validate(azure_kim, azure, id_, "--accept-unseen")
        assert (
            azure_kim("customer-key", "request", "submit", id_, "--stand-in", STAND_IN, "--json").json["state"]
            == "accepted"
        )
        history = [each["state"] for each in self.show(azure_kim, id_)["history"]]
        assert history == ["draft", "validated", "submitted", "refused", "draft", "validated", "submitted", "accepted"]

    def test_a_refusal_is_told_line_by_line_with_what_to_do(
        self, azure_kim: Shell, azure: Azure, own_session: AzureSession
    ) -> None:
        key = make_key(own_session, vault_url(azure.emulator, 1), "disabled-later")
        id_ = self.draft(azure_kim, azure, (azure.keys[0], key))
        self.validate(azure_kim, azure, id_, "--accept-unseen")
        set_enabled(own_session, key, enabled=False)
        out = azure_kim("customer-key", "request", "submit", id_, "--stand-in", STAND_IN, code=1).out
        (failed,) = [line for line in out.splitlines() if line.startswith("  failed for multi-workload: ")]
        assert failed.startswith("  failed for multi-workload: KeyEnabled; ")
        assert "validations passed, 1 failed" in out
        assert out.endswith(f"  keyferry customer-key request validate {id_}\n")
        # What is refused and still wrong is a draft, and says what to run.
        out = self.validate(azure_kim, azure, id_, "--accept-unseen", code=1).out
        assert f"az keyvault key set-attributes --id {key} --enabled true" in out
        assert self.show(azure_kim, id_)["state"] == "draft"
        azure_kim("customer-key", "request", "submit", id_, "--stand-in", STAND_IN, code=1)

    def test_a_check_that_fails_later_takes_the_mark_away(self, azure_kim: Shell, azure: Azure) -> None:
        id_ = self.draft(azure_kim, azure)
        self.validate(azure_kim, azure, id_, "--accept-unseen")
        out = self.validate(azure_kim, azure, id_, "--legacy", "--accept-unseen", code=1).out
        assert "Set right what fails" in out
        assert self.show(azure_kim, id_)["state"] == "draft"

    def test_what_a_person_sent_to_microsoft_is_recorded(self, azure_kim: Shell, azure: Azure) -> None:
        id_ = self.draft(azure_kim, azure)
        self.validate(azure_kim, azure, id_, "--accept-unseen")
        file = azure_kim.directory / "request.ps1"
        assert azure_kim("customer-key", "request", "write", id_, "--output", file).err == ""
        for state in ("submitted", "accepted"):
            done = azure_kim(
                *("customer-key", "request", "record", id_, "--state", state, "--reference", "MS-1"),
                *("--note", "by telephone"),
            )
        assert "New-M365DataAtRestEncryptionPolicy" in done.out
        assert self.show(azure_kim, id_)["history"][-1]["note"] == "by telephone"
