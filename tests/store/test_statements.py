"""One definition of a statement, compiled once for each database, and run on its driver."""

import pytest
from sqlalchemy import bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from tests.statements import sql_of

from keyferry.store.sealed import KEYS, Lock
from keyferry.store.statements import Prepared
from keyferry.store.tables import users

SQLITE: Dialect = sqlite.dialect()
POSTGRESQL: Dialect = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's

BY_ROLE = Prepared(
    select(users.c.id).where(users.c.role == "administrator", users.c.name == bindparam("name")).limit(bindparam("n"))
)


def test_a_statement_takes_the_same_parameters_on_both_databases() -> None:
    sql, values = sql_of(BY_ROLE, SQLITE, {"name": "ada", "n": 3})
    assert sql.count("?") == len(values)
    assert list(values)[:2] == ["administrator", "ada"]
    assert 3 in values
    sql, values = sql_of(BY_ROLE, POSTGRESQL, {"name": "ada", "n": 3})
    assert isinstance(values, dict)
    assert values["name"] == "ada"
    assert "administrator" in values.values()
    assert "%(name)s" in sql


def test_a_statement_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    statement = Prepared(select(users.c.id).where(users.c.name == bindparam("name")))
    first, _ = sql_of(statement, SQLITE, {"name": "a"})
    monkeypatch.setattr(Prepared, "_compile", None)
    second, values = sql_of(statement, SQLITE, {"name": "b"})
    assert second is first
    assert values == ("b",)


def test_a_forgotten_parameter_is_no_null() -> None:
    with pytest.raises(KeyError):
        sql_of(BY_ROLE, SQLITE, {"name": "ada"})


@pytest.mark.parametrize(
    ("lock", "clause"), [(Lock.NONE, ""), (Lock.SHARE, "FOR SHARE OF keys"), (Lock.UPDATE, "FOR UPDATE OF keys")]
)
def test_rows_are_held_where_the_database_holds_rows(lock: Lock, clause: str) -> None:
    on_postgresql, _ = sql_of(KEYS._by_id[lock].rows, POSTGRESQL, {"id": "x"})
    on_sqlite, _ = sql_of(KEYS._by_id[lock].rows, SQLITE, {"id": "x"})
    assert on_postgresql.endswith(clause)
    assert ("FOR " in on_postgresql) == bool(clause)
    assert "FOR " not in on_sqlite
