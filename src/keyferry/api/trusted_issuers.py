"""Issuers whose tokens are taken in place of Keyferry's own."""

from typing import Annotated

from fastapi import Path, Query, Request, Response

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, READING
from keyferry.api.idempotency import IdempotencyKey, create_once, once_of
from keyferry.api.models.pages import PageAnswer, PageQuery, page_size
from keyferry.api.models.values import Reference
from keyferry.api.models.workloads import IssuerAnswer, IssuerChange, IssuerCreation
from keyferry.api.preconditions import IfMatch, tag
from keyferry.api.routers import guarded_router
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation
from keyferry.store.records import TrustedIssuer

router = guarded_router("workloads")
IssuerReference = Annotated[Reference, Path()]


@router.get("/trusted-issuers", responses=READING)
async def list_trusted_issuers(query: Annotated[PageQuery, Query()], visit: Visiting) -> PageAnswer[IssuerAnswer]:
    """Every issuer that is trusted, disabled ones included."""
    size = page_size(query.limit, visit.settings)
    page = await visit.ask(visit.custody.trusted_issuers.list, size=size, after=query.after)
    return PageAnswer(items=[IssuerAnswer.of(issuer) for issuer in page.items], next=page.next)


@router.post("/trusted-issuers", status_code=201, responses=CHANGING)
async def create_trusted_issuer(
    body: IssuerCreation,
    visit: Visiting,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> IssuerAnswer:
    """Trust an issuer. Nothing is asked of it yet, and nobody comes in by it until a workload is bound."""

    async def create(once: Once | None) -> TrustedIssuer:
        return await visit.ask(visit.custody.trusted_issuers.create, body.new_issuer(), once=once)

    async def find(issuer_id: str) -> TrustedIssuer:
        return await visit.ask(visit.custody.trusted_issuers.show, issuer_id)

    once = once_of(request, body, idempotency_key)
    issuer = await create_once(visit, once, Operation.ISSUER_CREATE, create, find)
    response.headers["Location"] = f"/api/v1/trusted-issuers/{issuer.id}"
    return _answer(issuer, response)


@router.get("/trusted-issuers/{issuer:segment}", responses=READING)
async def show_trusted_issuer(issuer: IssuerReference, visit: Visiting, response: Response) -> IssuerAnswer:
    """An issuer, by its id or name."""
    return _answer(await visit.ask(visit.custody.trusted_issuers.show, issuer), response)


@router.patch("/trusted-issuers/{issuer:segment}", responses=CHANGING)
async def edit_trusted_issuer(
    issuer: IssuerReference, body: IssuerChange, visit: Visiting, response: Response, revision: IfMatch
) -> IssuerAnswer:
    """Change what its tokens must be, where its keys are, or whether it is trusted. It holds from the next request."""
    return _answer(
        await visit.ask(visit.custody.trusted_issuers.edit, issuer, body.edit(), revision=revision), response
    )


@router.delete("/trusted-issuers/{issuer:segment}", status_code=204, responses=CHANGING)
async def delete_trusted_issuer(issuer: IssuerReference, visit: Visiting, revision: IfMatch) -> None:
    """Trust it no longer: workloads that are bound to it come in no more."""
    await visit.ask(visit.custody.trusted_issuers.delete, issuer, revision=revision)


def _answer(issuer: TrustedIssuer, response: Response) -> IssuerAnswer:
    tag(response, issuer.revision)
    return IssuerAnswer.of(issuer)
