"""From somebody whom a provider vouches for to an account of ours: the last step of every protocol.

In one transaction: 1. The provider's row is read, and is enabled. 2. What may be presented once alone is kept; who
presents it again is refused, on every node. 3. The account is found: by the subject, which is bound to it; else by the
user name that an Administrator said to expect, which binds the subject; else, where the provider may, one is made.
4. Groups and role are set by the mapping's tables. Each change has an audit event that names the provider.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import structlog

from keyferry import clock
from keyferry.custody.access import Actor
from keyferry.custody.accounts import BY_NAME, NewUser, UserEdit, edit_user, insert_user
from keyferry.custody.arrival import Arrival, Presented, ProviderSession
from keyferry.custody.caller import Caller, Origin
from keyferry.custody.gate import Gate
from keyferry.custody.identity_binding import (
    BY_EXPECTED,
    BY_SUBJECT,
    PROVIDER_BY_NAME,
    NewIdentity,
    bind,
    is_subject,
)
from keyferry.custody.memberships import memberships_of
from keyferry.custody.names import check_email, check_user_name, may_name_connection
from keyferry.custody.policy import Operation, Role
from keyferry.custody.provider_mapping import Meant, mapping_of, meaning
from keyferry.custody.provider_sessions import session_of, tokens_of
from keyferry.custody.provider_tests import keep_test
from keyferry.custody.recording import Subject, event_by
from keyferry.custody.refusals import Refusal
from keyferry.custody.seen import first_time
from keyferry.custody.view import Change, Query
from keyferry.errors import Conflict, IntegrityViolation, InvalidInput, NotAuthenticated
from keyferry.store.events import write_event
from keyferry.store.records import Identity, IdentityProvider, User
from keyferry.store.sealed import GROUPS, IDENTITIES, IDENTITY_PROVIDERS, USERS, Lock
from keyferry.store.tables import identity_providers
from keyferry.store.transaction import Transaction

_OFFERED = Query(
    IDENTITY_PROVIDERS,
    identity_providers.c.enabled.is_(True),
    identity_providers.c.deleted_at.is_(None),
    order_by=identity_providers.c.name,
)

log = structlog.get_logger("keyferry.arrivals")

R = TypeVar("R", Identity, User)


@dataclass(frozen=True, slots=True)
class Arrived:
    """The account that somebody comes to, and what was done for it: it was made, or bound."""

    user: User
    made: bool = False


class Arrivals:
    """Lets people in whom a provider vouches for. It opens no session: that goes through the gate, as every other."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def arrive(self, arrival: Arrival, address: str | None) -> Arrived:
        """The account that the person comes to.

        Raises:
            NotAuthenticated: (`sign-in-refused`) they may not come in; the audit log says why.
        """
        try:
            return self._gate.store.write(lambda tx: _Entry(tx, self._gate, arrival, address).admit())
        except _NotAdmitted as reason:
            self.refuse(arrival.provider.name, str(reason), address)
            raise provider_sign_in_refused() from None
        except IntegrityViolation as violation:
            log.critical("integrity violation", operation=Operation.SESSION_OPEN, detail=violation.detail)
            refusal = Refusal(Origin(address), Operation.SESSION_OPEN, violation.code, violation.detail)
            self._gate.refusals.count(refusal)
            raise

    def test(self, arrival: Arrival, user_id: str, address: str | None) -> str:
        """Keep what a provider said, for the Administrator who began a test; answers the test's id.

        Raises:
            NotAuthenticated: (`sign-in-refused`) it was presented before.
        """

        def write(tx: Transaction) -> str | None:
            now = clock.now()
            if not _first_time(tx, arrival):
                return None
            return keep_test(tx, self._gate.sealer, arrival, user_id, now)

        test_id = self._gate.store.write(write)
        if test_id is None:
            self.refuse(arrival.provider.name, _REPLAYED, address)
            raise provider_sign_in_refused()
        return test_id

    def provider(self, provider_id: str) -> IdentityProvider | None:
        """A provider's row as it is, for what is done before anybody is known; it authorises nothing.

        Raises:
            IntegrityViolation: the row was changed behind Keyferry's back.
        """
        found = self._gate.look(
            Origin(None),
            Operation.SESSION_OPEN,
            lambda tx: IDENTITY_PROVIDERS.get(tx, self._gate.sealer, provider_id),
        )
        return None if found is None or found.deleted_at is not None else found

    def named(self, name: str) -> IdentityProvider | None:
        """The same by its name."""
        if not may_name_connection(name):
            return None
        query = PROVIDER_BY_NAME.held(Lock.NONE)
        found = self._gate.look(
            Origin(None),
            Operation.SESSION_OPEN,
            lambda tx: IDENTITY_PROVIDERS.first(tx, self._gate.sealer, query, name=name),
        )
        return None if found is None or found.deleted_at is not None else found

    def offered(self) -> list[IdentityProvider]:
        """The providers that people may sign in through now, by name."""
        found = self._gate.look(
            Origin(None),
            Operation.SESSION_OPEN,
            lambda tx: IDENTITY_PROVIDERS.find(tx, self._gate.sealer, _OFFERED.held(Lock.NONE)),
        )
        return list(found)

    def session(self, token_id: str) -> tuple[str, ProviderSession] | None:
        """Which provider has vouched for a session, and what it calls it; None for one that none has."""
        row = self._gate.store.read(lambda tx: session_of(tx, token_id))
        return None if row is None else (str(row[0]), ProviderSession(json.loads(row[1]), row[2]))

    def sessions_of(
        self, provider: IdentityProvider, sessions: Sequence[ProviderSession], presented: Presented
    ) -> list[tuple[str, str]] | None:
        """Ids of the tokens, and of their users, that a provider names as it signs somebody out.

        Returns:
            None when what it presented was presented before.
        """

        def write(tx: Transaction) -> list[tuple[str, str]] | None:
            if not first_time(tx, presented.kind, provider.id, presented.what, presented.until):
                return None
            found = [pair for each in sessions for pair in tokens_of(tx, provider.id, each)]
            return list(dict.fromkeys(found))

        return self._gate.store.write(write)

    def refuse(self, provider: str, reason: str, address: str | None) -> None:
        """Count a refusal, for the audit log: in memory first, so that a flood buys no disk."""
        who = Origin(address)
        self._gate.refusals.count(Refusal(who, Operation.SESSION_OPEN, "sign-in-refused", f"{provider}: {reason}"))


def provider_sign_in_refused() -> NotAuthenticated:
    """The one answer to everything that is wrong with a sign-in through a provider."""
    return NotAuthenticated(
        "The sign-in was refused.",
        code="sign-in-refused",
        advice="Try again from the sign-in page. If it is refused again: the audit log tells an Administrator why.",
    )


class _NotAdmitted(Exception):
    """Why somebody is not let in, for the audit log alone."""


_REPLAYED = "presented before"


def _first_time(tx: Transaction, arrival: Arrival) -> bool:
    each = arrival.presented
    return all(first_time(tx, one.kind, arrival.provider.id, one.what, one.until) for one in each)


class _Entry:
    """One arrival, in one transaction."""

    def __init__(self, tx: Transaction, gate: Gate, arrival: Arrival, address: str | None) -> None:
        self._tx = tx
        self._sealer = gate.sealer
        self._arrival = arrival
        self._address = address
        self._provider = arrival.provider

    def admit(self) -> Arrived:
        provider = IDENTITY_PROVIDERS.get(self._tx, self._sealer, self._provider.id, Lock.SHARE)
        if provider is None or provider.deleted_at is not None or not provider.enabled:
            raise _NotAdmitted("the provider is disabled or gone")
        self._provider = provider
        if not _first_time(self._tx, self._arrival):
            raise _NotAdmitted(_REPLAYED)
        if not is_subject(self._arrival.subject):
            raise _NotAdmitted("a subject that is too long, or holds control characters")
        meant = meaning(mapping_of(provider.mapping), self._arrival.subject, self._arrival.attributes)
        identity = self._identity(meant)
        if identity is None:
            return Arrived(self._make(meant), made=True)
        user = USERS.get(self._tx, self._sealer, identity.user_id, Lock.UPDATE)
        if user is None or user.deleted_at is not None or user.disabled:
            raise _NotAdmitted("the account is disabled or gone")
        if mapping_of(provider.mapping).update:
            user = self._update(user, meant)
        return Arrived(user)

    def _identity(self, meant: Meant) -> Identity | None:
        """Who is known by the subject; else who is expected under the user name, bound to the subject from now on."""
        look = self._change(Operation.IDENTITY_BIND)
        provider_id, subject = self._provider.id, self._arrival.subject
        found = look.first(IDENTITIES, BY_SUBJECT, Lock.SHARE, provider_id=provider_id, subject=subject)
        if found is not None or meant.user_name is None:
            return found
        expected = look.first(
            IDENTITIES, BY_EXPECTED, Lock.UPDATE, provider_id=provider_id, expected=meant.user_name.lower()
        )
        if expected is None or expected.subject is not None:
            return None

        def claim(change: Change) -> Identity:
            change.note(provider=self._provider.name, subject=subject)
            return change.update(IDENTITIES, expected, subject=subject)

        return self._do(Operation.IDENTITY_BIND, claim)

    def _make(self, meant: Meant) -> User:
        """
        Raises:
            _NotAdmitted: accounts are not made for who comes, or none can be made of what the provider says.
        """
        if not self._provider.just_in_time:
            raise _NotAdmitted("no account is bound to the subject, and none is made at the first sign-in")
        name = meant.user_name
        if name is None:
            raise _NotAdmitted("the attribute for the user name has no value, or several")
        role = meant.role or Role.KEY_ACCESS_USER
        try:
            check_user_name(name)
            return self._do(Operation.USER_CREATE, partial(self._made, meant, name, role))
        except (InvalidInput, Conflict) as refusal:
            raise _NotAdmitted(f"no account could be made: {refusal.detail}") from None

    def _made(self, meant: Meant, name: str, role: Role, change: Change) -> User:
        if change.first(USERS, BY_NAME, name=name.lower()) is not None:
            raise Conflict(f"the name {name!r} is, or was, another account's.", code="name-taken")
        new = NewUser(
            name=name,
            role=role,
            groups=self._groups(change, meant, role),
            display_name=_printable(meant.display_name),
            email=_address(meant.email),
        )
        user = insert_user(change, new, None)
        change.note(provider=self._provider.name)
        bind(change, user, NewIdentity(provider=self._provider.id, subject=self._arrival.subject))
        return user

    def _update(self, user: User, meant: Meant) -> User:
        """Role and groups as the tables say now; the last Administrator stays one, and the audit log says so."""
        look = self._change(Operation.USER_EDIT)
        mapping = mapping_of(self._provider.mapping)
        role = Role(user.role) if mapping.role is None else (meant.role or Role.KEY_ACCESS_USER)
        wanted = self._groups(look, meant, role)
        current = {each.group_id for each in memberships_of(look, user)}
        keeps_groups = meant.group_ids is None or set(wanted) == current
        if role is Role(user.role) and (keeps_groups or not role.handles_keys):
            return user
        groups = None if meant.group_ids is None else wanted
        try:
            return self._do(
                Operation.USER_EDIT, lambda change: self._edited(change, user, UserEdit(role=role, groups=groups))
            )
        except Conflict as refusal:
            details = {"detail": refusal.detail, "provider": self._provider.name}
            event = event_by(Origin(self._address), self._actor.name, Operation.USER_EDIT, clock.now(), details)
            event = Subject("user", user.id, user.name).on(event)
            write_event(self._tx, self._sealer, replace(event, outcome="refused", code=refusal.code))
            return user

    def _edited(self, change: Change, user: User, edit: UserEdit) -> User:
        change.note(provider=self._provider.name)
        return edit_user(change, user, edit)

    def _groups(self, change: Change, meant: Meant, role: Role) -> tuple[str, ...]:
        """Ids of the groups that the table names and that are still there; none for who is no member of groups."""
        if not role.handles_keys:
            return ()
        found = [change.get(GROUPS, id_) for id_ in meant.group_ids or ()]
        return tuple(group.id for group in found if group is not None and group.deleted_at is None)

    @property
    def _actor(self) -> User:
        """Who does it, as the audit log says: the provider."""
        name = f"identity provider {self._provider.name}"
        return User(id=self._provider.id, name=name, name_folded=name, role=Role.ADMINISTRATOR.value, created_at=0)

    def _change(self, operation: Operation) -> Change:
        actor = Actor(self._actor, Role.ADMINISTRATOR, frozenset())
        return Change(self._tx, self._sealer, actor, operation, Subject())

    def _do(self, operation: Operation, work: Callable[[Change], R]) -> R:
        change = self._change(operation)
        with self._tx.savepoint():
            result = work(change)
            for event in change.events(Caller(self._provider.id, None, self._address)):
                write_event(self._tx, self._sealer, event)
        return result


def _address(text: str | None) -> str | None:
    try:
        return check_email(text)
    except InvalidInput:
        return None


def _printable(text: str | None) -> str | None:
    return text if text is not None and text.isprintable() and len(text) <= 1024 else None
