"""Signing in with a password, and knowing a caller by a token.

Whatever is wrong with a sign-in (the network, the name, the account, the wait after failures, the password), it costs
one hash and gets the same answer. Only the audit event says which it was.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam

from keyferry import clock
from keyferry.clock import Microseconds
from keyferry.custody.admission import admits, server_policy_of
from keyferry.custody.arrival import Vouched
from keyferry.custody.caller import Caller, Origin
from keyferry.custody.custody import Custody
from keyferry.custody.names import may_name_user
from keyferry.custody.opening import PASSWORD, Begun
from keyferry.custody.policy import Operation
from keyferry.custody.refusals import Refusal
from keyferry.custody.view import Query
from keyferry.errors import NotAuthenticated, Overloaded
from keyferry.identity import attempts
from keyferry.identity import tokens as token_form
from keyferry.identity.backoff import sign_in_wait
from keyferry.identity.hashing import PasswordHashing, sign_in_refused
from keyferry.identity.jws import is_written_as_one
from keyferry.identity.opening import Opening, SignedIn, Unfinished
from keyferry.identity.steps import Steps
from keyferry.identity.workload_sign_in import WorkloadSignIn
from keyferry.material.secret import Secret
from keyferry.store.records import Token, User
from keyferry.store.sealed import TOKENS, USERS, Lock
from keyferry.store.tables import users
from keyferry.store.transaction import Transaction

_BY_NAME = Query(USERS, users.c.name_folded == bindparam("name"))

TOO_SOON = "too soon after failures"

#: tokens whose fixed facts are remembered once they were accepted
MOST_ACCEPTED: Final = 4096


@dataclass(frozen=True, slots=True)
class _Claim:
    """What is known of a sign-in before its password is looked at. `reason` says why it will be refused anyway."""

    user: User | None
    reason: str | None


@dataclass(frozen=True, slots=True, eq=False)
class _Accepted:
    """What never changes of a token."""

    token_id: str
    user_id: str


class SignIn:
    """Sign-ins with a password. The gate that opens the session judges the account and the network once more.

    Attributes:
        opening: the end of every sign-in, for those that begin with something else.
        steps: what follows a password that does not open a session by itself.
    """

    def __init__(self, custody: Custody, hashing: PasswordHashing) -> None:
        self._custody = custody
        self._gate = custody.gate
        self._hashing = hashing
        self.opening = Opening(custody)
        self.steps = Steps(custody, self.opening)

    def sign_in(
        self, name: str, password: Secret, address: str | None, *, idle_after: Microseconds | None = None
    ) -> SignedIn | Unfinished:
        """Open a session, or answer what is needed before there can be one.

        1. The user and the failures so far are read. 2. One hash is computed, whatever was found. 3. A failure is
        counted, for the user's name and for the source network. 4. A success opens a session through the gate, which
        judges the account and the network again, and clears the user's count; or it is answered with a ticket, when a
        second factor or another password is due. 5. A hash made at other costs than today's is renewed.

        Args:
            idle_after: without a use for so long, the session ends, in microseconds; None for one that may lie idle.

        Raises:
            NotAuthenticated: (`sign-in-refused`) for any reason.
            Overloaded: too many sign-ins are waiting.
        """
        folded = name.lower()
        now = clock.now()
        origin = Origin(address)
        claim = self._gate.look(origin, Operation.SESSION_OPEN, lambda tx: self._claim(tx, folded, address, now))
        usable = claim.user.password_hash if claim.user is not None and claim.reason is None else None
        try:
            self._hashing.verify(usable, password)
        except NotAuthenticated:
            self._refuse(claim, folded, address, now)
            raise
        user = claim.user
        if user is None:
            raise sign_in_refused()
        try:
            opened = self.open(user, address, idle_after=idle_after)
        except NotAuthenticated:  # the account changed while the password was hashed: the same answer for that, too
            raise sign_in_refused() from None
        if isinstance(opened, SignedIn):
            self._renew_hash(Caller(user.id, opened.issued.token.id, address), user, password)
        return opened

    def open(
        self,
        user: User,
        address: str | None,
        *,
        method: str = PASSWORD,
        second_factor: str | None = None,
        idle_after: Microseconds | None = None,
        vouched: Vouched | None = None,
    ) -> SignedIn | Unfinished:
        """Open a session for somebody who has just shown who they are, in whichever way; or answer what it needs.

        Args:
            method: password, passkey, saml, oidc or certificate.
            second_factor: `provider` where an identity provider has asked for one, and is trusted to.
            vouched: by which provider, where it began with one.

        Raises:
            NotAuthenticated: the account may not be used, from there or at all, or changed since it was read.
        """
        begun = Begun(method, second_factor, idle_after, vouched)
        return self.opening.open(Caller(user.id, None, address), epoch=user.token_epoch, begun=begun)

    def _renew_hash(self, caller: Caller, user: User, password: Secret) -> None:
        stored = user.password_hash
        if stored is not None and self._hashing.needs_rehash(stored):
            with suppress(Overloaded):  # the next sign-in will do it
                self._custody.users.renew_hash(caller, stored, self._hashing.hash(password))

    def _claim(self, tx: Transaction, folded: str, address: str | None, now: Microseconds) -> _Claim:
        policy = server_policy_of(tx, self._gate.sealer)
        named = _BY_NAME.held(Lock.NONE)
        user = USERS.first(tx, self._gate.sealer, named, name=folded) if may_name_user(folded) else None
        if not admits(policy.networks, address):
            return _Claim(None if user is None or user.deleted_at is not None else user, "network not allowed")
        if user is None or user.deleted_at is not None:
            return _Claim(None, "unknown user")
        if user.disabled:
            return _Claim(user, "account disabled")
        if not admits(user.networks, address):
            return _Claim(user, "network not allowed")
        if user.password_hash is None:
            return _Claim(user, "no password set")
        of_user, of_source = attempts.failures_of_user(tx, folded), attempts.failures_of_source(tx, address)
        known = attempts.is_known(tx, user.id, address)
        if sign_in_wait(of_user, of_source, now, source_is_known=known) > 0:
            return _Claim(user, TOO_SOON)
        return _Claim(user, None)

    def _refuse(self, claim: _Claim, folded: str, address: str | None, now: Microseconds) -> None:
        reason = claim.reason or "wrong password"
        who = Origin(address) if claim.user is None else Caller(claim.user.id, None, address)
        self._gate.refusals.count(Refusal(who, Operation.SESSION_OPEN, "sign-in-refused", reason))
        if claim.reason != TOO_SOON:  # an attempt that is turned away is not counted, or the wait would never end
            self._gate.store.write(lambda tx: attempts.count_failure(tx, folded, address, now))


class Authenticator:
    """From a presented token to a caller. The gate judges whether it still holds, and what the caller may do.

    Args:
        workloads: knows the tokens of trusted issuers.
    """

    def __init__(self, custody: Custody, workloads: WorkloadSignIn) -> None:
        self._gate = custody.gate
        self._workloads = workloads
        self._activity = custody.activity
        self._accepted: dict[bytes, _Accepted] = {}
        self._lock = threading.Lock()

    def recognise(self, text: str, address: str | None) -> Caller | None:
        """The caller of a token that `authenticate` has accepted before, without a look at the store; else None.

        Whose a token is, and what its secret part is, never changes; whether it still holds, the gate asks of its row
        at every operation, as it does for a caller who comes from `authenticate`.
        """
        accepted = self._accepted.get(token_form.fingerprint(text))
        if accepted is None:
            return None
        self._activity.note(accepted.token_id)
        return Caller(accepted.user_id, accepted.token_id, address)

    def authenticate_program(self, text: str, address: str | None) -> Caller:
        """As `authenticate`; a trusted issuer's token is taken, too, which opens no session in a browser.

        Raises:
            NotAuthenticated: (as above)
        """
        if is_written_as_one(text):
            return self._workloads.authenticate(text, address)
        return self.authenticate(text, address)

    def authenticate(self, text: str, address: str | None) -> Caller:
        """
        Raises:
            NotAuthenticated: this is no token that was ever issued, or one of a session that lay idle for too long.
        """
        try:
            token = self._presented(text, address)
        except NotAuthenticated as refusal:
            self.turned_away(refusal, address)
            raise
        self._activity.note(token.id)
        if token.idle_after is None:
            self._remember(text, token)
        return Caller(token.user_id, token.id, address)

    def _presented(self, text: str, address: str | None) -> Token:
        claim = token_form.parse(text)

        def look(tx: Transaction) -> tuple[Token | None, Microseconds | None]:
            return TOKENS.get(tx, self._gate.sealer, claim.token_id), self._activity.last_seen(tx, claim.token_id)

        token, last_seen = self._gate.look(Origin(address), Operation.SESSION_OPEN, look)
        token_form.check(claim, None if token is None else token.digest)
        if token is None:
            raise NotAuthenticated("The token is not valid.")
        if token.idle_after is not None and clock.now() - (last_seen or token.created_at) > token.idle_after:
            raise NotAuthenticated("This session lay idle for too long, and has ended.")
        return token

    def whose(self, text: str, address: str | None) -> str | None:
        """The id of the user whom a token was issued to, whether it is still in force or not; None for other texts."""
        try:
            claim = token_form.parse(text)
            token = self._gate.look(
                Origin(address), Operation.SESSION_OPEN, lambda tx: TOKENS.get(tx, self._gate.sealer, claim.token_id)
            )
            token_form.check(claim, None if token is None else token.digest)
        except NotAuthenticated:
            return None
        return None if token is None else token.user_id

    def turned_away(self, refusal: NotAuthenticated, address: str | None) -> None:
        """Count a caller who presented no token that could be looked at, for the audit log."""
        self._gate.refusals.count(Refusal(Origin(address), Operation.SESSION_OPEN, refusal.code, refusal.detail))

    def _remember(self, text: str, token: Token) -> None:
        with self._lock:
            if len(self._accepted) >= MOST_ACCEPTED:
                del self._accepted[next(iter(self._accepted))]
            self._accepted[token_form.fingerprint(text)] = _Accepted(token.id, token.user_id)
