"""API tokens: named, for programs, until a date."""

from typing import Annotated

from fastapi import Path, Query, Response

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, READING
from keyferry.api.idempotency import NO_IDEMPOTENCY_KEY
from keyferry.api.models.pages import PageAnswer, PageQuery, page_size
from keyferry.api.models.tokens import IssuedTokenAnswer, TokenAnswer, TokenCreation
from keyferry.api.models.values import Id, Reference
from keyferry.api.routers import guarded_router
from keyferry.clock import SECOND

router = guarded_router("tokens")
TokenId = Annotated[Id, Path()]


class TokensQuery(PageQuery):
    """Whose: the caller's own without a user; those of others are shown to Administrators."""

    user: Reference | None = None


@router.get("/tokens", responses=READING)
async def list_tokens(query: Annotated[TokensQuery, Query()], visit: Visiting) -> PageAnswer[TokenAnswer]:
    """Sessions and tokens of a user, those that have ended included."""
    size = page_size(query.limit, visit.settings)
    page = await visit.ask(visit.custody.tokens.list, user=query.user, size=size, after=query.after)
    return PageAnswer(items=[TokenAnswer.of(token) for token in page.items], next=page.next)


@router.post("/tokens", status_code=201, responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY])
async def create_token(body: TokenCreation, visit: Visiting, response: Response) -> IssuedTokenAnswer:
    """A token for the caller's own programs, for all that they may do or narrowed to a part of it. Its text is answered
    this once.
    """
    issued = await visit.ask(visit.custody.tokens.create, body.name, body.lifetime_seconds * SECOND, scope=body.scope())
    response.headers["Location"] = f"/api/v1/tokens/{issued.token.id}"
    return IssuedTokenAnswer.issued(issued.token, issued.scope, issued.text.reveal().decode())


@router.get("/tokens/{token:segment}", responses=READING)
async def show_token(token: TokenId, visit: Visiting) -> TokenAnswer:
    """What is known of a token; never its text."""
    return TokenAnswer.of(await visit.ask(visit.custody.tokens.show, token))


@router.delete("/tokens/{token:segment}", status_code=204, responses=CHANGING)
async def revoke_token(token: TokenId, visit: Visiting) -> None:
    """End a token at once."""
    await visit.ask(visit.custody.tokens.revoke, token)
