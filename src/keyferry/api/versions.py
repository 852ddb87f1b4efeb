"""Versions of a key, and their public keys."""

from typing import Annotated

from fastapi import Header, Request, Response

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, READING, Responses
from keyferry.api.idempotency import IdempotencyKey, create_once, once_of
from keyferry.api.keys import KeyReference, VersionQuery, answer
from keyferry.api.models.keys import KeyAnswer, Promotion, PublicKeyAnswer, Rotation, VersionAnswer
from keyferry.api.models.pages import PageAnswer
from keyferry.api.models.values import base64url
from keyferry.api.routers import guarded_router
from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation
from keyferry.doors.pem import PEM_TYPE, pem
from keyferry.errors import NotFound
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.keys import public_jwk

router = guarded_router("keys")

_PUBLIC_KEY: Responses = {
    200: {
        "content": {PEM_TYPE: {"schema": {"type": "string"}}},
        "description": "PEM, unless `Accept` asks for `application/json`.",
    }
}


@router.get("/keys/{key:segment}/versions", responses=READING)
async def list_versions(key: KeyReference, visit: Visiting) -> PageAnswer[VersionAnswer]:
    """Every version, in order; all in one page."""
    details = await visit.ask(visit.custody.keys.versions, key)
    return PageAnswer(items=[VersionAnswer.of_version(detail) for detail in details], next=None)


@router.post("/keys/{key:segment}/versions", status_code=201, responses=CHANGING)
async def rotate_key(
    key: KeyReference,
    visit: Visiting,
    request: Request,
    response: Response,
    body: Rotation | None = None,
    idempotency_key: IdempotencyKey = None,
) -> KeyAnswer:
    """Generate a new version, which lives as long as the current one, and make it the current one; earlier versions
    keep their state. A pre-active one becomes current when it is activated and promoted.
    """
    rotation = body or Rotation()

    async def create(once: Once | None) -> KeyDetail:
        return await visit.ask(visit.custody.states.rotate, key, activated=rotation.activated, once=once)

    async def find(version_id: str) -> KeyDetail:
        details = await visit.ask(visit.custody.keys.versions, key)
        return next(detail for detail in details if detail.version.id == version_id)

    once = once_of(request, rotation, idempotency_key)
    return answer(await create_once(visit, once, Operation.KEY_ROTATE, create, find), response)


@router.post("/keys/{key:segment}/promote", responses=CHANGING)
async def promote_version(key: KeyReference, body: Promotion, visit: Visiting, response: Response) -> KeyAnswer:
    """Make an active version the current one, which the key protects with from now on."""
    return answer(await visit.ask(visit.custody.states.promote, key, version=body.version), response)


@router.get("/keys/{key:segment}/public-key", response_model=PublicKeyAnswer, responses={**READING, **_PUBLIC_KEY})
async def show_public_key(
    key: KeyReference,
    visit: Visiting,
    version: VersionQuery = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> PublicKeyAnswer | Response:
    """The public key of a version: as PEM, or as JSON with the JWK and the fingerprints."""
    detail = await visit.briefly(visit.custody.keys.show, key, version=version)
    spki = detail.version.public_key
    if spki is None:
        raise NotFound(
            f"A key of type {detail.key.algorithm} has no public key.",
            field="key",
            advice="Compare symmetric keys by their check value.",
        )
    if "json" not in accept.lower():
        return Response(pem(spki), media_type=PEM_TYPE)
    return PublicKeyAnswer(
        pem=pem(spki),
        spki=base64url(spki),
        jwk=public_jwk(spki, ALGORITHMS[detail.key.algorithm]),
        spki_sha256=detail.version.spki_sha256 or "",
        thumbprint=detail.version.thumbprint or "",
    )
