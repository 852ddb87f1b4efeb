"""What is where, and what differs from what we hold: found by looking into the vaults, told with what to do."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cli.terminal import Outcome, Shell
from tests.cli.test_azure_push import only_deployment, push
from tests.cli.vaults import Vault


@pytest.fixture
def pushed(engineer: Shell, vault: Vault, key: Any, name: str) -> Any:
    """The deployment of a key that is in the vault."""
    return push(engineer, name, vault, "--for-customer-key", "--json").json


def status(shell: Shell, name: str, *more: object, code: int = 0) -> Outcome:
    return shell("azure", "status", name, *more, code=code)


def differences(shell: Shell, name: str) -> dict[str, str]:
    """What `azure status` ends with 1 for: difference to advice."""
    (item,) = status(shell, name, "--json", code=1).json["items"]
    assert only_deployment(shell, name)["observed"] == item["observed"]  # what was seen is on record
    return {each["difference"]: each["advice"] for each in item["observed"]["drift"]}


class TestDrift:
    def test_what_is_as_it_was_pushed(self, engineer: Shell, vault: Vault, pushed: Any, name: str) -> None:
        said = status(engineer, name).out.splitlines()
        assert said[0].split() == [
            *("KEY", "VERSION", "VAULT", "NAME", "STEP", "ENABLED", "EXPIRES", "RECOVERY", "BACKED", "UP", "DRIFT")
        ]
        assert said[1].split() == [name, "1", vault.url, name, "proved", "yes", "never", "Recoverable", "-", "none"]
        assert len(said) == 2

    def test_a_disabled_key(self, engineer: Shell, vault: Vault, pushed: Any, name: str) -> None:
        vault.change(pushed["remote_identifier"], enabled=False)
        assert differences(engineer, name)["disabled"].endswith("--enabled true")
        said = status(engineer, name, code=1).out
        assert f"{name}, version 1, {name} at {vault.url}:\n  The vault's key is disabled.\n  az keyvault" in said
        # A push of the same does not say that all is well.
        assert "The vault's key is disabled." in push(engineer, name, vault, code=1).err
        vault.change(pushed["remote_identifier"], enabled=True)
        status(engineer, name)

    def test_an_expiry(self, engineer: Shell, vault: Vault, pushed: Any, name: str) -> None:
        vault.change(pushed["remote_identifier"], expires_on=datetime.now(UTC) + timedelta(days=30))
        assert "9999-12-31" in differences(engineer, name)["expires"]
        vault.change(pushed["remote_identifier"], expires_on=datetime(9999, 12, 31, tzinfo=UTC))
        assert "9999-12-31T00:00:00Z" in status(engineer, name).out

    def test_a_first_day_of_use(self, engineer: Shell, vault: Vault, pushed: Any, name: str) -> None:
        vault.change(pushed["remote_identifier"], not_before=datetime.now(UTC) + timedelta(days=1))
        assert differences(engineer, name)["not-yet-valid"].endswith("--not-before 1970-01-02T00:00:00Z")
        vault.change(pushed["remote_identifier"], not_before=datetime(1970, 1, 2, tzinfo=UTC))
        status(engineer, name)  # what was advised is enough

    def test_operations_that_were_left_to_the_vault_stay_what_they_became(
        self, engineer: Shell, vault: Vault, key: Any, name: str
    ) -> None:
        done = push(engineer, name, vault, "--json").json
        status(engineer, name)
        vault.change(done["remote_identifier"], key_operations=["sign", "verify"])
        before = done["evidence"]["read-back"]["operations"]
        assert differences(engineer, name)["operations"].endswith(f"--ops {' '.join(before)}")

    def test_other_operations(self, engineer: Shell, vault: Vault, pushed: Any, name: str) -> None:
        vault.change(pushed["remote_identifier"], key_operations=["wrapKey", "unwrapKey", "sign"])
        assert differences(engineer, name)["operations"].endswith("--ops unwrapKey wrapKey")

    def test_a_further_version(self, engineer: Shell, vault: Vault, pushed: Any, name: str) -> None:
        vault.another_version(name)
        assert "--new-version" in differences(engineer, name)["extra-version"]

    def test_a_deleted_key(self, engineer: Shell, vault: Vault, pushed: Any, name: str) -> None:
        vault.client.begin_delete_key(name).wait()
        advice = differences(engineer, name)["deleted"]
        assert advice == f"az keyvault key recover --id {vault.url}/deletedkeys/{name}"
        vault.client.begin_recover_deleted_key(name).wait()
        status(engineer, name)

    def test_a_key_that_was_rotated_here(self, engineer: Shell, vault: Vault, pushed: Any, name: str) -> None:
        engineer("key", "rotate", name)
        assert "--new-version" in differences(engineer, name)["rotated-here"]
        push(engineer, name, vault, "--new-version", "--for-customer-key")
        rows = status(engineer, name).out.splitlines()
        assert [row.split()[1] for row in rows[1:]] == ["1", "2"]

    def test_a_key_that_was_compromised_here(self, engineer: Shell, vault: Vault, pushed: Any, name: str) -> None:
        engineer("key", "revoke", name, "--reason", "key-compromise")
        assert differences(engineer, name)["state-here"].endswith("--enabled false")
        vault.change(pushed["remote_identifier"], enabled=False)
        status(engineer, name)


class TestWhatCannotBeSeen:
    def test_a_sign_in_that_fails_is_told_and_the_others_are_seen(
        self, engineer: Shell, pushed: Any, name: str, tmp_path: Path
    ) -> None:
        engineer.env["AZURE_CLIENT_SECRET"] = "of-yesterday"
        said = status(engineer, name, code=1).out
        assert "not seen" in said
        assert "of-yesterday" not in said
        (item,) = status(engineer, name, "--json", code=1).json["items"]
        assert item["unseen"]["code"] == "azure-sign-in-failed"
        assert "last seen" not in said

    def test_what_was_seen_last_is_told_with_its_time(
        self, engineer: Shell, vault: Vault, pushed: Any, name: str
    ) -> None:
        before = status(engineer, name, "--json").json["items"][0]["observed"]["at"]
        right = engineer.env["AZURE_CLIENT_SECRET"]
        engineer.env["AZURE_CLIENT_SECRET"] = "of-yesterday"
        said = status(engineer, name, code=1).out
        assert "not seen" in said
        assert f"It was last seen at {before}, and differed in nothing." in said
        engineer.env["AZURE_CLIENT_SECRET"] = right
        vault.change(pushed["remote_identifier"], enabled=False)
        status(engineer, name, code=1)
        engineer.env["AZURE_CLIENT_SECRET"] = "of-yesterday"
        said = status(engineer, name, code=1).out
        assert "with these differences" in said
        assert "The vault's key is disabled." in said

    def test_nothing_to_see(self, engineer: Shell, key: Any, name: str) -> None:
        assert status(engineer, name).out == "Nothing was pushed.\n"
        assert "exclude each other" in status(engineer, name, "--all", code=2).refusal[0]


class TestAllOfThem:
    def test_every_key_is_looked_at(self, engineer: Shell, vault: Vault, pushed: Any, name: str) -> None:
        for words in ((), ("--all",)):
            found = engineer("azure", "status", *words, "--json", code=None).json["items"]
            assert pushed["id"] in {each["id"] for each in found}
        assert engineer("azure", "status", "--connection", "none-such").out == "Nothing was pushed.\n"


class TestBackups:
    def test_a_backup_is_taken_and_on_record(
        self, engineer: Shell, vault: Vault, pushed: Any, name: str, tmp_path: Path
    ) -> None:
        file = tmp_path / "tenant.backup"
        said = engineer("azure", "backup", name, "--output", file)
        content = file.read_bytes()
        assert said.out.startswith(f"The backup is in {file}, and on record.\n")
        assert file.stat().st_mode & 0o777 == 0o600
        record = only_deployment(engineer, name)["backup"]
        assert (record["sha256"], record["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
        assert record["taken_at"] in said.out
        assert record["taken_at"] in status(engineer, name).out
        vault.client.begin_delete_key(name).wait()
        assert b"KeyBackup" in content[:40]
        what, _ = engineer("azure", "backup", pushed["id"], "--output", file, code=1).refusal
        assert what.startswith("error (file-exists)")
        assert file.read_bytes() == content

    def test_a_name_that_is_another_keys_by_now_is_not_backed_up_as_ours(
        self, engineer: Shell, vault: Vault, pushed: Any, name: str, tmp_path: Path
    ) -> None:
        vault.client.begin_delete_key(name).wait()
        what, _ = engineer("azure", "backup", name, "--output", tmp_path / "b", code=1).refusal
        assert what.startswith("error (vault-key-differs)")
        assert only_deployment(engineer, name)["backup"] is None
        assert not (tmp_path / "b").exists()

    def test_a_key_in_two_places_is_said_which(
        self, engineer: Shell, vault: Vault, pushed: Any, name: str, tmp_path: Path
    ) -> None:
        other = push(engineer, name, vault, "--name", f"{name}-b", "--json").json
        what, advice = engineer("azure", "backup", name, "--output", tmp_path / "b", code=1).refusal
        assert "in 2 places" in what
        assert other["id"] in advice
        engineer("azure", "backup", other["id"], "--output", tmp_path / "b")

    def test_a_key_that_is_nowhere_has_none(self, engineer: Shell, key: Any, name: str, tmp_path: Path) -> None:
        for reference in (name, key["id"]):
            what, _ = engineer("azure", "backup", reference, "--output", tmp_path / "b", code=1).refusal
            assert what.startswith("error (deployment-not-imported)")


class TestKeysThatAreDeployed:
    def test_a_key_shows_where_it_is(self, engineer: Shell, vault: Vault, pushed: Any, name: str) -> None:
        assert f"version 1 as {name} at {vault.url} (proved)" in engineer("key", "show", name).out

    def test_before_it_is_destroyed_the_vaults_that_hold_it_are_named(
        self, engineer: Shell, pushed: Any, name: str
    ) -> None:
        engineer("key", "deactivate", name)
        said = engineer("key", "destroy", name, "--yes")
        assert f"warning: {pushed['remote_identifier']} stays as it is: it is version 1 of this key.\n" in said.err
