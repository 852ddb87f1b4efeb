"""Finding keys: by what they are called, what they are, whose, and when they end; in an order, in pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, func, select

from keyferry.clock import DAY, Microseconds
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.key_lookup import KeyDetail, may_see_key
from keyferry.custody.key_orders import Conditions, Owned, Place, Sort, Walk, cursor_place
from keyferry.custody.key_walks import find_candidates
from keyferry.custody.lifecycle import State, state_at
from keyferry.custody.names import may_name_key
from keyferry.custody.owners import Owner, owner_named, owner_of
from keyferry.custody.policy import Operation
from keyferry.custody.versions import all_versions, current_version
from keyferry.custody.view import View
from keyferry.errors import InvalidInput
from keyferry.ids import is_id_shaped
from keyferry.material.algorithms import ALGORITHMS
from keyferry.store.records import Key, KeyVersion
from keyferry.store.sealed import KEYS
from keyferry.store.statements import Prepared
from keyferry.store.tables import BLANK, owner_counts

#: how a key without a name is asked for
BLANK_SHOWN: Final = "[blank]"
MOST_DAYS: Final = 3650
#: in these, a version's deactivation lies ahead of it
_LIVING: Final = (State.PRE_ACTIVE, State.ACTIVE)
#: sorts before every character that names may hold
_BELOW_ALL: Final = "!"

_TOTAL_OF = Prepared(select(func.sum(owner_counts.c["keys"])).where(owner_counts.c.owner_id == bindparam("owner_id")))
_TOTAL = Prepared(select(func.sum(owner_counts.c["keys"])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which keys are looked for, and in which order; None asks for nothing.

    Attributes:
        search: how the name begins, without regard to case; `[blank]` or its beginning finds keys without a name, and
            an id that key.
        name: the whole name.
        group, owner: whose, by id or name.
        expiring: days within which the current version, in use until then, is deactivated.
        pending: whether the destruction of it, or of a version of it, is pending.
    """

    search: str | None = None
    name: str | None = None
    state: State | None = None
    algorithm: str | None = None
    group: str | None = None
    owner: str | None = None
    expiring: int | None = None
    pending: bool | None = None
    sort: Sort = Sort.OLDEST

    @property
    def is_narrowed(self) -> bool:
        """Whether anything is asked of the keys, beside their order."""
        return self != Wanted(sort=self.sort)


@dataclass(frozen=True, slots=True)
class FoundKeys:
    """A page.

    Attributes:
        next, previous: cursors of the pages after and before it; None where there is none.
        is_cut: the search went only so far; whatever there is beyond, the next page's search goes on to find.
    """

    items: tuple[KeyDetail, ...]
    next: str | None
    previous: str | None
    is_cut: bool


class Finding:
    """Keys, found. What is found by the kept table is shown from the keys' own rows, which also decide who sees it."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def find(
        self, caller: Caller, wanted: Wanted, *, size: int, after: str | None = None, before: str | None = None
    ) -> FoundKeys:
        """Keys that are as `wanted`: of all for who sees everything, of one's own and one's groups' for others.

        Of thousands of changes within a second, the earlier may be missing for a moment. What is shown is as it is.

        Args:
            size: of the page.
            after, before: a cursor; one of the two at most.

        Raises:
            InvalidInput: something that is asked for, or the cursor, will not do; says which.
        """

        def read(view: View) -> FoundKeys:
            view.permit(view.actor.relation_to_user(view.actor.user.id), "key", None, None)
            cursor = after or before
            place = cursor_place(cursor, wanted.sort) if cursor else None
            conditions = _conditions(wanted, view.now)
            owners = _owners(view, wanted)
            if conditions is None:
                return FoundKeys((), None, None, is_cut=False)
            walk = Walk(wanted.sort, bool(before and not after), place, size + 1)
            return _page(view, owners, conditions, walk, size)

        return self._gate.read(caller, Operation.KEY_LIST, read)

    def total(self, caller: Caller) -> int:
        """How many keys the caller may see, erased ones included, as they were counted less than a second ago."""

        def read(view: View) -> int:
            view.permit(view.actor.relation_to_user(view.actor.user.id), "key", None, None)
            if view.actor.role.sees_everything:
                rows = [view.tx.row(_TOTAL)]
            else:
                rows = [view.tx.row(_TOTAL_OF, owner_id=owner.id) for owner in _own(view)]
            return sum(int(row[0] or 0) for row in rows if row is not None)

        return self._gate.read(caller, Operation.KEY_LIST, read)


def _page(view: View, owners: Sequence[Owned], conditions: Conditions, walk: Walk, size: int) -> FoundKeys:
    found = find_candidates(view.tx, owners, conditions, walk)
    places = found.places[:size]
    more = found.places[size - 1] if len(found.places) > size else found.reached
    items = _shown(view, owners, conditions, places)
    if not walk.backward:
        back = places[0] if walk.begun and places else None
        return FoundKeys(items, _cursor(more), _cursor(back), is_cut=len(found.places) <= size and more is not None)
    begin = places[0] if places else walk.after
    return FoundKeys(tuple(reversed(items)), _cursor(begin), _cursor(more), is_cut=False)


def _cursor(place: Place | None) -> str | None:
    if place is None:
        return None
    return str(place) if place.value != "" else place.id


def _shown(
    view: View, owners: Sequence[Owned], conditions: Conditions, places: Sequence[Place]
) -> tuple[KeyDetail, ...]:
    """The keys at these places, verified: those that the caller may see, and that are what was asked for."""
    names: dict[str, Owner] = {}
    shown = []
    for place in places:
        key = view.get(KEYS, place.id)
        if key is None or not may_see_key(view, key) or not _is_of(owners, key):
            continue
        version = current_version(view, key)
        state = state_at(version, view.now)
        pending = conditions.pending is not None and _pending(view, key, version)
        if _fits(conditions, key, version, state) and conditions.pending in {None, pending}:
            owner_id = key.owner_user_id or key.owner_group_id or ""
            if owner_id not in names:
                names[owner_id] = owner_of(view, key)
            shown.append(KeyDetail(key, version, state, names[owner_id]))
    return tuple(shown)


def _is_of(owners: Sequence[Owned], key: Key) -> bool:
    return any(owner.id is None or owner == Owned(key.owner_user_id, key.owner_group_id) for owner in owners)


def _fits(conditions: Conditions, key: Key, version: KeyVersion, state: State) -> bool:
    """Whether a key, as it is, is what candidates were looked for."""
    asked = conditions
    name = BLANK if key.name is None else key.name
    date = version.deactivation_date
    return (
        asked.id in {None, key.id}
        and asked.state in {None, state}
        and asked.algorithm in {None, key.algorithm}
        and (asked.named is None or asked.named[0] <= name < asked.named[1])
        and (asked.ending is None or (date is not None and asked.ending[0] < date <= asked.ending[1]))
        and (asked.ending is None or (state in _LIVING and version.destroy_at is None))
    )


def _pending(view: View, key: Key, version: KeyVersion) -> bool:
    """Whether the destruction of any version lies ahead."""
    if key.versions == 1:
        return version.destroy_at is not None
    return any(each.destroy_at is not None for each in all_versions(view, key))


def _own(view: View) -> list[Owned]:
    """Whose keys the caller may see, who is no Administrator."""
    return [Owned(user_id=view.actor.user.id), *(Owned(group_id=id_) for id_ in sorted(view.actor.group_ids))]


def _owners(view: View, wanted: Wanted) -> list[Owned]:
    """
    Raises:
        InvalidInput: there is no such owner, or none that the caller may see.
    """
    if wanted.group is not None or wanted.owner is not None:
        named = owner_named(view, wanted.owner, wanted.group)
        return [Owned(named.user_id, named.group_id)]
    return [Owned()] if view.actor.role.sees_everything else _own(view)


def _conditions(wanted: Wanted, now: Microseconds) -> Conditions | None:
    """What candidates have to fulfil; None if no key can.

    Raises:
        InvalidInput: something that is asked for will not do; says which.
    """
    if wanted.algorithm is not None and wanted.algorithm not in ALGORITHMS:
        advice = f"Give one of {', '.join(ALGORITHMS)}."
        raise InvalidInput(f"{wanted.algorithm[:40]!r} is no key type.", field="type", advice=advice)
    if wanted.expiring is not None and not 1 <= wanted.expiring <= MOST_DAYS:
        advice = f"Give a number of days from 1 to {MOST_DAYS}."
        raise InvalidInput(f"expiring is {wanted.expiring}.", field="expiring", advice=advice)
    if wanted.search is not None and wanted.name is not None:
        raise InvalidInput("A name is asked for twice.", field="search", advice="Give its beginning, or all of it.")
    search = (wanted.search or "").strip().lower()
    named: tuple[str, str] | None = None
    if wanted.name is not None:
        if not may_name_key(wanted.name):
            return None
        named = (wanted.name, wanted.name + _BELOW_ALL)
    elif search and BLANK_SHOWN.startswith(search):
        named = (BLANK, BLANK + BLANK)
    elif search and not is_id_shaped(search):
        if not may_name_key(search):
            return None
        named = (search, search + BLANK)
    return Conditions(
        id=search if is_id_shaped(search) else None,
        state=wanted.state,
        algorithm=wanted.algorithm,
        pending=wanted.pending,
        named=named,
        ending=None if wanted.expiring is None else (now, now + wanted.expiring * DAY),
    )
