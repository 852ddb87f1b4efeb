"""What holds for the whole server."""

from dataclasses import dataclass

from keyferry.store.records.rows import Revised


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPolicy(Revised):
    second_factor_roles: str = "[]"
    recovered_at: int | None = None
    recovered_user_id: str | None = None
    networks: str | None = None
    created_at: int
