"""Which keys might be on a page: their ids, found in an order by walking an index, however many keys there are.

The rows that are walked are those of `counted_keys`: one narrow row for each key, which follows the audit log within a
second (`counting.py`). What it has not followed yet is read from the keys themselves, so that a key that was changed a
moment ago is where it belongs. The rows are not sealed: ids found here are candidates; whoever shows a key reads it,
verified, and judges by that whether it belongs on the page.

A page is found in one of two ways, each of bounded work. Where a condition that an index knows is fulfilled by few
keys, these are all taken, and sorted. Otherwise the index that has the wanted order is walked, and rows that do not fit
are passed over; after `FARTHEST` of them the walk ends, and answers how far it came.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from keyferry.custody import key_walk_statements as statements
from keyferry.custody.key_orders import Conditions, Owned, Place, Walk
from keyferry.store.transaction import Transaction

#: rows that one page's walk passes at most
FARTHEST: Final = 2000
#: so few keys that fulfil a condition are taken all and sorted
FEW: Final = 2000
#: audit events that counting may lag behind, for what they name to be found all the same
NOT_COUNTED: Final = 2000


@dataclass(frozen=True, slots=True)
class Candidates:
    """The places of keys, and how far the walk came if it ended early; None if nothing lies beyond."""

    places: list[Place]
    reached: Place | None = None


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
            statement = statements.few(way, whose, conditions.asked, walk.sort, falling=walk.falling, begun=walk.begun)
            rows = tx.rows(statement, **parameters, **wanted.parameters, most=FEW)
            places = [Place(*row) for row in rows]
            return Candidates(places, None if len(places) < wanted.limit else places[-1])
    return _passing(tx, whose, conditions.asked, parameters, wanted, farthest)


def _ways(asked: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """What an index knows of the conditions: each of these may turn out to be fulfilled by few."""
    for name in ("id", "named", "ending"):
        if name in asked:
            yield (name,)
    if set(statements.KIND) & set(asked):
        yield statements.KIND


def _are_few(
    tx: Transaction, way: tuple[str, ...], whose: tuple[str, ...], asked: tuple[str, ...], parameters: dict[str, Any]
) -> bool:
    row = tx.row(statements.count(way, whose, asked), **parameters, most=FEW + 1)
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
        statement = statements.passing(whose, asked, walk.sort, falling=walk.falling, begun=walk.begun)
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
    statement = statements.keys_of(column, falling=walk.falling, begun=walk.begun)
    rows = tx.rows(statement, owner=owner.id or "", **walk.parameters)
    places = [Place("", id_) for (id_,) in rows]
    return Candidates(places, None if len(places) < walk.limit else places[-1])


def _not_counted(
    tx: Transaction, conditions: Conditions, owners: Sequence[Owned], walk: Walk
) -> tuple[set[str], list[Place]]:
    """The ids of keys that were made or changed since the last count, and the places of those that fit."""
    rows = tx.rows(statements.changed(conditions.asked, walk.sort), **conditions.parameters(), most=NOT_COUNTED)
    mine = {owner.id for owner in owners}
    found = [Place(value, id_) for value, id_, owner_id, fits in rows if fits and (None in mine or owner_id in mine)]
    return {id_ for _, id_, _, _ in rows}, [place for place in found if walk.includes(place)]
