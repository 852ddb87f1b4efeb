"""An account's row: made, changed, and the rules that it obeys together with the rows of others."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, exists, select

from keyferry.custody.approval_holders import holders_for_person
from keyferry.custody.approving import Exact, Fact, no_approval, require_approval
from keyferry.custody.identity_binding import NewIdentity, bind
from keyferry.custody.memberships import (
    default_group_id_for,
    group_name,
    groups_for,
    join,
    memberships_of,
    replace_memberships,
)
from keyferry.custody.names import check_email, check_text
from keyferry.custody.policy import Covered, Role
from keyferry.custody.view import Change, Query, View
from keyferry.errors import Conflict
from keyferry.identity.networks import admits_more, edited_networks, listed
from keyferry.ids import new_id
from keyferry.material.secret import Secret
from keyferry.store.records import Group, Membership, User
from keyferry.store.sealed import USERS, Lock
from keyferry.store.statements import Prepared
from keyferry.store.tables import keys, users

BY_NAME = Query(USERS, users.c.name_folded == bindparam("name"))
_ADMINISTRATORS = Query(
    USERS,
    users.c.role == Role.ADMINISTRATOR.value,
    users.c.disabled.is_(False),
    users.c.deleted_at.is_(None),
    order_by=users.c.id,
)
_OWNS_KEYS = Prepared(select(exists().where(keys.c.owner_user_id == bindparam("user_id"))))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """What a new account shall be. Groups are named by id or name.

    Args:
        password: None for an account that cannot sign in with one until it is set.
        temporary: the password is good for setting one's own alone, at the first sign-in.
        networks: from where it may be used; None for everywhere, an empty tuple for nowhere.
        identity: who at an identity provider comes to it; None for nobody.
    """

    name: str
    role: Role
    password: Secret | None = None
    temporary: bool = False
    groups: tuple[str, ...] = ()
    default_group: str | None = None
    display_name: str | None = None
    email: str | None = None
    networks: tuple[str, ...] | None = None
    disabled: bool = False
    identity: NewIdentity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserEdit:
    """What to change; None leaves as it is, an empty text or list clears."""

    role: Role | None = None
    groups: tuple[str, ...] | None = None
    default_group: str | None = None
    display_name: str | None = None
    email: str | None = None
    networks: tuple[str, ...] | None = None
    enforce_networks: bool | None = None


def judge_new_user(view: View, new: NewUser) -> list[Group]:
    """Whether there can be such a user now; the groups that they are to be in.

    Raises:
        Conflict: the name is, or was, taken; or an Administrator was given groups.
        InvalidInput: there is no such group.
        ApprovalNeeded: a group has others approve who joins it.
    """
    if view.first(USERS, BY_NAME, name=new.name.lower()) is not None:
        raise Conflict(
            f"A user {new.name!r} exists, or existed before.",
            code="name-taken",
            field="name",
            advice="Choose another; names of deleted users are not used again.",
        )
    groups = groups_for(view, new.role, new.groups)
    facts: dict[str, Fact] = {
        "role": new.role.value,
        "groups": sorted(group.name for group in groups),
        "disabled": new.disabled,
        "networks": None if new.networks is None else sorted(new.networks),
        "password": "none" if new.password is None else "set by who asks",
    }
    if new.identity is not None:
        facts |= {
            "identity_provider": new.identity.provider,
            "identity_subject": new.identity.subject,
            "identity_user_name": new.identity.user_name,
        }
    exact = Exact("user", None, new.name, facts)
    require_approval(view, exact, holders_for_person(view, None, (group.id for group in groups)))
    return groups


def insert_user(change: Change, new: NewUser, password_hash: str | None) -> User:
    """Write a new user and their memberships.

    Raises:
        As `judge_new_user`.
    """
    groups = judge_new_user(change, new)
    user = change.insert(
        USERS,
        User(
            id=new_id(),
            name=new.name,
            name_folded=new.name.lower(),
            role=new.role.value,
            display_name=check_text(new.display_name, "display_name"),
            email=check_email(new.email),
            default_group_id=default_group_id_for(change, new.role, new.default_group, groups),
            password_hash=password_hash,
            password_set_by=None if password_hash is None else change.actor.user.id,
            password_set_at=None if password_hash is None else change.now,
            must_change=True if new.temporary and password_hash is not None else None,
            disabled=new.disabled,
            networks=edited_networks(None, new.networks, enforce=None),
            created_at=change.now,
        ),
    )
    for group in groups:
        join(change, user, group.id)
    if new.identity is not None:
        bind(change, user, new.identity)
    change.note(role=user.role, groups=[group.name for group in groups] or None)
    return user


def edit_user(change: Change, user: User, edit: UserEdit) -> User:
    """Write an account's row and memberships anew; a new role drops all memberships.

    Raises:
        Conflict: it would leave no enabled Administrator, or make an Administrator or Auditor of a user who owns keys.
        ApprovalNeeded: others have to approve another role, other groups, or further networks.
    """
    role = Role(user.role) if edit.role is None else edit.role
    if role is not Role(user.role):
        require_other_administrator(change, user)
        if not role.handles_keys:
            require_no_keys(change, user, f"cannot become {role.words}")
    old = memberships_of(change, user)
    keep_groups = edit.groups is None and role is Role(user.role)
    current_names = tuple(group_name(change, membership.group_id) for membership in old)
    groups = groups_for(change, role, current_names if keep_groups else (edit.groups or ()))
    default = group_name(change, user.default_group_id) if user.default_group_id else None
    if edit.default_group is not None:
        default = edit.default_group or None
    elif default is not None and role is not Role.ADMINISTRATOR and default not in {group.name for group in groups}:
        default = None
    networks = edited_networks(user.networks, edit.networks, enforce=edit.enforce_networks)
    _require_approved(change, user, role, old, groups, networks)
    changed = change.update(
        USERS,
        user,
        role=role.value,
        display_name=user.display_name if edit.display_name is None else check_text(edit.display_name, "display_name"),
        email=user.email if edit.email is None else check_email(edit.email),
        default_group_id=default_group_id_for(change, role, default, groups),
        networks=networks,
    )
    replace_memberships(change, user, old, groups)
    change.note(role=None if role.value == user.role else role.value, groups=[group.name for group in groups] or None)
    return changed


def _require_approved(
    change: Change,
    user: User,
    role: Role,
    old: Sequence[Membership],
    groups: Sequence[Group],
    networks: str | None,
) -> None:
    """
    Raises:
        ApprovalNeeded: the role is to be another, a group is joined, or further networks are let in, and others have to
            approve that.
    """
    before = {membership.group_id for membership in old}
    after = {group.id for group in groups}
    facts: dict[str, Fact] = {}
    what: list[Covered] = []
    if role.value != user.role or not after <= before:
        what.append(Covered.MEMBERSHIP)
        facts |= {
            "role_before": user.role,
            "role_after": role.value,
            "groups_before": sorted(group_name(change, id_) for id_ in before),
            "groups_after": sorted(group.name for group in groups),
        }
    if admits_more(user.networks, networks):
        what.append(Covered.ACCOUNT_NETWORKS)
        facts |= {"networks_before": listed(user.networks), "networks_after": listed(networks)}
    if not what:
        no_approval(change)  # who leaves a group, or comes from fewer networks, has less than before
        return
    exact = Exact("user", user.id, user.name, facts)
    require_approval(change, exact, holders_for_person(change, user.id, before | after), what)


def require_other_administrator(change: Change, user: User) -> None:
    """
    Raises:
        Conflict: `user` is the last enabled Administrator.
    """
    if Role(user.role) is not Role.ADMINISTRATOR or user.disabled:
        return
    others = change.find(USERS, _ADMINISTRATORS, Lock.UPDATE)
    if not any(other.id != user.id for other in others):
        raise Conflict(
            f"{user.name!r} is the last enabled Administrator.",
            code="last-administrator",
            advice="Make or enable another Administrator first.",
        )


def require_no_keys(change: Change, user: User, what: str) -> None:
    """
    Args:
        what: what cannot happen while the user owns keys, for the message.

    Raises:
        Conflict: the user owns keys.
    """
    if change.tx.rows(_OWNS_KEYS, user_id=user.id)[0][0]:
        raise Conflict(
            f"{user.name!r} owns keys and {what}.",
            code="still-owns-keys",
            advice="Give the keys to a group first (key edit --group).",
        )
