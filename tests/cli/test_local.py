"""Commands on the machine that holds the home: init, status, upgrade, serve."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.terminal import PASSWORD, Shell

from keyferry.rehearsal.local_server import free_port, wait_until_ready


def init(shell: Shell, home: Path, *more: object, code: int = 0) -> str:
    said = shell(
        "init", "--home", home, "--admin", "ada", "--password-file", shell.secret("password"), *more, code=code
    )
    assert PASSWORD not in said.out + said.err
    return said.out if code == 0 else said.refusal[0]


def test_init_says_what_it_made_what_to_back_up_and_what_comes_next(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "home"
    said = init(shell, home)
    assert said.startswith(f"Keyferry is set up in {home}\n")
    assert f"  {home / 'root.key'}    apart from the rest" in said
    assert said.splitlines()[-2:] == [
        f"  keyferry serve --home {home}",
        f"  keyferry login --server https://127.0.0.1:8420 --ca-file {home / 'tls' / 'ca.pem'} --user ada",
    ]
    assert (home / "root.key").stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700


def test_init_as_json(shell: Shell, tmp_path: Path) -> None:
    made = json.loads(init(shell, tmp_path / "home", "--json"))
    assert (made["administrator"], made["database"], made["root"]) == ("ada", "SQLite", "file:root.key")
    assert Path(made["ca_file"]).exists()


def test_init_uses_keyferry_home(shell: Shell, tmp_path: Path) -> None:
    shell.env["KEYFERRY_HOME"] = str(tmp_path / "there")
    shell("init", "--admin", "ada", "--password-file", "-", stdin=PASSWORD)
    assert (tmp_path / "there" / "root.key").exists()


def test_init_is_not_made_over_another(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "home"
    init(shell, home)
    key = (home / "root.key").read_bytes()
    assert init(shell, home, code=1).startswith("error (already-initialised) in --home: ")
    assert (home / "root.key").read_bytes() == key


def test_init_refuses_a_password_that_others_can_read_and_makes_nothing(shell: Shell, tmp_path: Path) -> None:
    file = shell.secret("password")
    file.chmod(0o644)
    said = shell("init", "--home", tmp_path / "home", "--admin", "ada", "--password-file", file, code=1)
    assert said.refusal[0].startswith("error (file-refused) in --password-file: Others can read ")
    assert not (tmp_path / "home").exists()


def test_init_refuses_a_weak_password_and_makes_nothing(shell: Shell, tmp_path: Path) -> None:
    said = shell("init", "--home", tmp_path / "home", "--admin", "ada", "--password-file", "-", stdin="short", code=1)
    assert said.refusal[0].startswith("error (password-refused) in --password-file: ")
    assert not (tmp_path / "home").exists()


def test_init_without_an_administrator_leaves_that_to_the_set_up_page(shell: Shell, tmp_path: Path) -> None:
    said = shell("init", "--home", tmp_path / "home").out
    assert "keyferry serve` prints a link" in said
    assert "keyferry login" not in said
    found = shell("status", "--home", tmp_path / "home", "--json").json
    assert found["users"] == 0
    made = shell("init", "--home", tmp_path / "other", "--json").json
    assert made["administrator"] is None


def test_init_with_a_name_and_no_password_or_terminal_is_wrong_usage(shell: Shell, tmp_path: Path) -> None:
    asked = shell("init", "--home", tmp_path / "home", "--admin", "ada", code=2)
    assert "no terminal to ask on" in asked.refusal[0]


def test_status_of_a_home(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "home"
    init(shell, home)
    found = shell("status", "--home", home, "--json").json
    assert (found["home"], found["users"], found["keys"]) == (str(home), 1, 0)
    assert f"Store id:         {found['store_id']}\n" in shell("status", "--home", home).out


@pytest.mark.parametrize("command", ["status", "serve"])
def test_a_home_that_is_none_is_refused(shell: Shell, tmp_path: Path, command: str) -> None:
    what, advice = shell(command, "--home", tmp_path / "none", code=1).refusal
    assert what.startswith("error (not-initialised) in --home: ")
    assert "keyferry init" in advice
    assert not (tmp_path / "none").exists()


def test_upgrade_of_a_current_home_changes_nothing(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "home"
    init(shell, home)
    before = shell("status", "--home", home, "--json").json["schema"]
    assert shell("upgrade", "--home", home, "--json").json == {"home": str(home), "schema": before}


def test_serve_refuses_plain_http_elsewhere_and_unknown_settings(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "home"
    init(shell, home)
    shell.env["KEYFERRY_ALLOW_PLAIN_HTTP"] = "true"
    refused = shell("serve", "--home", home, "--listen", "0.0.0.0:0", code=1)
    assert refused.refusal[0].startswith("error (setting-refused)")
    shell.env = {"KEYFERRY_LISTENN": "127.0.0.1:1"}
    what, advice = shell("serve", "--home", home, code=1).refusal
    assert what.startswith("error (unknown-setting)")
    assert "listen" in advice


def test_serve_refuses_what_is_no_address(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "home"
    init(shell, home)
    assert " in --listen: " in shell("serve", "--home", home, "--listen", "here", code=1).refusal[0]


def test_serve_refuses_a_root_key_that_others_can_read(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "home"
    init(shell, home)
    (home / "root.key").chmod(0o644)
    assert "Others can read" in shell("serve", "--home", home, code=1).refusal[0]


def test_a_server_that_is_told_to_end_ends(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "home"
    init(shell, home)
    port, log = free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "keyferry", "serve", "--home", str(home), "--listen", f"127.0.0.1:{port}"]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            wait_until_ready(process, f"https://127.0.0.1:{port}/readyz", home / "tls" / "ca.pem", log)
        finally:
            process.terminate()
        assert process.wait() in {0, -signal.SIGTERM}
