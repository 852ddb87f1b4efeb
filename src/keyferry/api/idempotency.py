"""The Idempotency-Key header: a request that creates something, and is sent again, creates nothing again."""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header
from fastapi import Request as HttpRequest
from pydantic import SecretStr

from keyferry.api.callers import Visit
from keyferry.api.direct import silent
from keyferry.api.models.values import Request
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation
from keyferry.errors import InvalidInput

T = TypeVar("T")

IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[!-~]{1,255}$",
        description="Of the caller's own choice, kept for 24 hours: the same request under the same key creates "
        "nothing again and gets the answer anew; another request under it is refused.",
    ),
]


async def create_once(
    visit: Visit,
    once: Once | None,
    operation: Operation,
    create: Callable[[Once | None], Awaitable[T]],
    find: Callable[[str], Awaitable[T]],
) -> T:
    """Create, or find what an earlier request under the same key created.

    Args:
        once: None without a key: created in any case.
        find: from the id of what was created to the answer.

    Raises:
        InvalidInput: (`idempotency-key-reused`) the key was used for another request.
    """
    if once is None:
        return await create(None)
    earlier = await visit.ask(visit.custody.gate.replayed, operation, once)
    if earlier is not None:
        return await find(earlier)
    try:
        return await create(once)
    except InvalidInput as refusal:
        if refusal.code != "idempotency-key-reused":
            raise
        meanwhile = await visit.ask(visit.custody.gate.replayed, operation, once)
        if meanwhile is None:
            raise
        return await find(meanwhile)


def once_of(request: HttpRequest, body: Request, key: str | None) -> Once | None:
    """The request as custody tells it from others under the same key: method, path and body, whatever its spelling."""
    return None if key is None else Once(key, f"{request.method} {request.url.path}", _normalised(body))


def _normalised(body: Request) -> bytes:
    return json.dumps(body.model_dump(), sort_keys=True, default=_revealed).encode()


def _revealed(value: Any) -> str:
    """Custody keeps an HMAC of this and nothing else: two passwords have to make two requests."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    raise TypeError(f"{type(value).__name__} has no normal form")


@silent
async def _refuse_key(
    idempotency_key: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> None:
    """
    Raises:
        InvalidInput: what this request makes is shown once, and could not be shown again for a repetition.
    """
    if idempotency_key is not None:
        raise InvalidInput(
            "This request takes no Idempotency-Key: what it answers cannot be answered again.",
            field="Idempotency-Key",
            advice="Leave the header out.",
        )


NO_IDEMPOTENCY_KEY = Depends(_refuse_key)
