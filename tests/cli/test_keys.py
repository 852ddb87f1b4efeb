"""Keys and their states, against a real server, as a Key Access User."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.cli.terminal import Outcome, Shell

from keyferry.testing import Kek

_numbers = iter(range(1, 1000))


@pytest.fixture
def name() -> str:
    """A key's name that no other test has."""
    return f"key-{next(_numbers)}"


@pytest.fixture
def kek(tmp_path: Path) -> tuple[Path, str]:
    made = Kek.make(name=f"kek-{next(_numbers)}")
    (tmp_path / "kek.pem").write_bytes(made.public_pem)
    (tmp_path / "kek-private.pem").write_bytes(made.private_pem)
    return tmp_path / "kek.pem", made.identifier


def export(shell: Shell, name: str, kek: tuple[Path, str], *more: object, code: int = 0) -> Outcome:
    return shell(
        *("key", "export", name, "--to", "azure", "--public-key", kek[0], "--key-identifier", kek[1]),
        *("--output", shell.directory / "out.byok", *more),
        code=code,
    )


class TestMakingAndDescribing:
    def test_create_with_every_option(self, kim: Shell, name: str) -> None:
        made = kim(
            *("key", "create", "--type", "ec-p256", "--name", name, "--description", "For signing"),
            *("--group", "payments", "--not-exportable", "--usage", "sign,verify"),
            *("--activation-date", "2090-01-01T00:00:00Z", "--deactivation-date", "2091-01-01T00:00:00Z", "--json"),
        ).json
        assert (made["name"], made["description"], made["state"]) == (name, "For signing", "pre-active")
        assert (made["owner"]["group"], made["exportable"]) == ("payments", False)
        assert sorted(made["usages"]) == ["sign", "verify"]
        assert made["deactivation_date"] == "2091-01-01T00:00:00Z"

    def test_a_key_without_a_name_shows_as_blank(self, kim: Shell) -> None:
        made = kim("key", "create", "--type", "aes-256")
        assert "Key [blank] (" in made.out
        assert "[blank]" in kim("key", "list").out
        assert None in {key["name"] for key in kim("key", "list", "--json").json["items"]}

    def test_list_filters(self, kim: Shell, name: str) -> None:
        kim("key", "create", "--type", "aes-128", "--name", name, "--owner", "kim")
        assert [key["name"] for key in kim("key", "list", "--name", name, "--json").json["items"]] == [name]
        assert name in kim("key", "list", "--owner", "kim").out
        assert name not in kim("key", "list", "--group", "payments").out

    def test_list_searches_and_sorts(self, kim: Shell) -> None:
        for name in ("find-b", "find-a", "find-c"):
            kim("key", "create", "--type", "aes-192", "--name", name, "--pre-active")
        found = ("key", "list", "--json", "--search", "find-", "--state", "pre-active", "--type", "aes-192")
        assert [key["name"] for key in kim(*found, "--sort", "-name").json["items"]] == ["find-c", "find-b", "find-a"]
        assert [key["name"] for key in kim(*found, "--limit", 2).json["items"]] == ["find-b", "find-a"]
        assert kim(*found, "--expiring", 7).json["items"] == []
        assert kim(*found, "--pending").json["items"] == []
        assert "There are no keys." in kim("key", "list", "--search", "nothing-like-it").out
        kim("key", "list", "--expiring", 0, code=2)

    def test_show_edit_and_take_the_name_away(self, kim: Shell, name: str) -> None:
        key_id = kim("key", "create", "--type", "aes-256", "--name", name, "--json").json["id"]
        assert f"  Name:            {name}\n" in kim("key", "show", name).out
        kim("key", "edit", name, "--description", "Backups")
        assert kim("key", "show", f"payments/{name}", "--json").json["description"] == "Backups"
        assert kim("key", "edit", name, "--name", "", "--json").json["name"] is None
        assert kim("key", "show", key_id, "--json").json["description"] == "Backups"

    def test_import_takes_an_encrypted_key_and_keeps_its_public_key(self, kim: Shell, name: str) -> None:
        private, locked = kim.directory / "rsa.pem", kim.directory / "locked.pem"
        phrase = kim.secret("phrase", "open sesame")
        subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True)
        subprocess.run(
            ["openssl", "pkcs8", "-topk8", "-in", private, "-out", locked, "-passout", f"file:{phrase}"],
            check=True,
            capture_output=True,
        )
        importing = ("key", "import", locked, "--type", "rsa-2048", "--name", name)
        assert kim(*importing, code=1).refusal[0].startswith("error (material-encrypted)")
        kim(*importing, "--passphrase-file", phrase)
        public = subprocess.run(["openssl", "pkey", "-in", private, "-pubout"], check=True, capture_output=True).stdout
        assert kim("key", "public-key", name).out.encode() == public

    def test_import_of_another_type_is_refused(self, kim: Shell) -> None:
        private = kim.directory / "ec.pem"
        subprocess.run(
            ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", private],
            check=True,
            capture_output=True,
        )
        said = kim("key", "import", private, "--type", "rsa-2048", code=1)
        assert said.refusal[0].startswith("error (algorithm-mismatch)")

    def test_raw_bytes_arrive_as_they_are(self, kim: Shell) -> None:
        """The check value is the first 3 bytes of a zero block under the key, here by OpenSSL."""
        key = os.urandom(16)
        (kim.directory / "aes").write_bytes(key)
        (kim.directory / "aes").chmod(0o644)
        made = kim("key", "import", kim.directory / "aes", "--type", "aes-128")
        block = subprocess.run(
            ["openssl", "enc", "-aes-128-ecb", "-nopad", "-K", key.hex()],
            input=bytes(16),
            check=True,
            capture_output=True,
        ).stdout
        assert f"Key check value: {block[:3].hex()}" in made.out
        assert "warning: Others can read " in made.err

    def test_public_key_to_a_file_and_as_json(self, kim: Shell, name: str) -> None:
        kim("key", "create", "--type", "ec-p384", "--name", name)
        file = kim.directory / "public.pem"
        found = kim("key", "public-key", name, "--output", file, "--json").json
        assert file.read_text() == found["pem"]
        kim("key", "public-key", name, "--output", file, code=1)
        kim("key", "public-key", name, "--output", file, "--force")

    def test_an_unknown_key_is_not_found(self, kim: Shell) -> None:
        what, advice = kim("key", "show", "nothing/here", code=1).refusal
        assert what.startswith("error (not-found)")
        assert advice

    def test_reassign_to_a_group(self, kim: Shell, name: str) -> None:
        kim("key", "create", "--type", "aes-256", "--name", name, "--owner", "kim")
        said = kim("key", "reassign", name, "--group", "payments", "--json").json
        assert said["owner"] == {"user": None, "group": "payments"}
        assert kim("key", "reassign", name, "--owner", "kim", code=1).refusal[0].startswith("error (not-permitted)")

    def test_a_bad_date_names_the_option(self, kim: Shell) -> None:
        said = kim("key", "create", "--type", "aes-256", "--deactivation-date", "tomorrow", code=1)
        assert " in --deactivation-date: " in said.refusal[0]


class TestStates:
    def test_from_pre_active_to_deactivated(self, kim: Shell, name: str) -> None:
        kim("key", "create", "--type", "aes-256", "--name", name, "--pre-active")
        assert "is active." in kim("key", "activate", name).out
        kim("key", "deactivate", name)
        what, advice = kim("key", "activate", name, code=1).refusal
        assert what.startswith("error (state-transition-refused)")
        assert "From deactivated" in advice

    def test_rotate_makes_a_version(self, kim: Shell, name: str) -> None:
        kim("key", "create", "--type", "ec-p256", "--name", name)
        assert kim("key", "rotate", name, "--json").json["version"] == 2
        versions = kim("key", "versions", name, "--json").json["items"]
        assert [(each["version"], each["state"]) for each in versions] == [(1, "active"), (2, "active")]
        assert kim("key", "versions", name).out.startswith("VERSION  CURRENT  STATE")
        made = kim("key", "rotate", name, "--pre-active", "--json").json
        assert (made["version"], made["state"], made["current"]) == (3, "pre-active", False)
        assert kim("key", "show", name, "--json").json["version"] == 2

    def test_promote_makes_an_active_version_the_current_one(self, kim: Shell, name: str) -> None:
        kim("key", "create", "--type", "ec-p256", "--name", name)
        assert "is pre-active: activate and promote it" in kim("key", "rotate", name, "--pre-active").out
        what, _ = kim("key", "promote", name, "--version", 2, code=1).refusal
        assert what.startswith("error (key-not-active)")
        kim("key", "activate", name, "--version", 2)
        assert "is the current one." in kim("key", "promote", name, "--version", 2).out
        assert kim("key", "show", name, "--json").json["version"] == 2

    def test_a_schedule_is_set_changed_and_taken_away(self, kim: Shell, name: str) -> None:
        kim("key", "create", "--type", "aes-256", "--name", name, "--rotate-every", 90)
        shown = kim("key", "show", name)
        assert "every 90 days" in shown.out
        assert "Next rotation" in shown.out
        until = ("--deactivation-date", "2199-01-31T12:00:00Z")
        kim("key", "edit", name, "--rotate-before", 1, *until)
        assert "every 90 days, 1 day before deactivation" in kim("key", "show", name).out
        said = kim("key", "edit", name, "--no-rotation", "--rotate-before", 10, "--json").json["rotation"]
        assert (said["every_days"], said["before_deactivation_days"]) == (None, 10)
        assert said["next_at"] == "2199-01-21T12:00:00Z"
        assert kim("key", "edit", name, "--no-rotation", "--json").json["rotation"] is None
        assert "--rotate-before" in kim("key", "create", "--type", "aes-256", "--rotate-before", 5, code=1).refusal[0]
        assert kim("key", "reminders").out == "There is nothing to come soon.\n"

    @pytest.mark.parametrize(("reason", "state"), [("key-compromise", "compromised"), ("superseded", "deactivated")])
    def test_revoke(self, kim: Shell, name: str, reason: str, state: str) -> None:
        kim("key", "create", "--type", "aes-256", "--name", name)
        said = kim("key", "revoke", name, "--reason", reason, "--message", "Seen", "--version", 1, "--json").json
        assert (said["state"], said["revocation_reason"], said["revocation_message"]) == (state, reason, "Seen")


class TestDestroying:
    @pytest.fixture
    def deactivated(self, kim: Shell, name: str) -> str:
        made = kim("key", "create", "--type", "aes-256", "--name", name, "--json").json
        kim("key", "deactivate", name)
        return str(made["id"])

    def test_by_name_without_a_terminal_needs_yes(self, kim: Shell, name: str, deactivated: str) -> None:
        what, advice = kim("key", "destroy", name, stdin="y\n", code=2).refusal
        assert what.startswith("error (wrong-usage): ")
        assert "--yes" in advice
        assert kim("key", "show", name, "--json").json["destroy_at"] is None
        assert " is to be destroyed at " in kim("key", "destroy", name, "--yes").out

    def test_by_id_does_not_ask_and_can_be_called_off(self, kim: Shell, deactivated: str) -> None:
        assert kim("key", "destroy", deactivated, "--json").json["destroy_at"] is not None
        assert "its destruction was called off" in kim("key", "destroy", deactivated, "--cancel").out
        assert kim("key", "show", deactivated, "--json").json["destroy_at"] is None

    @pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("", 1)])
    def test_on_a_terminal_it_asks_and_says_which_key(
        self, kim: Shell, name: str, deactivated: str, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
    ) -> None:
        monkeypatch.setattr("keyferry.cli.states.is_interactive", lambda: True)
        said = kim("key", "destroy", name, stdin=answer, code=code)
        assert f"Destroy all versions of {name} ({deactivated}), aes-256, owned by group payments?" in said.err
        assert (kim("key", "show", name, "--json").json["destroy_at"] is not None) == (code == 0)

    def test_an_active_key_is_refused(self, kim: Shell, name: str) -> None:
        kim("key", "create", "--type", "aes-256", "--name", name)
        what, advice = kim("key", "destroy", name, "--yes", code=1).refusal
        assert what.startswith("error (state-transition-refused)")
        assert advice == "Deactivate or revoke it first: an active key is not destroyed."


class TestExports:
    def test_preview_records_nothing(self, kim: Shell, name: str, kek: tuple[Path, str]) -> None:
        kim("key", "create", "--type", "rsa-2048", "--name", name)
        request = ("--to", "azure", "--public-key", kek[0], "--key-identifier", kek[1])
        assert "KEK is:             new" in kim("export", "preview", name, *request).out
        assert kim("export", "list", "--key", name).out == "There are no exports.\n"

    def test_as_json_the_file_is_not_repeated(self, kim: Shell, name: str, kek: tuple[Path, str]) -> None:
        kim("key", "create", "--type", "rsa-2048", "--name", name)
        made = export(kim, name, kek, "--json").json
        assert "file" not in made
        assert made["output"] == str(kim.directory / "out.byok")
        assert made["import_command"].endswith(f"--byok-file {kim.directory / 'out.byok'}")

    def test_an_existing_output_is_refused_before_anything_is_recorded(
        self, kim: Shell, name: str, kek: tuple[Path, str]
    ) -> None:
        kim("key", "create", "--type", "rsa-2048", "--name", name)
        (kim.directory / "out.byok").write_text("precious")
        export(kim, name, kek, code=1)
        assert (kim.directory / "out.byok").read_text() == "precious"
        assert kim("export", "list", "--key", name, "--json").json["items"] == []
        export(kim, name, kek, "--force")
        assert json.loads((kim.directory / "out.byok").read_bytes())["schema_version"] == "1.0.0"

    def test_a_key_that_is_not_active_stays(self, kim: Shell, name: str, kek: tuple[Path, str]) -> None:
        kim("key", "create", "--type", "rsa-2048", "--name", name, "--pre-active")
        said = export(kim, name, kek, code=1)
        assert said.refusal[0].startswith("error (key-not-active)")
        assert not (kim.directory / "out.byok").exists()

    def test_another_kek_under_the_same_identifier_is_refused(
        self, kim: Shell, name: str, kek: tuple[Path, str]
    ) -> None:
        kim("key", "create", "--type", "rsa-2048", "--name", name)
        export(kim, name, kek)
        kek[0].write_bytes(Kek.make().public_pem)
        said = export(kim, name, kek, "--force", code=1)
        assert said.refusal[0].startswith("error (kek-mismatch)")


class TestKeks:
    def test_an_administrator_registers_and_unregisters(self, administrator: Shell, kek: tuple[Path, str]) -> None:
        made = administrator(
            *("kek", "register", "--to", "azure", "--public-key", kek[0], "--key-identifier", kek[1], "--json")
        ).json
        assert made["registered"] is True
        assert kek[1].lower() in administrator("kek", "list").out
        administrator("kek", "unregister", kek[1])
        listed = {each["id"]: each["registered"] for each in administrator("kek", "list", "--json").json["items"]}
        assert listed[made["id"]] is False
        again = administrator("kek", "unregister", made["id"], code=1)
        assert again.refusal[0].startswith("error (kek-not-registered)")

    def test_an_unknown_identifier_is_not_found(self, administrator: Shell, kek: tuple[Path, str]) -> None:
        assert administrator("kek", "unregister", kek[1], code=1).refusal[0].startswith("error (not-found)")

    def test_a_key_access_user_registers_none(self, kim: Shell, kek: tuple[Path, str]) -> None:
        said = kim("kek", "register", "--to", "azure", "--public-key", kek[0], "--key-identifier", kek[1], code=1)
        assert said.refusal[0].startswith("error (not-permitted)")


class TestAudit:
    def test_the_log_is_listed_and_verified(self, administrator: Shell) -> None:
        assert "session.open" in {
            event["operation"] for event in administrator("audit", "list", "--json").json["items"]
        }
        assert administrator("audit", "list").out.startswith("NUMBER  AT")
        said = administrator("audit", "verify").out
        assert said.startswith("All is well.\n")
        assert "Head:" in said

    def test_a_head_that_is_not_on_the_chain_ends_with_1(self, administrator: Shell) -> None:
        said = administrator("audit", "verify", "--expect-head", "1:" + "00" * 32, code=1)
        assert said.refusal[0].startswith("error (audit-broken): The audit log does not verify: 1 finding")
        assert "is not on the chain" in said.out
        found = administrator("audit", "verify", "--expect-head", "1:" + "00" * 32, "--json", code=1).json
        assert found["sound"] is False

    def test_what_is_no_head_is_refused(self, administrator: Shell) -> None:
        said = administrator("audit", "verify", "--expect-head", "yesterday", code=1)
        assert said.refusal[0].startswith("error (invalid-input) in --expect-head: ")

    def test_a_key_access_user_reads_none_of_it(self, kim: Shell) -> None:
        assert kim("audit", "list", code=1).refusal[0].startswith("error (not-permitted)")
