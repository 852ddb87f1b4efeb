"""Counts of keys, and of what was done with them, kept so that nobody has to scan a million rows to see them.

The audit log says which keys changed: every change of a key writes an event in its own transaction. So counting follows
the log. In one transaction it takes the events since the last one that was counted, takes the keys that they name out
of the counts, reads those keys as they are now, and puts them back in. Whatever happens in between, the counts end
where the rows are: an event is counted once, and a key is counted as it is.

These rows are not sealed, and nothing is decided by them.
"""

# ruff: noqa: S608  (no text from outside is put into these statements: names of this file's own alone)

import time
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select, text

from keyferry.clock import SECOND
from keyferry.custody.policy import Operation
from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.tables import BLANK, NEVER, counted
from keyferry.store.transaction import Transaction

DAY: Final = 86_400 * SECOND
EVERYBODY: Final = ""
"""Stands in `owner_id` for all owners together."""

EVENTS_AT_ONCE: Final = 2000
LONGEST: Final = 1.0
"""Seconds after which a run leaves the rest to the next one: a store that was never counted has much to count."""

CREATED: Final = (Operation.KEY_GENERATE.value, Operation.KEY_IMPORT.value)
ROTATED: Final = (Operation.KEY_ROTATE.value,)
USED: Final = (Operation.KEY_USE.value,)
EXPORTED: Final = (Operation.KEY_EXPORT.value,)

_COUNTED_OPERATIONS = ", ".join(f"'{name}'" for name in (*CREATED, *ROTATED, *USED, *EXPORTED))

_COUNTED = Prepared(select(counted.c.number).where(counted.c.id == 1).with_for_update())
_BEGIN = Prepared(text("INSERT INTO counted (id, number) VALUES (1, 0) ON CONFLICT (id) DO NOTHING"))
_ADVANCE = Prepared(text("UPDATE counted SET number = :upto WHERE id = 1"))
_NEWEST = Prepared(
    text("SELECT max(number) FROM audit_events WHERE number > coalesce((SELECT number FROM counted WHERE id = 1), 0)")
)

_NAMED = "number > :after AND number <= :upto AND object_type = 'key' AND outcome = 'done'"
_CHANGED = (
    f"SELECT object_id FROM audit_events WHERE {_NAMED} "
    "AND (object_revision IS NOT NULL OR version_revision IS NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class _RollUp:
    """How keys are counted into one table: its columns, and what of `counted_keys` each of them is."""

    table: str
    columns: tuple[str, ...]
    chosen: tuple[str, ...]

    def statement(self, sign: str) -> Prepared:
        """Put the keys that changed into the counts, or with a minus take them out."""
        names = ", ".join(self.columns)
        constants = {f"'{EVERYBODY}'"}
        grouped = ", ".join(each for each in self.chosen if each not in constants)
        return Prepared(
            text(
                f"INSERT INTO {self.table} ({names}, keys) SELECT {', '.join(self.chosen)}, {sign}count(*) "
                f"FROM counted_keys WHERE key_id IN ({_CHANGED}) AND {self.chosen[-1]} IS NOT NULL GROUP BY {grouped} "
                f"ON CONFLICT ({names}) DO UPDATE SET keys = {self.table}.keys + excluded.keys"
            )
        )


_KINDS = ("algorithm", "state", "pending", "day")
_ALL = f"'{EVERYBODY}'"
_ROLL_UPS = (
    _RollUp("key_counts", ("owner_id", *_KINDS), ("owner_id", *_KINDS)),
    _RollUp("key_counts", ("owner_id", *_KINDS), (_ALL, *_KINDS)),
    _RollUp("expiry_counts", ("owner_id", "day"), ("owner_id", "expires_day")),
    _RollUp("expiry_counts", ("owner_id", "day"), (_ALL, "expires_day")),
    _RollUp("owner_counts", ("owner_id",), ("owner_id",)),
)
_TAKE_OUT = tuple(each.statement("-") for each in _ROLL_UPS)
_PUT_IN = tuple(each.statement("") for each in _ROLL_UPS)

_FORGET = Prepared(text(f"DELETE FROM counted_keys WHERE key_id IN ({_CHANGED})"))
_READ = Prepared(
    text(
        "INSERT INTO counted_keys "
        "(key_id, owner_id, algorithm, state, pending, day, expires_day, name, deactivates_at) "
        "SELECT keys.id, coalesce(owner_user_id, owner_group_id), algorithm, state, "
        "CASE WHEN EXISTS (SELECT 1 FROM key_versions AS v WHERE v.key_id = keys.id AND v.destroy_at IS NOT NULL) "
        "THEN 1 ELSE 0 END, "
        f"key_versions.created_at / {DAY}, "
        "CASE WHEN state IN ('pre-active', 'active') AND destroy_at IS NULL "
        f"THEN deactivation_date / {DAY} END, coalesce(name, '{BLANK}'), coalesce(deactivation_date, {NEVER}) "
        f"FROM keys JOIN key_versions ON key_versions.id = current_version_id WHERE keys.id IN ({_CHANGED})"
    )
)


def _counted_activity(owner: str, grouped: str) -> Prepared:
    return Prepared(
        text(
            "INSERT INTO activity_counts (owner_id, day, operation, times) "
            f"SELECT {owner}, at / {DAY}, operation, count(*) FROM audit_events "
            "JOIN counted_keys ON counted_keys.key_id = object_id "
            f"WHERE {_NAMED} AND operation IN ({_COUNTED_OPERATIONS}) GROUP BY {grouped}at / {DAY}, operation "
            "ON CONFLICT (owner_id, day, operation) DO UPDATE SET times = activity_counts.times + excluded.times"
        )
    )


_ACTIVITY = (_counted_activity("owner_id", "owner_id, "), _counted_activity(_ALL, ""))


def count(store: Store, *, longest: float = LONGEST) -> int:
    """Count what the log has had numbered since the last time; answers how many events that were.

    Several nodes may do this at once: the second waits, and finds what the first has counted.

    Args:
        longest: seconds after which the rest is left to the next call.
    """
    until = time.monotonic() + longest
    total = 0
    while store.read(_last_after_counted) is not None:
        total += store.write(_count_some)
        if time.monotonic() >= until:
            break
    return total


def _last_after_counted(tx: Transaction) -> int | None:
    """The number of the newest event, unless that is counted already."""
    row = tx.row(_NEWEST)
    return None if row is None or row[0] is None else int(row[0])


def _count_some(tx: Transaction) -> int:
    tx.run(_BEGIN)
    row = tx.row(_COUNTED)  # held: another node that counts waits here
    after = 0 if row is None else int(row[0])
    newest = _last_after_counted(tx)
    if newest is None:
        return 0
    upto = min(newest, after + EVENTS_AT_ONCE)
    for statement in (*_TAKE_OUT, _FORGET, _READ, *_PUT_IN, *_ACTIVITY):
        tx.run(statement, after=after, upto=upto)
    tx.run(_ADVANCE, upto=upto)
    return upto - after
