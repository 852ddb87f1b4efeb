"""Rows that were verified, remembered so that the same bytes are not put to their seal twice.

Whether a seal verifies follows from the row's bytes and the sealer's keys, and from nothing else. So a row as the
database holds it is compared with what verified the last time; what differs from that in anything goes the full way
again. Nothing is ever answered that the database does not hold at that moment.
"""

import threading
from typing import Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from keyferry.material.sealing import Sealer
from keyferry.store.statements import Row

T = TypeVar("T")

#: rows of one table that are remembered; of a row with an RSA key, that is about 3 KiB each
MOST: Final = 2048


class Verified(Generic[T]):
    """What rows of one table stand for, by id, for each sealer that has verified them. For all threads of a process.

    Args:
        most: how many are kept for a sealer; a further one takes the place of the one that came first.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._by_sealer: WeakKeyDictionary[Sealer, dict[str, tuple[Row, T]]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def find(self, sealer: Sealer, row: Row) -> T | None:
        """What was made of exactly this row, whose first column is its id, when it verified; None if it never did.

        Equal means the same bytes: no column holds two types that Python takes for equal but an integer and a truth
        value, which are one on SQLite.
        """
        kept = self._by_sealer.get(sealer)
        found = None if kept is None else kept.get(row[0])
        return found[1] if found is not None and found[0] == row else None

    def keep(self, sealer: Sealer, row: Row, value: T) -> None:
        """Remember that `row` has verified, and what was made of it; what was known of its id is forgotten."""
        with self._lock:
            kept = self._by_sealer.setdefault(sealer, {})
            kept.pop(row[0], None)
            if len(kept) >= self._most:
                del kept[next(iter(kept))]
            kept[row[0]] = (row, value)
