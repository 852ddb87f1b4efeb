"""Waiting as long as a throttled vault asks, within bounds."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from keyferry.deployments.progress import Progress
from keyferry.errors import KeyferryError, Overloaded

T = TypeVar("T")

THROTTLED: Final = "azure-throttled"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a push waits for a vault that answered 429.

    Args:
        total: seconds of waiting, all in all.
        progress: hears of each wait.
    """

    total: int
    progress: Progress

    def try_until(self, act: Callable[[], T]) -> T:
        """Do `act`; when the vault is busy, wait as long as it says and do it again.

        A throttled request was not done, so that doing it again is safe for everything, imports included.

        Raises:
            Overloaded: (`azure-throttled`) it asks for more patience than there is left.
            KeyferryError: whatever else `act` refuses.
        """
        left = self.total
        while True:
            try:
                return act()
            except KeyferryError as refusal:
                wait = _asked_for(refusal)
                if wait is None or wait > left:
                    raise
                left -= wait
                self.progress.waiting(wait, refusal.detail)
                time.sleep(wait)


def _asked_for(refusal: KeyferryError) -> int | None:
    """Seconds, at least one; None when waiting is not what is asked for."""
    if refusal.code != THROTTLED:
        return None
    return max(1, refusal.retry_after) if isinstance(refusal, Overloaded) else 1
