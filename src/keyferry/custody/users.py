"""Accounts: who may sign in, in which role, with which groups, and from where."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from sqlalchemy import bindparam, select

from keyferry.custody.accounts import (
    BY_NAME,
    NewUser,
    UserEdit,
    edit_user,
    insert_user,
    judge_new_user,
    require_no_keys,
    require_other_administrator,
)
from keyferry.custody.approval_holders import holders_for_person
from keyferry.custody.approving import Exact, Fact, no_approval, require_approval
from keyferry.custody.caller import Caller
from keyferry.custody.certificate_rows import carry_over
from keyferry.custody.current_password import PasswordKeeper, require_current
from keyferry.custody.gate import Gate
from keyferry.custody.groups import require_revision
from keyferry.custody.memberships import (
    drop_memberships,
    group_name,
    memberships_of,
)
from keyferry.custody.names import check_user_name, may_name_user
from keyferry.custody.new_passwords import NewPasswords, replace_password
from keyferry.custody.once import Once
from keyferry.custody.pages import Page, names_that_begin, page_of
from keyferry.custody.policy import Operation, Relation, Role
from keyferry.custody.recording import Subject
from keyferry.custody.view import Change, Query, View
from keyferry.errors import Conflict
from keyferry.identity import attempts
from keyferry.ids import is_id_shaped
from keyferry.material.secret import Secret
from keyferry.store.records import User
from keyferry.store.sealed import USERS, Lock
from keyferry.store.statements import Prepared
from keyferry.store.tables import users

_PAGE = Query(USERS, users.c.id > bindparam("after"), users.c.deleted_at.is_(None), order_by=users.c.id, limit=True)
_FIRST_NAMES = (
    select(users.c.name_folded, users.c.id)
    .where(
        users.c.role == bindparam("role"),
        users.c.disabled == bindparam("disabled"),
        users.c.name_folded >= bindparam("first"),
        users.c.name_folded < bindparam("end"),
        users.c.deleted_at.is_(None),
    )
    .order_by(users.c.name_folded)
    .limit(bindparam("limit"))
)
_NAMES = {
    False: Prepared(_FIRST_NAMES),
    True: Prepared(_FIRST_NAMES.where(users.c.networks.is_not(None))),
}


_BY_ANOTHER: dict[str, Fact] = {"password": "set by another"}


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSearch:
    """Which accounts to find: those whose names begin so, whatever the case; None for any role, for enabled or not.

    Attributes:
        has_networks: those alone that may be used only from certain networks.
    """

    prefix: str = ""
    role: Role | None = None
    disabled: bool | None = None
    has_networks: bool = False


@dataclass(frozen=True, slots=True)
class UserDetail:
    """A user as people see one: with the names of groups."""

    user: User
    groups: tuple[str, ...]
    default_group: str | None


class Users:
    """Accounts. Administrators make, edit, disable and delete them; everyone may read their own and set its password.

    One enabled Administrator always remains. An Administrator belongs to no group and owns no key. A user who owns keys
    cannot be deleted, and a name is never used again, whatever the case of its letters.
    """

    def __init__(self, gate: Gate, passwords: PasswordKeeper) -> None:
        self._gate = gate
        self._passwords = passwords
        self.new_passwords = NewPasswords(gate, passwords)

    def create(self, caller: Caller, new: NewUser, *, once: Once | None = None) -> UserDetail:
        """Make an account.

        Raises:
            InvalidInput: a name, password, group or network will not do; says which.
            Conflict: the name is, or was, taken; or an Administrator was given groups.
            ApprovalRequired: others have to approve who joins a group.
        """

        def judge(view: View) -> None:
            view.permit(Relation.NONE, "user", None, new.name)
            if may_name_user(new.name):
                judge_new_user(view, new)

        self._gate.read(caller, Operation.USER_CREATE, judge)
        check_user_name(new.name)
        with self._gate.refusing(caller, Operation.USER_CREATE, Subject("user", None, new.name)):
            password_hash = None if new.password is None else self._passwords.prepare(new.password, new.name)

        def change(change: Change) -> User:
            change.permit(Relation.NONE, "user", None, new.name)
            return insert_user(change, new, password_hash)

        user = self._gate.write(caller, Operation.USER_CREATE, change, once=once)
        return self.show(caller, user.id)

    def show(self, caller: Caller, reference: str) -> UserDetail:
        """The user with this id or name: oneself, or anyone for Administrators and Auditors.

        Raises:
            NotFound: there is none, or none that the caller may see.
        """
        return self._gate.read(caller, Operation.USER_READ, lambda view: _detail(view, load_user(view, reference)))

    def list(self, caller: Caller, *, size: int, after: str = "") -> Page[UserDetail]:
        """Every account that is not deleted, disabled ones too, in the order of their ids; for who sees everything."""

        def read(view: View) -> Page[UserDetail]:
            view.permit(Relation.NONE, "user", None, None)
            found = view.find(USERS, _PAGE, after=after, limit=size + 1)
            return page_of([_detail(view, user) for user in found], size, [user.id for user in found])

        return self._gate.read(caller, Operation.USER_LIST, read)

    def search(self, caller: Caller, search: UserSearch, *, size: int, after: str = "") -> Page[UserDetail]:
        """Accounts in the order of their names, which are also the cursors; for who sees everything.

        Raises:
            InvalidInput: `after` is no name.
        """

        def read(view: View) -> Page[UserDetail]:
            view.permit(Relation.NONE, "user", None, None)
            found = _search(view, search, size + 1, after)
            return page_of([_detail(view, user) for user in found], size, [user.name_folded for user in found])

        return self._gate.read(caller, Operation.USER_LIST, read)

    def edit(self, caller: Caller, reference: str, edit: UserEdit, *, revision: int | None = None) -> UserDetail:
        """Change an account; a new role drops all memberships.

        Raises:
            Conflict: it would leave no enabled Administrator, or make one of a user who owns keys.
            ApprovalRequired: others have to approve another role, or other groups.
        """

        def change(change: Change) -> UserDetail:
            user = load_user(change, reference, Lock.UPDATE)
            require_revision(user.revision, revision)
            return _detail(change, edit_user(change, user, edit))

        return self._gate.write(caller, Operation.USER_EDIT, change)

    def set_password(
        self,
        caller: Caller,
        reference: str,
        password: Secret,
        *,
        current: Secret | None = None,
        temporary: bool = False,
    ) -> UserDetail:
        """Set a password; every session and token of the account ends, and every certificate if another's.

        One's own needs the current one. An Administrator who sets another's is named to that user at the next sign-in.

        Args:
            temporary: another's is good for setting one of their own alone, at the next sign-in.

        Raises:
            InvalidInput: the current password is missing or wrong, or the new one breaks the rules, or is one's own
                of before.
            Overloaded: too many wrong ones came before.
            ApprovalRequired: others have to approve that another's is set.
        """

        def judge(view: View) -> User:
            found = load_user(view, reference)
            require_reset_approved(view, found, _BY_ANOTHER)
            return found

        user = self._gate.read(caller, Operation.USER_PASSWORD, judge)
        with self._gate.refusing(caller, Operation.USER_PASSWORD, Subject("user", user.id, user.name)):
            if user.id == caller.user_id:
                require_current(self._gate, self._passwords, caller, user, current)
                password_hash = self.new_passwords.prepare(user, password)
            else:
                password_hash = self._passwords.prepare(password, user.name)

        def change(change: Change) -> UserDetail:
            found = load_user(change, user.id, Lock.UPDATE)
            if found.revision != user.revision:
                require_revision(found.revision, user.revision)
            require_reset_approved(change, found, _BY_ANOTHER)
            is_anothers = found.id != caller.user_id
            change.note(by_another=is_anothers or None, temporary=(is_anothers and temporary) or None)
            if not is_anothers:
                carry_over(change, found, found.token_epoch + 1)
            by = caller.user_id
            changed = replace_password(change, found, password_hash, by=by, temporary=is_anothers and temporary)
            return _detail(change, changed)

        return self._gate.write(caller, Operation.USER_PASSWORD, change)

    def renew_hash(self, caller: Caller, stored: str, renewed: str) -> None:
        """Keep the caller's own password, which has just been verified, under the present costs of hashing.

        Nothing happens if the password was changed meanwhile. Sessions and tokens go on.
        """

        def change(change: Change) -> None:
            user = load_user(change, caller.user_id, Lock.UPDATE)
            no_approval(change)  # the password stays the same
            if user.password_hash == stored:
                change.note(hash_renewed=True)
                change.update(USERS, user, password_hash=renewed)

        self._gate.write(caller, Operation.USER_PASSWORD, change)

    def disable(self, caller: Caller, reference: str, *, revision: int | None = None) -> UserDetail:
        """Deny the account every way in, at once: its sessions, tokens and certificates end."""

        def change(change: Change) -> UserDetail:
            user = load_user(change, reference, Lock.UPDATE)
            require_revision(user.revision, revision)
            require_other_administrator(change, user)
            return _detail(change, change.update(USERS, user, disabled=True, token_epoch=user.token_epoch + 1))

        return self._gate.write(caller, Operation.USER_DISABLE, change)

    def enable(self, caller: Caller, reference: str, *, revision: int | None = None) -> UserDetail:
        """Let a disabled account sign in again. The sessions, tokens and certificates that it had stay ended.

        Raises:
            PreconditionFailed: the account is not at `revision`.
            ApprovalRequired: others have to approve it, as for somebody who joins their group.
        """

        def change(change: Change) -> UserDetail:
            user = load_user(change, reference, Lock.UPDATE)
            require_revision(user.revision, revision)
            if user.disabled:
                _require_enabling_approved(change, user)
            else:
                no_approval(change)
            return _detail(change, change.update(USERS, user, disabled=False))

        return self._gate.write(caller, Operation.USER_ENABLE, change)

    def unlock(self, caller: Caller, reference: str) -> UserDetail:
        """Let the next try of a password or a second factor be looked at at once; what others have tried is forgotten.

        Networks from which too many failed go on waiting: they are not the account's.
        """

        def change(change: Change) -> UserDetail:
            user = load_user(change, reference, Lock.SHARE)
            attempts.forget_failures(change.tx, user.id, user.name_folded)
            return _detail(change, user)

        return self._gate.write(caller, Operation.USER_UNLOCK, change)

    def delete(self, caller: Caller, reference: str, *, revision: int | None = None) -> None:
        """Delete an account that owns no keys. Its name is not used again.

        Raises:
            Conflict: it still owns keys, is named as an approver, or is the last enabled Administrator.
        """

        def change(change: Change) -> User:
            user = load_user(change, reference, Lock.UPDATE)
            require_revision(user.revision, revision)
            require_other_administrator(change, user)
            require_no_keys(change, user, "cannot be deleted")
            _require_names_nobody(change, user)
            epoch = user.token_epoch + 1
            deleted = change.update(
                USERS, user, deleted_at=change.now, disabled=True, password_hash=None, token_epoch=epoch
            )
            drop_memberships(change, user)
            return deleted

        self._gate.write(caller, Operation.USER_DELETE, change)


def require_reset_approved(view: View, user: User, facts: Mapping[str, Fact]) -> None:
    """
    Args:
        facts: what is about to be done to how the user signs in.

    Raises:
        ApprovalNeeded: it is another's, and others have to approve it.
    """
    if user.id == view.actor.user.id:
        no_approval(view)
        return
    groups = [membership.group_id for membership in memberships_of(view, user)]
    exact = Exact("user", user.id, user.name, facts)
    require_approval(view, exact, holders_for_person(view, user.id, groups))


def _require_enabling_approved(change: Change, user: User) -> None:
    """
    Raises:
        ApprovalNeeded: the account is to be enabled, and others have to approve that.
    """
    groups = [membership.group_id for membership in memberships_of(change, user)]
    facts: dict[str, Fact] = {
        "enabled": True,
        "role": user.role,
        "groups": sorted(group_name(change, id_) for id_ in groups),
    }
    require_approval(change, Exact("user", user.id, user.name, facts), holders_for_person(change, user.id, groups))


def _require_names_nobody(change: Change, user: User) -> None:
    """
    Raises:
        Conflict: (`still-approves`) a policy names the user, and would have fewer approvers.
    """
    naming = [each for each in holders_for_person(change, user.id, ()) if user.id in each.policy.approvers]
    if naming:
        whose = ", ".join(f"{holder.kind} {holder.name or holder.id}" for holder in naming)
        raise Conflict(
            f"{user.name!r} is named as an approver by {whose}.",
            code="still-approves",
            advice="Have another named instead first; or disable the account, which ends every way in at once.",
        )


def load_user(view: View, reference: str, lock: Lock | None = None) -> User:
    """The user with this id or name, authorised.

    Raises:
        NotFound: there is none, or none that the caller may see.
    """
    user = find_user(view, reference, lock)
    if user is None:
        raise view.missing("user", reference)
    view.permit(view.actor.relation_to_user(user.id), "user", user.id, user.name, asked_as=reference)
    return user


def find_user(view: View, reference: str, lock: Lock | None = None) -> User | None:
    """The living user with this id or name; the caller's right to it is not asked."""
    found = None
    if is_id_shaped(reference):
        found = view.get(USERS, reference, lock)
    elif may_name_user(reference):
        found = view.first(USERS, BY_NAME, lock, name=reference.lower())
    return None if found is None or found.deleted_at is not None else found


def _search(view: View, search: UserSearch, limit: int, after: str) -> list[User]:
    """Each role, enabled or not, by itself is a walk along an index; what they find is put in order here."""
    names = names_that_begin(search.prefix.lower(), after.lower(), may_name_user)
    if names is None:
        return []
    roles = list(Role) if search.role is None else [search.role]
    standings = [False, True] if search.disabled is None else [search.disabled]
    found: list[tuple[str, str]] = []
    for role, disabled in product(roles, standings):
        where = {"role": role.value, "disabled": disabled, "first": names.first, "end": names.end, "limit": limit}
        found += ((name, id_) for name, id_ in view.tx.rows(_NAMES[search.has_networks], **where))
    page = [view.get(USERS, id_) for _, id_ in sorted(found)[:limit]]
    return [user for user in page if user is not None]


def _detail(view: View, user: User) -> UserDetail:
    memberships_of_user = memberships_of(view, user)
    names = sorted(group_name(view, membership.group_id) for membership in memberships_of_user)
    default = group_name(view, user.default_group_id) if user.default_group_id else None
    return UserDetail(user, tuple(names), default)
