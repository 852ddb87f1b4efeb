"""Requests that are answered again as they were."""

from dataclasses import dataclass

from keyferry.store.records.rows import Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency(Sealed):
    request: bytes
    resource_id: str
    created_at: int
