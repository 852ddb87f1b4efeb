"""Trusted issuers and what is bound to their subjects, as requests and answers."""

import json
from typing import Annotated, Any

from pydantic import Field, Strict, StrictBool, StrictInt, StrictStr

from keyferry.api.models.values import Answer, Flag, Line, Moment, Name, Reference, Request, left_out, when
from keyferry.clock import SECOND
from keyferry.custody.issuer_facts import (
    ALGORITHMS,
    MOST_CLAIMS,
    USUAL_ALGORITHMS,
    USUAL_LIFETIME,
    USUAL_SKEW,
    KeySource,
    NewKeys,
)
from keyferry.custody.trusted_issuers import IssuerEdit, NewIssuer
from keyferry.custody.workloads import NewWorkload, WorkloadDetail
from keyferry.identity.networks import MAX_NETWORKS
from keyferry.store.records import TrustedIssuer

Seconds = Annotated[int, Strict(), Field(ge=0, le=2**31 - 1)]
Algorithms = Annotated[tuple[Name, ...], Field(max_length=len(ALGORITHMS), examples=[list(USUAL_ALGORITHMS)])]
KeySet = Annotated[
    dict[str, Any], Field(description="A JWK Set (RFC 7517 section 5) of public keys, each with its `kid`.")
]
Issuer = Annotated[Line, Field(examples=["https://token.actions.githubusercontent.com"])]
Networks = Annotated[tuple[Line, ...], Field(max_length=MAX_NETWORKS)]
Claims = Annotated[
    dict[str, StrictBool | StrictInt | StrictStr],
    Field(max_length=MOST_CLAIMS, examples=[{"repository": "example/deploy", "ref_protected": "true"}]),
]


def _document(keys: dict[str, Any] | None) -> str | None:
    return None if keys is None else json.dumps(keys)


class IssuerCreation(Request):
    """An issuer whose tokens are taken. Its keys are where its own metadata say, or at `jwks_url`, or are `jwks`."""

    name: Annotated[Name, Field(examples=["pipelines"])]
    issuer: Issuer
    audience: Line
    jwks_url: Line | None = None
    jwks: KeySet | None = None
    algorithms: Algorithms = USUAL_ALGORITHMS
    longest_lifetime_seconds: Seconds = USUAL_LIFETIME // SECOND
    clock_skew_seconds: Seconds = USUAL_SKEW // SECOND

    def new_issuer(self) -> NewIssuer:
        """As custody takes it."""
        return NewIssuer(
            name=self.name,
            issuer=self.issuer,
            audience=self.audience,
            keys=NewKeys(self.jwks_url, _document(self.jwks)),
            algorithms=self.algorithms,
            longest_lifetime=self.longest_lifetime_seconds * SECOND,
            clock_skew=self.clock_skew_seconds * SECOND,
        )


class IssuerChange(Request):
    """What to change (RFC 7396): what is left out stays; `jwks_url` and `jwks` null: where its own metadata say."""

    audience: Line = left_out()
    jwks_url: Line | None = None
    jwks: KeySet | None = None
    algorithms: Algorithms = left_out()
    longest_lifetime_seconds: Seconds = left_out()
    clock_skew_seconds: Seconds = left_out()
    disabled: Flag = left_out()

    def edit(self) -> IssuerEdit:
        """As custody takes it."""
        of_keys = {"jwks_url", "jwks"} & self.model_fields_set
        lifetime: int | None = self.longest_lifetime_seconds
        skew: int | None = self.clock_skew_seconds
        return IssuerEdit(
            audience=self.audience,
            keys=NewKeys(self.jwks_url, _document(self.jwks)) if of_keys else None,
            algorithms=self.algorithms,
            longest_lifetime=None if lifetime is None else lifetime * SECOND,
            clock_skew=None if skew is None else skew * SECOND,
            disabled=self.disabled,
        )


class IssuerAnswer(Answer):
    """A trusted issuer."""

    id: str
    name: str
    issuer: str
    audience: str
    key_source: KeySource
    jwks_url: str | None
    jwks: dict[str, Any] | None
    algorithms: list[str]
    longest_lifetime_seconds: int
    clock_skew_seconds: int
    disabled: bool
    created_at: str
    created_by: str
    revision: int

    @classmethod
    def of(cls, issuer: TrustedIssuer) -> "IssuerAnswer":
        """As it is told."""
        return cls(
            id=issuer.id,
            name=issuer.name,
            issuer=issuer.issuer,
            audience=issuer.audience,
            key_source=KeySource(issuer.key_source),
            jwks_url=issuer.key_set_url,
            jwks=None if issuer.key_set is None else json.loads(issuer.key_set),
            algorithms=issuer.algorithms.split(","),
            longest_lifetime_seconds=issuer.longest_lifetime // SECOND,
            clock_skew_seconds=issuer.clock_skew // SECOND,
            disabled=issuer.disabled,
            created_at=when(issuer.created_at) or "",
            created_by=issuer.created_by,
            revision=issuer.revision,
        )


class WorkloadCreation(Request):
    """Which subject of an issuer acts as which user. `claims`: what further claims must say, to the letter.

    `networks` null: it may call from everywhere that the user may.
    """

    name: Annotated[Name, Field(examples=["deploy"])]
    issuer: Reference
    subject: Annotated[Line, Field(examples=["repo:example/deploy:ref:refs/heads/main"])]
    claims: Annotated[Claims, Field(default_factory=dict)]
    user: Reference
    networks: Networks | None = None
    expires_at: Moment | None = None

    def new_workload(self) -> NewWorkload:
        """As custody takes it."""
        return NewWorkload(
            name=self.name,
            issuer=self.issuer,
            subject=self.subject,
            claims=self.claims,
            user=self.user,
            networks=self.networks,
            expires_at=self.expires_at,
        )


class WorkloadAnswer(Answer):
    """A binding. `issuer` is null once the issuer is deleted."""

    id: str
    name: str
    issuer_id: str
    issuer: str | None
    subject: str
    claims: dict[str, bool | int | str]
    user_id: str
    user: str | None
    networks: list[str] | None
    expires_at: str | None
    created_at: str
    created_by: str
    revoked_at: str | None

    @classmethod
    def of(cls, detail: WorkloadDetail) -> "WorkloadAnswer":
        """As it is told."""
        workload = detail.workload
        return cls(
            id=workload.id,
            name=workload.name,
            issuer_id=workload.issuer_id,
            issuer=detail.issuer,
            subject=workload.subject,
            claims=detail.claims,
            user_id=workload.user_id,
            user=detail.user,
            networks=detail.networks,
            expires_at=when(workload.expires_at),
            created_at=when(workload.created_at) or "",
            created_by=workload.created_by,
            revoked_at=when(workload.revoked_at),
        )
