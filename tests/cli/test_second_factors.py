"""Second factors, first sign-ins and the way back in, from the command line against a real server."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.terminal import PASSWORD, RunningServer, Shell

from keyferry.testing import App

MINE = "lantern-over-the-harbour-9"


@pytest.fixture
def person(administrator: Shell, server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Shell]:
    """Somebody new, signed in at a terminal of their own."""
    name = f"f-{secrets.token_hex(4)}"
    file = administrator.secret("new.password")
    administrator("user", "create", name, "--role", "key-access-user", "--password-file", file)
    shell = Shell(tmp_path_factory.mktemp(name))
    shell.sign_in(server, name)
    return name, shell


def add_app(shell: Shell, code_pipe: Path) -> tuple[App, list[str]]:
    """As a person does: the key is shown, goes into an app, and the app's code comes back."""
    os.mkfifo(code_pipe, 0o600)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KEYFERRY_")}
    environment |= {"XDG_CONFIG_HOME": str(shell.directory / "config"), "HOME": str(shell.directory)}
    command = [
        *(sys.executable, "-m", "keyferry", "factor", "add-totp", "phone", "--code-file", str(code_pipe)),
        *("--current-password-file", str(shell.secret("mine"))),
    ]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        assert running.stdout is not None
        key = next(line for line in running.stderr if "Key:" in line).partition(":")[2].replace(" ", "").strip()
        app = App("", key, ())
        code_pipe.write_text(app.code() + "\n")
        said = running.stdout.read()
    assert running.returncode == 0
    assert "phone is set up." in said
    return app, [line.strip() for line in said.splitlines() if line.count("-") == 3]


def sign_in(shell: Shell, server: RunningServer, name: str, *more: object, code: int = 0) -> str:
    said = shell(
        *("login", "--server", server.url, "--user", name, "--password-file", shell.secret("p")),
        *("--ca-file", server.ca_file, *more),
        code=code,
    )
    return said.out + said.err


def test_an_app_is_set_up_and_asked_for(person: tuple[str, Shell], server: RunningServer, tmp_path: Path) -> None:
    name, shell = person
    _, codes = add_app(shell, tmp_path / "code")
    assert len(codes) == 10
    said = shell("factor", "list").out
    assert "phone" in said
    assert "Recovery codes left: 10" in said
    assert "there is no terminal to ask on" in sign_in(shell, server, name, code=2)
    wrong = sign_in(shell, server, name, "--code-file", shell.secret("c", "000 00x"), code=1)
    assert "error (second-factor-refused)" in wrong
    said = sign_in(shell, server, name, "--code-file", shell.secret("c", codes[0]))
    assert f"Signed in as {name}." in said
    assert "Recovery codes left: 9" in shell("factor", "list").out


def test_codes_are_made_anew_and_a_factor_removed(person: tuple[str, Shell], tmp_path: Path) -> None:
    _, shell = person
    add_app(shell, tmp_path / "code")
    mine = shell.secret("mine")
    said = shell("factor", "recovery-codes", "--current-password-file", mine).out
    assert len([line for line in said.splitlines() if line.count("-") == 3]) == 10
    (factor,) = shell("factor", "list", "--json").json["items"]
    shell("factor", "remove", factor["id"], "--current-password-file", shell.secret("w", "not-mine-at-all-7"), code=1)
    assert "phone was removed." in shell("factor", "remove", factor["id"], "--current-password-file", mine).out


def test_an_administrator_resets_anothers(person: tuple[str, Shell], administrator: Shell, tmp_path: Path) -> None:
    name, shell = person
    add_app(shell, tmp_path / "code")
    assert "phone" in administrator("factor", "list", "--user", name).out
    assert "were taken away" in administrator("factor", "reset", name).out
    assert shell("whoami", code=1).refusal[0].startswith("error (not-authenticated)")


def test_a_temporary_password_is_changed_at_the_first_sign_in(
    administrator: Shell, server: RunningServer, shell: Shell
) -> None:
    name = f"t-{secrets.token_hex(4)}"
    file = administrator.secret("new.password")
    administrator("user", "create", name, "--role", "auditor", "--password-file", file, "--temporary")
    assert "there is no terminal to ask on" in sign_in(shell, server, name, code=2)
    said = sign_in(shell, server, name, "--new-password-file", shell.secret("n", MINE))
    assert f"Signed in as {name}." in said
    assert "error (sign-in-refused)" in sign_in(shell, server, name, code=1)


def test_an_invitation_is_printed_as_a_link(administrator: Shell, server: RunningServer) -> None:
    name = f"i-{secrets.token_hex(4)}"
    said = administrator("user", "create", name, "--role", "auditor", "--invite").out
    assert f"{server.url}/invitation?ticket=kt_" in said
    again = administrator("user", "invite", name, "--json").json
    assert again["user_name"] == name
    file = administrator.secret("x.password")
    for more in (("--password-file", file), ("--temporary",)):
        administrator("user", "create", f"{name}x", "--role", "auditor", "--invite", *more, code=2)
    assert f"Failed sign-ins of {name} are forgotten." in administrator("user", "unlock", name).out


def test_an_administrator_is_let_back_in_while_the_server_serves(
    administrator: Shell, server: RunningServer, shell: Shell
) -> None:
    name = f"a-{secrets.token_hex(4)}"
    said = shell("admin", "recover", name, "--home", server.home, "--password-file", shell.secret("p"), "--json").json
    assert said == {"name": name, "made": True, "second_factors_removed": 0, "networks_removed": False}
    sign_in(shell, server, name)
    again = shell("admin", "recover", name, "--home", server.home, "--password-file", shell.secret("n", MINE)).out
    assert f"The Administrator {name} can sign in with the new password." in again
    assert shell("whoami", code=1).refusal[0].startswith("error (not-authenticated)")
    assert PASSWORD not in again
    told = sign_in(administrator, server, "first-admin")
    assert f"The Administrator '{name}' was let back in from the server's own command line" in told
    weak = shell.secret("weak", "Welcome2026!!")
    refusal = shell("admin", "recover", name, "--home", server.home, "--password-file", weak, code=1).refusal[0]
    assert refusal.startswith("error (password-refused)")
