"""Accounts, as requests and answers."""

import json
from typing import Annotated

from pydantic import Field

from keyferry.api.models.values import Answer, Flag, Line, Name, Password, Reference, Request, left_out, secret_of, when
from keyferry.custody.accounts import NewUser, UserEdit
from keyferry.custody.identity_binding import NewIdentity
from keyferry.custody.policy import Role
from keyferry.custody.users import UserDetail

Networks = Annotated[
    tuple[Annotated[str, Field(max_length=64)], ...],
    Field(max_length=64, examples=[["192.0.2.0/24", "2001:db8::/32"]]),
]
Groups = Annotated[tuple[Reference, ...], Field(max_length=500)]


class ExpectedIdentity(Request):
    """Who at an identity provider comes to an account: by `subject`, to the letter, or by the `user_name` it says."""

    provider: Reference
    subject: Line | None = None
    user_name: Line | None = None

    def new_identity(self) -> NewIdentity:
        """As custody takes it."""
        return NewIdentity(provider=self.provider, subject=self.subject, user_name=self.user_name)


class UserCreation(Request):
    """A new account. Without a password, nobody signs in to it with one. `networks` null admits every address.

    `identity`: somebody signs in to it through an identity provider.
    """

    name: Name
    role: Role
    password: Password | None = None
    temporary_password: Annotated[
        Flag, Field(description="The password is good for setting one of the user's own alone, at the first sign-in.")
    ] = False
    groups: Groups = ()
    default_group: Reference | None = None
    display_name: Line | None = None
    email: Line | None = None
    networks: Networks | None = None
    disabled: Flag = False
    identity: ExpectedIdentity | None = None

    def new_user(self) -> NewUser:
        """As custody takes it."""
        return NewUser(
            name=self.name,
            role=self.role,
            password=None if self.password is None else secret_of(self.password),
            temporary=self.temporary_password,
            groups=self.groups,
            default_group=self.default_group,
            display_name=self.display_name,
            email=self.email,
            networks=self.networks,
            disabled=self.disabled,
            identity=None if self.identity is None else self.identity.new_identity(),
        )


class UserChange(Request):
    """What to change (RFC 7396): what is left out stays, null clears. `networks` null admits every address."""

    role: Role = left_out()
    groups: Groups = left_out()
    default_group: Reference | None = None
    display_name: Line | None = None
    email: Line | None = None
    networks: Networks | None = None

    def edit(self) -> UserEdit:
        """As custody takes it."""
        return UserEdit(
            role=self.role,
            groups=self.groups,
            default_group=cleared(self, "default_group"),
            display_name=cleared(self, "display_name"),
            email=cleared(self, "email"),
            networks=self.networks,
            enforce_networks=False if "networks" in self.model_fields_set and self.networks is None else None,
        )


class PasswordChange(Request):
    """A new password; one's own needs the current one as well.

    With `temporary`, another's is good for setting one of their own alone, at the next sign-in.
    """

    password: Password
    current_password: Password | None = None
    temporary: Flag = False


class PasswordQuestion(Request):
    """A password that somebody thinks of, and the name of the user who is to have it."""

    password: Password
    user_name: Name = ""


class StrengthAnswer(Answer):
    """An estimate, 0 to 4, and what would make the password better; `refusal` says why it would not be taken."""

    score: int
    warning: str
    suggestions: list[str]
    refusal: str | None


class UserAnswer(Answer):
    """An account, with the names of its groups."""

    id: str
    name: str
    role: Role
    display_name: str | None
    email: str | None
    groups: list[str]
    default_group: str | None
    networks: list[str] | None
    disabled: bool
    has_password: bool
    must_change_password: bool
    second_factors: int
    created_at: str
    revision: int

    @classmethod
    def of(cls, detail: UserDetail) -> "UserAnswer":
        """Without the password's hash, and whatever else is nobody's business."""
        user = detail.user
        return cls(
            id=user.id,
            name=user.name,
            role=Role(user.role),
            display_name=user.display_name,
            email=user.email,
            groups=list(detail.groups),
            default_group=detail.default_group,
            networks=None if user.networks is None else json.loads(user.networks),
            disabled=user.disabled,
            has_password=user.password_hash is not None,
            must_change_password=bool(user.must_change),
            second_factors=user.factors or 0,
            created_at=when(user.created_at) or "",
            revision=user.revision,
        )


def cleared(change: Request, member: str) -> str | None:
    """As custody's edits have it: None for what was left out, an empty text for null."""
    if member not in change.model_fields_set:
        return None
    given: str | None = getattr(change, member)
    return given or ""
