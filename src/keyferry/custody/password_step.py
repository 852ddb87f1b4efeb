"""The step of a sign-in that sets a password of one's own."""

from keyferry.custody.certificate_rows import carry_over
from keyferry.custody.new_passwords import replace_password
from keyferry.custody.opening import Progress, Step
from keyferry.custody.tickets import Needs
from keyferry.custody.view import Change
from keyferry.store.records import User
from keyferry.store.sealed import USERS, Lock


def setting_ones_own(password_hash: str) -> Step:
    """In place of one that was good for this alone, or by an invitation; every session and token from before ends.

    Args:
        password_hash: as `NewPasswords.prepare` answered it.
    """

    def take(change: Change, user: User) -> Progress:
        held = change.get(USERS, user.id, Lock.UPDATE) or user
        change.note(password_set=True)
        carry_over(change, held, held.token_epoch + 1)
        return Progress(replace_password(change, held, password_hash, by=held.id))

    return Step(frozenset({Needs.PASSWORD, Needs.INVITATION}), take)
