"""A store with something of everything in it, and where its backup can go."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import DATABASES, PostgreSql

from keyferry.roots.base import RootKey
from keyferry.roots.copies import open_copy
from keyferry.roots.opening import NO_PASSPHRASE
from keyferry.testing import Kek, Kit


def root_of(kit: Kit) -> RootKey:
    """The root key of a kit's home."""
    return open_copy(kit.installation.settings.home / "root.key", NO_PASSPHRASE)


@pytest.fixture
def kept(kit: Kit, kek: Kek) -> Kit:
    """An installation in use: people, a group, keys in several states, an export; its audit log is numbered."""
    kim = kit.user("kim", groups=("payments",))
    kit.key(kim, "rsa-2048", "tenant", group="payments")
    kit.export(kim, "tenant", kek)
    kit.key(kim, "aes-256", "spare")
    kit.background.tick()
    return kit


@pytest.fixture(params=DATABASES)
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | None]:
    """Where a restored store is: None for SQLite in its home, else a file that holds the URL of an empty database."""
    if request.param == "sqlite":
        yield None
        return
    server: PostgreSql = request.getfixturevalue("postgresql")
    url = server.empty()
    file = tmp_path / "elsewhere-url"
    file.write_text(url)
    file.chmod(0o600)
    yield file
    server.drop(url)


@pytest.fixture
def reopen() -> Iterator[Callable[[Path], Kit]]:
    """Opens a restored home, as a start would, and closes it in the end."""
    opened: list[Kit] = []

    def open_home(home: Path) -> Kit:
        opened.append(Kit.open(home))
        return opened[-1]

    yield open_home
    for kit in opened:
        kit.close()
