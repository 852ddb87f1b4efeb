"""Long lists come in pages, in the order of their ids or names; a cursor says where the last page ended."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from keyferry.errors import InvalidInput

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


@dataclass(frozen=True, slots=True)
class NameRange:
    """The names that are at or after `first` and before `end`, byte by byte: a walk along an index."""

    first: str
    end: str


def names_that_begin(prefix: str, after: str, may_name: Callable[[str], bool]) -> NameRange | None:
    """The names that begin so and come after the one where the last page ended; None if none can begin so.

    Every sign that a name may have lies between "!" and "~".

    Args:
        after: a name, or empty for the first page.
        may_name: whether there can be such a name.

    Raises:
        InvalidInput: `after` is no name.
    """
    if after and not may_name(after):
        raise InvalidInput("No page ended there.", field="after", advice="Begin with the first page.")
    if prefix and not may_name(prefix):
        return None
    return NameRange(max(prefix, f"{after}!" if after else ""), f"{prefix}~")
