"""Sessions and tokens, as requests and answers."""

from typing import Annotated, Any

from pydantic import Field, Strict

from keyferry.api.models.users import Networks, UserAnswer
from keyferry.api.models.values import Answer, Line, Name, Password, Reference, Request, when
from keyferry.custody.token_scopes import TokenScope
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
    """A token for a program: what will use it, for how long, and what for.

    `operations` are names as in the audit log, such as `key.export`, or of several at once: `read`, `use`, `export`,
    `push`, `manage`, `audit`. With `keys` or `groups`, it reaches these alone. What is left out narrows nothing.
    """

    name: Line
    lifetime_seconds: Annotated[int, Strict(), Field(ge=60, le=366 * 86400)]
    operations: Annotated[tuple[Name, ...], Field(max_length=200, examples=[["read", "key.export"]])] | None = None
    keys: Annotated[tuple[Reference, ...], Field(max_length=200)] | None = None
    groups: Annotated[tuple[Reference, ...], Field(max_length=200)] | None = None
    networks: Networks | None = None

    def scope(self) -> TokenScope:
        """As custody takes it."""
        return TokenScope(operations=self.operations, keys=self.keys, groups=self.groups, networks=self.networks)


class TokenAnswer(Answer):
    """A session's or an API token, without its text; and what it is narrowed to, null for nothing.

    Keys and groups are told by name, where they have one.
    """

    id: str
    user_id: str
    kind: str
    name: str
    created_at: str
    expires_at: str
    revoked_at: str | None
    operations: list[str] | None
    keys: list[str] | None
    groups: list[str] | None
    networks: list[str] | None
    last_used_at: str | None

    @classmethod
    def of(cls, detail: TokenDetail) -> "TokenAnswer":
        """From custody's record, and when the token was last used (to the minute)."""
        return cls(**_members(detail.token, detail.scope), last_used_at=when(detail.last_used_at))


class IssuedTokenAnswer(TokenAnswer):
    """A token that has just been made. Its text is shown this once."""

    token: str

    @classmethod
    def issued(cls, token: Token, scope: TokenScope | None, text: str) -> "IssuedTokenAnswer":
        """From custody's record and the text that was made with it."""
        return cls(**_members(token, scope), last_used_at=None, token=text)


def _members(token: Token, scope: TokenScope | None) -> dict[str, Any]:
    narrowed = scope or TokenScope()
    return {
        "id": token.id,
        "user_id": token.user_id,
        "kind": token.kind,
        "name": token.name,
        "created_at": when(token.created_at),
        "expires_at": when(token.expires_at),
        "revoked_at": when(token.revoked_at),
        "operations": _listed(narrowed.operations),
        "keys": _listed(narrowed.keys),
        "groups": _listed(narrowed.groups),
        "networks": _listed(narrowed.networks),
    }


def _listed(values: tuple[str, ...] | None) -> list[str] | None:
    return None if values is None else list(values)
