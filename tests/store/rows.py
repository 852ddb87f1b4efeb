"""Rows for tests of the writer, and what of them another connection sees."""

from typing import Any

from sqlalchemy import Engine, bindparam, insert

from keyferry.store.statements import Prepared
from keyferry.store.tables import activity

INSERT = Prepared(insert(activity).values(subject_id=bindparam("id"), last_used_at=0))


def kept(engine: Engine) -> set[str]:
    """What another connection sees: what is committed."""
    return {str(row[0]) for row in ask(engine, "SELECT subject_id FROM activity")}


def ask(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    """What a statement answers on a connection of its own."""
    connection = engine.raw_connection()
    try:
        return list(connection.cursor().execute(sql).fetchall())
    finally:
        connection.close()
