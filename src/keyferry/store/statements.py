"""Statements defined in SQLAlchemy Core, compiled once per dialect and run on the driver's own cursor.

Building and compiling a statement at each call costs several times what SQLite needs to run it; a prepared statement
pays that once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ClauseElement, Delete, Insert, Select, Table, TableClause, TextClause, Update
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import visitors

Parameters = tuple[Any, ...] | dict[str, Any]
Row = tuple[Any, ...]

#: stands for any table, where a statement's words do not tell which it changes
ANY_TABLE: Final = "*"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement in the words of one dialect.

    Attributes:
        changes: the table whose rows it changes, or `ANY_TABLE`; None for a question.
    """

    sql: str
    changes: str | None
    defaults: dict[str, Any]
    order: tuple[str, ...] | None

    def parameters(self, given: Mapping[str, Any]) -> Parameters:
        """In the form that the dialect's driver takes."""
        if self.order is None:
            return {**self.defaults, **given}
        every = {**self.defaults, **given} if self.defaults else given
        return tuple([every[name] for name in self.order])  # of a list: quicker than of a generator


class Prepared:
    """A statement whose parameters are its `bindparam`s; literal values in it are kept as they are.

    Args:
        statement: it, or what builds it once it is run for the first time: most of the questions that a table can be
            asked are not asked in a process's life, and a statement that is built is large.
    """

    def __init__(self, statement: ClauseElement | Callable[[], ClauseElement]) -> None:
        self._statement = statement
        self._compiled: dict[str, Compiled] = {}

    def compiled(self, dialect: Dialect) -> Compiled:
        """In the words of `dialect`."""
        return self._compiled.get(dialect.name) or self._compile(dialect)

    def tables(self) -> frozenset[str]:
        """Every table that it names, wherever in it; also `ANY_TABLE` if some of it is text, which is not read."""
        parts = list(visitors.iterate(self._built()))
        names = {each.name for each in parts if isinstance(each, TableClause)}
        is_text = any(isinstance(each, TextClause) or getattr(each, "is_literal", False) for each in parts)
        return frozenset(names | ({ANY_TABLE} if is_text else set()))

    def _built(self) -> ClauseElement:
        return self._statement if isinstance(self._statement, ClauseElement) else self._statement()

    def _compile(self, dialect: Dialect) -> Compiled:
        statement = self._built()
        result = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        order = getattr(result, "positiontup", None)
        defaults = {name: value for name, value in result.params.items() if value is not None}
        compiled = Compiled(str(result), _changed_by(statement), defaults, None if order is None else tuple(order))
        self._compiled[dialect.name] = compiled
        return compiled


def _changed_by(statement: ClauseElement) -> str | None:
    if isinstance(statement, Select) or (isinstance(statement, TextClause) and statement.text.startswith("SELECT")):
        return None
    if isinstance(statement, Insert | Update | Delete) and isinstance(statement.table, Table):
        return statement.table.name
    return ANY_TABLE
