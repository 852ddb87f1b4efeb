"""Second factors: authenticator apps, passkeys and recovery codes of one's own, and their reset by an Administrator.

A session alone, which may be a stolen one, changes no factor: the present password, or a code, is asked for again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from keyferry import clock
from keyferry.clock import SECOND, Microseconds
from keyferry.custody import challenges, factor_rows, passkeys, proving, totp
from keyferry.custody.admission import needs_second_factor, server_policy_of
from keyferry.custody.approval_holders import require_credential_approved
from keyferry.custody.caller import Caller
from keyferry.custody.current_password import PasswordKeeper, require_current
from keyferry.custody.enrolment import MAKING, Enrolment
from keyferry.custody.factor_rows import Kept, Kind, standing
from keyferry.custody.gate import Gate
from keyferry.custody.passkeys import RelyingParty
from keyferry.custody.policy import Operation, Relation
from keyferry.custody.recording import Subject
from keyferry.custody.users import load_user
from keyferry.custody.view import Change, View
from keyferry.errors import Conflict, IntegrityViolation, InvalidInput, NotAuthenticated, Overloaded
from keyferry.identity import attempts
from keyferry.material.secret import Secret
from keyferry.store.records import Factor, User
from keyferry.store.sealed import TOKENS, USERS, Lock
from keyferry.store.transaction import Transaction

T = TypeVar("T")

#: how fresh a session must be where the account has nothing else to prove itself with
FRESH: Final[Microseconds] = 15 * 60 * SECOND


@dataclass(frozen=True, slots=True)
class FactorList:
    """A user's second factors, without their secrets; recovery codes as a number."""

    factors: tuple[Factor, ...]
    codes_left: int
    codes_made_at: Microseconds | None


@dataclass(frozen=True, slots=True)
class NewTotp:
    """An authenticator app that is being set up: it counts once its first code was right.

    Attributes:
        enrolment: what to give back with that code: the seed, sealed for this user. Nothing is kept until then.
    """

    seed: Secret
    user_name: str
    enrolment: str

    @property
    def key(self) -> Secret:
        """What a person types into an app."""
        return Secret(totp.key_text(self.seed).encode())

    @property
    def address(self) -> Secret:
        """What an app reads from a QR code."""
        return totp.address(self.seed, self.user_name)


@dataclass(frozen=True, slots=True)
class Again:
    """What a signed-in person proves themselves with once more: the password that they sign in with, or a code."""

    password: Secret | None = None
    code: Secret | None = None


class Factors:
    """One's own second factors, and an Administrator's right to take another's away, never to set any up for them.

    Args:
        party: whom passkeys are for; None for a server without a public name, where there are none.
    """

    def __init__(self, gate: Gate, passwords: PasswordKeeper, party: RelyingParty | None) -> None:
        self._gate = gate
        self._passwords = passwords
        self.party = party
        self.enrolment = Enrolment(gate.sealer, party)

    def list(self, caller: Caller, user: str | None = None) -> FactorList:
        """A user's second factors, the caller's own without one; an Administrator sees anyone's."""

        def read(view: View) -> FactorList:
            owner = load_user(view, user or view.actor.user.id)
            found = standing(view, owner)
            codes = next((factor for factor in found if factor.kind == Kind.RECOVERY), None)
            shown = tuple(factor for factor in found if factor.kind != Kind.RECOVERY)
            return FactorList(shown, factor_rows.codes_left(found), None if codes is None else codes.created_at)

        return self._gate.read(caller, Operation.FACTOR_LIST, read)

    def begin_totp(self, caller: Caller) -> NewTotp:
        """A fresh seed for an authenticator app; for a session, or for a ticket that needs a factor to be set up."""

        def read(view: View) -> NewTotp:
            user = _own(view)
            seed, enrolment = self.enrolment.begin(user.id)
            return NewTotp(seed, user.name, enrolment)

        return self._gate.read(caller, _beginning(caller), read)

    def again_totp(self, caller: Caller, enrolment: str) -> NewTotp:
        """The same as `begin_totp` answered, from what it answered: to be shown once more after a wrong code."""

        def read(view: View) -> NewTotp:
            user = _own(view)
            _, _, seed = self.enrolment.opened(user.id, enrolment)
            return NewTotp(seed, user.name, enrolment)

        return self._gate.read(caller, _beginning(caller), read)

    def add_totp(self, caller: Caller, enrolment: str, name: str, code: Secret, again: Again) -> Kept:
        """Set an authenticator app up, once its first code is right.

        Raises:
            InvalidInput: the code is wrong, or neither the password nor another code proves who asks.
            Overloaded: too many wrong ones came before.
        """
        return self._add(
            caller, again, lambda change, user: self.enrolment.keep_totp(change, user, enrolment, name, code)
        )

    def begin_passkey(self, caller: Caller) -> dict[str, Any]:
        """What the browser is to ask an authenticator for; for a session, or a ticket as for `begin_totp`.

        Raises:
            NotPermitted: the server has no public name.
        """
        party = passkeys.require_party(self.party)

        def read(view: View) -> dict[str, Any]:
            user = _own(view)
            known = [factor.credential_id for factor in standing(view, user) if factor.credential_id is not None]
            challenge = challenges.new_challenge(self._gate.sealer, MAKING, user.id, view.now)
            return passkeys.making_options(party, user.id, user.name, challenge, known)

        return self._gate.read(caller, _beginning(caller), read)

    def add_passkey(self, caller: Caller, answer: str, name: str, again: Again) -> Kept:
        """Keep a passkey that the browser has just made.

        Raises:
            InvalidInput: it is not sound, or neither the password nor a code proves who asks.
            Conflict: it is set up already.
        """
        return self._add(caller, again, lambda change, user: self.enrolment.keep_passkey(change, user, answer, name))

    def remove(self, caller: Caller, factor_id: str, again: Again) -> Factor:
        """Take one of one's own factors away; with the last one the recovery codes go.

        Raises:
            Conflict: it is the last one, and the caller's role needs one.
            InvalidInput: neither the password nor a code proves who asks.
        """

        def change(change: Change, user: User) -> Factor:
            found = standing(change, user, Lock.UPDATE)
            factor = next((each for each in found if each.id == factor_id and each.kind != Kind.RECOVERY), None)
            if factor is None:
                raise change.missing("factor", factor_id)
            change.permit(Relation.OWN, "factor", factor.id, factor.name)
            if user.factors == 1 and needs_second_factor(server_policy_of(change.tx, change.sealer), change.actor.role):
                raise Conflict(
                    "Your role needs a second factor, and this is your last one.",
                    code="second-factor-needed",
                    advice="Set another one up first.",
                )
            change.note(kind=factor.kind)
            factor_rows.take_away(change, user, [factor], found)
            return factor

        return self._own_change(caller, Operation.FACTOR_REMOVE, again, change)

    def recovery_codes(self, caller: Caller, again: Again) -> tuple[Secret, ...]:
        """New recovery codes in place of all that there were; answered this once.

        Raises:
            Conflict: there is no factor that they could stand in for.
            InvalidInput: neither the password nor a code proves who asks.
        """

        def change(change: Change, user: User) -> tuple[Secret, ...]:
            found = standing(change, user, Lock.UPDATE)
            if not user.factors:
                raise Conflict(
                    "There is no second factor that recovery codes could stand in for.",
                    advice="Set an authenticator app or a passkey up: codes come with the first one.",
                )
            change.permit(Relation.OWN, "factor", None, "recovery codes")
            change.note(kind=Kind.RECOVERY.value)
            return factor_rows.new_recovery_codes(change, user, found)

        return self._own_change(caller, Operation.FACTOR_ADD, again, change)

    def reset(self, caller: Caller, user: str) -> User:
        """Take all second factors of another's account away; its sessions and tokens end. For Administrators.

        The user is told at the next sign-in, and sets new ones up there if their role needs one.

        Raises:
            Conflict: there are none.
            ApprovalRequired: others have to approve it.
        """

        def change(change: Change) -> User:
            owner = load_user(change, user, Lock.UPDATE)
            found = standing(change, owner, Lock.UPDATE)
            if not found:
                raise Conflict(f"{owner.name!r} has no second factor.", advice="There is nothing to reset.")
            require_credential_approved(change, owner, {"second_factors": "taken away"})
            change.note(factors=owner.factors)
            return factor_rows.take_away(
                change,
                owner,
                found,
                found,
                factors_reset_by=caller.user_id,
                factors_reset_at=change.now,
                token_epoch=owner.token_epoch + 1,
            )

        return self._gate.write(caller, Operation.FACTOR_RESET, change)

    def _add(self, caller: Caller, again: Again, keep: Callable[[Change, User], Kept]) -> Kept:
        def change(change: Change, user: User) -> Kept:
            change.permit(Relation.OWN, "factor", None, None)
            kept = _as_input(lambda: keep(change, user))
            change.permit(Relation.OWN, "factor", kept.factor.id, kept.factor.name)
            token = None if caller.token_id is None else change.get(TOKENS, caller.token_id, Lock.UPDATE)
            if token is not None and token.second_factor is None and token.kind == "session":
                change.update(TOKENS, token, second_factor=kept.factor.kind)  # both were proven in this session
            return kept

        return self._own_change(caller, Operation.FACTOR_ADD, again, change)

    def _own_change(self, caller: Caller, operation: Operation, again: Again, work: Callable[[Change, User], T]) -> T:
        """A change of one's own factors, once the caller has proven themselves again."""
        prove = self._again(caller, operation, again)

        def change(change: Change) -> T:
            user = change.get(USERS, caller.user_id, Lock.UPDATE)
            if user is None:
                raise IntegrityViolation(f"User {caller.user_id} is not there.")
            change.permit(Relation.OWN, "user", user.id, user.name)
            prove(change, user)
            return work(change, user)

        return self._gate.write(caller, operation, change)

    def _again(self, caller: Caller, operation: Operation, again: Again) -> Callable[[Change, User], None]:
        user = self._gate.read(caller, operation, _own)
        if again.code is not None:
            code = again.code
            with self._gate.refusing(caller, operation, Subject("user", user.id, user.name)):
                take_turn(self._gate, user.id)
            return lambda change, user: _as_input(lambda: _proven(proving.by_code(code), change, user))
        if user.password_hash is not None or user.factors:
            with self._gate.refusing(caller, operation, Subject("user", user.id, user.name)):
                if user.password_hash is None:
                    raise InvalidInput("A code is needed.", field="code", advice="Give one of your authenticator app.")
                require_current(self._gate, self._passwords, caller, user, again.password)
        return lambda change, user: _require_fresh(change, caller, user)


def take_turn(gate: Gate, user_id: str) -> None:
    """Count a try of a second factor before it is looked at.

    Raises:
        Overloaded: too many wrong ones came before; says how long to wait. The try is not looked at.
    """

    def take(tx: Transaction) -> int:
        USERS.get(tx, gate.sealer, user_id, Lock.UPDATE)  # held: of two at once, the second sees the first counted
        return attempts.take_factor_turn(tx, user_id, clock.now())

    wait = gate.store.write(take)
    if wait:
        raise Overloaded(f"Too many wrong codes: the next one is looked at in {wait} s.", retry_after=wait)


def _own(view: View) -> User:
    user = view.actor.user
    view.permit(Relation.OWN, "user", user.id, user.name)
    return user


def _beginning(caller: Caller) -> Operation:
    return Operation.FACTOR_ADD if caller.ticket_id is None else Operation.SESSION_OPEN


def _require_fresh(change: Change, caller: Caller, user: User) -> None:
    """Where there is neither a password nor a factor, a session that has just begun is what there is to ask for."""
    if user.password_hash is not None or user.factors:
        return  # proven before the transaction
    token = None if caller.token_id is None else change.get(TOKENS, caller.token_id)
    if token is None or token.kind != "session" or change.now - token.created_at > FRESH:
        raise InvalidInput("You signed in too long ago for this.", field="current_password", advice="Sign in again.")


def _proven(prove: proving.Prove, change: Change, user: User) -> None:
    prove(change, user)


def _as_input(work: Callable[[], T]) -> T:
    """What a signed-in person gets wrong is input that will not do; they are still signed in."""
    try:
        return work()
    except NotAuthenticated as refusal:
        raise InvalidInput(refusal.detail, code=refusal.code, field=refusal.field, advice=refusal.advice) from None
