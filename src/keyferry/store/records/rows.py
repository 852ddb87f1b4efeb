"""What sealed rows have in common."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A row that a rule depends on. `seal` is empty until the row is written."""

    id: str
    seal: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revised(Sealed):
    """A sealed row that changes: each change raises `revision` by one."""

    revision: int = 1
