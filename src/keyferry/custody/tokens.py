"""Sessions and API tokens: who holds which, until when. Only a digest of each is kept."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import bindparam

from keyferry.clock import DAY, SECOND, Microseconds
from keyferry.custody import tickets
from keyferry.custody.access import network_of, ticket_refused
from keyferry.custody.activity import Activity
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.names import check_text
from keyferry.custody.opening import PASSWORD, Begun, IssuedTicket, IssuedToken, Progress, Step, what_remains
from keyferry.custody.pages import Page, page_of
from keyferry.custody.policy import Operation
from keyferry.custody.provider_sessions import keep_session, require_vouching
from keyferry.custody.tickets import Needs
from keyferry.custody.token_scopes import TokenScope, scope_columns, scope_of
from keyferry.custody.users import load_user
from keyferry.custody.view import Change, Query, View
from keyferry.errors import Conflict, InternalError, InvalidInput, NotAuthenticated, NotPermitted
from keyferry.ids import is_id_shaped, new_id
from keyferry.material.secret import Secret
from keyferry.store.records import Ticket, Token, User
from keyferry.store.sealed import TOKENS, Lock
from keyferry.store.tables import tokens

EVERYTHING: Final = TokenScope()
LONGEST_LIFETIME: Microseconds = 366 * DAY

Issue = Callable[[str], tuple[Secret, bytes]]
"""From a token's id to its text, shown once, and the digest that is kept."""

_OF_USER = Query(
    TOKENS, tokens.c.user_id == bindparam("user_id"), tokens.c.id > bindparam("after"), order_by=tokens.c.id, limit=True
)
_IN_FORCE = Query(
    TOKENS,
    tokens.c.user_id == bindparam("user_id"),
    tokens.c.epoch == bindparam("epoch"),
    tokens.c.revoked_at.is_(None),
    tokens.c.expires_at > bindparam("now"),
    order_by=tokens.c.id.desc(),
    limit=True,
)


@dataclass(frozen=True, slots=True)
class TokenDetail:
    """A token, when it was last used, to the minute, or None for never; and what it is narrowed to, or None."""

    token: Token
    last_used_at: Microseconds | None
    scope: TokenScope | None = None


class Tokens:
    """Sessions and API tokens. A token lets its bearer act as its user, and no further; it ends at its date. An API
    token may be narrowed to operations, keys, groups and networks.

    Users make and end their own; an Administrator may see and end anyone's, and make none for others. All of a user's
    tokens end at once when the account is disabled or deleted, or its password is set. What was begun with a client
    certificate ends with it.

    Args:
        issue: makes a token's text and digest.
        session_lifetime: how long a sign-in lasts, in microseconds.
    """

    def __init__(self, gate: Gate, activity: Activity, issue: Issue, session_lifetime: Microseconds) -> None:
        self._gate = gate
        self._activity = activity
        self._issue = issue
        self._session_lifetime = session_lifetime

    def open_session(
        self, caller: Caller, *, epoch: int | None = None, begun: Begun | None = None, step: Step | None = None
    ) -> IssuedToken | IssuedTicket:
        """The session of a sign-in that has just begun, or gone a step further; or a ticket, when more is needed.

        There is no other way to a session. `caller` has no token: nothing, when the sign-in has just begun with
        something that was verified, or the ticket that the last step was answered with. In one transaction, the ticket
        is taken away, the step is done, and what follows is judged on the rows that are held.

        Args:
            epoch: of a sign-in that begins: the account's token epoch when what it begins with was verified.
            begun: of a sign-in that begins: how; with a password if not given.
            step: of one that goes on from a ticket: does what the ticket says is needed; of one that begins with a
                passkey, which is verified in the transaction itself: proves that.

        Raises:
            NotAuthenticated: the account may not be used, its password was set meanwhile, the ticket is not, or no
                longer, good, or the step was refused.
        """
        token_id = new_id()
        text, digest = self._issue(token_id)

        def change(change: Change) -> IssuedToken | IssuedTicket:
            user, ticket = change.actor.user, change.actor.ticket
            change.permit(change.actor.relation_to_user(user.id), "token", None, "sign-in")
            _require_no_workload(caller)
            if epoch not in {None, user.token_epoch}:
                raise NotAuthenticated("The password was set, or the account disabled, during the sign-in.")
            how = begun or Begun()
            if ticket is not None:
                vouched = tickets.vouched_of(ticket)
                how = Begun(ticket.method, ticket.second_factor, ticket.idle_after, vouched)
            require_vouching(change, how.vouched)
            progress = Progress(user, how.second_factor)
            if ticket is not None:
                progress = _go_on(change, user, ticket, step)
            elif step is not None:
                progress = step.take(change, user)
            needs = what_remains(change, progress.user, how.method, progress.second_factor)
            if needs is not None:
                return _ticket(change, caller, how, progress, needs)
            token = Token(
                id=token_id,
                user_id=user.id,
                kind="session",
                name="sign-in" if how.idle_after is None else "console",
                digest=digest,
                epoch=progress.user.token_epoch,
                created_at=change.now,
                expires_at=change.now + self._session_lifetime,
                idle_after=how.idle_after,
                method=None if how.method == PASSWORD else how.method,
                second_factor=progress.second_factor,
                certificate_id=None if change.actor.certificate is None else change.actor.certificate.id,
                provider_id=None if how.vouched is None else how.vouched.provider_id,
            )
            change.permit(change.actor.relation_to_user(user.id), "token", token_id, token.name)
            change.note(method=None if how.method == PASSWORD else how.method, second_factor=progress.second_factor)
            written = change.insert(TOKENS, token)
            if how.vouched is not None:
                keep_session(change.tx, how.vouched, written)
            return IssuedToken(written, text, progress.user, progress.codes)

        return self._gate.write(caller, Operation.SESSION_OPEN, change)

    def create(
        self, caller: Caller, name: str, lifetime: Microseconds, *, scope: TokenScope = EVERYTHING
    ) -> IssuedToken:
        """A named token for the caller's own programs.

        Args:
            scope: what it is for; for all that the caller may, if not given.

        Raises:
            InvalidInput: the name is empty, the lifetime is not between a minute and 366 days, or the scope names what
                is not there.
            NotPermitted: the caller is a workload, or has presented a token that is narrowed itself.
        """
        if not 60 * SECOND <= lifetime <= LONGEST_LIFETIME:
            raise InvalidInput(
                "A token lasts between a minute and 366 days.", field="lifetime", advice="Give a lifetime in between."
            )
        if not name.strip():
            raise InvalidInput("A token needs a name.", field="name", advice="Name what will use it.")
        token_id = new_id()
        text, digest = self._issue(token_id)

        def change(change: Change) -> IssuedToken:
            user = change.actor.user
            change.permit(change.actor.relation_to_user(user.id), "token", None, name)
            _require_no_workload(caller)
            made_with = change.actor.token
            token = Token(
                id=token_id,
                user_id=user.id,
                kind="api",
                name=check_text(name, "name") or "",
                digest=digest,
                epoch=user.token_epoch,
                created_at=change.now,
                expires_at=change.now + lifetime,
                method=None if made_with is None else made_with.method,
                second_factor=None if made_with is None else made_with.second_factor,
                certificate_id=None if change.actor.certificate is None else change.actor.certificate.id,
                provider_id=None if made_with is None else made_with.provider_id,
                **scope_columns(change, scope),
            )
            change.note(**_noted(token))
            written = change.insert(TOKENS, token)
            return IssuedToken(written, text, user, scope=scope_of(change, written))

        return self._gate.write(caller, Operation.TOKEN_CREATE, change)

    def list(self, caller: Caller, *, user: str | None = None, size: int, after: str = "") -> Page[TokenDetail]:
        """Tokens of a user (the caller without one), revoked and expired ones included."""

        def read(view: View) -> Page[TokenDetail]:
            owner = load_user(view, user or view.actor.user.id)
            found = view.find(TOKENS, _OF_USER, user_id=owner.id, after=after, limit=size + 1)
            return page_of([self._detail(view, token) for token in found], size, [token.id for token in found])

        return self._gate.read(caller, Operation.TOKEN_LIST, read)

    def in_force(self, caller: Caller, *, user: str | None = None, size: int) -> Page[TokenDetail]:
        """A user's newest tokens that still open something (the caller's without one), the newest first; the first page
        alone. A session that has lain idle for too long is none of them.
        """

        def read(view: View) -> Page[TokenDetail]:
            owner = load_user(view, user or view.actor.user.id)
            found = view.find(
                TOKENS, _IN_FORCE, user_id=owner.id, epoch=owner.token_epoch, now=view.now, limit=size + 1
            )
            page = page_of(found, size, [token.id for token in found])
            details = [
                TokenDetail(token, self._activity.last_seen(view.tx, token.id), scope_of(view, token))
                for token in page.items
            ]
            return Page(tuple(each for each in details if not _lay_idle(each, view.now)), page.next)

        return self._gate.read(caller, Operation.TOKEN_LIST, read)

    def show(self, caller: Caller, token_id: str) -> TokenDetail:
        """
        Raises:
            NotFound: there is none of that id, or none that the caller may see.
        """

        def read(view: View) -> TokenDetail:
            token = view.get(TOKENS, token_id) if is_id_shaped(token_id) else None
            if token is None:
                raise view.missing("token", token_id)
            view.permit(view.actor.relation_to_user(token.user_id), "token", token.id, token.name)
            return self._detail(view, token)

        return self._gate.read(caller, Operation.TOKEN_LIST, read)

    def revoke(self, caller: Caller, token_id: str) -> Token:
        """End a token at once.

        Raises:
            Conflict: it was revoked before.
        """

        def change(change: Change) -> Token:
            token = change.get(TOKENS, token_id, Lock.UPDATE) if is_id_shaped(token_id) else None
            if token is None:
                raise change.missing("token", token_id)
            change.permit(change.actor.relation_to_user(token.user_id), "token", token.id, token.name)
            if token.revoked_at is not None:
                raise Conflict(
                    "This token is revoked already.",
                    field="token",
                    advice="There is nothing left to do: it is of no use.",
                )
            return change.update(TOKENS, token, revoked_at=change.now)

        return self._gate.write(caller, Operation.TOKEN_REVOKE, change)

    def _detail(self, view: View, token: Token) -> TokenDetail:
        return TokenDetail(token, self._activity.last_use(view.tx, token.id), scope_of(view, token))


def _noted(token: Token) -> dict[str, Any]:
    """What the audit log keeps of a token's scope."""
    kept = {
        "operations": token.operations,
        "keys": token.key_ids,
        "groups": token.group_ids,
        "networks": token.networks,
    }
    return {name: json.loads(value) for name, value in kept.items() if value is not None}


def _require_no_workload(caller: Caller) -> None:
    if caller.workload_id is not None:
        raise NotPermitted(
            "A workload may not make a token: it would outlast the one that it came with.",
            advice="Present the issuer's own token each time; or have the user make one.",
        )


def _go_on(change: Change, user: User, ticket: Ticket, step: Step | None) -> Progress:
    """Take the ticket away, and do its step. What was proven before stays proven."""
    if step is None:
        raise InternalError("A ticket was presented, and nothing to go on with.")
    if Needs(ticket.needs) not in step.serves:
        raise ticket_refused("it is for another step")
    tickets.spend(change, ticket)
    progress = step.take(change, user)
    return replace(progress, second_factor=progress.second_factor or ticket.second_factor)


def _ticket(change: Change, caller: Caller, how: Begun, progress: Progress, needs: Needs) -> IssuedTicket:
    """A ticket for the next step; the audit log calls it what it is: a sign-in that has begun."""
    ticket, text = tickets.issue(
        change,
        progress.user,
        needs,
        method=how.method,
        second_factor=progress.second_factor,
        network=network_of(caller.address),
        idle_after=how.idle_after,
        certificate_id=None if change.actor.certificate is None else change.actor.certificate.id,
        vouched=how.vouched,
    )
    change.permit(change.actor.relation_to_user(progress.user.id), "user", progress.user.id, progress.user.name)
    change.call(Operation.SESSION_BEGIN)
    change.note(method=how.method, needs=needs.value)
    return IssuedTicket(ticket, text, progress.user, progress.codes)


def _lay_idle(detail: TokenDetail, now: Microseconds) -> bool:
    token = detail.token
    return token.idle_after is not None and now - (detail.last_used_at or token.created_at) > token.idle_after
