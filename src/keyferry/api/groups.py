"""Groups of Key Access Users."""

from typing import Annotated

from fastapi import Path, Query, Request, Response

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, READING
from keyferry.api.idempotency import IdempotencyKey, create_once, once_of
from keyferry.api.models.groups import GroupAnswer, GroupChange, GroupCreation
from keyferry.api.models.pages import PageAnswer, PageQuery, page_size
from keyferry.api.models.values import Reference
from keyferry.api.preconditions import IfMatch, tag
from keyferry.api.routers import guarded_router
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation
from keyferry.store.records import Group

router = guarded_router("groups")
GroupReference = Annotated[Reference, Path()]


@router.get("/groups", responses=READING)
async def list_groups(query: Annotated[PageQuery, Query()], visit: Visiting) -> PageAnswer[GroupAnswer]:
    """Every group for Administrators and Auditors; a Key Access User's own for them."""
    size = page_size(query.limit, visit.settings)
    page = await visit.ask(visit.custody.groups.list, size=size, after=query.after)
    return PageAnswer(items=[GroupAnswer.of(group) for group in page.items], next=page.next)


@router.post("/groups", status_code=201, responses=CHANGING)
async def create_group(
    body: GroupCreation,
    visit: Visiting,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> GroupAnswer:
    """Make a group. Its id is chosen, and never used again for another."""

    async def create(once: Once | None) -> Group:
        return await visit.ask(
            visit.custody.groups.create,
            body.id,
            description=body.description,
            kek_policy=body.kek_policy.value,
            once=once,
        )

    async def find(group_id: str) -> Group:
        return await visit.ask(visit.custody.groups.show, group_id)

    once = once_of(request, body, idempotency_key)
    group = await create_once(visit, once, Operation.GROUP_CREATE, create, find)
    response.headers["Location"] = f"/api/v1/groups/{group.name}"
    return _answer(group, response)


@router.get("/groups/{group:segment}", responses=READING)
async def show_group(group: GroupReference, visit: Visiting, response: Response) -> GroupAnswer:
    """A group, by its id."""
    return _answer(await visit.ask(visit.custody.groups.show, group), response)


@router.patch("/groups/{group:segment}", responses=CHANGING)
async def edit_group(
    group: GroupReference, body: GroupChange, visit: Visiting, response: Response, revision: IfMatch
) -> GroupAnswer:
    """Change its description, or whose KEKs its exports accept."""
    return _answer(await visit.ask(visit.custody.groups.edit, group, body.edit(), revision=revision), response)


@router.delete("/groups/{group:segment}", status_code=204, responses=CHANGING)
async def delete_group(group: GroupReference, visit: Visiting, revision: IfMatch) -> None:
    """Delete a group that owns no keys; its memberships end."""
    await visit.ask(visit.custody.groups.delete, group, revision=revision)


def _answer(group: Group, response: Response) -> GroupAnswer:
    tag(response, group.revision)
    return GroupAnswer.of(group)
