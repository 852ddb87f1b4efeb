"""Requests for approval, and the policies that ask for them."""

from typing import Annotated

from fastapi import Path, Query

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, READING
from keyferry.api.groups import GroupReference
from keyferry.api.idempotency import NO_IDEMPOTENCY_KEY
from keyferry.api.keys import KeyReference
from keyferry.api.models.approvals import ApprovalPolicyAnswer, ApprovalRequestAnswer, ApprovalRequestsQuery, Decision
from keyferry.api.models.pages import PageAnswer, page_size
from keyferry.api.models.values import Id
from keyferry.api.routers import guarded_router

router = guarded_router("approvals")
RequestId = Annotated[Id, Path()]


@router.get("/approval-requests", responses=READING)
async def list_approval_requests(
    query: Annotated[ApprovalRequestsQuery, Query()], visit: Visiting
) -> PageAnswer[ApprovalRequestAnswer]:
    """Requests, the newest first: those that the caller asked for or is asked to approve; all for an Administrator."""
    size = page_size(query.limit, visit.settings)
    page = await visit.ask(visit.custody.approvals.list, which=query.which, size=size, before=query.after)
    return PageAnswer(items=[ApprovalRequestAnswer.of(each) for each in page.items], next=page.next)


@router.get("/approval-requests/{request:segment}", responses=READING)
async def show_approval_request(request: RequestId, visit: Visiting) -> ApprovalRequestAnswer:
    """What exactly is asked for, by whom, and who has decided what."""
    return ApprovalRequestAnswer.of(await visit.ask(visit.custody.approvals.show, request))


@router.post("/approval-requests/{request:segment}/approvals", responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY])
async def approve(request: RequestId, body: Decision, visit: Visiting) -> ApprovalRequestAnswer:
    """Approve it. With the last approval that is needed, who asked can do exactly this, once."""
    return ApprovalRequestAnswer.of(await visit.ask(visit.custody.approvals.approve, request, note=body.note))


@router.post("/approval-requests/{request:segment}/rejections", responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY])
async def reject(request: RequestId, body: Decision, visit: Visiting) -> ApprovalRequestAnswer:
    """Reject it, which ends it."""
    return ApprovalRequestAnswer.of(await visit.ask(visit.custody.approvals.reject, request, note=body.note))


@router.delete("/approval-requests/{request:segment}", responses=CHANGING)
async def withdraw(request: RequestId, visit: Visiting) -> ApprovalRequestAnswer:
    """End a request of one's own. It stays on record."""
    return ApprovalRequestAnswer.of(await visit.ask(visit.custody.approvals.withdraw, request))


@router.get("/groups/{group:segment}/approvals", responses=READING)
async def show_approval_policy_of_group(group: GroupReference, visit: Visiting) -> ApprovalPolicyAnswer:
    """What of a group, its keys and its people needs the approval of others."""
    return ApprovalPolicyAnswer.of(await visit.ask(visit.custody.approvals.policy_of_group, group))


@router.get("/keys/{key:segment}/approvals", responses=READING)
async def show_approval_policy_of_key(key: KeyReference, visit: Visiting) -> ApprovalPolicyAnswer:
    """What of a key needs the approval of others by its own policy; its group's may ask for more."""
    return ApprovalPolicyAnswer.of(await visit.ask(visit.custody.approvals.policy_of_key, key))
