"""Stores on both databases, without an installation."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.conftest import DATABASES, PostgreSql

from keyferry.store.engine import open_engine, sqlite_url
from keyferry.store.migrating import upgrade
from keyferry.store.store import Store
from keyferry.store.writer import Writer


@pytest.fixture(params=DATABASES)
def empty_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database without tables."""
    if request.param == "sqlite":
        engine = open_engine(sqlite_url(tmp_path / "empty.db"))
    else:
        server: PostgreSql = request.getfixturevalue("postgresql")
        engine = open_engine(server.empty())
    yield engine
    engine.dispose()


@pytest.fixture
def open_store(database_file: Path | None, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens the database of a test, with its tables; called again, it opens the same one as another process would."""
    opened: list[Store] = []

    def open_one() -> Store:
        url = sqlite_url(tmp_path / "keyferry.db") if database_file is None else database_file.read_text()
        engine = open_engine(url, pool_size=16)
        if database_file is None and not opened:
            upgrade(engine)
        opened.append(Store(engine))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """SQLite with its tables, without a store."""
    engine = open_engine(sqlite_url(tmp_path / "keyferry.db"))
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def writer(engine: Engine) -> Iterator[Writer]:
    """SQLite's writer alone."""
    writer = Writer(engine)
    yield writer
    writer.close()
