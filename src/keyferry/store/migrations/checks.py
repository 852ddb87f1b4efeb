"""Replacing a table's check constraint, where SQLite has no statement for it."""

from alembic import op
from sqlalchemy import text


def replace_check(table: str, name: str, condition: str) -> None:
    """Have the rows of `table` satisfy `condition` from now on, under the constraint's name; those there already do.

    SQLite would have the table copied and the first one dropped, which its foreign keys forbid; so the text of the
    constraint is replaced in the schema, as https://www.sqlite.org/lang_altertable.html section 7 describes it for
    changes that leave what is on disk as it is.

    Raises:
        LookupError: there is no such constraint as a line of its own.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, condition)
        return
    connection = op.get_bind()
    (written,) = connection.execute(
        text("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = :table"), {"table": table}
    ).one()
    before, found, rest = str(written).partition(f"CONSTRAINT {name} CHECK (")
    if not found:
        raise LookupError(f"{table} has no constraint {name}.")
    _, after = _closed(rest)
    (version,) = connection.execute(text("PRAGMA schema_version")).one()
    connection.execute(text("PRAGMA writable_schema = ON"))
    connection.execute(
        text("UPDATE sqlite_schema SET sql = :sql WHERE type = 'table' AND name = :table"),
        {"sql": f"{before}{found}{condition}){after}", "table": table},
    )
    connection.execute(text(f"PRAGMA schema_version = {int(version) + 1}"))  # others read the schema anew
    connection.execute(text("PRAGMA writable_schema = RESET"))  # and so does this connection


def _closed(rest: str) -> tuple[str, str]:
    """What is within the bracket that has just been opened, and what follows it."""
    depth = 1
    for place, letter in enumerate(rest):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return rest[:place], rest[place + 1 :]
    raise LookupError("The constraint does not end.")
