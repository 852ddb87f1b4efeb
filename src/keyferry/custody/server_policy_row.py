"""Writing the server's policy where nobody signs in: at the founding, at an upgrade, and to come back in."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from keyferry import clock
from keyferry.custody.access import Actor
from keyferry.custody.admission import server_policy_of
from keyferry.custody.caller import Caller
from keyferry.custody.policy import Operation, Role
from keyferry.custody.recording import Subject
from keyferry.custody.server_policy import WHAT, write_policy
from keyferry.custody.view import Change
from keyferry.errors import IntegrityViolation
from keyferry.identity.networks import edited_networks
from keyferry.ids import new_id
from keyferry.material.sealing import Sealer
from keyferry.store.events import write_event
from keyferry.store.records import ServerPolicy, User
from keyferry.store.sealed import SERVER_POLICY, Lock
from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.tables import server_policy, stores
from keyferry.store.transaction import Transaction

_THERE = Prepared(select(server_policy.c.id).limit(1))
_HOLD_STORE: Final = Prepared(select(stores.c.id).with_for_update())
_FOUNDING: Final = "keyferry"
_RECOVERY: Final = "keyferry server-policy recover"


def establish_server_policy(store: Store, sealer: Sealer) -> None:
    """See to it that a store has its policy, which restricts nothing at first. One that was taken away stays away."""
    if store.read(lambda tx: tx.row(_THERE)) is not None:
        return

    def establish(tx: Transaction) -> None:
        tx.row(_HOLD_STORE)  # of two processes that open a store at once, the second finds the first one's
        if tx.row(_THERE) is not None or _was_there(tx, sealer):
            return
        change = _change(tx, sealer, _FOUNDING)
        change.insert(SERVER_POLICY, ServerPolicy(id=sealer.store_id, created_at=clock.now()))
        _write_events(tx, sealer, change)

    store.write(establish)


def recover_server_policy(
    store: Store, sealer: Sealer, networks: Sequence[str] | None, *, second_factors: bool
) -> ServerPolicy:
    """Let people in again whom the policy keeps out, from the server's own machine; the audit log says so.

    Args:
        networks: from where the server may be used from now on; None for everywhere.
        second_factors: False to require second factors of no role any more.

    Raises:
        InvalidInput: a network will not do; says which.
        IntegrityViolation: the policy was changed behind Keyferry's back, or taken away.
    """
    wanted = edited_networks(None, networks, enforce=None if networks is not None else False)

    def recover(tx: Transaction) -> ServerPolicy:
        policy = server_policy_of(tx, sealer, Lock.UPDATE)
        change = _change(tx, sealer, _RECOVERY)
        written = write_policy(change, policy, wanted, policy.second_factor_roles if second_factors else "[]")
        _write_events(tx, sealer, change)
        return written

    return store.write(recover)


def _was_there(tx: Transaction, sealer: Sealer) -> bool:
    try:
        return SERVER_POLICY.was_written(tx, sealer, sealer.store_id)
    except IntegrityViolation:  # of the event that names it: there was one
        return True


def _change(tx: Transaction, sealer: Sealer, command: str) -> Change:
    """A change that a command makes, on the machine itself."""
    nobody = User(id=new_id(), name=command, name_folded=command, role=Role.ADMINISTRATOR.value, created_at=0)
    subject = Subject(WHAT, sealer.store_id)
    return Change(tx, sealer, Actor(nobody, Role.ADMINISTRATOR, frozenset()), Operation.SERVER_POLICY_EDIT, subject)


def _write_events(tx: Transaction, sealer: Sealer, change: Change) -> None:
    for event in change.events(Caller(change.actor.user.id, None, None)):
        write_event(tx, sealer, event)
