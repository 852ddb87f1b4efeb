"""A real server on loopback, and people who have signed in to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.terminal import RunningServer, Shell

from keyferry.rehearsal.local_server import serving


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
