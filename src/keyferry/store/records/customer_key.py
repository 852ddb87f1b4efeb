"""Requests to Microsoft 365 Customer Key."""

from dataclasses import dataclass

from keyferry.store.records.rows import Revised


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerKeyRequest(Revised):
    owner_user_id: str | None = None
    owner_group_id: str | None = None
    organization_id: str
    scenario: str | None = None
    workloads: str
    keys: str
    contacts: str
    state: str
    reference: str | None = None
    history: str
    checks: str
    created_at: int
    created_by: str
    updated_at: int
