"""Sessions and API tokens: who holds which, until when. Only a digest of each is kept."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import bindparam

from keyferry.clock import DAY, SECOND, Microseconds
from keyferry.custody.activity import Activity
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.names import check_text
from keyferry.custody.pages import Page, page_of
from keyferry.custody.policy import Operation
from keyferry.custody.users import load_user
from keyferry.custody.view import Change, Query, View
from keyferry.errors import Conflict, InvalidInput, NotAuthenticated, NotPermitted
from keyferry.ids import is_id_shaped, new_id
from keyferry.material.secret import Secret
from keyferry.store.records import Token, User
from keyferry.store.sealed import TOKENS, Lock
from keyferry.store.tables import tokens

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
class IssuedToken:
    """A token and its text, which nobody can show again."""

    token: Token
    text: Secret
    user: User


@dataclass(frozen=True, slots=True)
class TokenDetail:
    """A token and when it was last used, to the minute; None for never."""

    token: Token
    last_used_at: Microseconds | None


class Tokens:
    """Sessions and API tokens. A token lets its bearer act as its user, and no further; it ends at its date.

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

    def open_session(self, caller: Caller, *, epoch: int, idle_after: Microseconds | None = None) -> IssuedToken:
        """The token of a sign-in whose password has just been verified, or of a caller with a certificate.

        Args:
            epoch: the account's token epoch when its password hash, or the certificate, was read.
            idle_after: without a use for so long, the session ends; None for one that may lie idle.

        Raises:
            NotAuthenticated: the account may not be used, or its password was set since then.
        """
        name = "sign-in" if idle_after is None else "console"
        return self._create(caller, Operation.SESSION_OPEN, "session", name, self._session_lifetime, epoch, idle_after)

    def create(self, caller: Caller, name: str, lifetime: Microseconds) -> IssuedToken:
        """A named token for the caller's own programs.

        Raises:
            InvalidInput: the name is empty, or the lifetime is not between a minute and 366 days.
            NotPermitted: the caller is a workload.
        """
        if not 60 * SECOND <= lifetime <= LONGEST_LIFETIME:
            raise InvalidInput(
                "A token lasts between a minute and 366 days.", field="lifetime", advice="Give a lifetime in between."
            )
        if not name.strip():
            raise InvalidInput("A token needs a name.", field="name", advice="Name what will use it.")
        return self._create(caller, Operation.TOKEN_CREATE, "api", name, lifetime)

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
            details = [TokenDetail(token, self._activity.last_seen(view.tx, token.id)) for token in page.items]
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
        return TokenDetail(token, self._activity.last_use(view.tx, token.id))

    def _create(
        self,
        caller: Caller,
        operation: Operation,
        kind: str,
        name: str,
        lifetime: Microseconds,
        epoch: int | None = None,
        idle_after: Microseconds | None = None,
    ) -> IssuedToken:
        token_id = new_id()
        text, digest = self._issue(token_id)

        def change(change: Change) -> IssuedToken:
            user = change.actor.user
            change.permit(change.actor.relation_to_user(user.id), "token", None, name)
            if caller.workload_id is not None:
                raise NotPermitted(
                    "A workload may not make a token: it would outlast the one that it came with.",
                    advice="Present the issuer's own token each time; or have the user make one.",
                )
            if epoch not in {None, user.token_epoch}:
                raise NotAuthenticated("The password was set, or the account disabled, during the sign-in.")
            token = Token(
                id=token_id,
                user_id=user.id,
                kind=kind,
                name=check_text(name, "name") or "",
                digest=digest,
                epoch=user.token_epoch,
                created_at=change.now,
                expires_at=change.now + lifetime,
                idle_after=idle_after,
                certificate_id=None if change.actor.certificate is None else change.actor.certificate.id,
            )
            return IssuedToken(change.insert(TOKENS, token), text, user)

        return self._gate.write(caller, operation, change)


def _lay_idle(detail: TokenDetail, now: Microseconds) -> bool:
    token = detail.token
    return token.idle_after is not None and now - (detail.last_used_at or token.created_at) > token.idle_after
