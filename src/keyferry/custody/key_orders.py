"""The orders that keys are listed in, and what is asked of the keys of a list: plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from keyferry.custody.lifecycle import State
from keyferry.errors import InvalidInput
from keyferry.ids import is_id_shaped


class Sort(StrEnum):
    """The orders that keys can be listed in: by the field's name, `-` before it turns it round."""

    OLDEST = "created"
    NEWEST = "-created"
    NAME = "name"
    NAME_BACKWARD = "-name"
    SOONEST = "deactivation_date"
    LATEST = "-deactivation_date"

    @property
    def falling(self) -> bool:
        """Whether it goes from the last to the first."""
        return self.value.startswith("-")

    @property
    def field(self) -> str:
        """What it goes by."""
        return self.value.removeprefix("-")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a key stands in an order: by its value there, and by its id among those of the same."""

    value: str | int
    id: str

    def __str__(self) -> str:
        """As a cursor says it."""
        return f"{self.value}~{self.id}"


@dataclass(frozen=True, slots=True)
class Conditions:
    """What candidates have to fulfil; None asks for nothing.

    Attributes:
        named: names from the first up to the second, which is left out.
        ending: deactivation dates after the first, up to and with the second, of keys that are in use until then.
    """

    id: str | None = None
    state: State | None = None
    algorithm: str | None = None
    pending: bool | None = None
    named: tuple[str, str] | None = None
    ending: tuple[int, int] | None = None

    def parameters(self) -> dict[str, Any]:
        """For the statements."""
        low, high = self.named or ("", "")
        since, until = self.ending or (0, 0)
        return {
            "id": self.id or "",
            "state": "" if self.state is None else self.state.value,
            "algorithm": self.algorithm or "",
            "pending": int(bool(self.pending)),
            "low": low,
            "high": high,
            "since": since,
            "until": until,
        }

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of the conditions, as `key_walk_statements` has them."""
        named = [name for name in ("id", "state", "algorithm", "pending", "named") if getattr(self, name) is not None]
        return (*named, *(("ending", "living") if self.ending is not None else ()))


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose keys are walked: a user's or a group's; everybody's where both are None."""

    user_id: str | None = None
    group_id: str | None = None

    @property
    def id(self) -> str | None:
        """As the kept table has it."""
        return self.user_id or self.group_id


@dataclass(frozen=True, slots=True)
class Walk:
    """In which order, from where, and how many are wanted."""

    sort: Sort
    backward: bool
    after: Place | None
    limit: int

    @property
    def falling(self) -> bool:
        """Whether the walk goes from the last to the first, in the end."""
        return self.sort.falling != self.backward

    @property
    def begun(self) -> bool:
        """Whether it goes on from somewhere."""
        return self.after is not None

    @property
    def parameters(self) -> dict[str, Any]:
        """For the statements."""
        after = Place("", "") if self.after is None else self.after
        return {"after_value": after.value, "after_id": after.id, "limit": self.limit}

    def includes(self, place: Place) -> bool:
        """Whether a place lies ahead."""
        return self.after is None or (place < self.after if self.falling else place > self.after)

    def in_order(self, places: Sequence[Place]) -> list[Place]:
        """Each once, in the order of the walk."""
        return sorted(set(places), reverse=self.falling)


def cursor_place(cursor: str, sort: Sort) -> Place:
    """The place that a cursor of a list in this order says.

    Raises:
        InvalidInput: it is none.
    """
    value, _, id_ = cursor.rpartition("~")
    fits = {"created": value == "", "deactivation_date": value.isascii() and value.isdecimal() and len(value) < 20}
    if not is_id_shaped(id_) or not fits.get(sort.field, 0 < len(value) <= 64 and value.isascii()):
        raise InvalidInput(
            "The cursor is not one of a list in this order.",
            field="cursor",
            advice="Give what the page before it gave as `next`, and the same order; or begin at the first page.",
        )
    return Place(int(value) if sort.field == "deactivation_date" else value, id_)
