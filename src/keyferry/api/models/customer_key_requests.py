"""Customer Key requests, as requests and answers."""

import json
from typing import Annotated, Any

from pydantic import Field

from keyferry.api.models.connections import Guid
from keyferry.api.models.deployments import Facts, told_at
from keyferry.api.models.keys import OwnerAnswer
from keyferry.api.models.users import cleared
from keyferry.api.models.values import Answer, Flag, Id, Line, Name, Reference, Request, left_out, when
from keyferry.custody.customer_key_lookup import CustomerKeyDetail
from keyferry.custody.customer_key_requests import NewRequest, RequestEdit
from keyferry.custody.customer_key_shapes import MOST_CHECK_LINES, RequestedKey
from keyferry.custody.customer_key_states import RequestState

Words = Annotated[tuple[Name, ...], Field(max_length=10)]


class KeyOfPair(Request):
    """One of the two keys: `deployment`, or the `identifier` of a key that Keyferry has not deployed."""

    deployment: Id | None = None
    identifier: Line | None = None
    subscription_id: Guid

    def requested(self) -> RequestedKey:
        """As custody takes it."""
        return RequestedKey(
            deployment=self.deployment, identifier=self.identifier, subscription_id=self.subscription_id
        )


Pair = Annotated[tuple[KeyOfPair, ...], Field(min_length=2, max_length=2)]


class CustomerKeyRequestCreation(Request):
    """A request: two keys, for which workloads or which scenario of Microsoft's, and whom Microsoft may ask.

    Without `group` and `owner` it is the caller's default group's, else the caller's.
    """

    organization_id: Guid
    workloads: Words = ()
    scenario: Name | None = None
    keys: Pair
    contacts: Facts
    group: Reference | None = None
    owner: Reference | None = None

    def new_request(self) -> NewRequest:
        """As custody takes it."""
        return NewRequest(
            organization_id=self.organization_id,
            workloads=self.workloads,
            scenario=self.scenario,
            keys=tuple(key.requested() for key in self.keys),
            contacts=self.contacts,
            group=self.group,
            owner=self.owner,
        )


class CustomerKeyRequestChange(Request):
    """What to change (RFC 7396): what is left out stays, null clears."""

    organization_id: Guid = left_out()
    workloads: Words = left_out()
    scenario: Name | None = None
    keys: Pair = left_out()
    contacts: Facts = left_out()

    def edit(self) -> RequestEdit:
        """As custody takes it."""
        return RequestEdit(
            organization_id=self.organization_id,
            workloads=self.workloads,
            scenario=cleared(self, "scenario"),
            keys=None if self.keys is None else tuple(key.requested() for key in self.keys),  # type: ignore[redundant-expr]  # None when left out
            contacts=self.contacts,
        )


class CheckReport(Request):
    """What a check of the pair found: `id`, `subject`, `weight`, `outcome` (`passes`, `fails`, `cannot-be-seen`),
    `wanted` and `found` of each line, where it does not pass a `remedy`, and the rule's `source`.
    """

    lines: Annotated[tuple[Facts, ...], Field(min_length=1, max_length=MOST_CHECK_LINES)]


class ValidationWishes(Request):
    """How the server shall look.

    `principals`: object ids of the workloads' service principals, and of `onboarding`'s, where Microsoft Graph does not
    show them. `accept_unseen`: the caller vouches for required lines that cannot be seen, which is kept.
    """

    principals: Annotated[dict[Name, Guid], Field(max_length=10)] = Field(default_factory=dict)
    accept_unseen: bool = False


class StateReport(Request):
    """Where the request stands now, and what Microsoft said: its own name for it, and what its validation found.

    `validated` follows a check of the server's own (`validation`) of the last day that found nothing against it; or,
    with `vouched`, the statement that you have checked it yourself; `note` says how. It is kept in the audit log.
    """

    state: RequestState
    reference: Line | None = None
    note: Line | None = None
    validations: Facts | None = None
    vouched: Flag = False


class KeyOfPairAnswer(Answer):
    """One of the two keys; `identifier` is null while its deployment has not imported it."""

    deployment: str | None
    identifier: str | None
    subscription_id: str


class CustomerKeyRequestAnswer(Answer):
    """A request, the states that it has been in, and the last checks since it was edited; the newest last."""

    id: str
    owner: OwnerAnswer
    organization_id: str
    workloads: list[str]
    scenario: str | None
    keys: list[KeyOfPairAnswer]
    contacts: dict[str, Any]
    state: RequestState
    reference: str | None
    history: list[dict[str, Any]]
    checks: list[dict[str, Any]]
    created_at: str
    created_by: str
    updated_at: str
    revision: int

    @classmethod
    def of(cls, detail: CustomerKeyDetail) -> "CustomerKeyRequestAnswer":
        """From custody's record."""
        request, owner = detail.request, detail.owner
        return cls(
            id=request.id,
            owner=OwnerAnswer(
                user=None if owner.user_id is None else owner.name, group=None if owner.group_id is None else owner.name
            ),
            organization_id=request.organization_id,
            workloads=json.loads(request.workloads),
            scenario=request.scenario,
            keys=[
                KeyOfPairAnswer(
                    deployment=key.deployment, identifier=key.identifier, subscription_id=key.subscription_id
                )
                for key in detail.keys
            ],
            contacts=json.loads(request.contacts),
            state=detail.state,
            reference=request.reference,
            history=[told_at(each) for each in detail.history],
            checks=[told_at(each) for each in detail.checks],
            created_at=when(request.created_at) or "",
            created_by=request.created_by,
            updated_at=when(request.updated_at) or "",
            revision=request.revision,
        )
