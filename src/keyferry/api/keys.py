"""Keys: made, taken, found, described, given to another owner."""

from typing import Annotated

from fastapi import Path, Query, Request, Response
from pydantic import Field, StringConstraints

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, READING
from keyferry.api.idempotency import IdempotencyKey, create_once, once_of
from keyferry.api.models.keys import (
    KeyAnswer,
    KeyChange,
    KeyCreation,
    KeyImport,
    KeyType,
    KeyUserAnswer,
    NewOwner,
)
from keyferry.api.models.pages import PageAnswer, PageQuery, page_size
from keyferry.api.models.values import ID_PATTERN, Name, Reference
from keyferry.api.preconditions import IfMatch, tag
from keyferry.api.routers import guarded_router
from keyferry.custody.finding import MOST_DAYS, Wanted
from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.key_orders import Sort
from keyferry.custody.lifecycle import State
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation

router = guarded_router("keys")
KeyReference = Annotated[Reference, Path()]
VersionQuery = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The current one without it.")]
#: an id, or what the list is sorted by before it
CURSOR_PATTERN = f"^([a-z0-9._~-]{{1,64}}~)?{ID_PATTERN.strip('^$')}$"


class KeysQuery(PageQuery):
    """Which keys, and in which order."""

    cursor: Annotated[str, StringConstraints(pattern=CURSOR_PATTERN)] | None = None
    name: Name | None = Field(None, description="Of this name.")
    group: Reference | None = Field(None, description="Of this group.")
    owner: Reference | None = Field(None, description="Of this user.")
    search: Name | None = Field(
        None, description="Whose name begins so; `[blank]`: which have none. An id finds that key."
    )
    state: State | None = None
    type: KeyType | None = None
    expiring: Annotated[int, Field(ge=1, le=MOST_DAYS)] | None = Field(
        None, description="Which are in use, and deactivated within so many days."
    )
    pending: bool | None = Field(None, description="Of which a version is to be destroyed; or none.")
    sort: Sort | None = Field(None, description="The order; `created` without it.")

    @property
    def is_search(self) -> bool:
        """Whether it asks for more than a list in the order of ids."""
        asked = (self.search, self.state, self.type, self.expiring, self.pending, self.sort)
        return any(each is not None for each in asked) or "~" in (self.cursor or "")

    def wanted(self) -> Wanted:
        """As custody takes it."""
        return Wanted(
            search=self.search,
            name=self.name,
            state=self.state,
            algorithm=None if self.type is None else self.type.value,
            group=self.group,
            owner=self.owner,
            expiring=self.expiring,
            pending=self.pending,
            sort=self.sort or Sort.OLDEST,
        )


@router.get("/keys", responses=READING)
async def list_keys(query: Annotated[KeysQuery, Query()], visit: Visiting) -> PageAnswer[KeyAnswer]:
    """Every key for Administrators and Auditors; one's own and one's groups' for a Key Access User.

    A search looks through some thousands of keys for a page: this may hold fewer keys than the limit, or none, and have
    a next one all the same.
    """
    size = page_size(query.limit, visit.settings)
    if query.is_search:
        found = await visit.ask(visit.custody.finding.find, query.wanted(), size=size, after=query.cursor)
        return PageAnswer(items=[KeyAnswer.of(detail) for detail in found.items], next=found.next)
    page = await visit.ask(
        visit.custody.keys.list,
        size=size,
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
        return await visit.briefly(visit.custody.keys.generate, body.new_key(), once=once)

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
    return answer(await visit.briefly(visit.custody.keys.show, key, version=version), response)


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
