"""Workloads: programs that present a trusted issuer's token, and the users that they act as."""

from typing import Annotated

from fastapi import Path, Query, Request, Response

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, READING
from keyferry.api.idempotency import IdempotencyKey, create_once, once_of
from keyferry.api.models.pages import PageAnswer, PageQuery, page_size
from keyferry.api.models.values import Id, Reference
from keyferry.api.models.workloads import WorkloadAnswer, WorkloadCreation
from keyferry.api.routers import guarded_router
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation
from keyferry.custody.workloads import WorkloadDetail

router = guarded_router("workloads")
WorkloadId = Annotated[Id, Path()]


class WorkloadsQuery(PageQuery):
    """Whose: everybody's without a user, or the caller's own where they may see no others."""

    user: Reference | None = None


@router.get("/workloads", responses=READING)
async def list_workloads(query: Annotated[WorkloadsQuery, Query()], visit: Visiting) -> PageAnswer[WorkloadAnswer]:
    """Bindings, those that have ended included."""
    size = page_size(query.limit, visit.settings)
    page = await visit.ask(visit.custody.workloads.list, user=query.user, size=size, after=query.after)
    return PageAnswer(items=[WorkloadAnswer.of(detail) for detail in page.items], next=page.next)


@router.post("/workloads", status_code=201, responses=CHANGING)
async def create_workload(
    body: WorkloadCreation,
    visit: Visiting,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> WorkloadAnswer:
    """Let a subject of a trusted issuer act as a user: its tokens are taken as `Authorization: Bearer` from then on."""

    async def create(once: Once | None) -> WorkloadDetail:
        return await visit.ask(visit.custody.workloads.create, body.new_workload(), once=once)

    async def find(workload_id: str) -> WorkloadDetail:
        return await visit.ask(visit.custody.workloads.show, workload_id)

    once = once_of(request, body, idempotency_key)
    detail = await create_once(visit, once, Operation.WORKLOAD_CREATE, create, find)
    response.headers["Location"] = f"/api/v1/workloads/{detail.workload.id}"
    return WorkloadAnswer.of(detail)


@router.get("/workloads/{workload:segment}", responses=READING)
async def show_workload(workload: WorkloadId, visit: Visiting) -> WorkloadAnswer:
    """A binding."""
    return WorkloadAnswer.of(await visit.ask(visit.custody.workloads.show, workload))


@router.delete("/workloads/{workload:segment}", status_code=204, responses=CHANGING)
async def revoke_workload(workload: WorkloadId, visit: Visiting) -> None:
    """End a binding at once."""
    await visit.ask(visit.custody.workloads.revoke, workload)
