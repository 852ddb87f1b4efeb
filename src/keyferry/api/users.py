"""Accounts."""

from functools import partial
from typing import Annotated

from fastapi import Path, Query, Request, Response

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, READING
from keyferry.api.idempotency import NO_IDEMPOTENCY_KEY, IdempotencyKey, create_once, once_of
from keyferry.api.models.factors import InvitationAnswer
from keyferry.api.models.pages import PageAnswer, PageQuery, page_size
from keyferry.api.models.users import (
    PasswordChange,
    PasswordQuestion,
    StrengthAnswer,
    UserAnswer,
    UserChange,
    UserCreation,
)
from keyferry.api.models.values import Reference, secret_of, when
from keyferry.api.preconditions import IfMatch, tag
from keyferry.api.routers import guarded_router
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation
from keyferry.custody.users import UserDetail
from keyferry.errors import InvalidInput
from keyferry.identity.passwords import check_new_password
from keyferry.strength import estimate

router = guarded_router("users")
UserReference = Annotated[Reference, Path()]


@router.get("/users", responses=READING)
async def list_users(query: Annotated[PageQuery, Query()], visit: Visiting) -> PageAnswer[UserAnswer]:
    """Every account; for Administrators and Auditors."""
    size = page_size(query.limit, visit.settings)
    page = await visit.ask(visit.custody.users.list, size=size, after=query.after)
    return PageAnswer(items=[UserAnswer.of(user) for user in page.items], next=page.next)


@router.post("/users", status_code=201, responses=CHANGING)
async def create_user(
    body: UserCreation,
    visit: Visiting,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> UserAnswer:
    """Make an account."""

    async def create(once: Once | None) -> UserDetail:
        return await visit.ask(visit.custody.users.create, body.new_user(), once=once)

    async def find(user_id: str) -> UserDetail:
        return await visit.ask(visit.custody.users.show, user_id)

    detail = await create_once(visit, once_of(request, body, idempotency_key), Operation.USER_CREATE, create, find)
    response.headers["Location"] = f"/api/v1/users/{detail.user.id}"
    return _answer(detail, response)


@router.get("/users/{user:segment}", responses=READING)
async def show_user(user: UserReference, visit: Visiting, response: Response) -> UserAnswer:
    """An account, by id or name."""
    return _answer(await visit.ask(visit.custody.users.show, user), response)


@router.patch("/users/{user:segment}", responses=CHANGING)
async def edit_user(
    user: UserReference, body: UserChange, visit: Visiting, response: Response, revision: IfMatch
) -> UserAnswer:
    """Change an account. A new role drops all memberships."""
    return _answer(await visit.ask(visit.custody.users.edit, user, body.edit(), revision=revision), response)


@router.delete("/users/{user:segment}", status_code=204, responses=CHANGING)
async def delete_user(user: UserReference, visit: Visiting, revision: IfMatch) -> None:
    """Delete an account that owns no keys. Its name is not used again."""
    await visit.ask(visit.custody.users.delete, user, revision=revision)


@router.post("/users/{user:segment}/disable", responses=CHANGING)
async def disable_user(user: UserReference, visit: Visiting, response: Response, revision: IfMatch) -> UserAnswer:
    """Deny the account every way in, at once: its sessions and tokens end."""
    return _answer(await visit.ask(visit.custody.users.disable, user, revision=revision), response)


@router.post("/users/{user:segment}/enable", responses=CHANGING)
async def enable_user(user: UserReference, visit: Visiting, response: Response, revision: IfMatch) -> UserAnswer:
    """Let a disabled account sign in again."""
    return _answer(await visit.ask(visit.custody.users.enable, user, revision=revision), response)


@router.put("/users/{user:segment}/password", responses=CHANGING)
async def set_password(user: UserReference, body: PasswordChange, visit: Visiting, response: Response) -> UserAnswer:
    """Set a password; every session and token of the account ends, the one presented here too if it is one's own."""
    current = None if body.current_password is None else secret_of(body.current_password)
    setting = visit.custody.users.set_password
    detail = await visit.ask(setting, user, secret_of(body.password), current=current, temporary=body.temporary)
    return _answer(detail, response)


@router.post("/users/{user:segment}/invitation", responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY])
async def invite_user(user: UserReference, visit: Visiting) -> InvitationAnswer:
    """Invite the user of an account without a password to set one. An invitation before this one ends."""
    invitation = await visit.ask(visit.custody.invitations.create, user)
    text = invitation.text.reveal().decode()
    return InvitationAnswer(
        ticket=text,
        path=f"/invitation?ticket={text}",
        expires_at=when(invitation.expires_at) or "",
        user_name=invitation.user.name,
    )


@router.post("/users/{user:segment}/unlock", responses=CHANGING)
async def unlock_user(user: UserReference, visit: Visiting, response: Response) -> UserAnswer:
    """Forget failed sign-ins of the account, so that the next one is looked at at once."""
    return _answer(await visit.ask(visit.custody.users.unlock, user), response)


@router.post("/password-strength", responses=CHANGING)
async def estimate_strength(body: PasswordQuestion, visit: Visiting) -> StrengthAnswer:
    """How hard a password is to guess, and whether it would be taken. It is neither kept nor logged."""
    await visit.ask(visit.custody.users.show, visit.caller.user_id)  # whoever may not come in any more is told nothing
    return await visit.workers.run(partial(_strength, body))


def _strength(body: PasswordQuestion) -> StrengthAnswer:
    refusal = None
    try:
        check_new_password(secret_of(body.password), user_name=body.user_name)
    except InvalidInput as refused:
        refusal = refused.detail
    found = estimate(body.password.get_secret_value(), [body.user_name] if body.user_name else [])
    return StrengthAnswer(
        score=found.score, warning=found.warning, suggestions=list(found.suggestions), refusal=refusal
    )


def _answer(detail: UserDetail, response: Response) -> UserAnswer:
    tag(response, detail.user.revision)
    return UserAnswer.of(detail)
