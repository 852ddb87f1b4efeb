"""Keys that leave, wrapped, and the records of those that left."""

from typing import Annotated

from fastapi import Path, Query, Response

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, READING
from keyferry.api.idempotency import NO_IDEMPOTENCY_KEY
from keyferry.api.keys import KeyReference
from keyferry.api.models.exports import ExportAnswer, ExportedFileAnswer, KekGiven, PreviewAnswer
from keyferry.api.models.pages import NumberedPageQuery, PageAnswer, page_size
from keyferry.api.models.values import Id
from keyferry.api.routers import guarded_router

router = guarded_router("exports")


@router.post("/keys/{key:segment}/exports", status_code=201, responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY])
async def export_key(key: KeyReference, body: KekGiven, visit: Visiting, response: Response) -> ExportedFileAnswer:
    """Wrap a key's current version for its destination, and record that it left. The file is answered this once."""
    exported = await visit.briefly(visit.custody.exports.export, key, body.request())
    response.headers["Location"] = f"/api/v1/exports/{exported.export.id}"
    return ExportedFileAnswer.with_file(exported)


@router.post("/keys/{key:segment}/exports/preview", responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY])
async def preview_export(key: KeyReference, body: KekGiven, visit: Visiting) -> PreviewAnswer:
    """Make every check that an export makes, and record nothing but a refusal."""
    return PreviewAnswer.of(await visit.briefly(visit.custody.exports.preview, key, body.request()))


@router.get("/keys/{key:segment}/exports", responses=READING)
async def list_exports_of_key(
    key: KeyReference, query: Annotated[NumberedPageQuery, Query()], visit: Visiting
) -> PageAnswer[ExportAnswer]:
    """When a key left, for where, under whose KEK."""
    size = page_size(query.limit, visit.settings)
    page = await visit.ask(visit.custody.exports.list, size=size, after=query.after, key=key)
    return PageAnswer(items=[ExportAnswer.of(detail) for detail in page.items], next=page.next)


@router.get("/exports", responses=READING)
async def list_exports(query: Annotated[NumberedPageQuery, Query()], visit: Visiting) -> PageAnswer[ExportAnswer]:
    """Exports of every key that the caller may see, in the order in which they were made."""
    size = page_size(query.limit, visit.settings)
    page = await visit.ask(visit.custody.exports.list, size=size, after=query.after)
    return PageAnswer(items=[ExportAnswer.of(detail) for detail in page.items], next=page.next)


@router.get("/exports/{export:segment}", responses=READING)
async def show_export(export: Annotated[Id, Path()], visit: Visiting) -> ExportAnswer:
    """The record of one export."""
    return ExportAnswer.of(await visit.ask(visit.custody.exports.show, export))
