"""Requests for approval: who asks for what exactly, who decides, and what has become of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import bindparam, exists, func, or_, select

from keyferry.clock import Microseconds
from keyferry.custody.approval_policy import ApprovalPolicy, gaps, names_of
from keyferry.custody.approving import Holder, RequestState, enough, of_snapshot, votes_of
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.groups import load_group
from keyferry.custody.key_lookup import load_key
from keyferry.custody.names import check_text
from keyferry.custody.pages import Page, page_of
from keyferry.custody.policy import Covered, Operation, Relation, permits
from keyferry.custody.view import APPROVAL_KIND, Change, Query, View
from keyferry.errors import Conflict, NotPermitted
from keyferry.ids import is_id_shaped, new_id
from keyferry.store.records import ApprovalRequest, ApprovalVote
from keyferry.store.sealed import APPROVAL_REQUESTS, APPROVAL_VOTES, USERS, Lock
from keyferry.store.statements import Prepared
from keyferry.store.tables import approval_requests, approval_votes

_requests = approval_requests.c
_BEFORE = _requests.id < bindparam("before")
_NEWEST = _requests.id.desc()
_NAMED = _requests.policies.like(bindparam("named"))
_MINE = _requests.requester_id == bindparam("user_id")
_VOTED = exists().where(approval_votes.c.request_id == _requests.id, approval_votes.c.user_id == bindparam("user_id"))
_WAITS = (
    _requests.state == RequestState.PENDING.value,
    _requests.expires_at > bindparam("now"),
    _requests.requester_id != bindparam("user_id"),
    _NAMED,
    ~_VOTED,
)
_WAITING = Query(APPROVAL_REQUESTS, _BEFORE, *_WAITS, order_by=_NEWEST, limit=True)
_ASKED = Query(APPROVAL_REQUESTS, _BEFORE, _MINE, order_by=_NEWEST, limit=True)
_ABOUT_ME = Query(APPROVAL_REQUESTS, _BEFORE, or_(_MINE, _NAMED), order_by=_NEWEST, limit=True)
_ALL = Query(APPROVAL_REQUESTS, _BEFORE, order_by=_NEWEST, limit=True)
_COUNT = Prepared(select(func.count()).select_from(approval_requests).where(*_WAITS))

#: sorts after every id
_AFTER_ALL: Final = "~"


class Which(StrEnum):
    """Requests that wait for the caller's decision, that they asked for, or all that they may see."""

    WAITING = "waiting"
    MINE = "mine"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose policy asks for approvals: how many, of whom, by name."""

    kind: str
    name: str
    needed: int
    approvers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vote:
    """What somebody has decided, when, and what they said to it."""

    user: str
    decision: str
    note: str | None
    at: Microseconds


@dataclass(frozen=True, slots=True)
class ApprovalDetail:
    """A request as people see it.

    Attributes:
        state: as it is now: one whose time is over has expired, whatever its row says.
        facts: exactly what is asked for.
        may_decide: whether the caller can approve or reject it now.
        may_withdraw: whether the caller can withdraw it now.
    """

    request: ApprovalRequest
    state: RequestState
    requester: str
    facts: Mapping[str, Any]
    asked: tuple[Asked, ...]
    votes: tuple[Vote, ...]
    may_decide: bool
    may_withdraw: bool


@dataclass(frozen=True, slots=True)
class PolicyDetail:
    """A policy as people see it: approvers by name, the lifetime in microseconds, and what it leaves open."""

    operations: tuple[Covered, ...]
    needed: int
    approvers: tuple[str, ...]
    lifetime: Microseconds
    gaps: tuple[str, ...]


class Approvals:
    """Requests that were filed when operations were refused. Those whom a policy names decide, never who asks."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def show(self, caller: Caller, request: str) -> ApprovalDetail:
        """The request of this id: for who asked, for those who are asked, and for Administrators.

        Raises:
            NotFound: there is none, or none that the caller may see.
        """
        return self._gate.read(caller, Operation.APPROVAL_READ, lambda view: _detail(view, _load(view, request)))

    def list(self, caller: Caller, *, which: Which = Which.ALL, size: int, before: str = "") -> Page[ApprovalDetail]:
        """Requests, the newest first."""

        def read(view: View) -> Page[ApprovalDetail]:
            view.permit(Relation.OWN, APPROVAL_KIND, None, None)
            everything = permits(view.actor.role, Operation.APPROVAL_LIST, Relation.NONE)
            query = {Which.WAITING: _WAITING, Which.MINE: _ASKED}.get(which, _ALL if everything else _ABOUT_ME)
            about = {_WAITING: _waiting_for(view), _ASKED: {"user_id": view.actor.user.id}, _ALL: {}}
            parameters = about.get(query, {"user_id": view.actor.user.id, "named": _named(view)})
            found = view.find(APPROVAL_REQUESTS, query, before=before or _AFTER_ALL, limit=size + 1, **parameters)
            return page_of([_detail(view, each) for each in found], size, [each.id for each in found])

        return self._gate.read(caller, Operation.APPROVAL_LIST, read)

    def waiting(self, caller: Caller) -> int:
        """How many requests wait for the caller's decision; a count for a badge, from which nothing follows."""

        def read(view: View) -> int:
            view.permit(Relation.OWN, APPROVAL_KIND, None, None)
            return int(view.tx.rows(_COUNT, **_waiting_for(view))[0][0])

        return self._gate.read(caller, Operation.APPROVAL_LIST, read)

    def approve(self, caller: Caller, request: str, *, note: str | None = None) -> ApprovalDetail:
        """Approve exactly what is asked for. With the last approval that is needed, who asked can do it, once.

        Raises:
            NotPermitted: the caller is not named by the policies, asked for it, or is a program.
            Conflict: it has ended (`approval-ended`), or the caller has decided before (`approval-given`).
        """
        return self._decide(caller, Operation.APPROVAL_APPROVE, "approve", request, note, _approved)

    def reject(self, caller: Caller, request: str, *, note: str | None = None) -> ApprovalDetail:
        """Reject it, which ends it: it takes a new request to have it after all.

        Raises:
            As `approve`.
        """
        return self._decide(caller, Operation.APPROVAL_REJECT, "reject", request, note, _rejected)

    def withdraw(self, caller: Caller, request: str) -> ApprovalDetail:
        """End a request of one's own.

        Raises:
            Conflict: (`approval-ended`) it has ended.
        """

        def change(change: Change) -> ApprovalDetail:
            found = _load(change, request, Lock.UPDATE)
            _require_open(found, change.now)
            ended = change.update(APPROVAL_REQUESTS, found, state=RequestState.WITHDRAWN.value, ended_at=change.now)
            return _detail(change, ended)

        return self._gate.write(caller, Operation.APPROVAL_WITHDRAW, change)

    def policy_of_group(self, caller: Caller, reference: str) -> PolicyDetail | None:
        """A group's policy, for whoever may see the group; None for none.

        Raises:
            NotFound: there is no such group, or none that the caller may see.
        """
        return self._gate.read(
            caller,
            Operation.GROUP_READ,
            lambda view: _policy(view, load_group(view, reference).approvals, of_key=False),
        )

    def policy_of_key(self, caller: Caller, reference: str) -> PolicyDetail | None:
        """A key's own policy, for whoever may see the key; None for none. Its group's holds beside it.

        Raises:
            NotFound: there is no such key, or none that the caller may see.
        """
        return self._gate.read(
            caller, Operation.KEY_READ, lambda view: _policy(view, load_key(view, reference).approvals, of_key=True)
        )

    def _decide(
        self,
        caller: Caller,
        operation: Operation,
        decision: str,
        request: str,
        note: str | None,
        become: Callable[[View, ApprovalRequest], RequestState],
    ) -> ApprovalDetail:
        def change(change: Change) -> ApprovalDetail:
            found = _load(change, request, Lock.UPDATE)
            _require_person(change)
            _require_open(found, change.now)
            me = change.actor.user.id
            if any(vote.user_id == me for vote in votes_of(change, found)):
                raise Conflict(
                    "You have decided this request already.",
                    code="approval-given",
                    field="request",
                    advice="A decision stays. Somebody else who is named can still decide.",
                )
            text = check_text(note, "note")
            vote = ApprovalVote(
                id=new_id(), request_id=found.id, user_id=me, decision=decision, note=text, created_at=change.now
            )
            change.append(APPROVAL_VOTES, vote)
            state = become(change, replace(found, votes=found.votes + 1))
            ended = change.now if state is RequestState.REJECTED else None
            counted = change.update(APPROVAL_REQUESTS, found, votes=found.votes + 1, state=state.value, ended_at=ended)
            change.note(note=text, state=state.value, asked=found.operation, about=found.object_id)
            return _detail(change, counted)

        return self._gate.write(caller, operation, change)


def _policy(view: View, text: str | None, *, of_key: bool) -> PolicyDetail | None:
    if text is None:
        return None
    policy = ApprovalPolicy.read(text)
    names = tuple(names_of(view, policy.approvers))
    return PolicyDetail(policy.operations, policy.needed, names, policy.lifetime, gaps(policy, of_key=of_key))


def _approved(view: View, request: ApprovalRequest) -> RequestState:
    approved = enough(view, request, of_snapshot(request.policies))
    return RequestState.APPROVED if approved else RequestState(request.state)


def _rejected(_view: View, _request: ApprovalRequest) -> RequestState:
    return RequestState.REJECTED


def _require_person(view: View) -> None:
    """
    Raises:
        NotPermitted: the caller came with what a program holds: an API token, a certificate, an issuer's word.
    """
    token = view.actor.token
    if token is None or token.kind != "session":
        raise NotPermitted(
            "Programs approve nothing.",
            advice="Sign in as yourself (keyferry login, or the console), and decide there.",
        )


def _load(view: View, reference: str, lock: Lock | None = None) -> ApprovalRequest:
    found = view.get(APPROVAL_REQUESTS, reference, lock) if is_id_shaped(reference) else None
    if found is None:
        raise view.missing(APPROVAL_KIND, reference)
    name = found.object_name
    view.permit(_relation(view, found), APPROVAL_KIND, found.id, name, asked_as=reference)
    return found


def _relation(view: View, request: ApprovalRequest) -> Relation:
    me = view.actor.user.id
    if request.requester_id == me:
        return Relation.OWN
    return Relation.GROUP if _names(of_snapshot(request.policies), me) else Relation.NONE


def _names(holders: tuple[Holder, ...], user_id: str) -> bool:
    return any(user_id in holder.policy.approvers for holder in holders)


def _require_open(request: ApprovalRequest, now: Microseconds) -> None:
    """
    Raises:
        Conflict: (`approval-ended`) it has been used, rejected or withdrawn, or has expired.
    """
    state = _state_at(request, now)
    if state not in {RequestState.PENDING, RequestState.APPROVED}:
        raise Conflict(
            f"The request is {state}.",
            code="approval-ended",
            field="request",
            advice="Whoever wants it still asks for it again, which files a new request.",
        )


def _state_at(request: ApprovalRequest, now: Microseconds) -> RequestState:
    state = RequestState(request.state)
    is_over = request.expires_at <= now and state in {RequestState.PENDING, RequestState.APPROVED}
    return RequestState.EXPIRED if is_over else state


def _detail(view: View, request: ApprovalRequest) -> ApprovalDetail:
    holders, votes = of_snapshot(request.policies), votes_of(view, request)
    state, me = _state_at(request, view.now), view.actor.user.id
    is_open = state in {RequestState.PENDING, RequestState.APPROVED}
    decides = permits(view.actor.role, Operation.APPROVAL_APPROVE, _relation(view, request))
    return ApprovalDetail(
        request=request,
        state=state,
        requester=_name(view, request.requester_id),
        facts=json.loads(request.facts),
        asked=tuple(
            Asked(each.kind, each.name or each.id, each.policy.needed, tuple(names_of(view, each.policy.approvers)))
            for each in holders
        ),
        votes=tuple(Vote(_name(view, each.user_id), each.decision, each.note, each.created_at) for each in votes),
        may_decide=is_open and decides and all(vote.user_id != me for vote in votes),
        may_withdraw=is_open and request.requester_id == me,
    )


def _name(view: View, user_id: str) -> str:
    user = view.get(USERS, user_id)
    return user_id if user is None else user.name


def _waiting_for(view: View) -> dict[str, Any]:
    return {"user_id": view.actor.user.id, "named": _named(view), "now": view.now}


def _named(view: View) -> str:
    return f'%"{view.actor.user.id}"%'
