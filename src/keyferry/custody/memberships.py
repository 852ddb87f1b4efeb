"""Which groups a user belongs to: judged, joined, left."""

from collections.abc import Sequence

from sqlalchemy import bindparam

from keyferry.custody.groups import find_group
from keyferry.custody.policy import Role
from keyferry.custody.view import Change, Query, View
from keyferry.errors import Conflict, InvalidInput
from keyferry.ids import new_id
from keyferry.store.records import Group, Membership, User
from keyferry.store.sealed import GROUPS, MEMBERSHIPS
from keyferry.store.tables import memberships

_MEMBERSHIPS = Query(MEMBERSHIPS, memberships.c.user_id == bindparam("user_id"), order_by=memberships.c.id)


def memberships_of(view: View, user: User) -> list[Membership]:
    """The user's memberships, in the order in which they began."""
    return view.find(MEMBERSHIPS, _MEMBERSHIPS, user_id=user.id)


def replace_memberships(change: Change, user: User, old: Sequence[Membership], groups: Sequence[Group]) -> None:
    """Let the user leave and join groups until they are in just these."""
    wanted = {group.id for group in groups}
    for membership in old:
        if membership.group_id not in wanted:
            change.remove(MEMBERSHIPS, membership)
    for group_id in sorted(wanted - {membership.group_id for membership in old}):
        join(change, user, group_id)


def join(change: Change, user: User, group_id: str) -> None:
    """Make the user a member of a group."""
    made = Membership(
        id=new_id(), user_id=user.id, group_id=group_id, created_at=change.now, created_by=change.actor.user.id
    )
    change.insert(MEMBERSHIPS, made)


def drop_memberships(change: Change, user: User) -> None:
    """Let the user leave every group."""
    for membership in memberships_of(change, user):
        change.remove(MEMBERSHIPS, membership)


def groups_for(view: View, role: Role, names: Sequence[str]) -> list[Group]:
    """The groups of these names, for a user in this role to be in.

    Raises:
        Conflict: an Administrator or an Auditor is no member of groups.
        InvalidInput: there is no such group.
    """
    if names and not role.handles_keys:
        raise Conflict(
            f"{role.words[:1].upper()}{role.words[1:]} is no member of groups.",
            code="role-rule",
            field="groups",
            advice="Leave the groups out, or make the account a Key Access User.",
        )
    return [_known_group(view, name, "groups") for name in dict.fromkeys(names)]


def default_group_id_for(change: Change, role: Role, name: str | None, groups: Sequence[Group]) -> str | None:
    """The id of the default group of that name, for a user in this role who is in `groups`.

    Raises:
        InvalidInput: there is no such group, or the user, being no Administrator, is not in it.
    """
    if name is None:
        return None
    group = _known_group(change, name, "default_group")
    if role is not Role.ADMINISTRATOR and group.id not in {each.id for each in groups}:
        raise InvalidInput(
            f"The user is not in group {group.name!r}.",
            field="default_group",
            advice="Choose one of the user's groups, or add the user to it.",
        )
    return group.id


def _known_group(view: View, name: str, field: str) -> Group:
    group = find_group(view, name)
    if group is None:
        raise InvalidInput(f"There is no group {name!r}.", field=field, advice="Create it first, or check its id.")
    return group


def group_name(view: View, group_id: str) -> str:
    """The name of a group that may have been deleted; empty when its row is gone."""
    group = view.get(GROUPS, group_id)
    return "" if group is None else group.name
