"""The authorities of client certificates: seen, rotated, retired."""

from typing import Annotated

from fastapi import Path, Response

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, READING
from keyferry.api.models.client_authorities import (
    ClientAuthoritiesAnswer,
    ClientAuthorityAnswer,
    RetiredAuthorityAnswer,
)
from keyferry.api.models.values import Id
from keyferry.api.routers import guarded_router

router = guarded_router("certificates")


@router.get("/certificate-authorities", responses=READING)
async def list_client_authorities(visit: Visiting) -> ClientAuthoritiesAnswer:
    """The authorities that have issued client certificates, the oldest first; the newest issues."""
    found = await visit.ask(visit.custody.client_authorities.list)
    return ClientAuthoritiesAnswer(items=[ClientAuthorityAnswer.of(each) for each in found])


@router.post("/certificate-authorities", status_code=201, responses=CHANGING)
async def rotate_client_authority(visit: Visiting, response: Response) -> ClientAuthorityAnswer:
    """Make another authority, which issues from now on. What earlier ones have issued holds as before."""
    made = ClientAuthorityAnswer.of(await visit.ask(visit.custody.client_authorities.rotate))
    response.headers["Location"] = "/api/v1/certificate-authorities"
    return made


@router.post("/certificate-authorities/{authority:segment}/retire", responses=CHANGING)
async def retire_client_authority(authority: Annotated[Id, Path()], visit: Visiting) -> RetiredAuthorityAnswer:
    """End every certificate that an earlier authority has issued, at once, with the sessions and tokens they began."""
    return RetiredAuthorityAnswer.after(await visit.ask(visit.custody.client_authorities.retire, authority))
