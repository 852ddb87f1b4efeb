"""`keyferry azure push` with Azure's real SDK, from an engineer's own sign-in, into a vault of the emulator."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.cli.terminal import RunningServer, Shell
from tests.cli.vaults import Vault

STEPS = ["kek-ready", "exported", "imported", "read-back", "proved"]


def deployments(shell: Shell, name: str) -> list[Any]:
    """The deployments of a key, as they are recorded."""
    shown: list[Any] = shell("key", "show", name, "--json").json["deployments"]
    return shown


def only_deployment(shell: Shell, name: str) -> Any:
    (found,) = deployments(shell, name)
    return found


def exports(shell: Shell, name: str) -> list[Any]:
    found: list[Any] = shell("export", "list", "--key", name, "--json").json["items"]
    return found


def push(shell: Shell, name: str, vault: Vault, *more: object, code: int = 0) -> Any:
    return shell("azure", "push", name, "--vault", vault.name, *more, code=code)


class TestTheWay:
    def test_from_a_key_to_a_vault(self, engineer: Shell, vault: Vault, key: Any, name: str) -> None:
        said = push(engineer, name, vault)
        assert said.out.startswith(f"The key is in the vault: {name} at {vault.url}.\n")
        assert "use: unwrapKey (RSA-OAEP-256)" in said.out
        assert [line.split()[0] for line in said.err.splitlines()] == STEPS
        done = only_deployment(engineer, name)
        assert done["step"] == "proved"
        assert f"keyferry azure backup {done['id']} --output FILE" in said.out
        there = vault.show(done["remote_identifier"])
        assert there.key_type == "RSA-HSM"
        assert there.properties.enabled
        assert there.properties.expires_on is None
        assert there.properties.tags == {"keyferry-key": key["id"], "keyferry-version": done["version_id"]}
        assert done["evidence"]["read-back"]["spki_sha256"] == key["spki_sha256"]
        (exported,) = exports(engineer, name)
        assert (done["export_id"], done["kek_identifier"]) == (exported["id"], exported["key_identifier"].lower())

    def test_doing_it_again_does_nothing_again(self, engineer: Shell, vault: Vault, key: Any, name: str) -> None:
        first = push(engineer, name, vault, "--json").json
        again = push(engineer, name, vault, "--json")
        assert again.json["id"] == first["id"]
        assert again.err == ""
        assert len(vault.versions(name)) == len(exports(engineer, name)) == 1

    @pytest.mark.parametrize(
        ("type_", "algorithm"), [("ec-p256", "ES256"), ("ec-p256k", "ES256K"), ("ec-p521", "ES512")]
    )
    def test_an_ec_key_is_proved_by_a_signature(
        self, engineer: Shell, vault: Vault, name: str, type_: str, algorithm: str
    ) -> None:
        engineer("key", "create", "--type", type_, "--name", name)
        done = push(engineer, name, vault, "--json").json
        assert done["evidence"]["read-back"]["type"] == "EC-HSM"
        assert (done["evidence"]["proved"]["how"], done["evidence"]["proved"]["algorithm"]) == ("sign", algorithm)

    def test_a_customer_key_may_wrap_and_unwrap_and_nothing_else(
        self, engineer: Shell, vault: Vault, key: Any, name: str
    ) -> None:
        done = push(engineer, name, vault, "--name", f"{name}-ck", "--for-customer-key", "--json").json
        assert done["name"] == f"{name}-ck"
        assert set(vault.show(done["remote_identifier"]).key_operations) == {"wrapKey", "unwrapKey"}
        assert done["evidence"]["proved"]["how"] == "unwrapKey"

    @pytest.mark.parametrize(
        ("operations", "how"), [("decrypt,encrypt", "decrypt"), ("sign,verify", "sign"), ("verify", "public key only")]
    )
    def test_a_key_is_proved_by_what_it_may_do(
        self, engineer: Shell, vault: Vault, key: Any, name: str, operations: str, how: str
    ) -> None:
        done = push(engineer, name, vault, "--operations", operations, "--json")
        assert done.json["evidence"]["proved"]["how"] == how
        assert ("by its public key only" in done.err) == (how == "public key only")

    def test_a_key_that_nobody_shall_use_is_compared_alone(
        self, engineer: Shell, vault: Vault, key: Any, name: str
    ) -> None:
        proved = push(engineer, name, vault, "--public-key-proof", "--json").json["evidence"]["proved"]
        assert proved["how"] == "public key only"
        assert set(proved["why_not"]) == {"unwrapKey", "decrypt", "sign"}

    def test_a_rotated_key_becomes_a_further_version_when_that_is_asked_for(
        self, engineer: Shell, vault: Vault, key: Any, name: str
    ) -> None:
        push(engineer, name, vault)
        engineer("key", "rotate", name)
        what, advice = push(engineer, name, vault, code=1).refusal
        assert what.startswith("error (azure-name-taken) in --name: ")
        assert "--new-version" in advice
        second = push(engineer, name, vault, "--new-version", "--json").json
        assert second["version"] == 2
        assert len(vault.versions(name)) == 2
        assert vault.client.get_key(name).id == second["remote_identifier"]
        assert [each["difference"] for each in drift(engineer, name)] == []

    def test_a_key_that_was_imported_by_hand_is_found_and_not_imported_again(
        self, engineer: Shell, vault: Vault, key: Any, name: str, tmp_path: Path
    ) -> None:
        engineer("azure", "kek", "create", "--vault", vault.name)
        kek = engineer("azure", "kek", "download", "--vault", vault.name, "--output", tmp_path / "k.pem", "--json").json
        file = tmp_path / "by-hand.byok"
        engineer(
            *("key", "export", name, "--to", "azure", "--public-key", tmp_path / "k.pem"),
            *("--key-identifier", kek["key_identifier"], "--output", file),
        )
        identifier = vault.import_file(name, file.read_bytes())
        vault.another_version(name)  # ours need not be the current one
        done = push(engineer, name, vault, "--json", code=0).json
        assert done["remote_identifier"] == identifier
        assert done["evidence"]["imported"]["adopted"] is True
        assert len(vault.versions(name)) == 2


def drift(shell: Shell, name: str, code: int = 0) -> list[Any]:
    items = shell("azure", "status", name, "--json", code=code).json["items"]
    return [each for item in items for each in (item["observed"] or {}).get("drift", [])]


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((), "A push needs KEY and --vault"),
            (("k",), "A push needs KEY and --vault"),
            (("k", "--resume", "x"), "--resume goes on with what was planned"),
            (("k", "--vault", "v", "--operations", "fly"), "'fly' is no list such as wrapKey,unwrapKey"),
            (("k", "--vault", "v", "--operations", "sign", "--for-customer-key"), "say two things"),
        ],
    )
    def test_wrong_usage(self, engineer: Shell, arguments: tuple[str, ...], said: str) -> None:
        assert said in engineer("azure", "push", *arguments, code=2).refusal[0]

    def test_a_symmetric_key_goes_by_file(self, engineer: Shell, vault: Vault, name: str) -> None:
        engineer("key", "create", "--type", "aes-256", "--name", name)
        assert "target-needs-managed-hsm" in push(engineer, name, vault, code=1).refusal[0]

    def test_a_host_that_is_not_azures_is_never_asked(self, engineer: Shell, key: Any, name: str) -> None:
        what, advice = engineer("azure", "push", name, "--vault", "https://vault.example.org", code=1).refusal
        assert what.startswith("error (azure-host-refused)")
        assert advice
        engineer("azure", "push", name, "--vault", "http://vault.example.org", code=1)
        assert deployments(engineer, name) == []  # nothing is planned that could never be done

    def test_a_name_that_is_another_keys_is_left_alone(
        self, engineer: Shell, vault: Vault, key: Any, name: str
    ) -> None:
        vault.another_version(name)
        what, _ = push(engineer, name, vault, code=1).refusal
        assert what.startswith("error (azure-name-taken) in --name: ")
        stopped = only_deployment(engineer, name)
        assert (stopped["step"], stopped["problem"]["code"]) == ("planned", "azure-name-taken")
        assert exports(engineer, name) == []  # the key did not leave for nothing
        told = engineer("azure", "status", name).out
        assert f"keyferry azure push --resume {stopped['id']}" in told
        assert "has another key named" in told
        done = engineer("azure", "push", "--resume", stopped["id"], "--new-version", "--json").json
        assert (done["step"], done["problem"]) == ("proved", None)
        assert len(vault.versions(name)) == 2

    def test_a_deleted_name_is_told_with_the_way_back(self, engineer: Shell, vault: Vault, key: Any, name: str) -> None:
        first = push(engineer, name, vault, "--json").json
        vault.client.begin_delete_key(name).wait()
        what, advice = push(engineer, name, vault, code=1).refusal
        assert what.startswith("error (azure-name-deleted) in --name: ")
        assert "az keyvault key recover" in advice
        vault.client.begin_recover_deleted_key(name).wait()
        done = push(engineer, name, vault, "--json").json
        assert done["id"] != first["id"]  # that one's key was gone, and a new push was planned
        assert done["remote_identifier"] == first["remote_identifier"]
        assert len(vault.versions(name)) == 1

    def test_a_push_under_way_is_not_planned_anew_otherwise(
        self, engineer: Shell, vault: Vault, key: Any, name: str
    ) -> None:
        vault.another_version(name)
        push(engineer, name, vault, code=1)
        what, advice = push(engineer, name, vault, "--operations", "sign", code=1).refusal
        assert what.startswith("error (deployment-exists) in --operations: ")
        id_ = only_deployment(engineer, name)["id"]
        assert advice.endswith(f"keyferry azure abandon {id_}")
        assert engineer("azure", "abandon", id_).out.startswith(f"Deployment {id_} is abandoned.\n")
        done = push(engineer, name, vault, "--operations", "sign", "--new-version", "--json").json
        assert done["operations"] == ["sign"]
        assert "deployment-abandoned" in engineer("azure", "push", "--resume", id_, code=1).refusal[0]

    def test_a_key_that_was_rotated_meanwhile_is_planned_anew(
        self, engineer: Shell, vault: Vault, key: Any, name: str
    ) -> None:
        vault.another_version(name)
        push(engineer, name, vault, code=1)
        id_ = only_deployment(engineer, name)["id"]
        engineer("key", "rotate", name)
        what, advice = engineer("azure", "push", "--resume", id_, "--new-version", code=1).refusal
        assert "rotated" in what
        assert advice == "Push the current version: keyferry azure push KEY"
        assert push(engineer, name, vault, "--new-version", "--json").json["version"] == 2


class TestKeks:
    @pytest.fixture
    def kek(self, name: str) -> str:
        return f"kek-of-{name}"

    @pytest.fixture
    def admin(self, server: RunningServer, tmp_path: Path) -> Shell:
        (tmp_path / "admin").mkdir()
        found = Shell(tmp_path / "admin")
        found.sign_in(server, "first-admin")
        return found

    def with_kek(self, shell: Shell, name: str, vault: Vault, kek: str, *more: object, code: int = 0) -> Any:
        return push(shell, name, vault, "--kek-name", kek, *more, code=code)

    def test_a_fit_one_is_used_again(self, engineer: Shell, vault: Vault, key: Any, name: str, kek: str) -> None:
        made = engineer("azure", "kek", "create", "--vault", vault.name, "--name", kek, "--bits", "4096", "--json").json
        done = self.with_kek(engineer, name, vault, kek, "--json").json
        assert done["kek_identifier"] == made["key_identifier"].lower()
        assert done["evidence"]["kek-ready"]["made"] is False

    def test_a_large_key_gets_a_kek_as_large(self, engineer: Shell, vault: Vault, name: str, kek: str) -> None:
        engineer("azure", "kek", "create", "--vault", vault.name, "--name", kek)
        engineer("key", "create", "--type", "rsa-4096", "--name", name)
        ready = self.with_kek(engineer, name, vault, kek, "--json").json["evidence"]["kek-ready"]
        assert (ready["bits"], ready["made"]) == (4096, True)
        assert len(vault.versions(kek)) == 2  # a larger version, under the same name

    def test_an_expired_one_is_renewed(self, engineer: Shell, vault: Vault, key: Any, name: str, kek: str) -> None:
        made = engineer("azure", "kek", "create", "--vault", vault.name, "--name", kek, "--json").json
        vault.expire(made["key_identifier"])
        done = self.with_kek(engineer, name, vault, kek, "--json").json
        assert done["evidence"]["kek-ready"]["made"] is True
        assert done["kek_identifier"] != made["key_identifier"].lower()

    def test_a_disabled_one_is_somebodys_will(
        self, engineer: Shell, vault: Vault, key: Any, name: str, kek: str
    ) -> None:
        made = engineer("azure", "kek", "create", "--vault", vault.name, "--name", kek, "--json").json
        vault.change(made["key_identifier"], enabled=False)
        what, advice = self.with_kek(engineer, name, vault, kek, code=1).refusal
        assert what.startswith("error (kek-disabled) in --kek-name: ")
        assert "--enabled true" in advice
        vault.change(made["key_identifier"], enabled=True)
        assert self.with_kek(engineer, name, vault, kek, "--json").json["step"] == "proved"

    def test_where_only_registered_ones_are_taken_it_is_told_which_to_register(
        self, engineer: Shell, admin: Shell, vault: Vault, name: str, kek: str, tmp_path: Path
    ) -> None:
        admin("group", "create", name, "--kek-policy", "registered")
        admin("user", "edit", "kim", "--group", "payments", "--group", name)
        engineer("key", "create", "--type", "rsa-2048", "--name", name, "--group", name)
        what, advice = self.with_kek(engineer, name, vault, kek, code=1).last_refusal
        stopped = only_deployment(engineer, name)
        assert what.startswith("error (kek-not-registered) in --kek-name: ")
        assert stopped["evidence"]["kek-ready"]["identifier"] in what
        assert stopped["evidence"]["kek-ready"]["spki_sha256"] in what
        assert (stopped["step"], stopped["problem"]["step"]) == ("kek-ready", "exported")
        assert exports(engineer, name) == []
        words = ("--vault", vault.name, "--name", kek, "--output", tmp_path / "kek.pem", "--json")
        found = engineer("azure", "kek", "download", *words).json["key_identifier"]
        admin("kek", "register", "--to", "azure", "--public-key", tmp_path / "kek.pem", "--key-identifier", found)
        assert advice.endswith(f"keyferry azure push --resume {stopped['id']} --kek-name {kek}")
        done = engineer("azure", "push", "--resume", stopped["id"], "--kek-name", kek, "--json").json
        assert (done["step"], done["problem"]) == ("proved", None)

    def test_a_key_of_another_kind_is_none(self, engineer: Shell, vault: Vault, key: Any, name: str, kek: str) -> None:
        vault.another_version(kek)
        what, advice = self.with_kek(engineer, name, vault, kek, code=1).refusal
        assert what.startswith("error (kek-unfit) in --kek-name: ")
        assert "may import and nothing else" in what
        assert "--kek-name" in advice
        done = self.with_kek(engineer, name, vault, f"{kek}-2", "--json").json
        assert (done["step"], len(vault.versions(kek))) == ("proved", 1)


DYING = """
import os, signal, sys
from keyferry.cli import azure_ledger, main
moment, last = sys.argv.pop(1), sys.argv.pop(1)

class Dying(azure_ledger.RestLedger):
    def record(self, step, evidence):
        self._die("before", step)
        super().record(step, evidence)
        self._die("after", step)

    def _die(self, now, step):
        if (now, step.value) == (moment, last):
            os.kill(os.getpid(), signal.SIGKILL)

azure_ledger.RestLedger = Dying
main()
"""


def environment_of(shell: Shell) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KEYFERRY_")}
    return kept | {"XDG_CONFIG_HOME": str(shell.directory / "config"), "HOME": str(shell.directory), **shell.env}


class TestInterruptions:
    @pytest.mark.parametrize("moment", ["before", "after"])
    @pytest.mark.parametrize("step", STEPS)
    def test_a_push_that_was_killed_goes_on_and_imports_nothing_twice(
        self, engineer: Shell, vault: Vault, key: Any, name: str, moment: str, step: str
    ) -> None:
        killed = subprocess.run(
            [sys.executable, "-c", DYING, moment, step, "azure", "push", name, "--vault", vault.name],
            env=environment_of(engineer),
            capture_output=True,
        )
        assert killed.returncode == -signal.SIGKILL
        recorded = only_deployment(engineer, name)["step"]
        assert recorded == (step if moment == "after" else ["planned", *STEPS][STEPS.index(step)])
        arrived = STEPS.index(step) >= STEPS.index("imported")
        assert len(vault.versions(name)) == arrived
        done = push(engineer, name, vault, "--json").json
        assert (done["step"], done["problem"]) == ("proved", None)
        assert len(vault.versions(name)) == 1
        assert done["evidence"]["imported"]["adopted"] == ((moment, step) == ("before", "imported"))

    def test_two_at_once_import_once(self, engineer: Shell, vault: Vault, key: Any, name: str) -> None:
        words = [sys.executable, "-m", "keyferry", "azure", "push", name, "--vault", vault.name]
        both = [
            subprocess.Popen(words, env=environment_of(engineer), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(2)
        ]
        ends = [(each.communicate()[1].decode(), each.returncode) for each in both]
        assert len(vault.versions(name)) == 1
        for said, code in ends:
            assert code == 0 or "deployment-" in said, said
        assert 0 in [code for _, code in ends]
        assert {each["step"] for each in deployments(engineer, name)} == {"proved"}
