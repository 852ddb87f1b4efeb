"""Vaults and key encryption keys from the command line, with whatever the machine is signed in with."""

import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from tests.cli.terminal import Shell
from tests.cli.vaults import Vault

from keyferry.customer_key.workloads import WORKLOADS
from keyferry.emulator.server import Running

SOMEBODY = "0f0e0d0c-0b0a-4908-8706-050403020100"


@pytest.fixture
def vault_name() -> str:
    return f"kf-{secrets.token_hex(6)}"


@pytest.fixture
def stranger(shell: Shell, azure_environment: dict[str, str]) -> Shell:
    """Signed in to Azure, and to no Keyferry."""
    shell.env.update(azure_environment)
    return shell


def create(shell: Shell, emulator: Running, name: str, *more: object, code: int = 0) -> Any:
    place = ("--subscription", emulator.subscriptions[0], "--resource-group", "keys", "--location", "westeurope")
    return shell("azure", "vault", "create", name, *place, *more, code=code)


class TestVaults:
    def test_a_vault_is_premium_and_protected(self, stranger: Shell, emulator: Running, vault_name: str) -> None:
        said = create(stranger, emulator, vault_name)
        assert said.out.startswith(f"Vault {vault_name} was made.\n")
        assert said.err == ""
        found = stranger("azure", "vault", "show", vault_name, "--json").json
        assert (found["sku"], found["retention_days"], found["purge_protection"], found["rbac"]) == (
            *("premium", 90, True),
            True,
        )
        assert found["resource_group"] == "keys"
        assert found["warnings"] == []

    def test_what_is_dangerous_is_said_to_be(self, stranger: Shell, emulator: Running, vault_name: str) -> None:
        said = create(stranger, emulator, vault_name, "--no-purge-protection", "--retention-days", "7")
        assert "warning: It has no purge protection" in said.err
        assert "warning: Deleted keys are kept for 7 days" in said.err
        assert "Dangerous" in stranger("azure", "vault", "create", "--help").out

    def test_a_vault_that_is_there_is_not_made_over(self, stranger: Shell, emulator: Running, vault_name: str) -> None:
        create(stranger, emulator, vault_name, "--access-policies", "--custodian", SOMEBODY)
        what, _ = create(stranger, emulator, vault_name, "--access-policies", code=1).refusal
        assert what.startswith("error (azure-name-taken)")
        (grant,) = stranger("azure", "vault", "show", vault_name, "--json").json["grants"]
        assert grant["principal_id"] == SOMEBODY
        assert {"create", "import", "backup"} <= set(grant["permissions"])
        assert not {"delete", "purge"} & set(grant["permissions"])

    @pytest.mark.parametrize("name", ["ab", "1abc", "a--b", "a_b"])
    def test_a_name_that_will_not_do_is_refused(self, stranger: Shell, emulator: Running, name: str) -> None:
        what, advice = create(stranger, emulator, name, code=1).refusal
        assert "in name" in what.lower()
        assert advice

    def test_a_custodian_by_role_is_warned_of(self, stranger: Shell, emulator: Running, vault_name: str) -> None:
        create(stranger, emulator, vault_name)
        operator = emulator.emulator.directory.by_app_id(emulator.client_id)
        assert operator is not None
        said = stranger("azure", "vault", "grant", vault_name, "--custodian", operator.object_id)
        assert "Key Vault Crypto Officer" in said.out
        assert "allows deleting and purging keys too" in said.err
        assert (
            "--custodian goes with --access-policies"
            in create(stranger, emulator, f"{vault_name}b", "--custodian", SOMEBODY, code=1).err
        )

    @pytest.mark.parametrize("policies", [[], ["--access-policies"]])
    def test_a_workload_gets_what_it_needs_and_no_more(
        self, stranger: Shell, emulator: Running, vault_name: str, policies: list[str]
    ) -> None:
        create(stranger, emulator, vault_name, *policies)
        principal = emulator.principals[WORKLOADS["exchange"].application_id]
        who = ("--workload", "exchange", "--principal", principal)
        found = stranger("azure", "vault", "grant", vault_name, *who, "--json").json
        granted = [set(each["permissions"]) for each in found["grants"] if each["principal_id"] == principal]
        assert [each - {"list"} for each in granted] == [{"get", "wrapKey", "unwrapKey"}]

    def test_whom_to_let_in_has_to_be_said(self, stranger: Shell, vault_name: str) -> None:
        what, _ = stranger("azure", "vault", "grant", vault_name, code=1).refusal
        assert "Whom to let in is not said" in what

    def test_a_vault_that_is_nowhere_is_told(self, stranger: Shell, vault_name: str) -> None:
        what, advice = stranger("azure", "vault", "show", vault_name, code=1).refusal
        assert what.startswith("error (azure-not-found)")
        assert "Reader" in advice


class TestKeks:
    def test_one_is_made_once(self, stranger: Shell, vault: Vault) -> None:
        name = f"kek-{secrets.token_hex(4)}"
        words = ("azure", "kek", "create", "--vault", vault.url, "--name", name, "--bits", "2048")
        made = stranger(*words, "--json").json
        there = vault.show(made["key_identifier"])
        assert (there.key_type, list(there.key_operations)) == ("RSA-HSM", ["import"])
        assert (made["bits"], made["made"]) == (2048, True)
        again = stranger(*words)
        assert again.out.startswith("A fit key encryption key is there already.\n")
        assert len(vault.versions(name)) == 1

    def test_its_public_key_is_downloaded_as_azure_hands_it_out(
        self, stranger: Shell, vault: Vault, tmp_path: Path
    ) -> None:
        name, file = f"kek-{secrets.token_hex(4)}", tmp_path / "kek.pem"
        made = stranger("azure", "kek", "create", "--vault", vault.name, "--name", name, "--json").json
        said = stranger("azure", "kek", "download", "--vault", vault.name, "--name", name, "--output", file)
        assert file.read_text() == made["public_key"]
        assert file.read_text().startswith("-----BEGIN PUBLIC KEY-----\n")
        assert made["key_identifier"] in said.out
        assert made["spki_sha256"] in said.out
        what, _ = stranger(
            *("azure", "kek", "download", "--vault", vault.name, "--name", name, "--output", file), code=1
        ).refusal
        assert what.startswith("error (file-exists)")

    def test_what_is_no_kek_is_not_downloaded_as_one(self, stranger: Shell, vault: Vault, tmp_path: Path) -> None:
        name, file = f"no-kek-{secrets.token_hex(4)}", tmp_path / "kek.pem"
        words = ("azure", "kek", "download", "--vault", vault.name, "--name", name, "--output", file)
        assert "azure-not-found" in stranger(*words, code=1).refusal[0]
        vault.another_version(name)
        assert "kek-unfit" in stranger(*words, code=1).refusal[0]
        made = stranger("azure", "kek", "create", "--vault", vault.name, "--name", f"{name}-2", "--json").json
        vault.expire(made["key_identifier"])
        old = ("azure", "kek", "download", "--vault", vault.name, "--name", f"{name}-2", "--output", file)
        assert "it expired at" in stranger(*old, code=1).refusal[0]
        assert not file.exists()


class TestClouds:
    """The emulator without a proxy, as an Azure of one's own (an Azure Stack, say) is reached."""

    @pytest.fixture
    def own_cloud(self, shell: Shell, emulator: Running) -> Shell:
        shell.env |= {
            name: value for name, value in emulator.environment("id").items() if name != "AZURE_AUTHORITY_HOST"
        }
        return shell

    @pytest.fixture
    def addresses(self, emulator: Running) -> dict[str, Any]:
        return {
            "name": "mine",
            "authority": emulator.url,
            "resource_manager": emulator.url,
            "audience": "https://management.azure.com",
            "graph": emulator.url,
            "vault_suffix": ".vault.localhost.example",
            "managed_hsm_suffix": ".managedhsm.localhost.example",
            "verify_challenge": False,
            "instance_discovery": False,
        }

    def test_a_cloud_of_ones_own_is_told_by_a_file(
        self, own_cloud: Shell, emulator: Running, addresses: dict[str, Any], tmp_path: Path
    ) -> None:
        file = tmp_path / "cloud.json"
        file.write_text(json.dumps(addresses))
        words = ("azure", "kek", "create", "--vault", emulator.url, "--name", f"kek-{secrets.token_hex(4)}")
        made = own_cloud(*words, "--cloud-file", file, "--json").json
        assert made["key_identifier"].startswith(f"{emulator.url}/keys/")

    @pytest.mark.parametrize("change", [{"authority": 1}, {"more": "x"}, {"verify_challenge": "no"}, None])
    def test_a_file_that_is_none_is_refused(
        self, own_cloud: Shell, addresses: dict[str, Any], tmp_path: Path, change: dict[str, Any] | None
    ) -> None:
        file = tmp_path / "cloud.json"
        file.write_text("[]" if change is None else json.dumps(addresses | change))
        what, advice = own_cloud("azure", "vault", "show", "v", "--cloud-file", file, code=1).refusal
        assert "in --cloud-file" in what
        assert "resource_manager" in advice

    def test_an_authority_of_ones_own(self, own_cloud: Shell, emulator: Running) -> None:
        """Only where tokens come from is another place: the vault is asked at Azure's own name, which is not there."""
        what, _ = own_cloud(
            *("azure", "kek", "create", "--vault", "kf-none-such-vault", "--authority", emulator.url), code=1
        ).refusal
        assert "kf-none-such-vault.vault.azure.net" in what
