"""Groups of Key Access Users, and the keys that they own together."""

from dataclasses import dataclass

from sqlalchemy import bindparam, exists, select

from keyferry.custody.approval_policy import ApprovalWish, described, in_words, wished
from keyferry.custody.approving import Exact, Fact, group_holder, no_approval, require_approval
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.names import check_group_id, check_text, may_name_group
from keyferry.custody.once import Once
from keyferry.custody.pages import Page, names_that_begin, page_of
from keyferry.custody.policy import Operation, Relation
from keyferry.custody.view import Change, Query, View
from keyferry.errors import Conflict, InvalidInput, PreconditionFailed
from keyferry.ids import is_id_shaped, new_id
from keyferry.store.records import Group, User
from keyferry.store.sealed import GROUPS, MEMBERSHIPS, USERS, Lock
from keyferry.store.statements import Prepared
from keyferry.store.tables import groups, keys, memberships, users

KEK_POLICY_ANY = "any"
KEK_POLICIES = (KEK_POLICY_ANY, "registered")

_BY_NAME = Query(GROUPS, groups.c.name == bindparam("name"))
_PAGE = Query(GROUPS, groups.c.id > bindparam("after"), groups.c.deleted_at.is_(None), order_by=groups.c.id, limit=True)
_NAMED_FROM = Query(
    GROUPS,
    groups.c.name >= bindparam("first"),
    groups.c.name < bindparam("end"),
    groups.c.deleted_at.is_(None),
    order_by=groups.c.name,
    limit=True,
)
_MEMBERSHIPS = Query(MEMBERSHIPS, memberships.c.group_id == bindparam("group_id"), order_by=memberships.c.id)
_MEMBERS = Query(
    MEMBERSHIPS,
    memberships.c.group_id == bindparam("group_id"),
    memberships.c.id > bindparam("after"),
    order_by=memberships.c.id,
    limit=True,
)
_OWNS_KEYS = Prepared(select(exists().where(keys.c.owner_group_id == bindparam("group_id"))))
_IS_DEFAULT = Prepared(
    select(exists().where(users.c.default_group_id == bindparam("group_id"), users.c.deleted_at.is_(None)))
)


@dataclass(frozen=True, slots=True)
class GroupEdit:
    """What to change; None leaves as it is. `kek_policy` "inherit" goes back to the server's setting, `NO_APPROVALS`
    takes the approval policy away.
    """

    description: str | None = None
    kek_policy: str | None = None
    approvals: ApprovalWish | None = None


class Groups:
    """Groups of Key Access Users. Administrators make, edit and delete them; members may read theirs.

    A group's id is never used again, and a group that owns keys, destroyed ones included, stays. Each group may say
    whose KEKs its keys may leave under; where it says nothing, the server's setting holds.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def create(
        self,
        caller: Caller,
        name: str,
        *,
        description: str | None = None,
        kek_policy: str | None = None,
        once: Once | None = None,
    ) -> Group:
        """Make a group.

        Raises:
            InvalidInput: the name breaks the rule for group ids.
            Conflict: a group has, or had, this name.
        """

        def change(change: Change) -> Group:
            change.permit(Relation.NONE, "group", None, name)
            check_group_id(name)
            if change.first(GROUPS, _BY_NAME, name=name) is not None:
                raise Conflict(
                    f"A group {name!r} exists, or existed before.",
                    code="name-taken",
                    field="id",
                    advice="Choose another; ids of deleted groups are not used again.",
                )
            made = Group(
                id=new_id(),
                name=name,
                description=check_text(description, "description"),
                kek_policy=_kek_policy(kek_policy),
                created_at=change.now,
            )
            return change.insert(GROUPS, made)

        return self._gate.write(caller, Operation.GROUP_CREATE, change, once=once)

    def show(self, caller: Caller, reference: str) -> Group:
        """The group with this id or name.

        Raises:
            NotFound: there is none, or the caller is neither a member nor an Administrator.
        """

        def read(view: View) -> Group:
            return load_group(view, reference)

        return self._gate.read(caller, Operation.GROUP_READ, read)

    def list(self, caller: Caller, *, size: int, after: str = "") -> Page[Group]:
        """All groups for an Administrator or an Auditor, one's own for a Key Access User."""

        def read(view: View) -> Page[Group]:
            if view.actor.role.sees_everything:
                view.permit(Relation.NONE, "group", None, None)
                found = view.find(GROUPS, _PAGE, after=after, limit=size + 1)
            else:
                view.permit(Relation.OWN, "group", None, None)
                mine = (view.get(GROUPS, id_) for id_ in sorted(view.actor.group_ids) if id_ > after)
                found = [group for group in mine if group is not None][: size + 1]
            return page_of(found, size, [group.id for group in found])

        return self._gate.read(caller, Operation.GROUP_LIST, read)

    def search(self, caller: Caller, prefix: str, *, size: int, after: str = "") -> Page[Group]:
        """Groups whose ids begin so, in their order; otherwise as `list`. Their ids are also the cursors.

        Raises:
            InvalidInput: `after` is no group's id.
        """

        def read(view: View) -> Page[Group]:
            everyone = view.actor.role.sees_everything
            view.permit(Relation.NONE if everyone else Relation.OWN, "group", None, None)
            names = names_that_begin(prefix.lower(), after, may_name_group)
            if names is None:
                return Page((), None)
            if everyone:
                found = view.find(GROUPS, _NAMED_FROM, first=names.first, end=names.end, limit=size + 1)
            else:
                mine = (view.get(GROUPS, id_) for id_ in view.actor.group_ids)
                fitting = [group for group in mine if group is not None and names.first <= group.name < names.end]
                found = sorted(fitting, key=lambda group: group.name)[: size + 1]
            return page_of(found, size, [group.name for group in found])

        return self._gate.read(caller, Operation.GROUP_LIST, read)

    def members(self, caller: Caller, reference: str, *, size: int, after: str = "") -> Page[User]:
        """Who is in a group, in the order in which they joined; for who sees everything.

        Raises:
            NotFound: there is no such group.
        """

        def read(view: View) -> Page[User]:
            view.permit(Relation.NONE, "user", None, None)
            group = find_group(view, reference)
            if group is None:
                raise view.missing("group", reference)
            found = view.find(MEMBERSHIPS, _MEMBERS, group_id=group.id, after=after, limit=size + 1)
            people = [view.get(USERS, membership.user_id) for membership in found]
            page = page_of(found, size, [membership.id for membership in found])
            return Page(tuple(person for person in people[:size] if person is not None), page.next)

        return self._gate.read(caller, Operation.USER_LIST, read)

    def edit(self, caller: Caller, reference: str, edit: GroupEdit, *, revision: int | None = None) -> Group:
        """Change what a group's description says, whose KEKs its keys may leave under, or what needs the approval of
        others. Its name stays.

        Raises:
            ApprovalRequired: others have to approve another policy.
            InvalidInput: the description or the policy will not do.
            PreconditionFailed: the group is not at `revision`.
        """

        def change(change: Change) -> Group:
            group = load_group(change, reference, Lock.UPDATE)
            require_revision(group.revision, revision)
            new_policy = group.kek_policy if edit.kek_policy is None else _kek_policy(edit.kek_policy)
            text = group.description if edit.description is None else check_text(edit.description, "description")
            approvals = group.approvals if edit.approvals is None else wished(change, edit.approvals, of_key=False)
            _require_approved(change, group, new_policy, approvals)
            if approvals != group.approvals:
                change.note(approvals=described(change, approvals) or "none")
            change.note(kek_policy=None if new_policy == group.kek_policy else (new_policy or "inherit"))
            return change.update(GROUPS, group, description=text, kek_policy=new_policy, approvals=approvals)

        return self._gate.write(caller, Operation.GROUP_EDIT, change)

    def delete(self, caller: Caller, reference: str, *, revision: int | None = None) -> None:
        """Delete a group that owns no keys; its memberships end.

        Raises:
            Conflict: it still owns keys, destroyed ones included, or is somebody's default group.
            ApprovalRequired: others have to approve it.
        """

        def change(change: Change) -> Group:
            group = load_group(change, reference, Lock.UPDATE)
            require_revision(group.revision, revision)
            if change.tx.rows(_OWNS_KEYS, group_id=group.id)[0][0]:
                raise Conflict(
                    f"Group {group.name!r} owns keys.",
                    code="still-owns-keys",
                    advice="Keys and their records stay with their owner; keep the group, or give its keys to another.",
                )
            if change.tx.rows(_IS_DEFAULT, group_id=group.id)[0][0]:
                raise Conflict(
                    f"Group {group.name!r} is somebody's default group.",
                    advice="Give them another default group first.",
                )
            require_approval(change, Exact("group", group.id, group.name, {"deleted": True}), group_holder(group))
            deleted = change.update(GROUPS, group, deleted_at=change.now)
            for membership in change.find(MEMBERSHIPS, _MEMBERSHIPS, group_id=group.id):
                change.remove(MEMBERSHIPS, membership)
            return deleted

        self._gate.write(caller, Operation.GROUP_DELETE, change)


def _require_approved(change: Change, group: Group, kek_policy: str | None, approvals: str | None) -> None:
    """
    Raises:
        ApprovalNeeded: one of the group's policies is to be another, and others have to approve that.
    """
    if (kek_policy, approvals) == (group.kek_policy, group.approvals):
        no_approval(change)
        return
    facts: dict[str, Fact] = {}
    if kek_policy != group.kek_policy:
        facts |= {"kek_policy_before": group.kek_policy or "inherit", "kek_policy_after": kek_policy or "inherit"}
    if approvals != group.approvals:
        facts["approvals_before"] = in_words(change, group.approvals)
        facts["approvals_after"] = in_words(change, approvals)
    require_approval(change, Exact("group", group.id, group.name, facts), group_holder(group))


def load_group(view: View, reference: str, lock: Lock | None = None) -> Group:
    """The group with this id or name, authorised.

    Raises:
        NotFound: there is none, or none that the caller may see.
    """
    group = find_group(view, reference, lock)
    if group is None:
        raise view.missing("group", reference)
    view.permit(view.actor.relation_to_group(group.id), "group", group.id, group.name, asked_as=reference)
    return group


def find_group(view: View, reference: str, lock: Lock | None = None) -> Group | None:
    """The living group with this id or name; the caller's right to it is not asked."""
    found = None
    if is_id_shaped(reference):
        found = view.get(GROUPS, reference, lock)
    elif may_name_group(reference):
        found = view.first(GROUPS, _BY_NAME, lock, name=reference)
    return None if found is None or found.deleted_at is not None else found


def require_revision(actual: int, expected: int | None) -> None:
    """
    Raises:
        PreconditionFailed: the caller expected another revision (If-Match).
    """
    if expected is not None and expected != actual:
        raise PreconditionFailed(f"It is at revision {actual}, not {expected}.", field="If-Match")


def _kek_policy(value: str | None) -> str | None:
    if value is None or value == "inherit":
        return None
    if value not in KEK_POLICIES:
        raise InvalidInput(
            f"{value!r} is no KEK policy.", field="kek_policy", advice="Give any, registered or inherit."
        )
    return value
