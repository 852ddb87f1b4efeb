"""A password in place of another: what it may not be again, and what comes to an end with the one before it."""

from typing import Final

from sqlalchemy import bindparam, delete, select

from keyferry.custody.current_password import PasswordKeeper
from keyferry.custody.gate import Gate
from keyferry.custody.tickets import drop_of_user
from keyferry.custody.view import Change, Query
from keyferry.errors import InvalidInput, NotAuthenticated
from keyferry.ids import new_id
from keyferry.material.secret import Secret
from keyferry.store.records import EarlierPassword, User
from keyferry.store.sealed import EARLIER_PASSWORDS, USERS, Lock
from keyferry.store.statements import Prepared
from keyferry.store.tables import earlier_passwords
from keyferry.store.transaction import Transaction

#: passwords before the present one that are not taken again
REMEMBERED: Final = 5

_OF_USER = Query(
    EARLIER_PASSWORDS, earlier_passwords.c.user_id == bindparam("user_id"), order_by=earlier_passwords.c.id.desc()
)
_IDS = Prepared(
    select(earlier_passwords.c.id)
    .where(earlier_passwords.c.user_id == bindparam("user_id"))
    .order_by(earlier_passwords.c.id.desc())
)
_FORGET = Prepared(delete(earlier_passwords).where(earlier_passwords.c.id == bindparam("id_")))


class NewPasswords:
    """Passwords that people choose for themselves."""

    def __init__(self, gate: Gate, passwords: PasswordKeeper) -> None:
        self._gate = gate
        self._passwords = passwords

    def prepare(self, user: User, password: Secret) -> str:
        """Hold a password that its own user chooses to the rules, and to those that they had before; answers its hash.

        Each of those costs a hash, so that nobody is asked for this who has not proven who they are.

        Raises:
            InvalidInput: (`password-refused`) it breaks a rule, or is the present one or one of the last five.
            Overloaded: too many wait for a hash.
        """
        prepared = self._passwords.prepare(password, user.name)

        def earlier(tx: Transaction) -> list[str]:
            found = EARLIER_PASSWORDS.find(tx, self._gate.sealer, _OF_USER.held(Lock.NONE), user_id=user.id)
            return [each.password_hash for each in found]

        present = [] if user.password_hash is None else [user.password_hash]
        for stored in (present + self._gate.store.read(earlier))[: REMEMBERED + 1]:
            try:
                self._passwords.verify(stored, password)
            except NotAuthenticated:
                continue
            raise InvalidInput(
                f"You have this password, or had it: the present one and the {REMEMBERED} before it are not taken.",
                code="password-refused",
                field="password",
                advice="Choose one that you have not had.",
            )
        return prepared


def replace_password(change: Change, user: User, password_hash: str, *, by: str, temporary: bool = False) -> User:
    """Write the account's row with another password; sessions, tokens, tickets and invitations from before end.

    Args:
        by: the id of who sets it.
        temporary: it is good for setting another one alone.
    """
    if user.password_hash is not None:
        earlier = EarlierPassword(id=new_id(), user_id=user.id, password_hash=user.password_hash, created_at=change.now)
        change.append(EARLIER_PASSWORDS, earlier)
        for (id_,) in change.tx.rows(_IDS, user_id=user.id)[REMEMBERED:]:
            change.tx.run(_FORGET, id_=id_)
    drop_of_user(change, user)
    return change.update(
        USERS,
        user,
        password_hash=password_hash,
        password_set_by=by,
        password_set_at=change.now,
        must_change=True if temporary else None,
        token_epoch=user.token_epoch + 1,
    )
