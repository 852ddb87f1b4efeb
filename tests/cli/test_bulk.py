"""Many keys at once, made and exported from the command line; an export that was cut off is taken up again."""

import hashlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.terminal import Outcome, RunningServer, Shell

from keyferry.byok.verify import verify
from keyferry.cli import bulk_create, bulk_export, result_folder
from keyferry.cli.connection import Server
from keyferry.errors import ClientFailed
from keyferry.testing import Kek


@pytest.fixture
def kek() -> Kek:
    return Kek.make(name=f"KEK{secrets.token_hex(4)}")


@pytest.fixture
def group(server: RunningServer, kim_account: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A group of kim's with no keys yet."""
    admin = Shell(tmp_path_factory.mktemp("admin"))
    admin.sign_in(server, "first-admin")
    name = f"g{secrets.token_hex(4)}"
    admin("group", "create", name)
    groups = admin("user", "show", "kim", "--json").json["groups"]
    admin("user", "edit", "kim", *(part for each in [*groups, name] for part in ("--group", each)))
    return name


@pytest.fixture
def keys(kim: Shell, group: str) -> list[dict[str, Any]]:
    """Five keys of the group, named tenant-0001 to tenant-0005."""
    made = kim("key", "create", "--type", "ec-p256", "--name", "tenant", "--count", 5, "--group", group, "--json")
    items: list[dict[str, Any]] = made.json["items"]
    return items


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


class Exporting:
    """`key export --all` of one group, under one KEK, into one folder."""

    def __init__(self, kim: Shell, group: str, kek: Kek, folder: Path) -> None:
        self.kim, self.group, self.kek, self.folder = kim, group, kek, folder
        (kim.directory / "kek.pem").write_bytes(kek.public_pem)

    def arguments(self, **changed: object) -> list[str]:
        given = {
            "to": "azure",
            "public-key": self.kim.directory / "kek.pem",
            "key-identifier": self.kek.identifier,
            "group": self.group,
            "output-folder": self.folder,
            **changed,
        }
        return [
            "key",
            "export",
            "--all",
            *(str(part) for name, value in given.items() for part in (f"--{name}", value)),
        ]

    def __call__(self, code: int = 0, **changed: object) -> Outcome:
        return self.kim(*self.arguments(**changed), code=code)

    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text())
        return found

    def require_whole(self, keys: list[dict[str, Any]]) -> None:
        """Every key's file opens under the KEK and holds it, as the manifest says."""
        entries = {each["id"]: each for each in self.manifest()["keys"]}
        assert set(entries) == {key["id"] for key in keys}
        for key in keys:
            entry = entries[key["id"]]
            content = (self.folder / entry["file"]).read_bytes()
            assert entry["file"] == f"{key['name']}.byok"
            assert hashlib.sha256(content).hexdigest() == entry["sha256"]
            assert verify(content, self.kek.private).identity.spki_sha256 == key["spki_sha256"]
            assert (entry["status"], entry["version"]) == ("exported", key["version"])
            assert entry["file"] in entry["import_command"]
        assert {path.name for path in self.folder.iterdir()} == {
            "manifest.json",
            *(f"{key['name']}.byok" for key in keys),
        }


@pytest.fixture
def export(kim: Shell, group: str, kek: Kek, folder: Path) -> Exporting:
    return Exporting(kim, group, kek, folder)


def exports_of(kim: Shell, key: dict[str, Any]) -> int:
    return len(kim("export", "list", "--key", key["id"], "--json").json["items"])


class TestCreating:
    def test_keys_are_numbered_if_they_have_names(self, kim: Shell, group: str) -> None:
        made = kim("key", "create", "--type", "aes-256", "--name", "tenant", "--count", 3, "--group", group)
        assert "3 of 3 keys were created." in made.out
        found = kim("key", "list", "--group", group, "--json").json["items"]
        assert [key["name"] for key in found] == ["tenant-0001", "tenant-0002", "tenant-0003"]

    def test_and_have_none_without(self, kim: Shell, group: str) -> None:
        made = kim("key", "create", "--type", "aes-256", "--count", 2, "--group", group, "--pre-active", "--json").json
        assert [(key["name"], key["state"]) for key in made["items"]] == [(None, "pre-active")] * 2
        assert (made["created"], made["refused"]) == (2, 0)

    def test_what_is_refused_is_told_and_hurts_no_other(self, kim: Shell, group: str) -> None:
        kim("key", "create", "--type", "aes-256", "--name", "tenant-0002", "--group", group)
        made = kim("key", "create", "--type", "aes-256", "--name", "tenant", "--count", 3, "--group", group, code=1)
        assert "2 of 3 keys were created." in made.out
        assert "tenant-0002" in made.err
        assert made.last_refusal[0].startswith("error (batch-incomplete): 1 of 3 keys were refused.")

    def test_a_broken_connection_is_taken_up_again(
        self, kim: Shell, group: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The second time, the keys that are there are answered and not made again."""
        lines = Server.lines

        def broken(server: Server, *given: Any, **named: Any) -> Iterator[dict[str, Any]]:
            attempts.append(named["idempotency_key"])
            for number, line in enumerate(lines(server, *given, **named)):
                if len(attempts) == 1 and number == 2:
                    raise ClientFailed("gone", code="server-unreachable")
                yield line

        attempts: list[str] = []
        monkeypatch.setattr(Server, "lines", broken)
        monkeypatch.setattr(bulk_create, "PAUSE", 0.0)
        made = kim("key", "create", "--type", "aes-256", "--count", 4, "--group", group, "--json").json
        assert len(set(attempts)) == 1
        assert len(attempts) == 2
        found = kim("key", "list", "--group", group, "--json").json["items"]
        assert [key["id"] for key in made["items"]] == [key["id"] for key in found]
        assert made["created"] == 4

    def test_no_more_than_it_can_take(self, kim: Shell) -> None:
        assert kim("key", "create", "--type", "aes-256", "--count", 0, code=2).refusal


class TestExporting:
    def test_every_key_has_a_file_and_an_entry(
        self, export: Exporting, keys: list[dict[str, Any]], group: str, kek: Kek
    ) -> None:
        told = export()
        assert f"5 keys are in {export.folder}" in told.out
        export.require_whole(keys)
        manifest = export.manifest()
        assert (manifest["format"], manifest["destination"], manifest["group"]) == (1, "azure", group)
        assert manifest["key_identifier"].lower() == kek.identifier.lower()
        assert export.folder.stat().st_mode & 0o077 == 0

    def test_the_same_command_again_does_nothing(
        self, kim: Shell, export: Exporting, keys: list[dict[str, Any]]
    ) -> None:
        export()
        before = export.manifest()
        told = kim(*export.arguments(), "--json").json
        assert (told["exported"], told["exported_now"]) == (5, 0)
        assert export.manifest() == before
        assert [exports_of(kim, key) for key in keys] == [1] * 5

    def test_it_does_what_is_missing_changed_or_rotated(
        self, kim: Shell, export: Exporting, keys: list[dict[str, Any]], group: str
    ) -> None:
        export()
        (export.folder / "tenant-0001.byok").unlink()
        (export.folder / "tenant-0002.byok").write_bytes(b"{}")
        rotated = kim("key", "rotate", keys[2]["id"], "--json").json
        new = kim("key", "create", "--type", "ec-p256", "--name", "new", "--group", group, "--json").json
        told = kim(*export.arguments(), "--json").json
        assert (told["exported"], told["exported_now"]) == (6, 4)
        now = [*keys[:2], rotated, *keys[3:], new]
        export.require_whole(now)
        assert [exports_of(kim, key) for key in now] == [2, 2, 2, 1, 1, 1]

    def test_what_may_not_leave_is_passed_over(
        self, kim: Shell, export: Exporting, keys: list[dict[str, Any]], group: str
    ) -> None:
        kim("key", "deactivate", keys[0]["id"])
        kim("key", "create", "--type", "ec-p256", "--group", group, "--not-exportable")
        told = export()
        assert "2 (not active, or not exportable)" in told.out
        export.require_whole(keys[1:])

    def test_what_is_refused_stands_in_the_manifest(
        self, kim: Shell, export: Exporting, keys: list[dict[str, Any]], group: str
    ) -> None:
        aes = kim("key", "create", "--type", "aes-256", "--name", "aes", "--group", group, "--json").json
        told = export(code=1)
        assert told.last_refusal[0].startswith("error (batch-incomplete): 1 of 6 keys were refused.")
        entries = {each["id"]: each for each in export.manifest()["keys"]}
        assert entries[aes["id"]]["status"] == "refused"
        assert entries[aes["id"]]["problem"]["code"] == "target-needs-managed-hsm"
        assert sum(each["status"] == "exported" for each in entries.values()) == 5

    def test_keys_without_names_go_by_their_ids(self, kim: Shell, export: Exporting, group: str) -> None:
        made = kim("key", "create", "--type", "ec-p256", "--count", 2, "--group", group, "--json").json["items"]
        export()
        files = sorted(path.name for path in export.folder.glob("*.byok"))
        assert files == sorted(f"key-{key['id']}.byok" for key in made)

    def test_more_than_a_request_takes(
        self, export: Exporting, keys: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bulk_export, "LARGEST_BATCH", 2)
        monkeypatch.setattr(result_folder, "_MOST_IN_JOURNAL", 2)
        export()
        export.require_whole(keys)


class TestFolders:
    def refused(self, told: Outcome, words: str) -> None:
        what, advice = told.refusal
        assert what.startswith("error (folder-refused) in --output-folder:")
        assert words in what
        assert advice

    def test_another_kek_or_group_is_refused(self, export: Exporting, keys: list[dict[str, Any]]) -> None:
        export()
        before = export.manifest()
        self.refused(
            export(code=1, group="payments"), f"of the group {export.group}, and those asked for are of the group pay"
        )
        of_a_user = [part.replace("--group", "--owner") for part in export.arguments(group="kim")]
        self.refused(
            export.kim(*of_a_user, code=1), f"of the group {export.group}, and those asked for are of the user kim."
        )
        self.refused(export(code=1, **{"key-identifier": Kek.make().identifier}), "under the key identifier")
        (export.kim.directory / "other.pem").write_bytes(Kek.make().public_pem)
        told = export(code=1, **{"public-key": export.kim.directory / "other.pem"})
        self.refused(told, "under the public key")
        assert export.manifest() == before

    def test_a_folder_with_something_else_is_refused(self, export: Exporting, keys: list[dict[str, Any]]) -> None:
        export.folder.mkdir()
        (export.folder / "letter.txt").write_text("dear")
        self.refused(export(code=1), "something else")
        assert [path.name for path in export.folder.iterdir()] == ["letter.txt"]

    @pytest.mark.parametrize(
        "text", ["", "[]", '{"format": 1}', '{"keys": 1}', '{"keys": [{"id": "x", "file": "../../etc/passwd"}]}']
    )
    def test_a_manifest_that_cannot_be_read_is_refused(self, export: Exporting, text: str) -> None:
        export.folder.mkdir()
        (export.folder / "manifest.json").write_text(text)
        self.refused(export(code=1), "cannot be read")

    def test_a_manifest_of_another_form_is_refused(self, export: Exporting, keys: list[dict[str, Any]]) -> None:
        export()
        (export.folder / "manifest.json").write_text(json.dumps(export.manifest() | {"format": 2}))
        self.refused(export(code=1), "another form")

    def test_a_folder_in_use_is_refused(self, export: Exporting, keys: list[dict[str, Any]]) -> None:
        export()
        terms = result_folder.Terms(
            **{name: export.manifest()[name] for name in result_folder.Terms.__dataclass_fields__}
        )
        with result_folder.opened(export.folder, terms):
            self.refused(export(code=1), "Another command")

    def test_a_folder_that_cannot_be_made_is_refused(self, export: Exporting, tmp_path: Path) -> None:
        self.refused(export(code=1, **{"output-folder": tmp_path / "no" / "such" / "place"}), "no folder")

    @pytest.mark.parametrize(
        "more",
        [
            ["--all", "--group", "payments"],
            ["--all", "--output-folder", "x"],
            ["--all", "--group", "payments", "--owner", "kim", "--output-folder", "x"],
            ["--all", "--group", "payments", "--output-folder", "x", "--output", "y"],
            ["a-key", "--all", "--group", "payments", "--output-folder", "x"],
            ["a-key", "--output", "y", "--group", "payments"],
            ["a-key", "--output", "y", "--output-folder", "x"],
            ["a-key"],
            ["--output", "y"],
        ],
    )
    def test_options_that_do_not_go_together_are_wrong_usage(self, kim: Shell, kek: Kek, more: list[str]) -> None:
        given = ["--to", "azure", "--public-key", "kek.pem", "--key-identifier", kek.identifier]
        assert kim("key", "export", *given, *more, code=2).refusal


class TestInterruptions:
    def test_a_connection_that_breaks(
        self, kim: Shell, export: Exporting, keys: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lines = Server.lines

        def broken(server: Server, *given: Any, **named: Any) -> Iterator[dict[str, Any]]:
            for number, line in enumerate(lines(server, *given, **named)):
                if number == 3:
                    raise ClientFailed("gone", code="server-unreachable", advice="Run the command again.")
                yield line

        with monkeypatch.context() as patched:
            patched.setattr(Server, "lines", broken)
            told = export(code=1)
        assert told.refusal[0].startswith("error (server-unreachable)")
        assert [each["name"] for each in export.manifest()["keys"]] == ["tenant-0001", "tenant-0002", "tenant-0003"]
        told_then = kim(*export.arguments(), "--json").json
        assert (told_then["exported"], told_then["exported_now"]) == (5, 2)
        export.require_whole(keys)

    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
    @pytest.mark.parametrize("place", ["before-entry", "after-entry"])
    def test_a_command_that_is_ended(
        self, kim: Shell, export: Exporting, keys: list[dict[str, Any]], how: signal.Signals, place: str
    ) -> None:
        """After the third file was written, before or after its entry."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KEYFERRY_")}
        environment |= {"XDG_CONFIG_HOME": str(kim.directory / "config"), "HOME": str(kim.directory)}
        command = [sys.executable, "-c", ENDED, place, str(int(how)), *export.arguments()]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert ended.returncode == (-signal.SIGKILL if how is signal.SIGKILL else 1), ended.stderr
        assert len(list(export.folder.glob("*.byok"))) == 3
        told = kim(*export.arguments(), "--json").json
        assert told["exported"] == 5
        assert told["exported_now"] == (2 if place == "after-entry" else 3)
        export.require_whole(keys)
        assert [exports_of(kim, key) for key in keys][:2] == [1, 1]


ENDED = """
import os, sys
from keyferry.cli import result_folder
from keyferry.cli import main

place, number = sys.argv[1], int(sys.argv[2])
keep, replace = result_folder.ResultFolder.keep, result_folder.replace_private
files = 0

def counted(path, *given, **named):
    global files
    replace(path, *given, **named)
    files += path.name.endswith(".byok")
    if files == 3 and place == "before-entry":
        os.kill(os.getpid(), number)

def keeping(folder, *given):
    keep(folder, *given)
    if files == 3 and place == "after-entry":
        os.kill(os.getpid(), number)

result_folder.replace_private = counted
result_folder.ResultFolder.keep = keeping
sys.argv = ["keyferry", *sys.argv[3:]]
sys.exit(main())
"""
