"""Events of the audit log that somebody looks for: by person, key, operation, outcome and time.

The log grows with everything that is done, and an index for each way to look for something would make every write
dearer. So a search walks along the events' own order, newest first or oldest first, and looks at a bounded number of
them for one page; where that was not enough to fill the page, the next one goes on from there.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import and_, bindparam, desc, func, or_, select
from sqlalchemy.sql import ColumnElement

from keyferry.clock import SECOND, Microseconds, to_rfc3339
from keyferry.custody.policy import Operation
from keyferry.errors import InvalidInput
from keyferry.ids import is_id_shaped
from keyferry.store.events import COLUMNS, event_of
from keyferry.store.records import AuditEvent
from keyferry.store.statements import Prepared
from keyferry.store.tables import audit_events
from keyferry.store.transaction import Transaction

#: events that are looked at for one page of a search
LOOKED_AT: Final = 10_000
OUTCOMES: Final = ("done", "refused", "failed")
NOUNS: Final = tuple(sorted({operation.value.partition(".")[0] for operation in Operation}))
"""What operations are about: `key` stands for all of `key.generate`, `key.export`, ..."""

#: an event is written a while after the moment that it names, and clocks of several nodes differ
_SLACK: Final[Microseconds] = 600 * SECOND
_LONGEST: Final = 256
#: no event has a larger id
_AFTER_ALL: Final = 2**63 - 1

_events = audit_events.c
_NEWEST = Prepared(select(func.max(_events.id)))
_OLDEST = Prepared(select(func.min(_events.id)))
_AT = Prepared(select(_events.id, _events.at).where(_events.id >= bindparam("from_id")).order_by(_events.id).limit(1))
_FAR_UP = Prepared(
    select(_events.id).where(_events.id > bindparam("after")).order_by(_events.id).limit(1).offset(bindparam("further"))
)
_FAR_DOWN = Prepared(
    select(_events.id)
    .where(_events.id < bindparam("before"))
    .order_by(desc(_events.id))
    .limit(1)
    .offset(bindparam("further"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What is looked for; None does not matter.

    Attributes:
        person: who did it: the name of a user, as it was then and without regard to case, or a user's id.
        key: what it was done to: a key's id, or the name that it had then.
        operation: one of `Operation`, or what several are about (`key`).
        outcome: one of `OUTCOMES`.
        since, until: not before, and before.
    """

    person: str | None = None
    key: str | None = None
    operation: str | None = None
    outcome: str | None = None
    since: Microseconds | None = None
    until: Microseconds | None = None

    def __post_init__(self) -> None:
        """
        Raises:
            InvalidInput: an outcome or operation that there is not, or a name that nothing can have.
        """
        for field in ("person", "key"):
            text = getattr(self, field)
            if text is not None and not (0 < len(text) <= _LONGEST and text.isprintable()):
                raise InvalidInput(
                    f"Nothing can have that {field}'s name.", field=field, advice="Give a name or an id, whole."
                )
        if self.operation is not None and self.operation not in {*Operation, *NOUNS}:
            raise InvalidInput(
                f"There is no operation {self.operation[:40]!r}.",
                field="operation",
                advice=f"Give one such as key.export, or what several are about: {', '.join(NOUNS)}.",
            )
        if self.outcome is not None and self.outcome not in OUTCOMES:
            raise InvalidInput(
                f"There is no outcome {self.outcome[:40]!r}.",
                field="outcome",
                advice=f"Give one of {', '.join(OUTCOMES)}.",
            )

    @property
    def is_anything(self) -> bool:
        """Whether every event is one that is looked for."""
        return not self.told()

    def told(self) -> dict[str, str]:
        """What is looked for, by its name; times in RFC 3339. What does not matter is left out."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: to_rfc3339(value) if isinstance(value, int) else value
            for name, value in found.items()
            if value is not None
        }


ANYTHING: Final = Sought()


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a walk over a stretch of the log came to.

    Attributes:
        end: the id of the last event that was looked at, from which the next stretch goes on; None at the log's end.
    """

    events: tuple[AuditEvent, ...]
    end: int | None


def walk(
    tx: Transaction,
    sought: Sought,
    *,
    size: int,
    after: int,
    newest_first: bool,
    up_to: int | None = None,
    looked_at: int = LOOKED_AT,
) -> Stretch:
    """The first events that are looked for, at most `size`, among the `looked_at` events that come after `after`.

    1. The time that is looked for is made a range of ids, which need not be exact: the times are compared as well.
    2. The range is cut where as many events were looked at as may be.
    3. What fits is read, in order.

    Args:
        after: the id of the event before the stretch, in the direction of the walk.
        up_to: the id of the last event that matters.
    """
    low, high = _range(tx, sought, up_to)
    if newest_first:
        high = min(high, after - 1)
        cut = None if sought.is_anything else tx.row(_FAR_DOWN, before=high + 1, further=looked_at - 1)
        low, ends = (low, True) if cut is None or cut[0] <= low else (int(cut[0]), False)
    else:
        low = max(low, after + 1)
        cut = None if sought.is_anything else tx.row(_FAR_UP, after=low - 1, further=looked_at - 1)
        high, ends = (high, True) if cut is None or cut[0] >= high else (int(cut[0]), False)
    rows = tx.rows(
        _statement(frozenset(sought.told()), newest_first=newest_first, noun=_is_noun(sought)),
        **_parameters(sought),
        low=low,
        high=high,
        limit=size + 1,
    )
    found = tuple(event_of(row) for row in rows)
    if len(found) > size:
        return Stretch(found[:size], found[size - 1].id)
    return Stretch(found, None if ends else (low if newest_first else high))


def start(*, newest_first: bool) -> int:
    """The `after` of a walk's first stretch."""
    return _AFTER_ALL if newest_first else -(2**63)


def _range(tx: Transaction, sought: Sought, up_to: int | None) -> tuple[int, int]:
    """The first and the last id that can matter; events outside of them are not of that time."""
    low, high = -(2**63) + 1, _AFTER_ALL if up_to is None else up_to
    if sought.since is None and sought.until is None:
        return low, high
    oldest, newest = tx.row(_OLDEST), tx.row(_NEWEST)
    if oldest is None or newest is None or oldest[0] is None:
        return low, high
    first, last = int(oldest[0]), int(newest[0])
    if sought.since is not None:
        low = max(low, _first_at(tx, first, last, sought.since - _SLACK))
    if sought.until is not None:
        high = min(high, _first_at(tx, first, last, sought.until + _SLACK))
    return low, high


def _first_at(tx: Transaction, first: int, last: int, moment: Microseconds) -> int:
    """The id of the first event that is not before `moment`; the id after the last one, if all are. By halving."""

    def at(id_: int) -> tuple[int, Microseconds] | None:
        row = tx.row(_AT, from_id=id_)
        return None if row is None else (int(row[0]), int(row[1]))

    low, high = first, last + 1
    while low < high:
        middle = (low + high) // 2
        found = at(middle)
        if found is None or found[1] >= moment:
            high = middle
        else:
            low = found[0] + 1
    return low


@lru_cache(maxsize=256)
def _statement(names: frozenset[str], *, newest_first: bool, noun: bool) -> Prepared:
    """The statement that looks for events by what `names` has; each is compiled once."""
    conditions: dict[str, Callable[[], ColumnElement[bool]]] = {
        "person": lambda: or_(
            _events.actor_id == bindparam("person"), func.lower(_events.actor_name) == bindparam("person_lower")
        ),
        "key": lambda: or_(
            and_(
                _events.object_type == "key",
                or_(_events.object_id == bindparam("key"), _events.object_name == bindparam("key")),
            ),
            _events.details.like(bindparam("key_in_details")),
        ),
        "operation": lambda: (
            _events.operation.like(bindparam("operation")) if noun else _events.operation == bindparam("operation")
        ),
        "outcome": lambda: _events.outcome == bindparam("outcome"),
        "since": lambda: _events.at >= bindparam("since"),
        "until": lambda: _events.at < bindparam("until"),
    }
    return Prepared(
        select(*COLUMNS)
        .where(
            _events.id >= bindparam("low"),
            _events.id <= bindparam("high"),
            *(condition() for name, condition in conditions.items() if name in names),
        )
        .order_by(desc(_events.id) if newest_first else _events.id)
        .limit(bindparam("limit"))
    )


def _parameters(sought: Sought) -> dict[str, Any]:
    found = {name: getattr(sought, name) for name in sought.told()}
    if sought.person is not None:
        found["person_lower"] = sought.person.lower()
    if sought.key is not None:
        # deployments and others name the key that they are of by its id; a name would be found where it is none
        found["key_in_details"] = f'%"key":"{sought.key}"%' if is_id_shaped(sought.key) else ""
    if _is_noun(sought):
        found["operation"] = f"{sought.operation}.%"
    return found


def _is_noun(sought: Sought) -> bool:
    return sought.operation in NOUNS
