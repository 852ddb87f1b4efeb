"""The caller's rows as they are now, how the caller stands to an object, and what the policy says to that."""

from dataclasses import dataclass

from sqlalchemy import bindparam, select

from keyferry.clock import Microseconds
from keyferry.custody.admission import admits, needs_second_factor, require_server_network, server_policy_of
from keyferry.custody.caller import Caller, Origin
from keyferry.custody.narrowing import Narrowing, narrowing_of
from keyferry.custody.policy import Relation, Role
from keyferry.custody.workload_rules import why_not
from keyferry.errors import NotAuthenticated
from keyferry.identity.attempts import LOCAL
from keyferry.identity.networks import source_network
from keyferry.material.sealing import Sealer
from keyferry.store import tables
from keyferry.store.records import Certificate, Key, Ticket, Token, User
from keyferry.store.sealed import CERTIFICATES, MEMBERSHIPS, TICKETS, TOKENS, TRUSTED_ISSUERS, USERS, WORKLOADS, Lock
from keyferry.store.statements import Prepared
from keyferry.store.transaction import Transaction

_NAME = Prepared(select(tables.users.c.name).where(tables.users.c.id == bindparam("id")))
_MEMBERSHIPS_OF = {
    lock: MEMBERSHIPS.query(
        tables.memberships.c.user_id == bindparam("user_id"), order_by=tables.memberships.c.id, lock=lock
    )
    for lock in Lock
}


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller as the database knows them.

    Attributes:
        token: what they have presented; None for a certificate, and for somebody who is signing in.
        narrowing: what the token is for; None for one that is for all that its user may.
        certificate: the one that they have presented, or that the token began with; None for neither.
        ticket: of a sign-in that is not complete; None for any other caller.
    """

    user: User
    role: Role
    group_ids: frozenset[str]
    token: Token | None = None
    certificate: Certificate | None = None
    ticket: Ticket | None = None
    narrowing: Narrowing | None = None

    def relation_to_key(self, key: Key) -> Relation:
        """How the caller stands to a key: as to its owner, read from the key's row as it is now."""
        if self.narrowing is not None and not self.narrowing.reaches_key(key):
            return Relation.BEYOND
        return self._relation_to_owner(key.owner_user_id, key.owner_group_id)

    def relation_to_owner(self, owner_user_id: str | None, owner_group_id: str | None) -> Relation:
        """How the caller stands to what a user or a group owns; of the two ids, one is None."""
        if self.narrowing is not None and not self.narrowing.reaches_group(owner_group_id):
            return Relation.BEYOND
        return self._relation_to_owner(owner_user_id, owner_group_id)

    def relation_to_group(self, group_id: str | None) -> Relation:
        """GROUP for a member, NONE for everyone else: an Administrator is a member of no group."""
        if self.narrowing is not None and not self.narrowing.reaches_group(group_id):
            return Relation.BEYOND
        return self._relation_to_owner(None, group_id)

    def relation_to_user(self, user_id: str) -> Relation:
        """OWN for the caller's own account and what belongs to it, NONE for any other."""
        return Relation.OWN if user_id == self.user.id else Relation.NONE

    def _relation_to_owner(self, owner_user_id: str | None, owner_group_id: str | None) -> Relation:
        if owner_user_id == self.user.id:
            return Relation.OWN
        return Relation.GROUP if owner_group_id in self.group_ids else Relation.NONE


def identify_actor(tx: Transaction, sealer: Sealer, caller: Caller, now: Microseconds, lock: Lock) -> Actor:
    """Read the server's policy, and the caller's user, membership, token and certificate rows, in this order, held by
    `lock`; the policy, which everybody's operations read, is not held.

    Raises:
        NotAuthenticated: the account is gone or disabled, the token, the certificate or the workload's binding revoked,
            expired or of an earlier epoch, its issuer trusted no longer, or the source address not on the server's list
            or the account's.
        IntegrityViolation: one of the rows was changed behind Keyferry's back.
    """
    policy = server_policy_of(tx, sealer)
    require_server_network(policy, caller.address)
    user = USERS.get(tx, sealer, caller.user_id, lock)
    if user is None or user.deleted_at is not None or user.disabled:
        raise NotAuthenticated("This account is disabled or gone.")
    require_network(user, caller.address)
    memberships = MEMBERSHIPS.find(tx, sealer, _MEMBERSHIPS_OF[lock], user_id=user.id)
    role, token, ticket, certificate_id = Role(user.role), None, None, caller.certificate_id
    if caller.token_id is not None:
        token = _live_token(tx, sealer, caller.token_id, user, caller.address, now, lock)
        certificate_id = token.certificate_id
        if token.second_factor is None and needs_second_factor(policy, role):
            raise NotAuthenticated(
                "Your role needs a second factor now, and this was made without one.",
                code="second-factor-required",
                advice="Sign in again, with your second factor or setting one up, and make new tokens.",
            )
    elif caller.ticket_id is not None:
        ticket = _live_ticket(tx, sealer, caller, user, now)
        certificate_id = ticket.certificate_id
    certificate = None if certificate_id is None else _live_certificate(tx, sealer, certificate_id, user, now, lock)
    if caller.workload_id is not None:
        _require_live_workload(tx, sealer, caller.workload_id, user, caller.address, now, lock)
    groups = frozenset(membership.group_id for membership in memberships)
    return Actor(user, role, groups, token, certificate, ticket, narrowing_of(token))


def name_of(tx: Transaction, who: Caller | Origin) -> str | None:
    """The caller's name as the audit log says it; None for somebody who is not signed in."""
    if isinstance(who, Origin):
        return None
    row = tx.row(_NAME, id=who.user_id)
    return None if row is None else str(row[0])


def require_network(user: User, address: str | None) -> None:
    """
    Raises:
        NotAuthenticated: the account admits only certain networks, and `address` is in none of them.
    """
    if not admits(user.networks, address):
        raise NotAuthenticated("This account may not be used from this address.")


def _live_token(
    tx: Transaction, sealer: Sealer, token_id: str, user: User, address: str | None, now: Microseconds, lock: Lock
) -> Token:
    token = TOKENS.get(tx, sealer, token_id, lock)
    if token is None or token.user_id != user.id:
        raise NotAuthenticated("This token is not known.")
    if token.revoked_at is not None or token.epoch != user.token_epoch:
        raise NotAuthenticated("This token was revoked.")
    if token.expires_at <= now:
        raise NotAuthenticated("This token has expired.")
    if not admits(token.networks, address):
        raise NotAuthenticated("This token may not be used from this address.")
    return token


def _live_certificate(
    tx: Transaction, sealer: Sealer, certificate_id: str, user: User, now: Microseconds, lock: Lock
) -> Certificate:
    certificate = CERTIFICATES.get(tx, sealer, certificate_id, lock)
    if certificate is None or certificate.user_id != user.id:
        raise NotAuthenticated("This certificate is not known.")
    if certificate.revoked_at is not None or certificate.epoch != user.token_epoch:
        raise NotAuthenticated("This certificate was revoked.")
    if not certificate.not_before <= now < certificate.expires_at:
        raise NotAuthenticated("This certificate has expired, or is not valid yet.")
    return certificate


def _require_live_workload(
    tx: Transaction,
    sealer: Sealer,
    workload_id: str,
    user: User,
    address: str | None,
    now: Microseconds,
    lock: Lock,
) -> None:
    workload = WORKLOADS.get(tx, sealer, workload_id, lock)
    issuer = None if workload is None else TRUSTED_ISSUERS.get(tx, sealer, workload.issuer_id, lock)
    reason = why_not(workload, issuer, user, address, now)
    if reason is not None:
        raise NotAuthenticated(reason)


def _live_ticket(tx: Transaction, sealer: Sealer, caller: Caller, user: User, now: Microseconds) -> Ticket:
    ticket = TICKETS.get(tx, sealer, caller.ticket_id or "")  # not held: two that hold it could not take it away
    if ticket is None or ticket.user_id != user.id:
        raise ticket_refused("there is no such ticket, or it was used")
    if ticket.epoch != user.token_epoch:
        raise ticket_refused("the password was set, or the account disabled, since it was made")
    if ticket.expires_at <= now:
        raise ticket_refused("it has expired")
    if ticket.network not in {None, network_of(caller.address)}:
        raise ticket_refused("it was made for another network")
    return ticket


def ticket_refused(reason: str) -> NotAuthenticated:
    """The refusal of a sign-in's next step. The reason is of use to nobody who has not the password already."""
    return NotAuthenticated(
        f"This sign-in cannot go on: {reason}.", code="ticket-refused", advice="Begin the sign-in again."
    )


def network_of(address: str | None) -> str:
    """The network that a sign-in goes on from."""
    return LOCAL if address is None else source_network(address)
