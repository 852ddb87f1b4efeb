"""Connections: sign-ins to Azure that the server holds."""

from typing import Annotated

from fastapi import Path, Query, Request, Response

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, READING
from keyferry.api.idempotency import IdempotencyKey, create_once, once_of
from keyferry.api.models.connections import ConnectionAnswer, ConnectionChange, ConnectionCreation
from keyferry.api.models.pages import PageAnswer, PageQuery, page_size
from keyferry.api.models.values import Reference
from keyferry.api.preconditions import IfMatch, tag
from keyferry.api.routers import guarded_router
from keyferry.custody.connection_lookup import ConnectionDetail
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation

router = guarded_router("connections")
ConnectionReference = Annotated[Reference, Path()]


@router.get("/azure-connections", responses=READING)
async def list_connections(query: Annotated[PageQuery, Query()], visit: Visiting) -> PageAnswer[ConnectionAnswer]:
    """Every connection for Administrators and Auditors; those that are granted to a group of theirs for others."""
    size = page_size(query.limit, visit.settings)
    page = await visit.ask(visit.custody.connections.list, size=size, after=query.after)
    return PageAnswer(items=[ConnectionAnswer.of(detail) for detail in page.items], next=page.next)


@router.post("/azure-connections", status_code=201, responses=CHANGING)
async def create_connection(
    body: ConnectionCreation,
    visit: Visiting,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> ConnectionAnswer:
    """Make a connection. Its credential is kept encrypted, and no answer holds it; nothing is asked of Azure."""

    async def create(once: Once | None) -> ConnectionDetail:
        return await visit.ask(visit.custody.connections.create, body.new_connection(), once=once)

    async def find(connection_id: str) -> ConnectionDetail:
        return await visit.ask(visit.custody.connections.show, connection_id)

    once = once_of(request, body, idempotency_key)
    detail = await create_once(visit, once, Operation.CONNECTION_CREATE, create, find)
    response.headers["Location"] = f"/api/v1/azure-connections/{detail.connection.id}"
    return _answer(detail, response)


@router.get("/azure-connections/{connection:segment}", responses=READING)
async def show_connection(connection: ConnectionReference, visit: Visiting, response: Response) -> ConnectionAnswer:
    """A connection, by its id or name."""
    return _answer(await visit.ask(visit.custody.connections.show, connection), response)


@router.patch("/azure-connections/{connection:segment}", responses=CHANGING)
async def edit_connection(
    connection: ConnectionReference, body: ConnectionChange, visit: Visiting, response: Response, revision: IfMatch
) -> ConnectionAnswer:
    """Change what it reaches, who may use it, whether it is in use; or renew its credential."""
    detail = await visit.ask(visit.custody.connections.edit, connection, body.edit(), revision=revision)
    return _answer(detail, response)


@router.delete("/azure-connections/{connection:segment}", status_code=204, responses=CHANGING)
async def delete_connection(connection: ConnectionReference, visit: Visiting, revision: IfMatch) -> None:
    """Delete it: its credential is erased, and the server pushes nothing through it any more."""
    await visit.ask(visit.custody.connections.delete, connection, revision=revision)


def _answer(detail: ConnectionDetail, response: Response) -> ConnectionAnswer:
    tag(response, detail.connection.revision)
    return ConnectionAnswer.of(detail)
