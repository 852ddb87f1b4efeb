"""When tokens and key versions were last used: noted in memory, written in one batch at most once a minute.

These rows are not sealed. They tell people what is no longer in use, and when a session of the console has lain idle:
whoever could edit them could keep such a session alive until its date, and no longer.
"""

import threading

from sqlalchemy import bindparam, delete, insert, select

from keyferry.clock import Microseconds
from keyferry.clock import now as clock_now
from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.tables import activity
from keyferry.store.transaction import Transaction

_LAST = Prepared(select(activity.c.last_used_at).where(activity.c.subject_id == bindparam("id")))
_FORGET = Prepared(delete(activity).where(activity.c.subject_id == bindparam("id")))
_KEEP = Prepared(insert(activity).values(subject_id=bindparam("id"), last_used_at=bindparam("at")))


class Activity:
    """Last uses, by the id of the token or version."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted: dict[str, Microseconds] = {}
        self._lock = threading.Lock()

    def note(self, subject_id: str) -> None:
        """It was used now."""
        with self._lock:
            self._noted[subject_id] = clock_now()

    def flush(self) -> None:
        """Write what was noted since the last time; what fails to be written is noted again."""
        with self._lock:
            noted, self._noted = self._noted, {}
        if not noted:
            return
        try:
            self._store.write(lambda tx: _write(tx, noted))
        except Exception:
            with self._lock:
                self._noted = noted | self._noted
            raise

    def last_seen(self, tx: Transaction, subject_id: str) -> Microseconds | None:
        """As `last_use`, with what this process has noted and not written yet."""
        with self._lock:
            noted = self._noted.get(subject_id)
        written = self.last_use(tx, subject_id)
        return written if noted is None else max(noted, written or 0)

    def last_use(self, tx: Transaction, subject_id: str) -> Microseconds | None:
        """When it was last used, as far as it has been written; None for never."""
        row = tx.row(_LAST, id=subject_id)
        return None if row is None else int(row[0])


def _write(tx: Transaction, noted: dict[str, Microseconds]) -> None:
    for subject_id, at in sorted(noted.items()):
        tx.run(_FORGET, id=subject_id)
        tx.run(_KEEP, id=subject_id, at=at)
