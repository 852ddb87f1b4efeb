"""What a prepared statement hands to a database's driver."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Dialect

from keyferry.store.statements import Parameters, Prepared


def sql_of(statement: Prepared, dialect: Dialect, given: Mapping[str, Any]) -> tuple[str, Parameters]:
    """The SQL text, and the parameters in the form that the dialect's driver takes."""
    compiled = statement.compiled(dialect)
    return compiled.sql, compiled.parameters(given)
