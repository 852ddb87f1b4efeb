"""The end of every sign-in, however it began: a session, or the next step that the account has before it.

Passwords, passkeys, single sign-on and certificates all come through here, so that a second factor that is due is asked
for whichever way somebody comes in.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam

from keyferry import clock
from keyferry.clock import Microseconds, to_rfc3339
from keyferry.custody import challenges, passkeys
from keyferry.custody.admission import server_policy_of
from keyferry.custody.caller import Caller, Origin
from keyferry.custody.custody import Custody
from keyferry.custody.factor_rows import Kind
from keyferry.custody.opening import Begun, IssuedTicket, IssuedToken, Step
from keyferry.custody.policy import Operation, Role
from keyferry.custody.tickets import Needs
from keyferry.custody.view import Query
from keyferry.identity import attempts
from keyferry.material.secret import Secret
from keyferry.store.records import Certificate, Membership, Ticket, User
from keyferry.store.sealed import CERTIFICATES, FACTORS, GROUPS, MEMBERSHIPS, USERS, Lock
from keyferry.store.tables import certificates, factors, memberships
from keyferry.store.transaction import Transaction

#: what the challenge of a passkey that follows a password is for; its subject is the ticket's id
SECOND_FACTOR = "second factor"

_MEMBERSHIPS = Query(MEMBERSHIPS, memberships.c.user_id == bindparam("user_id"), order_by=memberships.c.id)
_CERTIFICATES = Query(
    CERTIFICATES,
    certificates.c.user_id == bindparam("user_id"),
    certificates.c.created_at > bindparam("since"),
    certificates.c.revoked_at.is_(None),
    order_by=certificates.c.id,
)
_FACTORS = Query(FACTORS, factors.c.user_id == bindparam("user_id"), order_by=factors.c.id)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session's token, and what its user should know: who set their password, who added them to a group.

    Attributes:
        codes: recovery codes that were made on the way, shown this once.
    """

    issued: IssuedToken
    notices: tuple[str, ...]
    codes: tuple[Secret, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A sign-in that needs one step more.

    Attributes:
        ticket: shows that it came so far; for the next step alone.
        factors: what will do as a second factor, where one is needed.
        passkey_options: what the browser is to ask an authenticator for, where a passkey will do.
        codes: as for `SignedIn`.
    """

    needs: Needs
    ticket: Secret
    user_id: str
    user_name: str
    expires_at: Microseconds
    factors: tuple[Kind, ...] = ()
    passkey_options: dict[str, Any] | None = None
    codes: tuple[Secret, ...] = field(default=(), repr=False)


class Opening:
    """From something that was verified to a session."""

    def __init__(self, custody: Custody) -> None:
        self._custody = custody
        self._gate = custody.gate

    def open(
        self, caller: Caller, *, epoch: int | None = None, begun: Begun | None = None, step: Step | None = None
    ) -> SignedIn | Unfinished:
        """As custody's `tokens.open_session`; with what the person is told, or shown next.

        Args:
            caller: without a token: somebody whose sign-in has just begun, or with the ticket of the last step.

        Raises:
            NotAuthenticated: the account may not be used, or the ticket or the step was refused.
        """
        since = self._gate.store.read(lambda tx: attempts.last_sign_in(tx, caller.user_id))
        issued = self._custody.tokens.open_session(caller, epoch=epoch, begun=begun, step=step)
        if isinstance(issued, IssuedTicket):
            return self.unfinished(issued.ticket, issued.text, issued.user, caller, issued.codes)
        user, now = issued.user, clock.now()
        self._gate.store.write(lambda tx: attempts.remember_success(tx, user.id, user.name_folded, caller.address, now))
        origin = Origin(caller.address)
        notices = self._gate.look(origin, Operation.SESSION_OPEN, lambda tx: self._notices(tx, user, since))
        return SignedIn(issued, notices, issued.codes)

    def unfinished(
        self, ticket: Ticket, text: Secret, user: User, caller: Caller, codes: tuple[Secret, ...] = ()
    ) -> Unfinished:
        """What a ticket leads to, as it is now."""
        needs = Needs(ticket.needs)
        if needs is not Needs.FACTOR:
            return Unfinished(needs, text, user.id, user.name, ticket.expires_at, codes=codes)
        origin = Origin(caller.address)
        sealer, party = self._gate.sealer, self._custody.factors.party
        found = self._gate.look(
            origin,
            Operation.SESSION_OPEN,
            lambda tx: FACTORS.find(tx, sealer, _FACTORS.held(Lock.NONE), user_id=user.id),
        )
        known = [factor.credential_id for factor in found if factor.credential_id is not None]
        options = None
        if known and party is not None:
            challenge = challenges.new_challenge(sealer, SECOND_FACTOR, ticket.id, clock.now())
            options = passkeys.asking_options(party, challenge, known, alone=False)
        kinds = {Kind(factor.kind) for factor in found}
        return Unfinished(
            needs,
            text,
            user.id,
            user.name,
            ticket.expires_at,
            tuple(kind for kind in Kind if kind in kinds and (kind is not Kind.PASSKEY or options is not None)),
            options,
            codes,
        )

    def _notices(self, tx: Transaction, user: User, since: Microseconds) -> tuple[str, ...]:
        since = max(since, user.created_at)  # what came with the account itself is no news
        found = []
        if user.password_set_at is not None and user.password_set_by != user.id and user.password_set_at > since:
            by = self._name(tx, user.password_set_by)
            found.append(f"Your password was set by {by} at {to_rfc3339(user.password_set_at)}.")
        if user.factors_reset_at is not None and user.factors_reset_at > since:
            by = self._name(tx, user.factors_reset_by)
            found.append(f"Your second factors were taken away by {by} at {to_rfc3339(user.factors_reset_at)}.")
        if user.role == Role.ADMINISTRATOR.value:
            policy = server_policy_of(tx, self._gate.sealer)
            if policy.recovered_at is not None and policy.recovered_at > since:
                who = self._name(tx, policy.recovered_user_id)
                found.append(
                    f"The Administrator {who} was let back in from the server's own command line at "
                    f"{to_rfc3339(policy.recovered_at)}."
                )
        mine: list[Membership] = MEMBERSHIPS.find(tx, self._gate.sealer, _MEMBERSHIPS.held(Lock.NONE), user_id=user.id)
        for membership in mine:
            if membership.created_at > since:
                group = GROUPS.get(tx, self._gate.sealer, membership.group_id)
                by = self._name(tx, membership.created_by, "an identity provider")
                found.append(
                    f"You were added to group {'' if group is None else group.name!r} by "
                    f"{by} at {to_rfc3339(membership.created_at)}."
                )
        found += self._certificates(tx, user, since)
        return tuple(found)

    def _certificates(self, tx: Transaction, user: User, since: Microseconds) -> list[str]:
        """Those that came since, one's own too: somebody else may have been signed in as this user."""
        question = _CERTIFICATES.held(Lock.NONE)
        fresh: list[Certificate] = CERTIFICATES.find(tx, self._gate.sealer, question, user_id=user.id, since=since)
        return [
            f"A client certificate {each.name!r} was added for you by "
            f"{'yourself' if each.created_by == user.id else self._name(tx, each.created_by)} at "
            f"{to_rfc3339(each.created_at)}."
            for each in fresh
        ]

    def _name(self, tx: Transaction, user_id: str | None, nobody: str = "the server's own command line") -> str:
        by = None if user_id is None else USERS.get(tx, self._gate.sealer, user_id)
        return nobody if by is None else repr(by.name)
