"""Opening a database so that it keeps what it acknowledged."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from keyferry.errors import CannotStart

BUSY_TIMEOUT = "busy_timeout=5000"  # milliseconds

_SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # a commit is on disk before it is acknowledged
    "secure_delete=ON",  # erased key material is overwritten with zeros
    "foreign_keys=ON",
    BUSY_TIMEOUT,
    "temp_store=MEMORY",
    "trusted_schema=OFF",
    "cache_size=-16384",
    "wal_autocheckpoint=4000",  # pages: whoever writes waits for the copying, which costs less the more it gathers
)


def sqlite_url(file: Path) -> URL:
    """The URL of the SQLite database in `file`, which is made when it is opened first."""
    return URL.create("sqlite+pysqlite", database=str(file))


def open_engine(url: URL | str, *, pool_size: int = 48) -> Engine:
    """An engine for SQLite or PostgreSQL (psycopg 3).

    Raises:
        CannotStart: the URL cannot be read, or names another database.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, pool_size)
    if parsed.get_backend_name() == "postgresql":
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=0,
            pool_pre_ping=True,
            pool_timeout=30,
        )
    raise CannotStart(
        f"The database {parsed.get_backend_name()} is not known.",
        code="setting-refused",
        advice="Keyferry keeps its store in SQLite or PostgreSQL.",
    )


def _parse(url: URL | str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    # An @ in the host is the rest of a password, which the driver would show when it finds no such host.
    if parsed is None or "@" in (parsed.host or ""):
        raise CannotStart(
            "The database's URL cannot be read.",
            code="setting-refused",
            field="database_file",
            advice="Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE; in a password, write @ as %40 and : as %3A.",
        ) from None
    return parsed


def _open_sqlite(url: URL, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        connect_args={"check_same_thread": False, "isolation_level": None, "cached_statements": 512},
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        for pragma in _SQLITE_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:  # for SQLAlchemy's own connections, that is, for migrations
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
