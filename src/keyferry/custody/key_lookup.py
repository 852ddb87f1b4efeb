"""Finding keys: by id, by name, by owner, in pages; and showing one with a version and its owner."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Column, bindparam, or_, select

from keyferry.custody.lifecycle import State, state_at
from keyferry.custody.names import may_name_group, may_name_key
from keyferry.custody.owners import Owner, owner_named, owner_of
from keyferry.custody.policy import Operation, permits
from keyferry.custody.view import Query, View
from keyferry.errors import Conflict
from keyferry.ids import is_id_shaped
from keyferry.store.records import Key, KeyVersion
from keyferry.store.sealed import KEYS, Lock
from keyferry.store.statements import Prepared
from keyferry.store.tables import groups, keys

_NAMED = Query(KEYS, keys.c.name == bindparam("name"), order_by=keys.c.id)
_NAMED_IN_GROUP = Query(
    KEYS,
    keys.c.name == bindparam("name"),
    keys.c.owner_group_id == select(groups.c.id).where(groups.c.name == bindparam("group")).scalar_subquery(),
)
_NAMED_OF_OWNER = Query(
    KEYS,
    keys.c.name == bindparam("name"),
    or_(keys.c.owner_user_id == bindparam("user_id"), keys.c.owner_group_id == bindparam("group_id")),
)
_AFTER = keys.c.id > bindparam("after")
_PAGE = Query(KEYS, _AFTER, order_by=keys.c.id, limit=True)


def _ids_of(owner: Column[str]) -> Prepared:
    """The first ids of one owner's keys: a walk along an index, however many keys there are."""
    mine = (owner == bindparam("owner_id"), _AFTER)
    return Prepared(select(keys.c.id).where(*mine).order_by(keys.c.id).limit(bindparam("limit")))


_IDS_OF_USER = _ids_of(keys.c.owner_user_id)
_IDS_OF_GROUP = _ids_of(keys.c.owner_group_id)


@dataclass(frozen=True, slots=True)
class KeyDetail:
    """A key with one of its versions (the current one unless another was asked for) and its owner."""

    key: Key
    version: KeyVersion
    state: State
    owner: Owner

    @property
    def id(self) -> str:
        """The key's id."""
        return self.key.id

    @property
    def is_current(self) -> bool:
        """Whether this is the version that the key protects with."""
        return self.version.id == self.key.current_version_id


def load_key(view: View, reference: str, lock: Lock | None = None) -> Key:
    """The key with this id or name (`NAME`, or `GROUP/NAME` where a name is not unique), authorised.

    Raises:
        NotFound: there is none, or none that the caller may see.
        Conflict: several keys that the caller may see have this name.
    """
    key = _find_key(view, reference, lock)
    if key is None:
        raise view.missing("key", reference)
    view.permit_key(key, reference)
    return key


def key_in_sight(view: View, reference: str) -> Key | None:
    """The key with this id or name, if the caller may know of it; nothing else about it is asked.

    Raises:
        Conflict: several keys that the caller may see have this name.
    """
    key = _find_key(view, reference, None)
    return key if key is not None and may_see_key(view, key) else None


def detail_of(view: View, key: Key, version: KeyVersion) -> KeyDetail:
    """Rows as people see them: with the version's state as it is at the view's time, and the owner's name."""
    return KeyDetail(key, version, state_at(version, view.now), owner_of(view, key))


def _find_key(view: View, reference: str, lock: Lock | None) -> Key | None:
    if is_id_shaped(reference):
        return view.get(KEYS, reference, lock)
    group, slash, name = reference.rpartition("/")
    if slash:
        wellformed = may_name_group(group) and may_name_key(name)
        return view.first(KEYS, _NAMED_IN_GROUP, lock, group=group, name=name) if wellformed else None
    found = _visible(view, name, lock)
    if len(found) > 1:
        raise Conflict(
            f"{len(found)} keys are named {reference!r}.",
            field="key",
            advice="Say which: by GROUP/NAME, or by the key's id.",
        )
    return found[0] if found else None


def _visible(view: View, name: str, lock: Lock | None = None) -> list[Key]:
    """The keys of this name that the caller may see."""
    if not may_name_key(name):
        return []
    return [key for key in view.find(KEYS, _NAMED, lock, name=name) if may_see_key(view, key)]


def may_see_key(view: View, key: Key) -> bool:
    """Whether the caller may know of this key."""
    return permits(view.actor.role, Operation.KEY_READ, view.actor.relation_to_key(key))


def keys_page(view: View, size: int, after: str, name: str | None, group: str | None, owner: str | None) -> list[Key]:
    """Keys in the order of their ids, one more than a page of `size` has, as far as the caller may see them."""
    limit = size + 1
    named = None if group is None and owner is None else owner_named(view, owner, group)
    if name is not None:
        found = (key for key in _visible(view, name) if named is None or _owns(named, key))
        return [key for key in found if key.id > after][:limit]
    if named is not None:
        return _owned(view, [named.user_id or ""], [named.group_id or ""], after, limit)
    if view.actor.role.sees_everything:
        return view.find(KEYS, _PAGE, after=after, limit=limit)
    return _owned(view, [view.actor.user.id], view.actor.group_ids, after, limit)


def _owned(view: View, of_users: Iterable[str], of_groups: Iterable[str], after: str, limit: int) -> list[Key]:
    """The first keys of these owners together, in the order of their ids.

    Each owner's ids are found by themselves: a database that is asked for all at once sorts every key of theirs.
    """
    found: list[str] = []
    for statement, owners in ((_IDS_OF_USER, of_users), (_IDS_OF_GROUP, of_groups)):
        for owner in owners:
            found += (row[0] for row in view.tx.rows(statement, owner_id=owner, after=after, limit=limit))
    page = [view.get(KEYS, id_) for id_ in sorted(found)[:limit]]
    return [key for key in page if key is not None]


def _owns(owner: Owner, key: Key) -> bool:
    return (owner.user_id, owner.group_id) == (key.owner_user_id, key.owner_group_id)


def require_free_name(view: View, name: str, owner: Owner) -> None:
    """
    Raises:
        Conflict: the owner has a key of that name already.
    """
    if view.first(KEYS, _NAMED_OF_OWNER, name=name, user_id=owner.user_id, group_id=owner.group_id) is not None:
        raise Conflict(
            f"{owner.name!r} has a key named {name!r} already.",
            code="name-taken",
            field="name",
            advice="Choose another name, or rotate that key to give it a new version.",
        )
