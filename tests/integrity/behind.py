"""Somebody who can do anything to the database, and has not the root of trust."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, delete, event, insert, select, text, update

from keyferry.errors import IntegrityViolation, KeyferryError
from keyferry.store.tables import audit_events, metadata
from keyferry.testing import Kit

Row = dict[str, Any]

# One statement, as most of the tests beside it begin with this.
_DROP_EVERY_CHECK = """DO $$ DECLARE found record; BEGIN
FOR found IN SELECT conrelid::regclass AS tab, conname AS name FROM pg_constraint
  WHERE contype = 'c' AND connamespace = 'public'::regnamespace LOOP
  EXECUTE 'ALTER TABLE ' || found.tab || ' DROP CONSTRAINT ' || quote_ident(found.name);
END LOOP; END $$"""


class Behind:
    """Rows of the store, changed without Keyferry: no seal is made, no event written, no constraint in the way."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        url = kit.installation.store.engine.url
        if url.get_backend_name() == "sqlite":
            self.engine = create_engine(url, poolclass=NullPool)
            _free_sqlite(self.engine)
        else:
            self.engine = create_engine(url)  # which keeps its connection: PostgreSQL starts a process for each
            _free_postgresql(self.engine)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # no foreign keys
            yield connection

    def run(self, sql: str, **parameters: Any) -> None:
        with self.connected() as connection:
            connection.execute(text(sql), parameters)

    def row(self, table: str, id_: str) -> Row:
        with self.connected() as connection:
            found = connection.execute(select(metadata.tables[table]).where(metadata.tables[table].c.id == id_))
            return dict(found.mappings().one())

    def rows(self, table: str) -> list[Row]:
        columns = metadata.tables[table]
        with self.connected() as connection:
            found = connection.execute(select(columns).order_by(*columns.primary_key))
            return [dict(row) for row in found.mappings()]

    def only_id(self, table: str) -> str:
        """The id of a table's only row."""
        with self.connected() as connection:
            return str(connection.execute(select(metadata.tables[table].c.id)).scalar_one())

    def everything(self) -> dict[str, list[Row]]:
        """Every row of every table but the audit log's."""
        return {table: self.rows(table) for table in metadata.tables if table != "audit_events"}

    def edit(self, table: str, id_: Any, **values: Any) -> None:
        columns = metadata.tables[table]
        with self.connected() as connection:
            assert connection.execute(update(columns).where(columns.c.id == id_).values(**values)).rowcount == 1

    def remove(self, table: str, id_: Any) -> None:
        columns = metadata.tables[table]
        with self.connected() as connection:
            assert connection.execute(delete(columns).where(columns.c.id == id_)).rowcount == 1

    def add(self, table: str, row: Row) -> None:
        with self.connected() as connection:
            connection.execute(insert(metadata.tables[table]).values(**row))

    def put_back(self, table: str, row: Row) -> None:
        """Make the row with this id what it was, whatever it is now."""
        columns = metadata.tables[table]
        with self.connected() as connection:
            connection.execute(delete(columns).where(columns.c.id == row["id"]))
            connection.execute(insert(columns).values(**row))

    def newest_event(self) -> Row:
        self.kit.custody.gate.write_refusals()
        with self.connected() as connection:
            found = connection.execute(select(audit_events).order_by(audit_events.c.id.desc()).limit(1))
            return dict(found.mappings().one())

    @contextmanager
    def refused_as_tampered(self) -> Iterator[None]:
        """What is done inside is refused, loudly, and the refusal is in the audit log."""
        before = self.newest_event()["id"]
        try:
            yield
        except IntegrityViolation as refusal:
            assert refusal.code == "row-tampered"  # noqa: PT017  # raised further below if there was none
            assert "audit verify" in refusal.advice  # noqa: PT017  # the advice is part of what is asserted
        except KeyferryError as refusal:
            raise AssertionError(f"refused, but as {refusal!r}") from refusal
        else:
            raise AssertionError("nothing was refused")
        newest = self.newest_event()
        assert newest["id"] > before, "nothing was audited"
        assert (newest["outcome"], newest["code"]) == ("failed", "row-tampered")


def _free_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("PRAGMA busy_timeout=5000")
        connection.execute("PRAGMA synchronous=OFF")


def _free_postgresql(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(_DROP_EVERY_CHECK)
