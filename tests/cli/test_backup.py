"""`keyferry backup` and `keyferry root`, as an operator types them, beside a server that serves."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.terminal import RunningServer, Shell

from keyferry.rehearsal.local_server import serving
from keyferry.testing import Kek

PASSPHRASE = "seven ferries over the strait 9"
OTHER = "nine gulls above a quiet pier 4"


@pytest.fixture
def home(shell: Shell, tmp_path: Path) -> Path:
    """A home of the test's own, which nobody serves."""
    home = tmp_path / "home"
    shell("init", "--home", home, "--admin", "ada", "--password-file", shell.secret("password"))
    return home


def test_from_a_served_home_to_another_that_exports_the_key(
    shell: Shell, kim: Shell, server: RunningServer, tmp_path: Path, kek: Kek
) -> None:
    kim("key", "create", "--type", "rsa-2048", "--name", "travels")
    passphrase = shell.secret("passphrase", PASSPHRASE)
    saved, file, second = tmp_path / "root.saved", tmp_path / "store.backup", tmp_path / "second"
    said = shell("root", "export", saved, "--home", server.home, "--passphrase-file", passphrase)
    assert f"The root key is saved in {saved}\n" in said.out
    said = shell("backup", "create", file, "--home", server.home)
    assert f"keyferry backup verify {file} --home {server.home}" in said.out
    last = shell("status", "--home", server.home, "--json").json["last_backup"]
    assert last["file"] == "store.backup"
    assert last["head"] in said.out
    assert f"store.backup, head {last['head']}" in shell("status", "--home", server.home).out
    apart = ("--root-file", saved, "--passphrase-file", passphrase)
    verified = shell("backup", "verify", file, *apart, "--json").json
    assert (verified["sound"], verified["audit_head"]) == (True, last["head"])
    assert "is a sound backup." in shell("backup", "verify", file, "--home", server.home).out
    said = shell("backup", "restore", file, "--home", second, *apart)
    assert "whichever key or token was revoked since then" in said.out
    assert f"keyferry serve --home {second}" in said.out
    (tmp_path / "kek.pem").write_bytes(kek.public_pem)
    with serving(second, tmp_path / "log") as url:
        restored = RunningServer(second, url)
        shell.sign_in(restored, "kim", profile="restored")
        shell.env["KEYFERRY_PROFILE"] = "restored"
        shell(
            *("key", "export", "travels", "--to", "azure", "--key-identifier", kek.identifier),
            *("--public-key", tmp_path / "kek.pem", "--output", tmp_path / "travels.byok"),
        )
    assert (tmp_path / "travels.byok").exists()


def test_init_tells_how_to_save_the_root_key_and_to_back_up(shell: Shell, tmp_path: Path) -> None:
    said = shell("init", "--home", tmp_path / "home", "--admin", "ada", "--password-file", shell.secret("password")).out
    assert f"  keyferry root export FILE --home {tmp_path / 'home'}\n" in said
    assert f"  keyferry backup create FILE --home {tmp_path / 'home'}\n" in said


def test_status_tells_that_there_never_was_a_backup(shell: Shell, home: Path) -> None:
    assert shell("status", "--home", home, "--json").json["last_backup"] is None
    assert "never\n" in shell("status", "--home", home).out


def test_a_backup_with_findings_is_told_line_by_line_and_fails(shell: Shell, home: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(home / "keyferry.db")) as database, database:
        database.execute("UPDATE users SET display_name = 'Ada'")
    shell("backup", "create", tmp_path / "store.backup", "--home", home)
    said = shell("backup", "verify", tmp_path / "store.backup", "--home", home, code=1)
    assert "not all in it is sound" in said.out
    assert said.err.startswith("warning: users: The seal of row ")
    found = shell("backup", "verify", tmp_path / "store.backup", "--home", home, "--json", code=1).json
    assert (found["sound"], len(found["findings"])) == (False, 1)


def test_nothing_is_restored_over_a_home(shell: Shell, home: Path, tmp_path: Path) -> None:
    shell("backup", "create", tmp_path / "store.backup", "--home", home)
    before = (home / "root.key").read_bytes()
    refused = shell(
        *("backup", "restore", tmp_path / "store.backup", "--home", home, "--root-file", home / "root.key"), code=1
    )
    assert refused.refusal[0].startswith("error (already-initialised) in --home: ")
    assert (home / "root.key").read_bytes() == before


def test_a_wrong_passphrase_restores_nothing(shell: Shell, home: Path, tmp_path: Path) -> None:
    shell("root", "export", tmp_path / "saved", "--home", home, "--passphrase-file", shell.secret("right", PASSPHRASE))
    shell("backup", "create", tmp_path / "store.backup", "--home", home)
    what, _ = shell(
        *("backup", "restore", tmp_path / "store.backup", "--home", tmp_path / "second"),
        *("--root-file", tmp_path / "saved", "--passphrase-file", shell.secret("wrong", OTHER)),
        code=1,
    ).refusal
    assert what.startswith("error (root-unavailable)")
    assert OTHER not in what
    assert not (tmp_path / "second").exists()


def test_a_passphrase_is_needed_and_there_is_no_terminal(shell: Shell, home: Path, tmp_path: Path) -> None:
    what, advice = shell("root", "export", tmp_path / "saved", "--home", home, code=1).refusal
    assert "no terminal" in what
    assert "--passphrase-file FILE" in advice


def test_the_root_is_changed_and_then_the_data_key(shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyferry.custody.resealing.LEARNED_WITHIN", 0.0)
    changed = shell("root", "rotate", "--home", home, "--json").json
    assert changed["root"] == "file:root-2.key"
    assert Path(changed["old_root_file"]).exists()
    said = shell("root", "rotate", "--home", home).out
    assert "keyferry root export FILE" in said
    assert "retired-" in said
    done = shell("root", "rotate", "--data-keys", "--home", home, "--json").json
    assert (done["generation"], done["findings"], done["continued"]) == (2, [], False)
    assert "generation 3" in shell("root", "rotate", "--data-keys", "--home", home).out
    assert shell("status", "--home", home, "--json").json["data_keys"] == 3


def test_a_data_key_and_a_root_are_not_changed_in_one(shell: Shell, home: Path) -> None:
    assert "twice" in shell("root", "rotate", "--data-keys", "--root", "file:x", "--home", home, code=2).refusal[1]


def test_a_passphrase_is_changed(shell: Shell, home: Path) -> None:
    first, second = shell.secret("first", PASSPHRASE), shell.secret("second", OTHER)
    shell("root", "rotate", "--root", "passphrase:root.json", "--passphrase-file", first, "--home", home)
    said = shell("root", "passphrase", "--new-passphrase-file", second, "--home", home).out
    assert f"  {first}\n" in said
    assert shell("status", "--home", home, code=1).refusal[0].startswith("error (root-unavailable)")
    first.write_text(OTHER)
    assert json.loads(shell("status", "--home", home, "--json").out)["root"] == "passphrase:root.json"
