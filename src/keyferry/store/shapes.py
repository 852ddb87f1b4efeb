"""What the columns of a row hold when Keyferry wrote it.

SQLite keeps a text in a column of integers, and a number in one of truth values, if it is told to. Whoever changes rows
behind Keyferry's back may do so; it has to end in the same refusal as any other change, and not in a fault.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Boolean, Column, Integer, LargeBinary, Text
from sqlalchemy.types import TypeEngine

from keyferry.errors import IntegrityViolation
from keyferry.store.statements import Row

_KINDS: tuple[tuple[type[TypeEngine[Any]], type], ...] = (
    (Boolean, bool),
    (Integer, int),
    (LargeBinary, bytes),
    (Text, str),
)


class Shape:
    """The names and types of a table's columns, in the order in which a statement selects them."""

    def __init__(self, table: str, columns: Sequence[Column[Any]]) -> None:
        self._table = table
        self._columns = tuple((column.name, _kind_of(column), bool(column.nullable)) for column in columns)

    def read(self, row: Row) -> dict[str, Any]:
        """The row's values by name.

        Raises:
            IntegrityViolation: a column holds what Keyferry never writes there.
        """
        return {
            name: value if type(value) is kind else self._other(name, kind, value, nullable=nullable)
            for (name, kind, nullable), value in zip(self._columns, row, strict=True)
        }

    def _other(self, name: str, kind: type, value: Any, *, nullable: bool) -> Any:
        if value is None and nullable:
            return None
        if kind is bool and type(value) is int and value in {0, 1}:  # as SQLite keeps them
            return value == 1
        raise IntegrityViolation(
            f"A row of {self._table} holds {type(value).__name__} in {name}, not {kind.__name__}: "
            "it was changed behind Keyferry's back."
        )


def _kind_of(column: Column[Any]) -> type:
    return next(kind for stored, kind in _KINDS if isinstance(column.type, stored))
