"""Identity providers and identities, as requests and answers. No answer holds a secret."""

from typing import Annotated, Any, Self

from pydantic import Field

from keyferry.api.models.values import Answer, Flag, Name, Request, SecretText, left_out, secret_of, when
from keyferry.custody.identities import IdentityDetail
from keyferry.custody.provider_kinds import Kind
from keyferry.custody.provider_writing import DEFAULT_SKEW, MOST_SKEW, NewProvider, ProviderEdit
from keyferry.custody.providers import DisabledProvider, ProviderDetail

Members = Annotated[dict[str, Any], Field(max_length=64)]
Skew = Annotated[int, Field(ge=0, le=MOST_SKEW, description="How far the provider's clock may be off, in seconds.")]
Credential = Annotated[
    SecretText | None,
    Field(description="A client's secret; for SAML PEM of an RSA key and its certificate, made here if left out."),
]


class ProviderCreation(Request):
    """An identity provider. It is disabled at first.

    `configuration` is the kind's own. `mapping`: `subject`, `user_name`, `display_name`, `email` name attributes;
    `groups` with `group_table` and `role` with `role_table` say which of their values are which groups and role here;
    `update` has them set anew at every sign-in.
    """

    name: Annotated[Name, Field(examples=["entra"])]
    kind: Kind
    configuration: Members
    credential: Credential = None
    mapping: Members = Field(default_factory=dict)
    just_in_time: Annotated[Flag, Field(description="Make accounts for those who come and have none.")] = False
    asks_second_factor: Annotated[Flag, Field(description="The provider asks for one, so Keyferry does not.")] = False
    clock_skew: Skew = DEFAULT_SKEW

    def new_provider(self) -> NewProvider:
        """As custody takes it."""
        return NewProvider(
            name=self.name,
            kind=self.kind.value,
            configuration=self.configuration,
            credential=None if self.credential is None else secret_of(self.credential),
            mapping=self.mapping,
            just_in_time=self.just_in_time,
            asks_second_factor=self.asks_second_factor,
            clock_skew=self.clock_skew,
        )


class ProviderChange(Request):
    """What to change (RFC 7396 for `configuration`; `mapping` is replaced whole).

    While the provider is enabled, what its sign-ins rest on changes only with `untested`.
    """

    configuration: Members = left_out()
    credential: Credential = None
    renew_credential: Annotated[Flag, Field(description="Have Keyferry make itself a new key.")] = False
    mapping: Members = left_out()
    just_in_time: Flag = left_out()
    asks_second_factor: Flag = left_out()
    clock_skew: Skew = left_out()
    untested: Flag = False

    def edit(self) -> ProviderEdit:
        """As custody takes it."""
        return ProviderEdit(
            configuration=self.configuration,
            credential=None if self.credential is None else secret_of(self.credential),
            renew_credential=self.renew_credential,
            mapping=self.mapping,
            just_in_time=self.just_in_time,
            asks_second_factor=self.asks_second_factor,
            clock_skew=self.clock_skew,
            untested=self.untested,
        )


class NextKey(Request):
    """Our next key with a SAML provider: PEM of an RSA key and its certificate, made here if left out."""

    credential: Credential = None


class Enabling(Request):
    """`untested` says that nobody has signed in through the provider yet, and that this is known."""

    untested: Flag = False


class EndingTokens(Request):
    """What ends with a provider, beside the sessions that it has opened."""

    end_tokens: Annotated[
        bool, Field(description="End the API tokens that people have made in these sessions, too.")
    ] = False


class ProviderAnswer(Answer):
    """A provider. Of its secret there is whether it has one; our own certificate is in `configuration`.

    `open_sessions` counts those in force that it has opened, `open_tokens` the API tokens that were made in such ones.
    """

    id: str
    name: str
    kind: Kind
    enabled: bool
    configuration: dict[str, Any]
    has_credential: bool
    mapping: dict[str, Any]
    just_in_time: bool
    asks_second_factor: bool
    clock_skew: int
    tested_at: str | None
    open_sessions: int
    open_tokens: int
    created_at: str
    created_by: str
    revision: int

    @classmethod
    def of(cls, detail: ProviderDetail, **more: Any) -> Self:
        """Without the secret, sealed or not."""
        row = detail.provider
        return cls(
            id=row.id,
            name=row.name,
            kind=Kind(row.kind),
            enabled=row.enabled,
            configuration=detail.configuration,
            has_credential=row.credential is not None,
            mapping=detail.mapping,
            just_in_time=row.just_in_time,
            asks_second_factor=row.asks_second_factor,
            clock_skew=row.clock_skew,
            tested_at=when(row.tested_at),
            open_sessions=detail.opened.sessions,
            open_tokens=detail.opened.tokens,
            created_at=when(row.created_at) or "",
            created_by=row.created_by,
            revision=row.revision,
            **more,
        )


class DisabledProviderAnswer(ProviderAnswer):
    """A provider that was disabled, and how many sessions and API tokens have ended with that."""

    ended_sessions: int
    ended_tokens: int

    @classmethod
    def after(cls, done: DisabledProvider) -> Self:
        """What was done, as people see it."""
        return cls.of(done.detail, ended_sessions=done.ended.sessions, ended_tokens=done.ended.tokens)


class IdentityAnswer(Answer):
    """Who at which provider comes to which account. `subject` is null until somebody has come."""

    id: str
    provider: str
    user_id: str
    user_name: str
    subject: str | None
    expected: str | None
    created_at: str
    revision: int

    @classmethod
    def of(cls, detail: IdentityDetail) -> "IdentityAnswer":
        """As people see it."""
        row = detail.identity
        return cls(
            id=row.id,
            provider=detail.provider,
            user_id=row.user_id,
            user_name=detail.user.name,
            subject=row.subject,
            expected=row.expected,
            created_at=when(row.created_at) or "",
            revision=row.revision,
        )


class IdentitiesAnswer(Answer):
    """The identities of one account."""

    items: list[IdentityAnswer]
