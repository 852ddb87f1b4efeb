"""Who can use a key, since when, and by whose doing.

An Administrator may not use keys, but can make themself a way to one: set a user's password, put a user into a group.
So each user who can use a key is shown with what an Administrator has done about them.
"""

from dataclasses import dataclass

from sqlalchemy import bindparam

from keyferry.clock import Microseconds
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.key_lookup import load_key
from keyferry.custody.policy import Operation
from keyferry.custody.view import Query, View
from keyferry.store.records import Membership, User
from keyferry.store.sealed import MEMBERSHIPS, USERS
from keyferry.store.tables import memberships

_OF_GROUP = Query(MEMBERSHIPS, memberships.c.group_id == bindparam("group_id"), order_by=memberships.c.id)


@dataclass(frozen=True, slots=True)
class KeyUser:
    """A user who can use a key.

    Attributes:
        since, added_by: of their membership in the group that owns it; None for a key of their own.
        password_set_at, password_set_by: when another set their password, and who; None if they set it themself.
    """

    name: str
    disabled: bool
    since: Microseconds | None
    added_by: str | None
    password_set_at: Microseconds | None
    password_set_by: str | None


class KeyAccess:
    """For whoever may see the key."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def list(self, caller: Caller, reference: str) -> list[KeyUser]:
        """Every user who can use the key: its owner, or the members of the group that owns it.

        Raises:
            NotFound: there is no such key, or none that the caller may see.
        """

        def read(view: View) -> list[KeyUser]:
            key = load_key(view, reference)
            if key.owner_group_id is None:
                owner = view.get(USERS, key.owner_user_id or "")
                return [] if owner is None else [_key_user(view, owner, None)]
            found = view.find(MEMBERSHIPS, _OF_GROUP, group_id=key.owner_group_id)
            members = [(view.get(USERS, membership.user_id), membership) for membership in found]
            return [_key_user(view, user, membership) for user, membership in members if user is not None]

        return self._gate.read(caller, Operation.KEY_READ, read)


def _key_user(view: View, user: User, membership: Membership | None) -> KeyUser:
    by_another = user.password_set_by is not None and user.password_set_by != user.id
    return KeyUser(
        name=user.name,
        disabled=user.disabled,
        since=None if membership is None else membership.created_at,
        added_by=None if membership is None else _name(view, membership.created_by),
        password_set_at=user.password_set_at if by_another else None,
        password_set_by=_name(view, user.password_set_by) if by_another else None,
    )


def _name(view: View, user_id: str | None) -> str:
    user = view.get(USERS, user_id or "")
    return "the server's own command line" if user is None else user.name
