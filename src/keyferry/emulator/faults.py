"""Faults on purpose: what a live service does on a bad day, for the next few requests that match."""

import threading
from dataclasses import dataclass, replace
from enum import StrEnum


class Kind(StrEnum):
    """What goes wrong."""

    THROTTLE = "throttle"
    DROP_AFTER_COMMIT = "drop-after-commit"
    SOFT_DELETED = "soft-deleted"
    FORBIDDEN = "forbidden"
    KEK_DISABLED = "kek-disabled"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault that waits: for an operation (None: any) at a vault (None: any), so many times, with Retry-After seconds."""

    kind: Kind
    operation: str | None = None
    vault: str | None = None
    times: int = 1
    retry_after: int | None = None


class Faults:
    """The faults that wait; they are not kept over a restart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let a fault wait behind those that wait already."""
        with self._lock:
            self._waiting.append(fault)

    def waiting(self) -> tuple[Fault, ...]:
        """What waits, first come first."""
        with self._lock:
            return tuple(self._waiting)

    def clear(self) -> None:
        """Let none wait any more."""
        with self._lock:
            self._waiting.clear()

    def take(self, operation: str | None, vault: str | None) -> Fault | None:
        """The first fault that waits for this operation at this vault; it has struck once more then."""
        with self._lock:
            for index, fault in enumerate(self._waiting):
                if fault.operation in (None, operation) and fault.vault in (None, vault):
                    if fault.times > 1:
                        self._waiting[index] = replace(fault, times=fault.times - 1)
                    else:
                        del self._waiting[index]
                    return fault
        return None
