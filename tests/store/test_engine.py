"""The database keeps what it has acknowledged: what the engine asks for is in force on every connection."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.conftest import PostgreSql

from keyferry.errors import CannotStart
from keyferry.store.engine import open_engine, sqlite_url

FULL, ON = 2, 1


@pytest.fixture
def sqlite(tmp_path: Path) -> Engine:
    return open_engine(sqlite_url(tmp_path / "keyferry.db"), pool_size=3)


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", FULL),
        ("secure_delete", ON),
        ("foreign_keys", ON),
        ("busy_timeout", 5000),
        ("trusted_schema", 0),
    ],
)
def test_every_sqlite_connection_has_its_pragmas(sqlite: Engine, pragma: str, value: object) -> None:
    held = [sqlite.raw_connection() for _ in range(3)]
    found = [connection.cursor().execute(f"PRAGMA {pragma}").fetchone()[0] for connection in held]
    for connection in held:
        connection.close()
    sqlite.dispose()
    assert found == [value] * 3


def test_postgresql_acknowledges_what_it_has_made_durable(postgresql: PostgreSql) -> None:
    """That this reaches a disk is the server's own `fsync`, which tests leave off."""
    url = postgresql.empty()
    engine = open_engine(url)
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SHOW synchronous_commit").scalar()
    engine.dispose()
    postgresql.drop(url)
    assert found == "on"


def test_a_postgresql_url_needs_no_driver_named() -> None:
    engine = open_engine("postgresql://nobody@127.0.0.1/nowhere")
    assert engine.dialect.driver == "psycopg"


def test_another_database_is_refused() -> None:
    with pytest.raises(CannotStart) as refused:
        open_engine("mysql://nobody@127.0.0.1/nowhere")
    assert refused.value.code == "setting-refused"
    assert "mysql" in refused.value.detail
    assert "PostgreSQL" in refused.value.advice
