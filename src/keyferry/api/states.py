"""Changing what state a key's versions are in."""

from fastapi import Response

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING
from keyferry.api.keys import KeyReference, answer
from keyferry.api.models.keys import KeyAnswer, Revocation, VersionChoice
from keyferry.api.routers import guarded_router

router = guarded_router("keys")


@router.post("/keys/{key:segment}/activate", responses=CHANGING)
async def activate_key(
    key: KeyReference, visit: Visiting, response: Response, body: VersionChoice | None = None
) -> KeyAnswer:
    """Make a pre-active version active, now."""
    detail = await visit.ask(visit.custody.states.activate, key, version=_number(body))
    return answer(detail, response)


@router.post("/keys/{key:segment}/deactivate", responses=CHANGING)
async def deactivate_key(
    key: KeyReference, visit: Visiting, response: Response, body: VersionChoice | None = None
) -> KeyAnswer:
    """Stop an active version from protecting anything further; it still processes what it has protected."""
    detail = await visit.ask(visit.custody.states.deactivate, key, version=_number(body))
    return answer(detail, response)


@router.post("/keys/{key:segment}/revoke", responses=CHANGING)
async def revoke_key(key: KeyReference, body: Revocation, visit: Visiting, response: Response) -> KeyAnswer:
    """Revoke a version: Compromised for a compromise, Deactivated for any other reason."""
    detail = await visit.ask(visit.custody.states.revoke, key, body.reason, message=body.message, version=body.version)
    return answer(detail, response)


@router.post("/keys/{key:segment}/destroy", responses=CHANGING)
async def destroy_key(
    key: KeyReference, visit: Visiting, response: Response, body: VersionChoice | None = None
) -> KeyAnswer:
    """Ask for the destruction of a version, or of all. Its material is erased when the pending period is over; until
    then nothing can use it, and the request can be called off.
    """
    detail = await visit.ask(visit.custody.states.destroy, key, version=_number(body))
    return answer(detail, response)


@router.post("/keys/{key:segment}/cancel-destruction", responses=CHANGING)
async def cancel_destruction(
    key: KeyReference, visit: Visiting, response: Response, body: VersionChoice | None = None
) -> KeyAnswer:
    """Call a pending destruction off, of one version or of all that are pending."""
    detail = await visit.ask(visit.custody.states.cancel_destruction, key, version=_number(body))
    return answer(detail, response)


def _number(body: VersionChoice | None) -> int | None:
    return None if body is None else body.version
