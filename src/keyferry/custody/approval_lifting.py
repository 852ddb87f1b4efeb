"""Taking an approval policy off on the server's own machine, where nobody is left who could approve that."""

from keyferry.custody.access import Actor
from keyferry.custody.approval_policy import described
from keyferry.custody.caller import Caller
from keyferry.custody.groups import find_group
from keyferry.custody.policy import Operation, Role
from keyferry.custody.recording import Subject
from keyferry.custody.view import Change
from keyferry.errors import Conflict, NotFound
from keyferry.ids import is_id_shaped, new_id
from keyferry.material.sealing import Sealer
from keyferry.store.events import write_event
from keyferry.store.records import Group, Key, User
from keyferry.store.sealed import GROUPS, KEYS, Lock
from keyferry.store.store import Store
from keyferry.store.transaction import Transaction


def lift_approvals(
    store: Store, sealer: Sealer, *, group: str | None = None, key: str | None = None, by: str
) -> Group | Key:
    """Take the policy of a group (by id or name) or of a key (by id) off. What needed approval needs none from then on.

    Args:
        by: the command, as the audit log says; nobody is signed in for it.

    Raises:
        NotFound: there is no such group or key.
        Conflict: it has no policy.
    """
    operator = User(id=new_id(), name=by, name_folded=by, role=Role.ADMINISTRATOR.value, created_at=0)

    def lift(tx: Transaction) -> Group | Key:
        subject = Subject()
        change = Change(tx, sealer, Actor(operator, Role.ADMINISTRATOR, frozenset()), Operation.APPROVAL_LIFT, subject)
        lifted = _lifted(change, group, key)
        for event in change.events(Caller(operator.id, None, None)):
            write_event(tx, sealer, event)
        return lifted

    return store.write(lift)


def _lifted(change: Change, group: str | None, key: str | None) -> Group | Key:
    if group is not None:
        found = find_group(change, group, Lock.UPDATE)
        if found is None:
            raise NotFound(f"There is no group {group!r}.", field="group")
        _note(change, found.approvals)
        return change.update(GROUPS, found, approvals=None)
    owned = change.get(KEYS, key, Lock.UPDATE) if key is not None and is_id_shaped(key) else None
    if owned is None:
        raise NotFound(f"There is no key of the id {key!r}.", field="key")
    _note(change, owned.approvals)
    return change.update(KEYS, owned, approvals=None)


def _note(change: Change, approvals: str | None) -> None:
    """
    Raises:
        Conflict: there is no policy.
    """
    if approvals is None:
        raise Conflict("It has no approval policy.", advice="There is nothing to take off.")
    change.note(approvals="none", before=described(change, approvals))
