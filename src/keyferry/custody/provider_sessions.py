"""Which sessions a provider has vouched for, so that a sign-out there can end them.

These rows are not sealed: all that they can do is end a session.
"""

from sqlalchemy import bindparam, delete, insert, select

from keyferry.clock import Microseconds
from keyferry.custody.arrival import ProviderSession, Vouched
from keyferry.custody.view import Change
from keyferry.errors import NotAuthenticated
from keyferry.store.records import Token
from keyferry.store.sealed import IDENTITY_PROVIDERS
from keyferry.store.statements import Prepared, Row
from keyferry.store.tables import provider_sessions, tokens
from keyferry.store.transaction import Transaction

_KEEP = Prepared(
    insert(provider_sessions).values(
        token_id=bindparam("token_id"),
        provider_id=bindparam("provider_id"),
        subject=bindparam("subject"),
        session=bindparam("session"),
        expires_at=bindparam("expires_at"),
    )
)
_OF_TOKEN = Prepared(
    select(provider_sessions.c.provider_id, provider_sessions.c.subject, provider_sessions.c.session).where(
        provider_sessions.c.token_id == bindparam("token_id")
    )
)
_OF_SUBJECT = Prepared(
    select(provider_sessions.c.token_id, tokens.c.user_id, provider_sessions.c.session)
    .join_from(provider_sessions, tokens, tokens.c.id == provider_sessions.c.token_id)
    .where(
        provider_sessions.c.provider_id == bindparam("provider_id"),
        provider_sessions.c.subject == bindparam("subject"),
        tokens.c.revoked_at.is_(None),
    )
    .order_by(provider_sessions.c.token_id)
)
_FORGET = Prepared(delete(provider_sessions).where(provider_sessions.c.expires_at <= bindparam("now")))


def require_vouching(change: Change, vouched: Vouched | None) -> None:
    """
    Raises:
        NotAuthenticated: the provider that has vouched for a sign-in was disabled or deleted before it was complete.
    """
    if vouched is None:
        return
    provider = change.get(IDENTITY_PROVIDERS, vouched.provider_id)
    if provider is None or provider.deleted_at is not None or not provider.enabled:
        raise NotAuthenticated("The identity provider was disabled, or deleted, during the sign-in.")


def keep_session(tx: Transaction, vouched: Vouched, token: Token) -> None:
    """Keep what the provider calls a session that was opened, if it has told."""
    session = vouched.session
    if session is None:
        return
    tx.run(
        _KEEP,
        token_id=token.id,
        provider_id=vouched.provider_id,
        subject=session.subject_text,
        session=session.session,
        expires_at=token.expires_at,
    )


def session_of(tx: Transaction, token_id: str) -> Row | None:
    """Provider id, subject and session of a token; None for one that no provider has vouched for."""
    return tx.row(_OF_TOKEN, token_id=token_id)


def tokens_of(tx: Transaction, provider_id: str, session: ProviderSession) -> list[tuple[str, str]]:
    """Ids of tokens and of their users, of sessions that are of the subject, and of that session if it is named."""
    found = tx.rows(_OF_SUBJECT, provider_id=provider_id, subject=session.subject_text)
    return [
        (str(token_id), str(user_id))
        for token_id, user_id, name in found
        if session.session is None or name == session.session
    ]


def forget_sessions(tx: Transaction, now: Microseconds) -> None:
    """Drop those that have ended by themselves."""
    tx.run(_FORGET, now=now)
