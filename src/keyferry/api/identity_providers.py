"""Identity providers, and whom they vouch for."""

from typing import Annotated

from fastapi import Path, Query, Request, Response

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, FETCHING, READING
from keyferry.api.idempotency import IdempotencyKey, create_once, once_of
from keyferry.api.models.identity_providers import (
    DisabledProviderAnswer,
    Enabling,
    EndingTokens,
    IdentitiesAnswer,
    IdentityAnswer,
    NextKey,
    ProviderAnswer,
    ProviderChange,
    ProviderCreation,
)
from keyferry.api.models.pages import PageAnswer, PageQuery, page_size
from keyferry.api.models.users import ExpectedIdentity
from keyferry.api.models.values import Id, Reference, secret_of
from keyferry.api.preconditions import IfMatch, tag
from keyferry.api.routers import guarded_router
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation
from keyferry.custody.providers import ProviderDetail

router = guarded_router("identity-providers")
ProviderReference = Annotated[Reference, Path()]
UserReference = Annotated[Reference, Path()]


@router.get("/identity-providers", responses=READING)
async def list_identity_providers(query: Annotated[PageQuery, Query()], visit: Visiting) -> PageAnswer[ProviderAnswer]:
    """Every identity provider, enabled or not."""
    size = page_size(query.limit, visit.settings)
    page = await visit.ask(visit.custody.providers.list, size=size, after=query.after)
    return PageAnswer(items=[ProviderAnswer.of(detail) for detail in page.items], next=page.next)


@router.post("/identity-providers", status_code=201, responses=FETCHING)
async def create_identity_provider(
    body: ProviderCreation,
    visit: Visiting,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> ProviderAnswer:
    """Make a provider, disabled. What it publishes is fetched, if the configuration says from where."""

    async def create(once: Once | None) -> ProviderDetail:
        return await visit.ask(visit.custody.providers.create, body.new_provider(), once=once)

    async def find(provider_id: str) -> ProviderDetail:
        return await visit.ask(visit.custody.providers.show, provider_id)

    once = once_of(request, body, idempotency_key)
    detail = await create_once(visit, once, Operation.PROVIDER_CREATE, create, find)
    response.headers["Location"] = f"/api/v1/identity-providers/{detail.provider.id}"
    return _answer(detail, response)


@router.get("/identity-providers/{provider:segment}", responses=READING)
async def show_identity_provider(provider: ProviderReference, visit: Visiting, response: Response) -> ProviderAnswer:
    """A provider, by its id or name."""
    return _answer(await visit.ask(visit.custody.providers.show, provider), response)


@router.patch("/identity-providers/{provider:segment}", responses=FETCHING)
async def edit_identity_provider(
    provider: ProviderReference, body: ProviderChange, visit: Visiting, response: Response, revision: IfMatch
) -> ProviderAnswer:
    """Change how people sign in through it, and what its attributes mean here."""
    detail = await visit.ask(visit.custody.providers.edit, provider, body.edit(), revision=revision)
    return _answer(detail, response)


@router.post("/identity-providers/{provider:segment}/refresh", responses=FETCHING)
async def refresh_identity_provider(provider: ProviderReference, visit: Visiting, response: Response) -> ProviderAnswer:
    """Fetch anew what the provider publishes of itself; the server does so each hour."""
    return _answer(await visit.ask(visit.custody.providers.refresh, provider), response)


@router.post("/identity-providers/{provider:segment}/next-key", responses=CHANGING)
async def prepare_next_key(
    provider: ProviderReference, body: NextKey, visit: Visiting, response: Response, revision: IfMatch
) -> ProviderAnswer:
    """Have a next key of our own with a SAML provider, published beside the one in use until it is promoted."""
    given = None if body.credential is None else secret_of(body.credential)
    prepare = visit.custody.provider_keys.prepare
    return _answer(await visit.ask(prepare, provider, credential=given, revision=revision), response)


@router.delete("/identity-providers/{provider:segment}/next-key", responses=CHANGING)
async def discard_next_key(
    provider: ProviderReference, visit: Visiting, response: Response, revision: IfMatch
) -> ProviderAnswer:
    """Erase the next key, which was never in use."""
    return _answer(await visit.ask(visit.custody.provider_keys.discard, provider, revision=revision), response)


@router.post("/identity-providers/{provider:segment}/next-key/promote", responses=CHANGING)
async def promote_next_key(
    provider: ProviderReference, visit: Visiting, response: Response, revision: IfMatch
) -> ProviderAnswer:
    """Use the next key from now on; the one that was in use still opens what is encrypted to it."""
    return _answer(await visit.ask(visit.custody.provider_keys.promote, provider, revision=revision), response)


@router.delete("/identity-providers/{provider:segment}/earlier-key", responses=CHANGING)
async def retire_earlier_key(
    provider: ProviderReference, visit: Visiting, response: Response, revision: IfMatch
) -> ProviderAnswer:
    """Erase the key that was in use before."""
    return _answer(await visit.ask(visit.custody.provider_keys.retire, provider, revision=revision), response)


@router.post("/identity-providers/{provider:segment}/enable", responses=CHANGING)
async def enable_identity_provider(
    provider: ProviderReference, body: Enabling, visit: Visiting, response: Response, revision: IfMatch
) -> ProviderAnswer:
    """Let people sign in through it, once that was tested in the console."""
    detail = await visit.ask(visit.custody.providers.enable, provider, untested=body.untested, revision=revision)
    return _answer(detail, response)


@router.post("/identity-providers/{provider:segment}/disable", responses=CHANGING)
async def disable_identity_provider(
    provider: ProviderReference,
    query: Annotated[EndingTokens, Query()],
    visit: Visiting,
    response: Response,
    revision: IfMatch,
) -> DisabledProviderAnswer:
    """Let nobody sign in through it any more, and end the sessions that it has opened, at once."""
    disable = visit.custody.providers.disable
    done = await visit.ask(disable, provider, end_tokens=query.end_tokens, revision=revision)
    tag(response, done.detail.provider.revision)
    return DisabledProviderAnswer.after(done)


@router.delete("/identity-providers/{provider:segment}", status_code=204, responses=CHANGING)
async def delete_identity_provider(
    provider: ProviderReference, query: Annotated[EndingTokens, Query()], visit: Visiting, revision: IfMatch
) -> None:
    """Delete it: its secret is erased, its name is not used again, and the sessions that it has opened end at once."""
    await visit.ask(visit.custody.providers.delete, provider, end_tokens=query.end_tokens, revision=revision)


@router.get("/users/{user:segment}/identities", responses=READING)
async def list_identities(user: UserReference, visit: Visiting) -> IdentitiesAnswer:
    """Who at which provider comes to this account."""
    found = await visit.ask(visit.custody.identities.list, user=user)
    return IdentitiesAnswer(items=[IdentityAnswer.of(each) for each in found])


@router.post("/users/{user:segment}/identities", status_code=201, responses=CHANGING)
async def bind_identity(user: UserReference, body: ExpectedIdentity, visit: Visiting) -> IdentityAnswer:
    """Let a person at a provider come to this account."""
    return IdentityAnswer.of(await visit.ask(visit.custody.identities.bind, user, body.new_identity()))


@router.delete("/identities/{identity}", status_code=204, responses=CHANGING)
async def unbind_identity(identity: Annotated[Id, Path()], visit: Visiting) -> None:
    """Let the person come to the account no more: its sessions and tokens end."""
    await visit.ask(visit.custody.identities.unbind, identity)


def _answer(detail: ProviderDetail, response: Response) -> ProviderAnswer:
    tag(response, detail.provider.revision)
    return ProviderAnswer.of(detail)
