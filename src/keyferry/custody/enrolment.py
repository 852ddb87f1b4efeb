"""Setting a second factor up, inside the transaction that keeps it: in a session, or as a step of a sign-in."""

import base64
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from keyferry.custody import challenges, factor_rows, passkeys, proving, totp
from keyferry.custody.factor_rows import Kept
from keyferry.custody.opening import Progress, Step
from keyferry.custody.passkeys import RelyingParty
from keyferry.custody.tickets import Needs
from keyferry.custody.view import Change
from keyferry.errors import IntegrityViolation, InvalidInput
from keyferry.ids import is_id_shaped, new_id
from keyferry.material.sealing import Sealer
from keyferry.material.secret import Secret
from keyferry.store.records import User
from keyferry.store.sealed import USERS, Lock

#: what the challenge of a passkey that is being made is for; its subject is the user's id
MAKING: Final = "make a passkey"
_LONGEST: Final = 512


class Enrolment:
    """Keeps what has shown that it works."""

    def __init__(self, sealer: Sealer, party: RelyingParty | None) -> None:
        self._sealer = sealer
        self._party = party

    def begin(self, user_id: str) -> tuple[Secret, str]:
        """A fresh seed, and the text to give back with its first code: the seed, sealed for this user."""
        factor_id, seed = new_id(), totp.new_seed()
        sealed = factor_rows.seal_seed(self._sealer, factor_id, user_id, seed)
        return seed, f"{factor_id}.{base64.urlsafe_b64encode(sealed).decode()}"

    def opened(self, user_id: str, enrolment: str) -> tuple[str, bytes, Secret]:
        """What `begin` had sealed for this user: the factor's id, the sealed seed and the seed.

        Raises:
            InvalidInput: it is something else, or another user's.
        """
        factor_id, _, text = enrolment.partition(".")
        if is_id_shaped(factor_id) and len(enrolment) <= _LONGEST:
            with suppress(ValueError, IntegrityViolation):
                sealed = base64.urlsafe_b64decode(text.encode())
                return factor_id, sealed, factor_rows.unseal_seed(self._sealer, factor_id, user_id, sealed)
        detail = "That is not what the setting up of this account's app began with."
        raise InvalidInput(detail, field="enrolment", advice="Begin again.")

    def keep_totp(self, change: Change, user: User, enrolment: str, name: str, code: Secret) -> Kept:
        """
        Raises:
            NotAuthenticated: the code is not the app's.
        """
        factor_id, sealed, seed = self.opened(user.id, enrolment)
        normal = totp.normal_form(code.reveal().decode(errors="replace"))
        step = None if normal is None else totp.matching_step(seed, normal, change.now)
        if step is None:
            raise proving.code_refused()
        return factor_rows.keep_totp(change, user, factor_id, name, sealed, step)

    def keep_passkey(self, change: Change, user: User, answer: str, name: str) -> Kept:
        """
        Raises:
            InvalidInput: the browser's answer is not sound.
            NotAuthenticated: it answers no challenge that was put to this user.
        """
        party, read = passkeys.require_party(self._party), passkeys.read_answer(answer)
        challenges.require(change.sealer, read.challenge, MAKING, user.id, change.now)
        made = passkeys.made_passkey(party, read)
        kept = factor_rows.keep_passkey(change, user, name, made)
        challenges.spend(change.tx, read.challenge)
        return kept

    def by_totp(self, enrolment: str, name: str, code: Secret) -> Step:
        """The step of a sign-in that sets an authenticator app up."""
        return _step(lambda change, user: self.keep_totp(change, user, enrolment, name, code))

    def by_passkey(self, answer: str, name: str) -> Step:
        """The step of a sign-in that sets a passkey up."""
        return _step(lambda change, user: self.keep_passkey(change, user, answer, name))


def _step(keep: Callable[[Change, User], Kept]) -> Step:
    def take(change: Change, user: User) -> Progress:
        held = change.get(USERS, user.id, Lock.UPDATE) or user
        kept = keep(change, held)
        change.note(enrolled=kept.factor.kind)
        return Progress(kept.user, kept.factor.kind, kept.codes)

    return Step(frozenset({Needs.ENROLMENT}), take)
