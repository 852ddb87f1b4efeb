"""Key encryption keys, each bound to one public key for ever."""

from typing import Annotated

from fastapi import Path, Query

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, READING
from keyferry.api.models.exports import KekAnswer, KekGiven
from keyferry.api.models.pages import PageAnswer, PageQuery, page_size
from keyferry.api.models.values import Id
from keyferry.api.routers import guarded_router

router = guarded_router("keks")


@router.get("/keks", responses=READING)
async def list_keks(query: Annotated[PageQuery, Query()], visit: Visiting) -> PageAnswer[KekAnswer]:
    """Every identifier that a public key is bound to."""
    size = page_size(query.limit, visit.settings)
    page = await visit.ask(visit.custody.keks.list, size=size, after=query.after)
    return PageAnswer(items=[KekAnswer.of(kek) for kek in page.items], next=page.next)


@router.post("/keks", status_code=201, responses=CHANGING)
async def register_kek(body: KekGiven, visit: Visiting) -> KekAnswer:
    """Record whose public key an identifier names, and that exports under it are welcome. Registering it once more
    changes nothing.
    """
    kek = await visit.ask(visit.custody.keks.register, body.destination, body.key_identifier, body.public_key_bytes())
    return KekAnswer.of(kek)


@router.delete("/keks/{kek:segment}", status_code=204, responses=CHANGING)
async def unregister_kek(kek: Annotated[Id, Path()], visit: Visiting) -> None:
    """Withdraw a registration; the identifier stays bound to its public key."""
    await visit.ask(visit.custody.keks.unregister, kek)
