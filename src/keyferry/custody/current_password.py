"""Asking a signed-in user for their present password, before something that a stolen session should not be able to do.

A wrong one counts as a failed sign-in, and makes the next try wait as one does: a session is no way round the delays.
"""

from typing import Protocol

from keyferry import clock
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.errors import InvalidInput, NotAuthenticated, Overloaded
from keyferry.identity import attempts
from keyferry.identity.backoff import sign_in_wait
from keyferry.material.secret import Secret
from keyferry.store.records import User
from keyferry.store.transaction import Transaction

_FIELD = "current_password"


class PasswordKeeper(Protocol):
    """What custody needs of password handling; `identity.hashing` has it."""

    def prepare(self, password: Secret, user_name: str) -> str:
        """Check the rules and hash: an Argon2id PHC string. Raises InvalidInput."""

    def verify(self, stored: str | None, password: Secret) -> None:
        """Raises NotAuthenticated if it is another password."""


def require_current(gate: Gate, passwords: PasswordKeeper, caller: Caller, user: User, current: Secret | None) -> None:
    """Return when `current` is the user's password.

    Raises:
        InvalidInput: it is missing or wrong.
        Overloaded: too many wrong ones came before; says how long to wait.
    """
    if current is None:
        raise InvalidInput(
            "Your current password is needed.", field=_FIELD, advice="Give the one that you sign in with."
        )
    wait = gate.store.read(lambda tx: _wait(tx, caller, user))
    if wait > 0:
        raise Overloaded(f"Too many wrong passwords: the next one is looked at in {wait} s.", retry_after=wait)
    try:
        passwords.verify(user.password_hash, current)
    except NotAuthenticated:
        gate.store.write(lambda tx: attempts.count_failure(tx, user.name_folded, caller.address, clock.now()))
        raise InvalidInput(
            "That is not your current password.",
            code="password-refused",
            field=_FIELD,
            advice="Give the password that you sign in with.",
        ) from None


def _wait(tx: Transaction, caller: Caller, user: User) -> int:
    of_user = attempts.failures_of_user(tx, user.name_folded)
    of_source = attempts.failures_of_source(tx, caller.address)
    return sign_in_wait(of_user, of_source, clock.now(), source_is_known=False)
