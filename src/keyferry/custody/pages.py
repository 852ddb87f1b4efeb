"""Long lists come in pages, in the order of their ids; a cursor says where the last page ended."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items, and the cursor of the next page, or None at the end."""

    items: tuple[T, ...]
    next: str | None


def page_of(items: list[T], size: int, cursors: list[str]) -> Page[T]:
    """A page of `size` from a query that asked for one item more than that."""
    if len(items) <= size:
        return Page(tuple(items), None)
    return Page(tuple(items[:size]), cursors[size - 1])
