"""The way back in when no Administrator can sign in any more: from the command line, on the server's own machine.

Whoever can read the home and its root of trust can do anything to the store anyway. This gives them a way that is
written down: the audit log has it, and every Administrator is told at the next sign-in.
"""

from dataclasses import dataclass

from keyferry.custody.access import Actor
from keyferry.custody.accounts import BY_NAME, NewUser, insert_user
from keyferry.custody.admission import server_policy_of
from keyferry.custody.caller import Caller
from keyferry.custody.factor_rows import standing, take_away
from keyferry.custody.names import check_user_name
from keyferry.custody.new_passwords import replace_password
from keyferry.custody.policy import Operation, Role
from keyferry.custody.recording import Subject
from keyferry.custody.view import Change
from keyferry.errors import Conflict
from keyferry.ids import new_id
from keyferry.material.sealing import Sealer
from keyferry.store.events import write_event
from keyferry.store.records import User
from keyferry.store.sealed import SERVER_POLICY, USERS, Lock
from keyferry.store.store import Store
from keyferry.store.transaction import Transaction

COMMAND = "keyferry admin recover"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was done.

    Attributes:
        is_new: the account was made.
        factors: how many second factors were taken away.
        had_networks: a list of networks was taken off the account.
    """

    user: User
    is_new: bool
    factors: int
    had_networks: bool


def recover_administrator(store: Store, sealer: Sealer, name: str, password_hash: str) -> Recovered:
    """Give an Administrator a password and take everything away that would keep them out; make one if there is none.

    1. Another password; every session, token and certificate ends. 2. No second factor. 3. Enabled, from everywhere.
    4. The server's policy keeps when and who, for the other Administrators to be told.

    Raises:
        InvalidInput: the name will not do.
        Conflict: the name is, or was, that of somebody who is no Administrator.
    """
    check_user_name(name)
    nobody = User(id=new_id(), name=COMMAND, name_folded=COMMAND, role=Role.ADMINISTRATOR.value, created_at=0)

    def recover(tx: Transaction) -> Recovered:
        actor = Actor(nobody, Role.ADMINISTRATOR, frozenset())
        change = Change(tx, sealer, actor, Operation.USER_RECOVER, Subject())
        found = change.first(USERS, BY_NAME, Lock.UPDATE, name=name.lower())
        recovered = _made(change, name, password_hash) if found is None else _let_in(change, found, password_hash)
        policy = server_policy_of(tx, sealer, Lock.UPDATE)
        change.update(SERVER_POLICY, policy, recovered_at=change.now, recovered_user_id=recovered.user.id)
        for event in change.events(Caller(nobody.id, None, None)):
            write_event(tx, sealer, event)
        return recovered

    return store.write(recover)


def _made(change: Change, name: str, password_hash: str) -> Recovered:
    user = insert_user(change, NewUser(name=name, role=Role.ADMINISTRATOR), password_hash)
    change.note(made=True)
    return Recovered(user, is_new=True, factors=0, had_networks=False)


def _let_in(change: Change, user: User, password_hash: str) -> Recovered:
    if user.deleted_at is not None or user.role != Role.ADMINISTRATOR.value:
        what = "was deleted" if user.deleted_at is not None else "is no Administrator"
        raise Conflict(
            f"{user.name!r} {what}.",
            field="name",
            advice="Name an Administrator, or somebody whom there is not: they are made one.",
        )
    factors, had_networks = standing(change, user, Lock.UPDATE), user.networks is not None
    count = user.factors or 0
    if factors:
        user = take_away(change, user, factors, factors)
    user = change.update(USERS, user, disabled=False, networks=None)
    change.note(factors=count or None, networks_removed=had_networks or None)
    user = replace_password(change, user, password_hash, by=change.actor.user.id)
    return Recovered(user, is_new=False, factors=count, had_networks=had_networks)
