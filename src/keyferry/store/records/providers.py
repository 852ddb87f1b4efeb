"""Identity providers, and whom they vouch for."""

from dataclasses import dataclass

from keyferry.store.records.rows import Revised


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProvider(Revised):
    name: str
    kind: str
    enabled: bool = False
    configuration: str
    credential: bytes | None = None
    mapping: str
    just_in_time: bool = False
    asks_second_factor: bool = False
    clock_skew: int
    tested_at: int | None = None
    tested_by: str | None = None
    created_at: int
    created_by: str
    deleted_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity(Revised):
    provider_id: str
    user_id: str
    subject: str | None = None
    expected: str | None = None
    created_at: int
    created_by: str
