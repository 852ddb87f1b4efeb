"""The statements by which keys are walked: put together once for every set of conditions, and kept prepared."""

# ruff: noqa: S608  (no text from outside is put into these statements: names of this file's own alone)

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from sqlalchemy import text

from keyferry.custody.key_orders import Sort
from keyferry.custody.lifecycle import State
from keyferry.material.algorithms import ALGORITHMS
from keyferry.store.statements import Prepared
from keyferry.store.tables import BLANK, NEVER

_SQL: Final[Mapping[str, str]] = {
    "owner": "owner_id = :owner",
    "id": "key_id = :id",
    "state": "state = :state",
    "algorithm": "algorithm = :algorithm",
    "pending": "pending = :pending",
    "named": "name >= :low AND name < :high",
    "ending": "deactivates_at > :since AND deactivates_at <= :until",
    "living": "expires_day IS NOT NULL",
}
KIND: Final = ("state", "algorithm", "pending")
"""The conditions that the index of kinds knows."""

_ANY: Final[Mapping[str, str]] = {
    "state": "state IN ({})".format(", ".join(f"'{each}'" for each in State)),
    "algorithm": "algorithm IN ({})".format(", ".join(f"'{each}'" for each in ALGORITHMS)),
    "pending": "pending IN (0, 1)",
}
"""Fulfilled by every key: what the index of kinds needs said of the columns that nothing is asked of."""

_VALUES: Final = {"created": "''", "name": "name", "deactivation_date": "deactivates_at"}
_RANGES: Final = {"name": "named", "deactivation_date": "ending"}
"""The condition, if there is one, that is a part of the index which has an order."""

_CHANGES: Final = (
    "object_type = 'key' AND outcome = 'done' AND (object_revision IS NOT NULL OR version_revision IS NOT NULL)"
)
_CHANGED: Final = (
    f"SELECT keys.id AS key_id, coalesce(owner_user_id, owner_group_id) AS owner_id, algorithm, state, "
    "CASE WHEN EXISTS (SELECT 1 FROM key_versions AS v WHERE v.key_id = keys.id AND v.destroy_at IS NOT NULL) "
    "THEN 1 ELSE 0 END AS pending, "
    "CASE WHEN state IN ('pre-active', 'active') AND destroy_at IS NULL THEN deactivation_date END AS expires_day, "
    f"coalesce(name, '{BLANK}') AS name, coalesce(deactivation_date, {NEVER}) AS deactivates_at "
    "FROM keys JOIN key_versions ON key_versions.id = current_version_id WHERE keys.id IN ("
    "SELECT object_id FROM (SELECT * FROM audit_events WHERE number > "
    "coalesce((SELECT number FROM counted WHERE id = 1), 0) ORDER BY number DESC LIMIT :most) AS numbered "
    f"WHERE {_CHANGES} UNION "
    "SELECT object_id FROM (SELECT * FROM audit_events WHERE number IS NULL ORDER BY id DESC LIMIT :most) AS rest "
    f"WHERE {_CHANGES})"
)
"""As `counted_keys` has them: the keys that the newest events name which are not counted yet."""


@lru_cache(maxsize=1024)
def count(way: tuple[str, ...], whose: tuple[str, ...], asked: tuple[str, ...]) -> Prepared:
    """How many fulfil the conditions of `way`, counted no further than to `:most`."""
    return _prepared(f"SELECT count(*) FROM (SELECT 1 {_access(way, whose, asked)}) AS few")


@lru_cache(maxsize=1024)
def few(
    way: tuple[str, ...], whose: tuple[str, ...], asked: tuple[str, ...], sort: Sort, *, falling: bool, begun: bool
) -> Prepared:
    """Those few that fulfil the conditions of `way`: what of them fits, sorted."""
    # the inner LIMIT keeps the database from walking another index than that of the few
    rest = [_SQL[name] for name in asked if name not in way]
    return _prepared(
        f"SELECT {_VALUES[sort.field]}, key_id FROM (SELECT * {_access(way, whose, asked)}) AS few"
        f"{_where(rest + _ahead(sort, falling=falling, begun=begun))}{_order(sort, falling=falling)} LIMIT :limit"
    )


@lru_cache(maxsize=1024)
def passing(whose: tuple[str, ...], asked: tuple[str, ...], sort: Sort, *, falling: bool, begun: bool) -> Prepared:
    """The next `:most` in order, each with whether it fits."""
    ranged = _RANGES.get(sort.field)
    walked = [_SQL[name] for name in (*whose, *((ranged,) if ranged in asked else ()))]
    fits = " AND ".join(_SQL[name] for name in asked if name != ranged) or "1 = 1"
    return _prepared(
        f"SELECT {_VALUES[sort.field]}, key_id, CASE WHEN {fits} THEN 1 ELSE 0 END FROM counted_keys"
        f"{_where(walked + _ahead(sort, falling=falling, begun=begun))}{_order(sort, falling=falling)} LIMIT :most"
    )


@lru_cache(maxsize=32)
def keys_of(column: str, *, falling: bool, begun: bool) -> Prepared:
    """The next keys themselves, by their ids: everybody's, or those whose owner is in `column`."""
    where = [f"{column} = :owner"] if column else []
    where += [f"id {'<' if falling else '>'} :after_id"] if begun else []
    return _prepared(f"SELECT id FROM keys{_where(where)} ORDER BY id{' DESC' if falling else ''} LIMIT :limit")


@lru_cache(maxsize=1024)
def changed(asked: tuple[str, ...], sort: Sort) -> Prepared:
    """Keys that were made or changed since the last count, each with its owner, and whether it fits."""
    fits = " AND ".join(_SQL[name] for name in asked) or "1 = 1"
    columns = f"{_VALUES[sort.field]}, key_id, owner_id, CASE WHEN {fits} THEN 1 ELSE 0 END"
    return _prepared(f"SELECT {columns} FROM ({_CHANGED}) AS changed")


def _access(way: tuple[str, ...], whose: tuple[str, ...], asked: tuple[str, ...]) -> str:
    known = [_SQL[name] if name in asked else _ANY[name] for name in way]
    return f"FROM counted_keys{_where(known + [_SQL[name] for name in whose])} LIMIT :most"


def _ahead(sort: Sort, *, falling: bool, begun: bool) -> list[str]:
    if not begun:
        return []
    sign = "<" if falling else ">"
    if sort.field == "created":
        return [f"key_id {sign} :after_id"]
    return [f"({_VALUES[sort.field]}, key_id) {sign} (:after_value, :after_id)"]


def _order(sort: Sort, *, falling: bool) -> str:
    direction = " DESC" if falling else ""
    by = ("key_id",) if sort.field == "created" else (_VALUES[sort.field], "key_id")
    return " ORDER BY " + ", ".join(column + direction for column in by)


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _prepared(statement: str) -> Prepared:
    return Prepared(text(statement))
