"""Whether an operation may be done now, or others have to approve it first.

An operation that `policy.UNDER_APPROVAL` names says exactly what it is about to do (`Exact`) and whose policies are
about it (`Holder`). Where one of these covers it, an approved request of the same caller for exactly this is looked
for, judged once more by the policies as they are now, and used up in the transaction that does it. Where there is none,
the operation is refused, and the gate files a request.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, text

from keyferry.clock import SECOND, to_rfc3339
from keyferry.custody.approval_policy import ApprovalPolicy, may_approve, names_of
from keyferry.custody.policy import UNDER_APPROVAL, Covered, Operation, Relation
from keyferry.custody.view import APPROVAL_KIND, Change, Query, View
from keyferry.errors import ApprovalRequired, Conflict, IntegrityViolation
from keyferry.ids import new_id
from keyferry.material.sealing import encode_columns
from keyferry.store.records import ApprovalRequest, ApprovalVote, Group, Key
from keyferry.store.sealed import APPROVAL_REQUESTS, APPROVAL_VOTES, USERS, Lock
from keyferry.store.tables import approval_requests, approval_votes

Fact = str | int | bool | None | Sequence[str]


class RequestState(StrEnum):
    """What became of a request. Only one that is approved can be used, once."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    USED = "used"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


_OPEN = Query(
    APPROVAL_REQUESTS,
    approval_requests.c.requester_id == bindparam("requester_id"),
    approval_requests.c.digest == bindparam("digest"),
    text("approval_requests.state IN ('pending', 'approved')"),
)
_VOTES = Query(APPROVAL_VOTES, approval_votes.c.request_id == bindparam("request_id"), order_by=approval_votes.c.id)


@dataclass(frozen=True, slots=True)
class Holder:
    """A group or a key whose policy is about the operation."""

    kind: str
    id: str
    name: str | None
    policy: ApprovalPolicy


@dataclass(frozen=True, slots=True)
class Exact:
    """What an operation is about to do, as precisely as it matters. Another fact makes it another request.

    Attributes:
        kind, id, name: the object; without an id, what is still to be made.
        facts: by their names in REST.
    """

    kind: str
    id: str | None
    name: str | None
    facts: Mapping[str, Fact] = field(default_factory=dict)

    @property
    def kept(self) -> str:
        """The facts as a request keeps them."""
        return json.dumps(dict(self.facts), separators=(",", ":"), ensure_ascii=False)

    def digest(self, operation: Operation, requester_id: str) -> bytes:
        """SHA-256 of the request: unambiguous and versioned, each part with its length and type before it."""
        parts: dict[str, str | int | bool | None] = {
            "operation": operation.value,
            "requester": requester_id,
            "object_type": self.kind,
            "object_id": self.id,
            "object_name": self.name,
        }
        for name, value in self.facts.items():
            is_plain = value is None or isinstance(value, str | int)
            parts[f"fact {name}" if is_plain else f"facts {name}"] = value if is_plain else json.dumps(list(value))  # type: ignore[arg-type, assignment]  # as is_plain says
        return hashlib.sha256(encode_columns("approval request 1", parts)).digest()


@dataclass(frozen=True, slots=True)
class Filing:
    """What a request for approval is made of."""

    operation: Operation
    covered_as: Covered
    exact: Exact
    digest: bytes
    holders: tuple[Holder, ...]


class ApprovalNeeded(ApprovalRequired):
    """Refused until others approve; the gate files the request that `filing` describes."""

    def __init__(self, filing: Filing) -> None:
        what = filing.covered_as.value
        whose = ", ".join(f"{holder.kind} {holder.name or holder.id}" for holder in filing.holders)
        super().__init__(
            f"This needs the approval of others: {whose} asks for it ({what}).",
            advice="Have it approved, and repeat it.",
        )
        self.filing = filing


def no_approval(view: View) -> None:
    """Say that nothing of what the operation is about to do can be under approval."""
    view.approval_judged = True


def require_approval(view: View, exact: Exact, holders: Sequence[Holder], what: Sequence[Covered] = ()) -> None:
    """Have what is about to be done approved, where one of the `holders` asks for it; a change uses the approval up.

    To be called once all else is judged, and before anything is written.

    Args:
        what: as what it can be covered, each of these; what policies call the operation, if none is said.

    Raises:
        ApprovalNeeded: it is not approved (any more); nothing may be done.
    """
    view.approval_judged = True
    if not holders:  # as when an Administrator is let back in from the server, which no policy has a name for
        return
    asked = what or (UNDER_APPROVAL[view.operation],)
    covering = tuple(holder for holder in holders if any(holder.policy.covers(each) for each in asked))
    if not covering:
        return
    covered_as = next(each for each in asked if any(holder.policy.covers(each) for holder in covering))
    requester = view.actor.user.id
    digest = exact.digest(view.operation, requester)
    changes = isinstance(view, Change)
    lock = Lock.UPDATE if changes else Lock.NONE
    found = view.first(APPROVAL_REQUESTS, _OPEN, lock, requester_id=requester, digest=digest)
    if found is None or not _is_good(view, found, covering):
        raise ApprovalNeeded(Filing(view.operation, covered_as, exact, digest, covering))
    if isinstance(view, Change):
        view.update(APPROVAL_REQUESTS, found, state=RequestState.USED.value, ended_at=view.now)
        view.note(approval=found.id)


def file_request(change: Change, filing: Filing) -> ApprovalRequest:
    """The request for exactly this by this caller that is open; a new one if none is.

    Where policies have changed since, it is put to those whom they name now.

    Raises:
        Conflict: (`approval-unreachable`) fewer than are needed can approve it.
    """
    requester = change.actor.user
    change.permit(Relation.OWN, APPROVAL_KIND, None, filing.exact.name)
    found = change.first(APPROVAL_REQUESTS, _OPEN, Lock.UPDATE, requester_id=requester.id, digest=filing.digest)
    if found is not None and found.expires_at <= change.now:
        change.update(APPROVAL_REQUESTS, found, state=RequestState.EXPIRED.value, ended_at=change.now)
        found = None
    policies = as_snapshot(filing.holders)
    if found is not None:
        state = _state_under(change, found, filing.holders)
        if (found.policies, found.state) == (policies, state):
            return found
        return change.update(APPROVAL_REQUESTS, found, policies=policies, state=state.value)
    _require_reachable(change, filing)
    change.note(
        asked=filing.operation.value,
        about=filing.exact.id,
        digest=filing.digest.hex(),
        policies=[holder.id for holder in filing.holders],
    )
    return change.insert(
        APPROVAL_REQUESTS,
        ApprovalRequest(
            id=new_id(),
            operation=filing.operation.value,
            covered_as=filing.covered_as.value,
            object_type=filing.exact.kind,
            object_id=filing.exact.id,
            object_name=filing.exact.name,
            requester_id=requester.id,
            digest=filing.digest,
            facts=filing.exact.kept,
            policies=policies,
            state=RequestState.PENDING.value,
            expires_at=change.now + min(holder.policy.lifetime for holder in filing.holders),
            created_at=change.now,
        ),
    )


def next_step(view: View, request: ApprovalRequest) -> str:
    """What whoever was refused does next."""
    until = to_rfc3339(request.expires_at // SECOND * SECOND)
    if request.state == RequestState.APPROVED:
        return f"Request {request.id} is approved: repeat this, once, before {until}."
    holders = of_snapshot(request.policies)
    asked = {id_ for holder in holders for id_ in holder.policy.approvers} - {request.requester_id}
    needed = " and ".join(_needed(holder) for holder in holders)
    return (
        f"Request {request.id} waits for {needed}, by {', '.join(names_of(view, asked))}, until {until}. "
        "Repeat this once it is approved."
    )


def as_snapshot(holders: Sequence[Holder]) -> str:
    """Whose policies ask, of whom and how many, as a request keeps it."""
    return json.dumps(
        [[holder.kind, holder.id, holder.name, json.loads(holder.policy.text)] for holder in holders],
        separators=(",", ":"),
    )


def of_snapshot(kept: str) -> tuple[Holder, ...]:
    """From a request's row that has verified."""
    told: list[Any] = json.loads(kept)
    return tuple(
        Holder(kind, id_, name, ApprovalPolicy.read(json.dumps(policy, sort_keys=True)))
        for kind, id_, name, policy in told
    )


def votes_of(view: View, request: ApprovalRequest) -> list[ApprovalVote]:
    """Every vote that was cast, in order.

    Raises:
        IntegrityViolation: one has been removed, or put in.
    """
    found = view.find(APPROVAL_VOTES, _VOTES, Lock.NONE, request_id=request.id)
    if len(found) != request.votes:
        raise IntegrityViolation(f"Request {request.id} has {request.votes} votes, but {len(found)} are there.")
    return found


def enough(view: View, request: ApprovalRequest, holders: Sequence[Holder]) -> bool:
    """Whether every holder's policy has its approvals, by those whom it names and who may approve now."""
    approved = {vote.user_id for vote in votes_of(view, request) if vote.decision == "approve"}
    standing = {id_ for id_ in approved - {request.requester_id} if may_approve(view.get(USERS, id_))}
    return all(len(standing & set(holder.policy.approvers)) >= holder.policy.needed for holder in holders)


def group_holder(group: Group | None) -> list[Holder]:
    """A group as a holder of its policy; nothing if it has none."""
    if group is None or group.approvals is None:
        return []
    return [Holder("group", group.id, group.name, ApprovalPolicy.read(group.approvals))]


def key_holder(key: Key) -> list[Holder]:
    """A key as a holder of its own policy; nothing if it has none."""
    return [] if key.approvals is None else [Holder("key", key.id, key.name, ApprovalPolicy.read(key.approvals))]


def _is_good(view: View, request: ApprovalRequest, holders: Sequence[Holder]) -> bool:
    if request.state != RequestState.APPROVED or request.expires_at <= view.now:
        return False
    return enough(view, request, holders)


def _state_under(view: View, request: ApprovalRequest, holders: Sequence[Holder]) -> RequestState:
    return RequestState.APPROVED if enough(view, request, holders) else RequestState.PENDING


def _require_reachable(view: View, filing: Filing) -> None:
    requester = view.actor.user.id
    for holder in filing.holders:
        others = [id_ for id_ in holder.policy.approvers if id_ != requester and may_approve(view.get(USERS, id_))]
        if len(others) < holder.policy.needed:
            raise Conflict(
                f"The {holder.kind} {holder.name or holder.id} asks for {holder.policy.needed} approvals by others, "
                f"and {len(others)} of those whom it names can approve.",
                code="approval-unreachable",
                advice="Enable an approver, or have the policy changed by those who can.",
            )


def _needed(holder: Holder) -> str:
    needed = holder.policy.needed
    return f"{needed} approval{'' if needed == 1 else 's'} for {holder.kind} {holder.name or holder.id}"
