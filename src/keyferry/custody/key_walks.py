"""Which keys might be on a page: their ids, found in an order by walking an index, however many keys there are.

The rows that are walked are those of `counted_keys`: one narrow row for each key, which follows the audit log within a
second (`counting.py`). What it has not followed yet is read from the keys themselves, so that a key that was changed a
moment ago is where it belongs. The rows are not sealed: ids found here are candidates; whoever shows a key reads it,
verified, and judges by that whether it belongs on the page.

A page is found in one of two ways, each of bounded work. Where a condition that an index knows is fulfilled by few
keys, these are all taken, and sorted. Otherwise the index that has the wanted order is walked, and rows that do not fit
are passed over; after `FARTHEST` of them the walk ends, and answers how far it came.
"""

# ruff: noqa: S608  (no text from outside is put into these statements: names of this file's own alone)

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import text

from keyferry.custody.lifecycle import State
from keyferry.errors import InvalidInput
from keyferry.ids import is_id_shaped
from keyferry.material.algorithms import ALGORITHMS
from keyferry.store.statements import Prepared
from keyferry.store.tables import BLANK, NEVER
from keyferry.store.transaction import Transaction

#: rows that one page's walk passes at most
FARTHEST: Final = 2000
#: so few keys that fulfil a condition are taken all and sorted
FEW: Final = 2000
#: audit events that counting may lag behind, for what they name to be found all the same
NOT_COUNTED: Final = 2000


class Sort(StrEnum):
    """The orders that keys can be listed in: by the field's name, `-` before it turns it round."""

    OLDEST = "created"
    NEWEST = "-created"
    NAME = "name"
    NAME_BACKWARD = "-name"
    SOONEST = "deactivation_date"
    LATEST = "-deactivation_date"

    @property
    def falling(self) -> bool:
        """Whether it goes from the last to the first."""
        return self.value.startswith("-")

    @property
    def field(self) -> str:
        """What it goes by."""
        return self.value.removeprefix("-")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a key stands in an order: by its value there, and by its id among those of the same."""

    value: str | int
    id: str

    def __str__(self) -> str:
        """As a cursor says it."""
        return f"{self.value}~{self.id}"


@dataclass(frozen=True, slots=True)
class Conditions:
    """What candidates have to fulfil; None asks for nothing.

    Attributes:
        named: names from the first up to the second, which is left out.
        ending: deactivation dates after the first, up to and with the second, of keys that are in use until then.
    """

    id: str | None = None
    state: State | None = None
    algorithm: str | None = None
    pending: bool | None = None
    named: tuple[str, str] | None = None
    ending: tuple[int, int] | None = None

    def parameters(self) -> dict[str, Any]:
        """For the statements."""
        low, high = self.named or ("", "")
        since, until = self.ending or (0, 0)
        return {
            "id": self.id or "",
            "state": "" if self.state is None else self.state.value,
            "algorithm": self.algorithm or "",
            "pending": int(bool(self.pending)),
            "low": low,
            "high": high,
            "since": since,
            "until": until,
        }

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of the conditions, as `_SQL` has them."""
        named = [name for name in ("id", "state", "algorithm", "pending", "named") if getattr(self, name) is not None]
        return (*named, *(("ending", "living") if self.ending is not None else ()))


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose keys are walked: a user's or a group's; everybody's where both are None."""

    user_id: str | None = None
    group_id: str | None = None

    @property
    def id(self) -> str | None:
        """As the kept table has it."""
        return self.user_id or self.group_id


@dataclass(frozen=True, slots=True)
class Walk:
    """In which order, from where, and how many are wanted."""

    sort: Sort
    backward: bool
    after: Place | None
    limit: int

    @property
    def falling(self) -> bool:
        """Whether the walk goes from the last to the first, in the end."""
        return self.sort.falling != self.backward

    @property
    def begun(self) -> bool:
        """Whether it goes on from somewhere."""
        return self.after is not None

    @property
    def parameters(self) -> dict[str, Any]:
        """For the statements."""
        after = Place("", "") if self.after is None else self.after
        return {"after_value": after.value, "after_id": after.id, "limit": self.limit}

    def includes(self, place: Place) -> bool:
        """Whether a place lies ahead."""
        return self.after is None or (place < self.after if self.falling else place > self.after)

    def in_order(self, places: Sequence[Place]) -> list[Place]:
        """Each once, in the order of the walk."""
        return sorted(set(places), reverse=self.falling)


@dataclass(frozen=True, slots=True)
class Candidates:
    """The places of keys, and how far the walk came if it ended early; None if nothing lies beyond."""

    places: list[Place]
    reached: Place | None = None


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
_KIND: Final = ("state", "algorithm", "pending")
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


def cursor_place(cursor: str, sort: Sort) -> Place:
    """The place that a cursor of a list in this order says.

    Raises:
        InvalidInput: it is none.
    """
    value, _, id_ = cursor.rpartition("~")
    fits = {"created": value == "", "deactivation_date": value.isascii() and value.isdecimal() and len(value) < 20}
    if not is_id_shaped(id_) or not fits.get(sort.field, 0 < len(value) <= 64 and value.isascii()):
        raise InvalidInput(
            "The cursor is not one of a list in this order.",
            field="cursor",
            advice="Give what the page before it gave as `next`, and the same order; or begin at the first page.",
        )
    return Place(int(value) if sort.field == "deactivation_date" else value, id_)


def find_candidates(tx: Transaction, owners: Sequence[Owned], conditions: Conditions, walk: Walk) -> Candidates:
    """The next places of keys that might fulfil `conditions`, in the order of `walk`.

    Args:
        owners: whose keys; each is walked by itself, since a database that is asked for all at once sorts every key.
    """
    if not conditions.asked and walk.sort.field == "created":
        return _joined([_of_keys(tx, owner, walk) for owner in owners], walk)
    stale, changed = _not_counted(tx, conditions, owners, walk)
    farthest = max(FARTHEST // max(len(owners), 1), walk.limit)
    parts = [_counted(tx, owner, conditions, walk, farthest, len(stale)) for owner in owners]
    fresh = [Candidates([place for place in part.places if place.id not in stale], part.reached) for part in parts]
    return _joined([*fresh, Candidates(changed)], walk)


def _joined(parts: Sequence[Candidates], walk: Walk) -> Candidates:
    """Several walks as one, which came as far as the one that came least far."""
    ends = walk.in_order([part.reached for part in parts if part.reached is not None])
    places = walk.in_order([place for part in parts for place in part.places])
    if ends:
        beyond = replace(walk, after=ends[0])
        places = [place for place in places if not beyond.includes(place)]
    if len(places) >= walk.limit:
        return Candidates(places[: walk.limit])
    return Candidates(places, ends[0] if ends else None)


def _counted(tx: Transaction, owner: Owned, conditions: Conditions, walk: Walk, farthest: int, more: int) -> Candidates:
    """One owner's, or everybody's, as far as they are counted; `more` of them than asked for will be dropped."""
    wanted = replace(walk, limit=walk.limit + more)
    parameters = conditions.parameters() | {"owner": owner.id or ""}
    whose = ("owner",) if owner.id else ()
    for way in _ways(conditions.asked):
        if _are_few(tx, way, whose, conditions.asked, parameters):
            statement = _few(way, whose, conditions.asked, walk.sort, falling=walk.falling, begun=walk.begun)
            rows = tx.rows(statement, **parameters, **wanted.parameters, most=FEW)
            places = [Place(*row) for row in rows]
            return Candidates(places, None if len(places) < wanted.limit else places[-1])
    return _passing(tx, whose, conditions.asked, parameters, wanted, farthest)


def _ways(asked: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """What an index knows of the conditions: each of these may turn out to be fulfilled by few."""
    for name in ("id", "named", "ending"):
        if name in asked:
            yield (name,)
    if set(_KIND) & set(asked):
        yield _KIND


def _are_few(
    tx: Transaction, way: tuple[str, ...], whose: tuple[str, ...], asked: tuple[str, ...], parameters: dict[str, Any]
) -> bool:
    row = tx.row(_count(way, whose, asked), **parameters, most=FEW + 1)
    return row is not None and int(row[0]) <= FEW


def _passing(
    tx: Transaction,
    whose: tuple[str, ...],
    asked: tuple[str, ...],
    parameters: dict[str, Any],
    walk: Walk,
    farthest: int,
) -> Candidates:
    """Walk in order, and pass over what does not fit: a little at first, then more at a time."""
    found: list[Place] = []
    passed, some = 0, 4 * walk.limit
    while True:
        some = min(some, farthest - passed)
        statement = _pass(whose, asked, walk.sort, falling=walk.falling, begun=walk.begun)
        rows = tx.rows(statement, **parameters, **walk.parameters, most=some)
        found += [Place(value, id_) for value, id_, fits in rows if fits]
        if len(rows) < some:
            return Candidates(found)
        passed, walk = passed + some, replace(walk, after=Place(*rows[-1][:2]))
        if len(found) >= walk.limit or passed >= farthest:
            return Candidates(found, walk.after)
        some *= 4


def _of_keys(tx: Transaction, owner: Owned, walk: Walk) -> Candidates:
    """In the order of ids with nothing asked, the keys themselves are walked."""
    column = "owner_user_id" if owner.user_id else "owner_group_id" if owner.group_id else ""
    statement = _keys_of(column, falling=walk.falling, begun=walk.begun)
    rows = tx.rows(statement, owner=owner.id or "", **walk.parameters)
    places = [Place("", id_) for (id_,) in rows]
    return Candidates(places, None if len(places) < walk.limit else places[-1])


def _not_counted(
    tx: Transaction, conditions: Conditions, owners: Sequence[Owned], walk: Walk
) -> tuple[set[str], list[Place]]:
    """The ids of keys that were made or changed since the last count, and the places of those that fit."""
    rows = tx.rows(_changed(conditions.asked, walk.sort), **conditions.parameters(), most=NOT_COUNTED)
    mine = {owner.id for owner in owners}
    found = [Place(value, id_) for value, id_, owner_id, fits in rows if fits and (None in mine or owner_id in mine)]
    return {id_ for _, id_, _, _ in rows}, [place for place in found if walk.includes(place)]


@lru_cache(maxsize=1024)
def _count(way: tuple[str, ...], whose: tuple[str, ...], asked: tuple[str, ...]) -> Prepared:
    return _prepared(f"SELECT count(*) FROM (SELECT 1 {_access(way, whose, asked)}) AS few")


@lru_cache(maxsize=1024)
def _few(
    way: tuple[str, ...], whose: tuple[str, ...], asked: tuple[str, ...], sort: Sort, *, falling: bool, begun: bool
) -> Prepared:
    # the inner LIMIT keeps the database from walking another index than that of the few
    rest = [_SQL[name] for name in asked if name not in way]
    return _prepared(
        f"SELECT {_VALUES[sort.field]}, key_id FROM (SELECT * {_access(way, whose, asked)}) AS few"
        f"{_where(rest + _ahead(sort, falling=falling, begun=begun))}{_order(sort, falling=falling)} LIMIT :limit"
    )


@lru_cache(maxsize=1024)
def _pass(whose: tuple[str, ...], asked: tuple[str, ...], sort: Sort, *, falling: bool, begun: bool) -> Prepared:
    ranged = _RANGES.get(sort.field)
    walked = [_SQL[name] for name in (*whose, *((ranged,) if ranged in asked else ()))]
    fits = " AND ".join(_SQL[name] for name in asked if name != ranged) or "1 = 1"
    return _prepared(
        f"SELECT {_VALUES[sort.field]}, key_id, CASE WHEN {fits} THEN 1 ELSE 0 END FROM counted_keys"
        f"{_where(walked + _ahead(sort, falling=falling, begun=begun))}{_order(sort, falling=falling)} LIMIT :most"
    )


@lru_cache(maxsize=32)
def _keys_of(column: str, *, falling: bool, begun: bool) -> Prepared:
    where = [f"{column} = :owner"] if column else []
    where += [f"id {'<' if falling else '>'} :after_id"] if begun else []
    return _prepared(f"SELECT id FROM keys{_where(where)} ORDER BY id{' DESC' if falling else ''} LIMIT :limit")


@lru_cache(maxsize=1024)
def _changed(asked: tuple[str, ...], sort: Sort) -> Prepared:
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
