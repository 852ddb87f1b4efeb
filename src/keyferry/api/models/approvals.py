"""Approval policies and requests for approval, as requests and answers."""

from typing import Annotated, Any

from pydantic import Field, Strict

from keyferry.api.models.pages import PageQuery
from keyferry.api.models.values import Answer, Line, Reference, Request, when
from keyferry.clock import SECOND
from keyferry.custody.approval_policy import LONGEST, MOST_APPROVERS, NO_APPROVALS, SHORTEST, USUAL, ApprovalWish
from keyferry.custody.approvals import ApprovalDetail, PolicyDetail, Which
from keyferry.custody.approving import RequestState
from keyferry.custody.policy import Covered


class ApprovalPolicyGiven(Request):
    """What needs the approval of others: so many of those who are named have to approve it before it happens. A request
    can be approved, and used, for as long as it lasts.
    """

    operations: Annotated[tuple[Covered, ...], Field(min_length=1, max_length=len(Covered))]
    needed: Annotated[int, Strict(), Field(ge=1, le=MOST_APPROVERS)] = 1
    approvers: Annotated[tuple[Reference, ...], Field(min_length=1, max_length=MOST_APPROVERS)]
    lifetime_seconds: Annotated[int, Strict(), Field(ge=SHORTEST // SECOND, le=LONGEST // SECOND)] = USUAL // SECOND

    def wish(self) -> ApprovalWish:
        """As custody takes it."""
        return ApprovalWish(
            tuple(each.value for each in self.operations), self.needed, self.approvers, self.lifetime_seconds * SECOND
        )


def wish_of(change: Request, given: ApprovalPolicyGiven | None) -> ApprovalWish | None:
    """The policy that an edit asks for: None leaves it as it is, null takes it away."""
    if "approvals" not in change.model_fields_set:
        return None
    return NO_APPROVALS if given is None else given.wish()


class ApprovalPolicyAnswer(Answer):
    """A policy, and in sentences what it leaves open; without operations, there is none."""

    operations: list[Covered]
    needed: int | None
    approvers: list[str]
    lifetime_seconds: int | None
    warnings: list[str]

    @classmethod
    def of(cls, policy: PolicyDetail | None) -> "ApprovalPolicyAnswer":
        """From custody's."""
        if policy is None:
            return cls(operations=[], needed=None, approvers=[], lifetime_seconds=None, warnings=[])
        return cls(
            operations=list(policy.operations),
            needed=policy.needed,
            approvers=list(policy.approvers),
            lifetime_seconds=policy.lifetime // SECOND,
            warnings=list(policy.gaps),
        )


class ApprovalRequestsQuery(PageQuery):
    """Which requests: those that wait for the caller's decision, that the caller asked for, or all they may see."""

    which: Which = Which.ALL


class Decision(Request):
    """What is said to it, for the record."""

    note: Line | None = None


class AskedAnswer(Answer):
    """Whose policy asks for approvals: how many, of whom."""

    kind: str
    name: str
    needed: int
    approvers: list[str]


class VoteAnswer(Answer):
    """What somebody has decided."""

    user: str
    decision: str
    note: str | None
    at: str


class ApprovalRequestAnswer(Answer):
    """A request for approval: what exactly is asked for, by whom, and what became of it."""

    id: str
    state: RequestState
    operation: str
    covered_as: Covered
    object_type: str
    object_id: str | None
    object_name: str | None
    facts: dict[str, Any] = Field(description="Exactly what is asked for; another fact would be another request.")
    digest: str = Field(description="SHA-256 of the exact request, in hexadecimal.")
    requester: str
    policies: list[AskedAnswer]
    votes: list[VoteAnswer]
    may_decide: bool
    created_at: str
    expires_at: str
    ended_at: str | None

    @classmethod
    def of(cls, detail: ApprovalDetail) -> "ApprovalRequestAnswer":
        """From custody's."""
        request = detail.request
        return cls(
            id=request.id,
            state=detail.state,
            operation=request.operation,
            covered_as=Covered(request.covered_as),
            object_type=request.object_type,
            object_id=request.object_id,
            object_name=request.object_name,
            facts=dict(detail.facts),
            digest=request.digest.hex(),
            requester=detail.requester,
            policies=[
                AskedAnswer(kind=each.kind, name=each.name, needed=each.needed, approvers=list(each.approvers))
                for each in detail.asked
            ],
            votes=[
                VoteAnswer(user=each.user, decision=each.decision, note=each.note, at=when(each.at) or "")
                for each in detail.votes
            ],
            may_decide=detail.may_decide,
            created_at=when(request.created_at) or "",
            expires_at=when(request.expires_at) or "",
            ended_at=when(request.ended_at),
        )
