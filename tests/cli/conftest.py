"""A real server on loopback, and people who have signed in to it."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.cli.terminal import RunningServer, Shell
from tests.cli.vaults import CLOUD, Vault

from keyferry.emulator.server import Running
from keyferry.rehearsal.local_server import serving


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A command that serves in this process has set up its logs, to a standard error that is gone afterwards."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server on a home that `keyferry init` made, with its first Administrator `first-admin`."""
    directory = tmp_path_factory.mktemp("server")
    home = directory / "home"
    setting_up = Shell(directory)
    password = setting_up.secret("password")
    setting_up("init", "--home", home, "--admin", "first-admin", "--password-file", password)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KEYFERRY_DEFAULT_PAGE", "3")  # so that lists have several pages
        with serving(home, directory / "log") as url:
            yield RunningServer(home, url)


@pytest.fixture
def administrator(shell: Shell, server: RunningServer) -> Shell:
    """Signed in as the Administrator."""
    shell.sign_in(server, "first-admin")
    return shell


@pytest.fixture(scope="session")
def kim_account(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Key Access User in the group `payments`, whose default it is."""
    admin = Shell(tmp_path_factory.mktemp("kim"))
    admin.sign_in(server, "first-admin")
    admin("group", "create", "payments")
    admin(
        *("user", "create", "kim", "--role", "key-access-user", "--group", "payments", "--default-group", "payments"),
        *("--password-file", admin.secret("kim.new")),
    )
    return "kim"


@pytest.fixture
def kim(shell: Shell, server: RunningServer, kim_account: str) -> Shell:
    """Signed in as the Key Access User."""
    shell.sign_in(server, kim_account)
    return shell


@pytest.fixture
def azure_environment(emulator: Running, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What leads Azure's clients to the emulator, for this process and for those that it starts."""
    found = emulator.environment("proxy")
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def vault(emulator: Running, azure_environment: dict[str, str]) -> Iterator[Vault]:
    """The emulator's first vault, as somebody in Azure sees it; tests use names of their own."""
    with CLOUD.session() as session:
        yield Vault(emulator, emulator.vaults[0].name, session)


@pytest.fixture
def engineer(kim: Shell, azure_environment: dict[str, str]) -> Shell:
    """The Key Access User, signed in to Azure as well."""
    kim.env.update(azure_environment)
    return kim


@pytest.fixture
def name() -> str:
    """A name of a test's own, for a key here and in a vault."""
    return f"tenant-{secrets.token_hex(4)}"


@pytest.fixture
def key(engineer: Shell, name: str) -> Any:
    """A key of that name, as REST tells of it."""
    return engineer("key", "create", "--type", "rsa-2048", "--name", name, "--json").json
