"""What ends with an identity provider: sign-ins that are under way, sessions, and on request the tokens made in them.

Each is ended in its own row, in the transaction that disables the provider, so that no operation has to look at the
provider's. Whoever is signing in meanwhile holds the provider's row, and is either seen here or refused there.
"""

from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from keyferry.custody import tickets
from keyferry.custody.view import Change, Query, View
from keyferry.store.records import IdentityProvider
from keyferry.store.sealed import TOKENS, Lock
from keyferry.store.statements import Prepared
from keyferry.store.tables import tokens, users

_EPOCH = select(users.c.token_epoch).where(users.c.id == tokens.c.user_id).correlate(tokens).scalar_subquery()
_NOT_OVER = (
    tokens.c.provider_id == bindparam("provider_id"),
    tokens.c.revoked_at.is_(None),
    tokens.c.expires_at > bindparam("now"),
)
#: of whatever epoch: a session goes on to the next one when its user sets their own password
_OF_KIND = Query(TOKENS, *_NOT_OVER, tokens.c.kind == bindparam("kind"), order_by=tokens.c.id)
_COUNTS = Prepared(
    select(tokens.c.kind, func.count()).where(*_NOT_OVER, tokens.c.epoch == _EPOCH).group_by(tokens.c.kind)
)


@dataclass(frozen=True, slots=True)
class Opened:
    """How many sessions a provider has opened, and how many tokens people have made in them."""

    sessions: int = 0
    tokens: int = 0


def opened_by(view: View, provider: IdentityProvider) -> Opened:
    """Those that are in force."""
    found: dict[str, int] = dict(view.tx.rows(_COUNTS, provider_id=provider.id, now=view.now))
    return Opened(found.get("session", 0), found.get("api", 0))


def end_opened(change: Change, provider: IdentityProvider, *, with_tokens: bool) -> Opened:
    """End them; `provider` is held for updating. Answers how many there were, and has the audit log say so."""
    tickets.drop_of_provider(change, provider.id)
    found = opened_by(change, provider)
    ended = found if with_tokens else Opened(found.sessions)
    _end(change, provider, "session")
    if with_tokens:
        _end(change, provider, "api")
    change.note(ended_sessions=ended.sessions, ended_tokens=ended.tokens if with_tokens else None)
    return ended


def _end(change: Change, provider: IdentityProvider, kind: str) -> None:
    """End those of a kind, and those that came while the first were waited for: each is made by one that is held."""
    while found := change.find(TOKENS, _OF_KIND, Lock.UPDATE, provider_id=provider.id, now=change.now, kind=kind):
        for token in found:
            change.update(TOKENS, token, revoked_at=change.now)
