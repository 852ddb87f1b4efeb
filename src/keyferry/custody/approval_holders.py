"""Whose approval policies are about a key, a person, a group, or the whole server."""

from collections.abc import Iterable, Mapping

from sqlalchemy import bindparam

from keyferry.custody.approving import (
    Exact,
    Fact,
    Holder,
    group_holder,
    key_holder,
    no_approval,
    require_approval,
)
from keyferry.custody.view import Query, View
from keyferry.errors import IntegrityViolation
from keyferry.store.records import Group, Key, User
from keyferry.store.sealed import GROUPS, KEYS, MEMBERSHIPS, Lock
from keyferry.store.tables import groups, keys, memberships

_GROUPS = Query(GROUPS, groups.c.deleted_at.is_(None), order_by=groups.c.id)
_HAS_POLICY = keys.c.approvals.is_not(None)
_OF_USER = Query(KEYS, _HAS_POLICY, keys.c.owner_user_id == bindparam("owner_id"), order_by=keys.c.id)
_OF_GROUP = Query(KEYS, _HAS_POLICY, keys.c.owner_group_id == bindparam("owner_id"), order_by=keys.c.id)
_ALL = Query(KEYS, _HAS_POLICY, order_by=keys.c.id)
_MEMBERSHIPS = Query(MEMBERSHIPS, memberships.c.user_id == bindparam("user_id"), order_by=memberships.c.id)
_NAMING = Query(KEYS, _HAS_POLICY, keys.c.approvals.like(bindparam("named")), order_by=keys.c.id)


def holders_for_key(view: View, key: Key, group: Group | None = None) -> list[Holder]:
    """The key itself and the group that owns it, as far as they have policies.

    Args:
        group: the owning group, where it was read already.

    Raises:
        IntegrityViolation: the group's row has been removed, and with it what it asked for.
    """
    if key.owner_group_id is not None and group is None:
        group = view.get(GROUPS, key.owner_group_id)
        if group is None:
            raise IntegrityViolation(f"Group {key.owner_group_id}, which owns key {key.id}, is not there.")
    return [*key_holder(key), *group_holder(group)]


def holders_of_groups(view: View) -> list[Holder]:
    """Every group that has a policy: what a key encryption key, or the whole server, is about is about all of them."""
    return [holder for group in view.find(GROUPS, _GROUPS, Lock.NONE) for holder in group_holder(group)]


def holders_for_everybody(view: View) -> list[Holder]:
    """Every group and key that has a policy, for what decides who is taken for whom; keys of one policy once."""
    distinct = {holder.policy: holder for key in view.find(KEYS, _ALL, Lock.NONE) for holder in key_holder(key)}
    return [*holders_of_groups(view), *distinct.values()]


def require_credential_approved(view: View, owner: User, asked: Mapping[str, Fact]) -> None:
    """To be called before somebody gets another way into an account.

    Raises:
        ApprovalNeeded: it is another's account, and others have to approve it.
    """
    if owner.id == view.actor.user.id:
        no_approval(view)
        return
    memberships = view.find(MEMBERSHIPS, _MEMBERSHIPS, user_id=owner.id)
    holders = holders_for_person(view, owner.id, (membership.group_id for membership in memberships))
    require_approval(view, Exact("user", owner.id, owner.name, asked), holders)


def holders_for_person(view: View, user_id: str | None, group_ids: Iterable[str]) -> list[Holder]:
    """Whose policies are about what is done to an account.

    1. The groups that it is in, or is to be in, and their keys. 2. The keys that it owns. 3. Every group and key that
    names it as an approver: whoever acts as it could approve.

    Args:
        user_id: None for an account that is still to be made.
    """
    found: dict[str, Holder] = {}

    def note(holders: Iterable[Holder]) -> None:
        found.update({holder.id: holder for holder in holders})

    mine = set(group_ids)
    for group in view.find(GROUPS, _GROUPS, Lock.NONE):
        note(each for each in group_holder(group) if group.id in mine or user_id in each.policy.approvers)
    for group_id in sorted(mine):
        for key in view.find(KEYS, _OF_GROUP, Lock.NONE, owner_id=group_id):
            note(key_holder(key))
    if user_id is not None:
        for key in view.find(KEYS, _OF_USER, Lock.NONE, owner_id=user_id):
            note(key_holder(key))
        for key in view.find(KEYS, _NAMING, Lock.NONE, named=f'%"{user_id}"%'):
            note(key_holder(key))
    return [found[id_] for id_ in sorted(found)]
