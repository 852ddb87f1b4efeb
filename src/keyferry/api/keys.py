"""Keys: made, taken, found, described, given to another owner."""

from typing import Annotated

from fastapi import Path, Query, Request, Response

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, READING
from keyferry.api.idempotency import IdempotencyKey, create_once, once_of
from keyferry.api.models.keys import KeyAnswer, KeyChange, KeyCreation, KeyImport, KeyUserAnswer, NewOwner
from keyferry.api.models.pages import PageAnswer, PageQuery, page_size
from keyferry.api.models.values import Name, Reference
from keyferry.api.preconditions import IfMatch, tag
from keyferry.api.routers import guarded_router
from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation

router = guarded_router("keys")
KeyReference = Annotated[Reference, Path()]
VersionQuery = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The current one without it.")]


class KeysQuery(PageQuery):
    """Which keys: of this name, of this group or user."""

    name: Name | None = None
    group: Reference | None = None
    owner: Reference | None = None


@router.get("/keys", responses=READING)
async def list_keys(query: Annotated[KeysQuery, Query()], visit: Visiting) -> PageAnswer[KeyAnswer]:
    """Every key for an Administrator; one's own and one's groups' for a Key Access User."""
    page = await visit.ask(
        visit.custody.keys.list,
        size=page_size(query.limit, visit.settings),
        after=query.after,
        name=query.name,
        group=query.group,
        owner=query.owner,
    )
    return PageAnswer(items=[KeyAnswer.of(detail) for detail in page.items], next=page.next)


@router.post("/keys", status_code=201, responses=CHANGING)
async def generate_key(
    body: KeyCreation, visit: Visiting, request: Request, response: Response, idempotency_key: IdempotencyKey = None
) -> KeyAnswer:
    """Generate a key."""

    async def create(once: Once | None) -> KeyDetail:
        return await visit.ask(visit.custody.keys.generate, body.new_key(), once=once)

    async def find(key_id: str) -> KeyDetail:
        return await visit.ask(visit.custody.keys.show, key_id)

    once = once_of(request, body, idempotency_key)
    return created(await create_once(visit, once, Operation.KEY_GENERATE, create, find), response)


@router.post("/keys/import", status_code=201, responses=CHANGING)
async def import_key(
    body: KeyImport, visit: Visiting, request: Request, response: Response, idempotency_key: IdempotencyKey = None
) -> KeyAnswer:
    """Take a key that was made elsewhere. It is validated once, fully."""
    data = body.data()

    async def create(once: Once | None) -> KeyDetail:
        return await visit.ask(
            visit.custody.keys.import_, body.new_key(), data, passphrase=body.secret_passphrase(), once=once
        )

    async def find(key_id: str) -> KeyDetail:
        return await visit.ask(visit.custody.keys.show, key_id)

    once = once_of(request, body, idempotency_key)
    return created(await create_once(visit, once, Operation.KEY_IMPORT, create, find), response)


@router.get("/keys/{key:segment}", responses=READING)
async def show_key(key: KeyReference, visit: Visiting, response: Response, version: VersionQuery = None) -> KeyAnswer:
    """A key, by id, `NAME` or `GROUP/NAME` (the slash as `%2F`), with one of its versions."""
    return answer(await visit.look(visit.custody.keys.show, key, version=version), response)


@router.patch("/keys/{key:segment}", responses=CHANGING)
async def edit_key(
    key: KeyReference, body: KeyChange, visit: Visiting, response: Response, revision: IfMatch
) -> KeyAnswer:
    """Change a key's name or description, or the dates of its current version that have not come yet."""
    return answer(await visit.ask(visit.custody.keys.edit, key, body.edit(), revision=revision), response)


@router.post("/keys/{key:segment}/reassign", responses=CHANGING)
async def reassign_key(key: KeyReference, body: NewOwner, visit: Visiting, response: Response) -> KeyAnswer:
    """Give a key to another owner: a Key Access User to a group of theirs; an Administrator to anyone, but only when
    its owner is disabled or deleted.
    """
    detail = await visit.ask(visit.custody.keys.reassign, key, group=body.group, owner=body.owner)
    return answer(detail, response)


@router.get("/keys/{key:segment}/access", responses=READING)
async def list_key_access(key: KeyReference, visit: Visiting) -> PageAnswer[KeyUserAnswer]:
    """Who can use the key, since when and by whose doing; all in one page."""
    found = await visit.ask(visit.custody.key_access.list, key)
    return PageAnswer(items=[KeyUserAnswer.of(user) for user in found], next=None)


def answer(detail: KeyDetail, response: Response) -> KeyAnswer:
    """A key, with its revision as the answer's entity tag."""
    tag(response, detail.key.revision)
    return KeyAnswer.of(detail)


def created(detail: KeyDetail, response: Response) -> KeyAnswer:
    """A key that has just been made, with its address."""
    response.headers["Location"] = f"/api/v1/keys/{detail.key.id}"
    return answer(detail, response)
