"""Whose a key is, or shall be: a group's or a user's, exactly one of the two."""

from dataclasses import dataclass

from keyferry.custody.groups import find_group
from keyferry.custody.policy import Relation, Role
from keyferry.custody.users import find_user
from keyferry.custody.view import View
from keyferry.errors import Conflict, InvalidInput
from keyferry.store.records import CustomerKeyRequest, Key
from keyferry.store.sealed import GROUPS, USERS


@dataclass(frozen=True, slots=True)
class Owner:
    """A user or a group, by id and by name."""

    user_id: str | None
    group_id: str | None
    name: str


def owner_named(view: View, user: str | None, group: str | None) -> Owner:
    """The owner that a caller names; without one, the caller's default group, else the caller.

    Raises:
        InvalidInput: both or neither could be meant, or there is no such user or group that the caller may see.
        Conflict: the owner would be an Administrator or an Auditor, who could never use the key.
    """
    if user is not None and group is not None:
        raise InvalidInput("A key has one owner.", field="owner", advice="Name a group or a user, not both.")
    if group is not None:
        return _group(view, group)
    if user is not None:
        return _user(view, user)
    if view.actor.user.default_group_id is not None:
        return _group(view, view.actor.user.default_group_id)
    if view.actor.role is Role.ADMINISTRATOR:
        raise InvalidInput(
            "Neither a group nor a user is named, and you have no default group.",
            field="owner",
            advice="Name the group or the user that shall own the key: an Administrator owns none.",
        )
    return Owner(view.actor.user.id, None, view.actor.user.name)


def owner_of(view: View, owned: Key | CustomerKeyRequest) -> Owner:
    """The owner of what is there already, whatever has become of them."""
    if owned.owner_group_id is not None:
        group = view.get(GROUPS, owned.owner_group_id)
        return Owner(None, owned.owner_group_id, "" if group is None else group.name)
    user = view.get(USERS, owned.owner_user_id or "")
    return Owner(owned.owner_user_id, None, "" if user is None else user.name)


def owner_words(owner: Owner) -> str:
    """An owner in words that no other has: names of users and of groups are never used again."""
    return f"group {owner.name}" if owner.user_id is None else f"user {owner.name}"


def _group(view: View, reference: str) -> Owner:
    group = find_group(view, reference)
    hidden = group is not None and not _sees_all(view) and view.actor.relation_to_group(group.id) is not Relation.GROUP
    if group is None or hidden:
        raise InvalidInput(
            f"There is no group {reference!r}, or none that you belong to.",
            field="group",
            advice="Name one of your groups, by its id.",
        )
    return Owner(None, group.id, group.name)


def _user(view: View, reference: str) -> Owner:
    user = find_user(view, reference)
    if user is None or (not _sees_all(view) and user.id != view.actor.user.id):
        raise InvalidInput(
            f"There is no user {reference!r}, or none that you may name.",
            field="owner",
            advice="Name yourself, or one of your groups.",
        )
    role = Role(user.role)
    if not role.handles_keys:
        raise Conflict(
            f"{user.name!r} is {role.words}, who may not use keys.",
            code="role-rule",
            field="owner",
            advice="Name a group or a Key Access User.",
        )
    return Owner(user.id, None, user.name)


def _sees_all(view: View) -> bool:
    return view.actor.role.sees_everything
