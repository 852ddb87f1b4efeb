"""Refusals of callers who could not be authenticated: counted, and written at most once a second.

Each costs whoever sends it nothing, so none may cost the server a write to disk: a flood adds to a count in memory, and
one audit event with the count is written for each source and reason.
"""

import threading
from collections import Counter
from dataclasses import dataclass

from keyferry.custody.caller import Caller, Origin
from keyferry.custody.policy import Operation

#: kinds of refusal that are told apart between two writes; further ones are counted together
MOST_KINDS = 1000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Who, what and why, as the audit event will say."""

    who: Caller | Origin
    operation: Operation
    code: str
    reason: str


class Refusals:
    """The counts since they were last written, for all threads of a process.

    Beyond `MOST_KINDS` kinds, sources and reasons are no longer told apart: a flood cannot buy memory either.
    """

    def __init__(self) -> None:
        self._counts: Counter[Refusal] = Counter()
        self._lock = threading.Lock()

    def count(self, refusal: Refusal, times: int = 1) -> None:
        """Add `times`. Costs no write; the event comes within a second."""
        with self._lock:
            if refusal in self._counts or len(self._counts) < MOST_KINDS:
                self._counts[refusal] += times
            else:
                other = Refusal(Origin(None), refusal.operation, refusal.code, "various reasons, from various sources")
                self._counts[other] += times

    def take(self) -> list[tuple[Refusal, int]]:
        """All that was counted since the last time."""
        with self._lock:
            taken, self._counts = self._counts, Counter()
        return list(taken.items())

    def put_back(self, taken: list[tuple[Refusal, int]]) -> None:
        """Count again what was taken and could not be written."""
        for refusal, times in taken:
            self.count(refusal, times)
