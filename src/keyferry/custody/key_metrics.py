"""Figures about keys: how many, of which kind, in which state, how old, whose, and what was done with them.

They are read from counts (`counting` keeps them), so that they cost the same at a million keys. A date that has come
shows once it is recorded, a few seconds later.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from sqlalchemy import bindparam, desc, func, select

from keyferry.clock import Microseconds
from keyferry.clock import now as clock_now
from keyferry.custody.audit_search import Sought, start, walk
from keyferry.custody.caller import Caller, Origin
from keyferry.custody.counting import CREATED, DAY, EVERYBODY, EXPORTED, ROTATED, USED
from keyferry.custody.gate import Gate
from keyferry.custody.key_places import Places, read_places
from keyferry.custody.policy import Operation, Relation
from keyferry.custody.view import View
from keyferry.store.events import check_event
from keyferry.store.records import AuditEvent
from keyferry.store.statements import Prepared
from keyferry.store.tables import activity_counts, counted, expiry_counts, groups, key_counts, owner_counts, users
from keyferry.store.transaction import Transaction

K = TypeVar("K", str, tuple[str, str])

AGES: Final = ((30, "under 30 days"), (90, "30 to 89 days"), (365, "90 to 364 days"), (730, "1 to 2 years"))
OLDEST: Final = "2 years and more"
EXPIRING_WITHIN: Final = (1, 7, 30, 90)
"""Days."""
MOST_OWNERS: Final = 20

_KINDS = Prepared(
    select(
        key_counts.c.algorithm, key_counts.c.state, key_counts.c.pending, key_counts.c.day, key_counts.c["keys"]
    ).where(key_counts.c.owner_id == bindparam("owner_id"), key_counts.c["keys"] > 0)
)
_EXPIRING = Prepared(
    select(expiry_counts.c.day, expiry_counts.c["keys"]).where(
        expiry_counts.c.owner_id == bindparam("owner_id"),
        expiry_counts.c.day >= bindparam("since"),
        expiry_counts.c.day <= bindparam("until"),
    )
)
_ACTIVITY = Prepared(
    select(activity_counts.c.day, activity_counts.c.operation, activity_counts.c.times).where(
        activity_counts.c.owner_id == bindparam("owner_id"), activity_counts.c.day >= bindparam("since")
    )
)
_OWNERS = Prepared(
    select(owner_counts.c.owner_id, owner_counts.c["keys"])
    .where(owner_counts.c["keys"] > 0)
    .order_by(desc(owner_counts.c["keys"]), owner_counts.c.owner_id)
    .limit(MOST_OWNERS)
)
_OWNED = Prepared(
    select(owner_counts.c.owner_id, owner_counts.c["keys"]).where(
        owner_counts.c.owner_id == bindparam("owner_id"), owner_counts.c["keys"] > 0
    )
)
_OPERATIONS = Prepared(
    select(activity_counts.c.operation, func.sum(activity_counts.c.times))
    .where(activity_counts.c.owner_id == bindparam("owner_id"))
    .group_by(activity_counts.c.operation)
    .order_by(activity_counts.c.operation)
)
_USER = Prepared(select(users.c.name).where(users.c.id == bindparam("id")))
_GROUP = Prepared(select(groups.c.name).where(groups.c.id == bindparam("id")))
_COUNTED = Prepared(select(counted.c.number).where(counted.c.id == 1))

_COLUMNS = (("created", CREATED), ("rotated", ROTATED), ("used", USED), ("exported", EXPORTED))
_COLUMN_OF: Final = {operation: column for column, operations in _COLUMNS for operation in operations}


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many keys are of one type, in one state. `pending_destruction`: of any of their versions."""

    algorithm: str
    state: str
    pending_destruction: bool
    age_days: int
    keys: int


@dataclass(frozen=True, slots=True)
class OwnerCount:
    """How many keys somebody has. `kind`: user or group."""

    kind: str
    name: str
    keys: int


@dataclass(frozen=True, slots=True)
class DayCount:
    """What was done on one day (UTC). `at` is its beginning."""

    at: Microseconds
    created: int
    rotated: int
    used: int
    exported: int


@dataclass(frozen=True, slots=True)
class KeyMetrics:
    """Figures about the keys that a caller may see.

    Attributes:
        at: when they were read.
        events: the number of the last audit event that is counted in.
        total: keys, erased ones included.
        pending_destruction: keys of which a version is to be destroyed, the current one or an earlier one.
        by_kind: by type and state at once.
        by_age: by the age of the current version, erased keys left out.
        expiring: keys whose current version is deactivated within so many days.
        days: from the earliest to today, without gaps.
        operations: how often each was done since the store was made.
    """

    at: Microseconds
    events: int
    total: int
    by_kind: Mapping[tuple[str, str], int]
    by_state: Mapping[str, int]
    by_type: Mapping[str, int]
    by_age: Mapping[str, int]
    by_owner: tuple[OwnerCount, ...]
    pending_destruction: int
    expiring: Mapping[int, int]
    days: tuple[DayCount, ...]
    operations: Mapping[str, int]


class Metrics:
    """Figures about keys, for those who may see the keys: an Administrator of all, others of theirs."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def show(self, caller: Caller, *, days: int = 30) -> KeyMetrics:
        """The figures, with what was done on each of the last `days` days."""

        def read(view: View) -> KeyMetrics:
            view.permit(Relation.OWN, "key metrics", None, None)
            actor = view.actor
            own = (actor.user.id, *sorted(actor.group_ids))
            return _read(view.tx, (EVERYBODY,) if actor.role.sees_everything else own, days)

        return self._gate.read(caller, Operation.KEY_METRICS, read)

    def places(self, caller: Caller) -> Places:
        """Where the keys have gone, by the newest exports and deployments."""

        def read(view: View) -> Places:
            view.permit(Relation.OWN, "key metrics", None, None)
            return read_places(view)

        return self._gate.read(caller, Operation.KEY_METRICS, read)

    def refusals(self, caller: Caller, *, size: int) -> tuple[AuditEvent, ...]:
        """What was refused to the caller of late, the newest first; others' refusals are the audit log's readers'.

        Raises:
            IntegrityViolation: one of the events was edited.
        """

        def read(view: View) -> tuple[AuditEvent, ...]:
            view.permit(Relation.OWN, "key metrics", None, None)
            sought = Sought(person=view.actor.user.id, outcome="refused")
            found = walk(view.tx, sought, size=size, after=start(newest_first=True), newest_first=True).events
            for event in found:
                check_event(view.sealer, event)
            return found

        return self._gate.read(caller, Operation.KEY_METRICS, read)

    def scrape(self, caller: Caller) -> KeyMetrics:
        """The figures about everybody's keys, without names of owners, for a monitor with a token."""

        def read(view: View) -> KeyMetrics:
            view.permit(Relation.NONE, "metrics", None, None)
            return _read(view.tx, (EVERYBODY,), 1, named=False)

        return self._gate.read(caller, Operation.METRICS_READ, read)

    def overall(self, origin: Origin) -> KeyMetrics:
        """The figures about everybody's keys, without names of owners, for a monitor on the server's own machine."""
        return self._gate.look(origin, Operation.KEY_METRICS, lambda tx: _read(tx, (EVERYBODY,), 1, named=False))


def _read(tx: Transaction, owners: tuple[str, ...], days: int, *, named: bool = True) -> KeyMetrics:
    now = clock_now()
    today = now // DAY
    kinds = [
        KindCount(algorithm, state, bool(pending), max(today - day, 0), keys)
        for owner in owners
        for algorithm, state, pending, day, keys in tx.rows(_KINDS, owner_id=owner)
    ]
    seen = tx.row(_COUNTED)
    alive = [each for each in kinds if not each.state.startswith("destroyed")]
    return KeyMetrics(
        at=now,
        events=0 if seen is None else int(seen[0]),
        total=sum(each.keys for each in kinds),
        by_kind=_summed(((each.algorithm, each.state), each.keys) for each in kinds),
        by_state=_summed((each.state, each.keys) for each in kinds),
        by_type=_summed((each.algorithm, each.keys) for each in kinds),
        by_age=_by_age(alive),
        by_owner=_by_owner(tx, owners) if named else (),
        pending_destruction=sum(each.keys for each in kinds if each.pending_destruction),
        expiring=_expiring(tx, owners, today),
        days=_days(tx, owners, today, days),
        operations=_summed(
            (name, int(times)) for owner in owners for name, times in tx.rows(_OPERATIONS, owner_id=owner)
        ),
    )


def _summed(counts: Iterable[tuple[K, int]]) -> Mapping[K, int]:
    total: Counter[K] = Counter()
    for name, keys in counts:
        total[name] += keys
    return {name: total[name] for name in sorted(total)}


def _by_age(kinds: Iterable[KindCount]) -> Mapping[str, int]:
    found = dict.fromkeys([*(name for _, name in AGES), OLDEST], 0)
    for each in kinds:
        found[next((name for below, name in AGES if each.age_days < below), OLDEST)] += each.keys
    return found


def _by_owner(tx: Transaction, owners: tuple[str, ...]) -> tuple[OwnerCount, ...]:
    everybody = owners == (EVERYBODY,)
    rows = tx.rows(_OWNERS) if everybody else [row for owner in owners for row in tx.rows(_OWNED, owner_id=owner)]
    return tuple(_named(tx, owner_id, keys) for owner_id, keys in rows)


def _named(tx: Transaction, owner_id: str, keys: int) -> OwnerCount:
    user, group = tx.row(_USER, id=owner_id), tx.row(_GROUP, id=owner_id)
    if user is not None:
        return OwnerCount("user", str(user[0]), keys)
    return OwnerCount("group", owner_id if group is None else str(group[0]), keys)


def _expiring(tx: Transaction, owners: tuple[str, ...], today: int) -> Mapping[int, int]:
    last = max(EXPIRING_WITHIN)
    rows = [row for owner in owners for row in tx.rows(_EXPIRING, owner_id=owner, since=today, until=today + last)]
    return {days: sum(keys for day, keys in rows if day - today <= days) for days in EXPIRING_WITHIN}


def _days(tx: Transaction, owners: tuple[str, ...], today: int, days: int) -> tuple[DayCount, ...]:
    since = today - days + 1
    found: dict[int, Counter[str]] = {day: Counter() for day in range(since, today + 1)}
    for owner in owners:
        for day, operation, times in tx.rows(_ACTIVITY, owner_id=owner, since=since):
            if day in found and operation in _COLUMN_OF:
                found[day][_COLUMN_OF[operation]] += times
    return tuple(DayCount(day * DAY, *(counts[column] for column, _ in _COLUMNS)) for day, counts in found.items())
