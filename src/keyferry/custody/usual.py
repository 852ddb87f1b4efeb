"""Which rows an operation will ask for: what the same one asked for the last time.

It is a hint and nothing more. What is read because of it is read in the operation's own transaction and verified as
ever; a row that was not expected is read when it is asked for.
"""

import threading
from typing import Final

from keyferry.custody.caller import Caller
from keyferry.custody.policy import Operation
from keyferry.store.together import MOST as MOST_ROWS
from keyferry.store.together import Wanted, read_together
from keyferry.store.transaction import Transaction

#: operations whose rows are remembered
MOST: Final = 4096

_Asked = tuple[Caller, Operation, str | None]
_Rows = tuple[Wanted, ...]


class Usual:
    """The rows of earlier operations, for all threads of a process."""

    def __init__(self) -> None:
        self._rows: dict[_Asked, _Rows] = {}
        self._lock = threading.Lock()

    def bring(self, tx: Transaction, caller: Caller, operation: Operation, about: str | None) -> None:
        """Read the rows that this operation asked for the last time, all at once."""
        read_together(tx, self._rows.get((caller, operation, about), ()))

    def note(self, tx: Transaction, caller: Caller, operation: Operation, about: str | None) -> None:
        """Remember what it has asked for."""
        rows: _Rows = tuple(dict.fromkeys(tx.asked))[:MOST_ROWS]
        asked = (caller, operation, about)
        if self._rows.get(asked) == rows:
            return
        with self._lock:
            self._rows.pop(asked, None)
            if len(self._rows) >= MOST:
                del self._rows[next(iter(self._rows))]
            self._rows[asked] = rows
