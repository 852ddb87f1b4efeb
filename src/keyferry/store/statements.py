"""Statements defined in SQLAlchemy Core, compiled once per dialect and run on the driver's own cursor.

Building and compiling a statement at each call costs several times what SQLite needs to run it; a prepared statement
pays that once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement
from sqlalchemy.engine import Dialect

Parameters = tuple[Any, ...] | dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    defaults: dict[str, Any]
    order: tuple[str, ...] | None

    def parameters(self, given: Mapping[str, Any]) -> Parameters:
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
        self._compiled: dict[str, _Compiled] = {}

    def for_dialect(self, dialect: Dialect, given: Mapping[str, Any]) -> tuple[str, Parameters]:
        """The SQL text and the parameters in the form that the dialect's driver takes."""
        compiled = self._compiled.get(dialect.name) or self._compile(dialect)
        return compiled.sql, compiled.parameters(given)

    def _compile(self, dialect: Dialect) -> _Compiled:
        statement = self._statement if isinstance(self._statement, ClauseElement) else self._statement()
        result = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        order = getattr(result, "positiontup", None)
        defaults = {name: value for name, value in result.params.items() if value is not None}
        compiled = _Compiled(str(result), defaults, None if order is None else tuple(order))
        self._compiled[dialect.name] = compiled
        return compiled
