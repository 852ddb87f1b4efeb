"""What has left: every export that the person may see, or those of one key."""

from starlette.responses import Response

from keyferry.custody.exports import AFTER_ALL
from keyferry.web.key_copies import host_of
from keyferry.web.pages import page
from keyferry.web.visits import Visit, address


async def list_exports(visit: Visit) -> Response:
    """The newest first."""
    reference, before = visit.query("key"), visit.query("before")
    key = (await visit.ask(visit.custody.keys.show, reference)).key if reference else None
    found = await visit.ask(
        visit.custody.exports.newest,
        size=visit.page_size,
        before=int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else AFTER_ALL,
        key=None if key is None else key.id,
    )
    of_key = "" if key is None else key.id
    return visit.page(
        "exports/list.html",
        key=key,
        exports=found.items,
        host_of=host_of,
        first=address("exports", key=of_key) if before else "",
        next=address("exports", key=of_key, before=found.next) if found.next else "",
    )


async def show_export(visit: Visit) -> Response:
    """One export's record."""
    detail = await visit.ask(visit.custody.exports.show, visit.path("id"))
    return visit.page("exports/show.html", detail=detail, host=host_of(detail.export.key_identifier))


routes = [page("/exports", list_exports), page("/exports/{id}", show_export)]
