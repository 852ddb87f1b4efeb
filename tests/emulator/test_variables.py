"""The three ways in: what is to be set, what is to be typed, and that a shell takes it as it is printed."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.emulator.asking import MANAGEMENT, Asker

from keyferry.emulator.directory import MICROSOFT_365
from keyferry.emulator.facts import Facts, VaultFacts, read_facts, write_facts
from keyferry.emulator.home import Home
from keyferry.emulator.server import Running, running
from keyferry.emulator.variables import Way, commands, environment, variables
from keyferry.errors import CannotStart

AWKWARD = "a home with spaces, 'quotes' and $dollars"


@pytest.mark.parametrize("way", Way)
def test_a_shell_takes_the_lines_as_they_are(tmp_path: Path, way: Way) -> None:
    with running(tmp_path / AWKWARD) as emulator:
        wanted = emulator.environment(way)
        lines = [variable.shell_line() for variable in variables(emulator, way)]
        script = "\n".join([*lines, "env -0"])
        printed = subprocess.run(
            ["sh", "-euc", script], env={"PATH": os.environ["PATH"]}, capture_output=True, check=True
        )
    found = dict(entry.split("=", 1) for entry in printed.stdout.decode().split("\0") if "=" in entry)
    assert wanted.items() <= found.items()
    assert wanted["AZURE_CLIENT_SECRET"] not in script


def test_each_way_has_its_own_variables_and_its_own_az(emulator: Running) -> None:
    found = {way: environment(emulator, way) for way in Way}
    assert len({variables["AZURE_CONFIG_DIR"] for variables in found.values()}) == 3
    for variables_of_way in found.values():
        assert variables_of_way["REQUESTS_CA_BUNDLE"] == str(emulator.ca_file)
        assert variables_of_way["AZURE_TENANT_ID"] == emulator.tenant_id
    assert found[Way.PROXY]["HTTPS_PROXY"] == found[Way.PROXY]["https_proxy"] == emulator.proxy_url
    assert "localhost" in found[Way.PROXY]["NO_PROXY"]
    assert "AZURE_AUTHORITY_HOST" not in found[Way.PROXY]
    for way in (Way.CLOUD, Way.ID):
        assert found[way]["AZURE_AUTHORITY_HOST"] == emulator.url
        assert "HTTPS_PROXY" not in found[way]
    assert emulator.environment("proxy") == found[Way.PROXY]


def test_commands_name_the_secrets_file_and_not_the_secret(emulator: Running) -> None:
    secret = emulator.client_secret_file.read_text()
    for way in Way:
        told = "\n".join(commands(emulator, way))
        assert f"@{emulator.client_secret_file}" in told
        assert f"-u {emulator.client_id}" in told
        assert secret not in told
    port = emulator.url.rpartition(":")[2]
    register = next(line for line in commands(emulator, Way.CLOUD) if line.startswith("az cloud register"))
    assert register.endswith(f"--endpoint-resource-manager {emulator.url} --suffix-keyvault-dns :{port}")
    assert commands(emulator, Way.CLOUD)[-1].endswith("--vault-name localhost")
    assert commands(emulator, Way.ID)[-1].endswith(f"--id {emulator.url}/keys/NAME")
    assert not any("cloud" in line for line in commands(emulator, Way.PROXY))


def test_what_is_left_in_the_home_is_what_serves(emulator: Running) -> None:
    left = read_facts(Home(emulator.home))
    assert (left.url, left.proxy_url, left.tenant_id) == (emulator.url, emulator.proxy_url, emulator.tenant_id)
    assert left.vaults[:2] == emulator.vaults[:2]
    assert left.principals[emulator.client_id] == emulator.emulator.directory.operator.object_id
    assert left.principals.keys() >= MICROSOFT_365.keys()
    assert Asker(left).token(MANAGEMENT)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"vaults": 5}', '{"vaults": [{"name": "x"}]}'])
def test_a_file_of_facts_that_cannot_be_read_is_told_of(tmp_path: Path, content: str) -> None:
    home = Home(tmp_path)
    home.facts_file.write_text(content)
    home.facts_file.chmod(0o600)
    with pytest.raises(CannotStart) as refused:
        read_facts(home)
    assert refused.value.field == "home"
    assert "keyferry emulator serve" in refused.value.advice


def test_many_vaults_are_no_hindrance(tmp_path: Path) -> None:
    vault = VaultFacts(name="v" * 24, url="https://localhost:8443", subscription="s" * 36, resource_group="g" * 90)
    many = bare(tmp_path, vaults=(vault,) * 1000)
    write_facts(many)
    assert read_facts(Home(tmp_path)) == many


def bare(home: Path, vaults: tuple[VaultFacts, ...] = ()) -> Facts:
    return Facts(
        home=home,
        url="https://localhost:8443",
        proxy_url="http://127.0.0.1:8899",
        tenant_id="t",
        client_id="c",
        subscriptions=(),
        vaults=vaults,
        principals={},
    )


def test_an_emulator_without_vaults_still_says_what_to_type() -> None:
    assert all("NAME" in commands(bare(Path("/home")), way)[-1] for way in (Way.ID, Way.PROXY))


def test_a_vault_has_two_urls() -> None:
    vault = VaultFacts(name="Contoso-KV", url="https://localhost:1", subscription="s", resource_group="g")
    assert vault.proxied_url == "https://contoso-kv.vault.azure.net"
