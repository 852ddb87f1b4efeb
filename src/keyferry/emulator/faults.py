"""Faults on purpose: what a live service does on a bad day, for the next few requests that match."""

import threading
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.operations import NAMES

MAX_TIMES: Final = 1000
MAX_RETRY_AFTER: Final = 3600


class Kind(StrEnum):
    """What goes wrong."""

    THROTTLE = "throttle"  # 429 with Retry-After
    DROP_AFTER_COMMIT = "drop-after-commit"  # it is done, but the connection ends without an answer
    SOFT_DELETED = "soft-deleted"  # 409: the name is a soft-deleted key's
    FORBIDDEN = "forbidden"  # 403: the caller lacks the permission
    KEK_DISABLED = "kek-disabled"  # 403: the key encryption key is disabled
    UNAVAILABLE = "unavailable"  # 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault that waits for an operation (None: any) at a vault (None: any), to strike so many times.

    `retry_after` is in seconds and goes with throttle and unavailable; None: one second, and no header.
    """

    kind: Kind
    operation: str | None = None
    vault: str | None = None
    times: int = 1
    retry_after: int | None = None

    def document(self) -> dict[str, Any]:
        """As it is asked for."""
        return {
            "fault": self.kind.value,
            "operation": self.operation,
            "vault": self.vault,
            "times": self.times,
            "retry_after": self.retry_after,
        }

    def strike(self, operation: str | None, vault: str | None, path: str) -> None:
        """Refuse the request at `path`; drop-after-commit lets it go on.

        Raises:
            AzureFailure: as the service refuses for this cause.
        """
        name = path.strip("/").split("/")[1] if path.count("/") > 1 else ""
        wait = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.kind is Kind.THROTTLE:
            raise AzureFailure(
                429,
                "TooManyRequests",
                "Request was not processed because too many requests were received.",
                headers={"Retry-After": "1"} | wait,
            )
        if self.kind is Kind.UNAVAILABLE:
            raise AzureFailure(503, "ServiceUnavailable", "The service is temporarily unavailable.", headers=wait)
        if self.kind is Kind.SOFT_DELETED:
            raise AzureFailure(
                409,
                "Conflict",
                f"Key {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this "
                "state, the key can only be recovered or purged.",
                inner="ObjectIsDeletedButRecoverable",
            )
        if self.kind is Kind.FORBIDDEN:
            raise AzureFailure(
                403,
                "Forbidden",
                "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or "
                "role definitions were changed recently, please observe propagation time.\r\n"
                f"Action: '{operation or 'any'}'\r\nVault: {vault or 'none'}\r\n",
                inner="ForbiddenByRbac",
            )
        if self.kind is Kind.KEK_DISABLED:
            raise AzureFailure(
                403,
                "Forbidden",
                f"Operation {operation or 'any'} is not allowed on a disabled key.",
                inner="KeyDisabled",
            )


class Faults:
    """The faults that wait, first come first; they are not kept over a restart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let a fault wait behind those that wait already."""
        with self._lock:
            self._waiting.append(fault)

    def waiting(self) -> tuple[Fault, ...]:
        """What waits."""
        with self._lock:
            return tuple(self._waiting)

    def clear(self) -> None:
        """Let none wait any more."""
        with self._lock:
            self._waiting.clear()

    def take(self, operation: str | None, vault: str | None) -> Fault | None:
        """The first fault that waits for this operation at this vault; it has one time less then."""
        with self._lock:
            for index, fault in enumerate(self._waiting):
                if fault.operation in {None, operation} and fault.vault in {None, vault}:
                    if fault.times > 1:
                        self._waiting[index] = replace(fault, times=fault.times - 1)
                    else:
                        del self._waiting[index]
                    return fault
        return None


def read_fault(document: dict[str, Any]) -> Fault:
    """The fault that a request asks for.

    Raises:
        AzureFailure: 400 BadParameter: a member is unknown, or its value will not do; names it.
    """
    unknown = document.keys() - {"fault", "operation", "vault", "times", "retry_after"}
    if unknown:
        raise _refuse(f"There is no member {min(unknown)!r:.60}.", "fault, operation, vault, times, retry_after")
    kind, operation, vault = (document.get(name) for name in ("fault", "operation", "vault"))
    if not isinstance(kind, str) or kind not in set(Kind):
        raise _refuse("The member 'fault' names no fault.", ", ".join(Kind))
    if operation is not None and not (isinstance(operation, str) and operation in NAMES):
        raise _refuse("The member 'operation' names no operation.", ", ".join(sorted(NAMES)))
    if vault is not None and not isinstance(vault, str):
        raise _refuse("The member 'vault' is not a name.", "a vault's name, or null for any")
    return Fault(
        kind=Kind(kind),
        operation=operation,
        vault=None if vault is None else vault.lower(),
        times=_whole(document, "times", 1, 1, MAX_TIMES),
        retry_after=_whole(document, "retry_after", None, 0, MAX_RETRY_AFTER),
    )


def _whole(document: dict[str, Any], name: str, absent: Any, least: int, most: int) -> Any:
    value = document.get(name)
    if value is None:
        return absent
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _refuse(f"The member '{name}' will not do.", f"a whole number from {least} to {most}")
    return value


def _refuse(what: str, takes: str) -> AzureFailure:
    return AzureFailure(400, "BadParameter", f"{what} It takes: {takes}.")
