"""The steps of a sign-in after its first: from a ticket to a session, or to the next ticket.

A try of a second factor is counted before it is looked at, and a wrong one makes the next wait: the ticket shows that
whoever tries has the password. A right one clears the count.
"""

from typing import Any

from keyferry import clock
from keyferry.custody import challenges, passkeys, proving
from keyferry.custody.access import ticket_refused
from keyferry.custody.caller import Caller, Origin
from keyferry.custody.custody import Custody
from keyferry.custody.factor_rows import BY_CREDENTIAL
from keyferry.custody.factors import NewTotp, take_turn
from keyferry.custody.opening import Begun, Progress, Step
from keyferry.custody.password_step import setting_ones_own
from keyferry.custody.policy import Operation
from keyferry.custody.proving import Challenged, Prove
from keyferry.custody.recording import Subject
from keyferry.custody.refusals import Refusal
from keyferry.custody.tickets import Needs
from keyferry.custody.view import Change
from keyferry.errors import NotAuthenticated
from keyferry.identity import tokens as token_form
from keyferry.identity.hashing import sign_in_refused
from keyferry.identity.opening import SECOND_FACTOR, Opening, SignedIn, Unfinished
from keyferry.material.secret import Secret
from keyferry.store.records import Factor, Ticket, User
from keyferry.store.sealed import FACTORS, TICKETS, USERS, Lock
from keyferry.store.transaction import Transaction

#: what the challenge of a passkey that stands alone is for
ALONE = "sign in"
_NOBODY = ""


class Steps:
    """What follows a password; and the passkey, which needs none."""

    def __init__(self, custody: Custody, opening: Opening) -> None:
        self._custody = custody
        self._gate = custody.gate
        self._opening = opening

    def look(self, ticket: str, address: str | None) -> Unfinished:
        """What a ticket leads to; to show a step once more.

        Raises:
            NotAuthenticated: (`ticket-refused`) it is not, or no longer, good.
        """
        found, user = self._presented(ticket, address)
        if found.expires_at <= clock.now() or found.epoch != user.token_epoch or user.disabled:
            raise ticket_refused("there is no such ticket, or it was used")
        caller = Caller(found.user_id, None, address, ticket_id=found.id)
        return self._opening.unfinished(found, Secret(ticket.encode()), user, caller)

    def by_code(self, ticket: str, code: Secret, address: str | None) -> SignedIn | Unfinished:
        """Go on with a code of an authenticator app, or a recovery code.

        Raises:
            NotAuthenticated: the ticket is not good; or (`second-factor-refused`) the code is wrong, or was used.
            Overloaded: too many wrong ones came before; this one was not looked at.
        """
        caller = self._caller(ticket, address)
        take_turn(self._gate, caller.user_id)
        return self._prove(caller, proving.by_code(code))

    def by_passkey(self, ticket: str, answer: str, address: str | None) -> SignedIn | Unfinished:
        """Go on with a passkey.

        Raises:
            NotAuthenticated: the ticket is not good; or (`second-factor-refused`) the answer does not verify.
            Overloaded: as for `by_code`.
        """
        caller = self._caller(ticket, address)
        party, read = passkeys.require_party(self._custody.factors.party), passkeys.read_answer(answer)
        take_turn(self._gate, caller.user_id)
        challenged = Challenged(SECOND_FACTOR, caller.ticket_id or "", alone=False)
        return self._prove(caller, proving.by_passkey(party, read, challenged))

    def begin_totp(self, ticket: str, address: str | None) -> NewTotp:
        """An authenticator app, for who must set a second factor up."""
        return self._custody.factors.begin_totp(self._caller(ticket, address))

    def again_totp(self, ticket: str, enrolment: str, address: str | None) -> NewTotp:
        """What `begin_totp` answered, once more."""
        return self._custody.factors.again_totp(self._caller(ticket, address), enrolment)

    def enrol_totp(
        self, ticket: str, enrolment: str, name: str, code: Secret, address: str | None
    ) -> SignedIn | Unfinished:
        """Set an authenticator app up, and go on.

        Raises:
            NotAuthenticated: as for `by_code`.
        """
        step = self._custody.factors.enrolment.by_totp(enrolment, name, code)
        return self._opening.open(self._caller(ticket, address), step=step)

    def begin_passkey(self, ticket: str, address: str | None) -> dict[str, Any]:
        """A passkey, for who must set a second factor up."""
        return self._custody.factors.begin_passkey(self._caller(ticket, address))

    def enrol_passkey(self, ticket: str, answer: str, name: str, address: str | None) -> SignedIn | Unfinished:
        """Set a passkey up, and go on."""
        step = self._custody.factors.enrolment.by_passkey(answer, name)
        return self._opening.open(self._caller(ticket, address), step=step)

    def set_password(self, ticket: str, password: Secret, address: str | None) -> SignedIn | Unfinished:
        """Set one's own password, in place of one that was good for this alone, or by an invitation; and go on.

        Raises:
            NotAuthenticated: the ticket is not good.
            InvalidInput: the password breaks a rule, or is one that the user has or had.
        """
        found, user = self._presented(ticket, address)
        caller = Caller(found.user_id, None, address, ticket_id=found.id)
        if Needs(found.needs) not in {Needs.PASSWORD, Needs.INVITATION}:
            raise ticket_refused("it is for another step")
        if found.expires_at <= clock.now() or found.epoch != user.token_epoch:
            raise ticket_refused("there is no such ticket, or it was used")
        with self._gate.refusing(caller, Operation.SESSION_OPEN, Subject("user", user.id, user.name)):
            password_hash = self._custody.users.new_passwords.prepare(user, password)
        return self._opening.open(caller, step=setting_ones_own(password_hash))

    def ask_passkey(self) -> dict[str, Any]:
        """What a browser is to ask an authenticator for, to sign in with a passkey alone.

        Raises:
            NotPermitted: the server has no public name.
        """
        party = passkeys.require_party(self._custody.factors.party)
        challenge = challenges.new_challenge(self._gate.sealer, ALONE, _NOBODY, clock.now())
        return passkeys.asking_options(party, challenge, (), alone=True)

    def with_passkey(self, answer: str, address: str | None, *, idle_after: int | None = None) -> SignedIn | Unfinished:
        """Sign in with a passkey that the authenticator has found, and that has asked for a PIN or a finger.

        The passkey is proven in a sign-in of its own, whose ticket is used at once.

        Raises:
            NotAuthenticated: (`sign-in-refused`) for any reason.
        """
        party, read = passkeys.require_party(self._custody.factors.party), passkeys.read_answer(answer)
        origin = Origin(address)
        found = self._gate.look(origin, Operation.SESSION_OPEN, lambda tx: self._owner(tx, read.credential_id))
        if found is None:
            self._gate.refusals.count(Refusal(origin, Operation.SESSION_OPEN, "sign-in-refused", "unknown passkey"))
            raise sign_in_refused()
        _, user = found
        caller = Caller(user.id, None, address)
        prove = proving.by_passkey(party, read, Challenged(ALONE, _NOBODY, alone=True))
        try:
            return self._opening.open(
                caller, epoch=user.token_epoch, begun=Begun("passkey", idle_after=idle_after), step=_proving(prove)
            )
        except NotAuthenticated:  # which it was, the audit log says
            raise sign_in_refused() from None

    def _prove(self, caller: Caller, prove: Prove) -> SignedIn | Unfinished:
        return self._opening.open(caller, step=_proving(prove))

    def _owner(self, tx: Transaction, credential_id: bytes) -> tuple[Factor, User] | None:
        factor = FACTORS.first(tx, self._gate.sealer, BY_CREDENTIAL.held(Lock.NONE), credential_id=credential_id)
        user = None if factor is None else USERS.get(tx, self._gate.sealer, factor.user_id)
        return None if factor is None or user is None else (factor, user)

    def _caller(self, ticket: str, address: str | None) -> Caller:
        found, _ = self._presented(ticket, address)
        return Caller(found.user_id, None, address, ticket_id=found.id)

    def _presented(self, text: str, address: str | None) -> tuple[Ticket, User]:
        """The ticket whose secret was presented. Whether it still holds, the gate asks again."""
        origin = Origin(address)
        try:
            claim = token_form.parse(text, token_form.TICKET)

            def look(tx: Transaction) -> tuple[Ticket | None, User | None]:
                ticket = TICKETS.get(tx, self._gate.sealer, claim.token_id)
                return ticket, None if ticket is None else USERS.get(tx, self._gate.sealer, ticket.user_id)

            ticket, user = self._gate.look(origin, Operation.SESSION_OPEN, look)
            token_form.check(claim, None if ticket is None else ticket.digest)
        except NotAuthenticated:
            ticket, user = None, None
        if ticket is None or user is None:
            refusal = ticket_refused("there is no such ticket, or it was used")
            self._gate.refusals.count(Refusal(origin, Operation.SESSION_OPEN, refusal.code, refusal.detail))
            raise refusal
        return ticket, user


def _proving(prove: Prove) -> Step:
    def take(change: Change, user: User) -> Progress:
        return Progress(user, prove(change, user).value)

    return Step(frozenset({Needs.FACTOR}), take)
