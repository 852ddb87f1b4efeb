"""`keyferry emulator` at a terminal."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.terminal import Shell
from tests.emulator.serving import serving

from keyferry.emulator.server import running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which an emulator has served."""
    with running(tmp_path / "emulator"):
        pass
    return tmp_path / "emulator"


@pytest.mark.parametrize("way", ["cloud", "id", "proxy"])
def test_env_prints_lines_for_a_shell_and_everything_else_as_comments(shell: Shell, home: Path, way: str) -> None:
    told = shell("emulator", "env", "--home", home, "--way", way)
    lines = told.out.splitlines()
    assert all(line.startswith(("export ", "# ")) for line in lines)
    assert "not for production" in lines[0]
    assert any(line.startswith("#   az login --service-principal") for line in lines)
    assert "does not serve now" in told.err
    assert (home / "client-secret").read_text() not in told.out


def test_env_is_for_the_proxy_unless_told_otherwise(shell: Shell, home: Path) -> None:
    assert (
        shell("emulator", "env", "--home", home).out == shell("emulator", "env", "--home", home, "--way", "proxy").out
    )


def test_env_as_json_names_files_in_place_of_secrets(shell: Shell, home: Path) -> None:
    told = shell("emulator", "env", "--home", home, "--way", "cloud", "--json").json
    assert told["serving"] is False
    assert told["variables"]["AZURE_AUTHORITY_HOST"] == told["url"]
    assert told["variables_from_files"] == {"AZURE_CLIENT_SECRET": str(home / "client-secret")}
    assert [vault["proxied_url"] for vault in told["vaults"]] == [
        "https://keyferry-vault-a.vault.azure.net",
        "https://keyferry-vault-b.vault.azure.net",
    ]
    assert told["commands"][0].startswith("az cloud register")
    assert (home / "client-secret").read_text() not in json.dumps(told)


def test_serve_as_json_tells_what_serves_and_where(tmp_path: Path) -> None:
    with serving(tmp_path / "emulator", "--listen", "127.0.0.1:0", "--proxy", "127.0.0.1:0", "--json") as server:
        told = json.loads(server.said)
        assert told["url"] == server.facts.url
        assert told["client_secret_file"] == str(tmp_path / "emulator" / "client-secret")
        assert len(told["vaults"]) == 2


def test_env_says_when_it_serves(shell: Shell, tmp_path: Path) -> None:
    with serving(tmp_path / "emulator"):
        told = shell("emulator", "env", "--home", tmp_path / "emulator", "--json").json
        assert told["serving"] is True
        assert shell("emulator", "env", "--home", tmp_path / "emulator").err == ""


def test_the_home_may_come_from_the_environment(shell: Shell, home: Path) -> None:
    shell.env["KEYFERRY_EMULATOR_HOME"] = str(home)
    assert shell("emulator", "env", "--json").json["home"] == str(home)


def test_env_without_an_emulator_says_how_to_start_one(shell: Shell, tmp_path: Path) -> None:
    what, advice = shell("emulator", "env", "--home", tmp_path / "none", code=1).refusal
    assert "no emulator" in what
    assert f"keyferry emulator serve --home {tmp_path / 'none'}" in advice
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("option", "value"), [("--listen", "0.0.0.0:8443"), ("--proxy", "192.0.2.1:8899")])
def test_serve_refuses_to_listen_beyond_loopback(shell: Shell, tmp_path: Path, option: str, value: str) -> None:
    what, advice = shell("emulator", "serve", "--home", tmp_path / "new", option, value, code=1).refusal
    assert f"in {option}: " in what
    assert "loopback" in what
    assert "127.0.0.1:8443" in advice
    assert not (tmp_path / "new").exists()


def test_a_second_server_of_a_home_is_refused(shell: Shell, tmp_path: Path) -> None:
    with running(tmp_path / "emulator"):
        what, advice = shell("emulator", "serve", "--home", tmp_path / "emulator", code=1).refusal
    assert "Another process serves" in what
    assert "keyferry emulator env" in advice


@pytest.mark.parametrize("verb", ["serve", "env"])
@pytest.mark.parametrize("package", ["joserfc", "Crypto"])
def test_without_the_extra_it_names_what_to_install(tmp_path: Path, verb: str, package: str) -> None:
    """Its packages are hidden from a process of its own."""
    code = (
        "import sys\n"
        f"sys.modules[{package!r}] = None\n"
        f"sys.argv = ['keyferry', 'emulator', {verb!r}, '--home', {str(tmp_path / 'new')!r}]\n"
        "import keyferry.cli\n"
        "keyferry.cli.main()\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.returncode == 1
    assert "pip install 'keyferry[emulator]'" in told.stderr
    assert "Traceback" not in told.stderr
    assert not (tmp_path / "new").exists()
