"""Sessions and tokens, as requests and answers."""

from typing import Annotated, Any

from pydantic import Field, Strict

from keyferry.api.models.users import UserAnswer
from keyferry.api.models.values import Answer, Line, Name, Password, Request, when
from keyferry.custody.tokens import TokenDetail
from keyferry.custody.users import UserDetail
from keyferry.store.records import Certificate, Token


class SignInRequest(Request):
    """A user's name, in any case, and password."""

    user_name: Name
    password: Password


class CurrentSessionAnswer(Answer):
    """Who is calling, under which token, with which client certificate, or by which workload's binding.

    `expires_at` is null for a binding that does not end.
    """

    user: UserAnswer
    token_id: str | None = None
    token_name: str | None = None
    certificate_id: str | None = None
    certificate_name: str | None = None
    workload_id: str | None = None
    workload_name: str | None = None
    expires_at: str | None

    @classmethod
    def by_certificate(cls, user: UserDetail, certificate: Certificate) -> "CurrentSessionAnswer":
        """For a caller who has presented no token."""
        return cls(
            user=UserAnswer.of(user),
            token_id=None,
            token_name=None,
            certificate_id=certificate.id,
            certificate_name=certificate.name,
            expires_at=when(certificate.expires_at) or "",
        )


class TokenCreation(Request):
    """A token for a program: what will use it, and for how long."""

    name: Line
    lifetime_seconds: Annotated[int, Strict(), Field(ge=60, le=366 * 86400)]


class TokenAnswer(Answer):
    """A session's or an API token, without its text."""

    id: str
    user_id: str
    kind: str
    name: str
    created_at: str
    expires_at: str
    revoked_at: str | None
    last_used_at: str | None

    @classmethod
    def of(cls, detail: TokenDetail) -> "TokenAnswer":
        """From custody's record, and when the token was last used (to the minute)."""
        return cls(**_members(detail.token), last_used_at=when(detail.last_used_at))


class IssuedTokenAnswer(TokenAnswer):
    """A token that has just been made. Its text is shown this once."""

    token: str

    @classmethod
    def issued(cls, token: Token, text: str) -> "IssuedTokenAnswer":
        """From custody's record and the text that was made with it."""
        return cls(**_members(token), last_used_at=None, token=text)


def _members(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "user_id": token.user_id,
        "kind": token.kind,
        "name": token.name,
        "created_at": when(token.created_at),
        "expires_at": when(token.expires_at),
        "revoked_at": when(token.revoked_at),
    }
