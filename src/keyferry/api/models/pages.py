"""Lists come in pages. A cursor is what the page before it gave as `next`."""

from typing import Annotated, Generic, TypeVar

from pydantic import Field, StringConstraints

from keyferry.api.models.values import ID_PATTERN, Answer, Request
from keyferry.config.settings import Settings
from keyferry.errors import InvalidInput

T = TypeVar("T")

Limit = Annotated[
    int,
    Field(ge=1, le=5000, description="Items in the page; the server's settings say how many at most, and without it."),
]


class PageQuery(Request):
    """Of lists in the order of ids."""

    limit: Limit | None = None
    cursor: Annotated[str, StringConstraints(pattern=ID_PATTERN)] | None = None

    @property
    def after(self) -> str:
        """The id of the item before the page."""
        return self.cursor or ""


class NumberedPageQuery(Request):
    """Of lists in the order in which things happened."""

    limit: Limit | None = None
    cursor: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")] | None = None

    @property
    def after(self) -> int:
        """The number of the item before the page."""
        return int(self.cursor or 0)


class PageAnswer(Answer, Generic[T]):
    """A page: its items, and the cursor of the next one, null at the end."""

    items: list[T]
    next: str | None


def page_size(limit: int | None, settings: Settings) -> int:
    """
    Raises:
        InvalidInput: the limit is more than the setting `max_page`.
    """
    if limit is None:
        return settings.default_page
    if limit > settings.max_page:
        raise InvalidInput(
            f"A page has at most {settings.max_page} items.",
            field="limit",
            advice="Ask for fewer, and follow `next` for the rest.",
        )
    return limit
