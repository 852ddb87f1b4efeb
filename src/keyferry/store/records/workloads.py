"""Programs that come with a token of somebody else's, and the issuers that are believed."""

from dataclasses import dataclass

from keyferry.store.records.rows import Revised


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer(Revised):
    name: str
    issuer: str
    audience: str
    key_source: str
    key_set_url: str | None = None
    key_set: str | None = None
    algorithms: str
    longest_lifetime: int
    clock_skew: int
    disabled: bool = False
    created_at: int
    created_by: str
    deleted_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload(Revised):
    issuer_id: str
    subject: str
    claims: str
    user_id: str
    name: str
    networks: str | None = None
    epoch: int
    expires_at: int | None
    created_at: int
    created_by: str
    revoked_at: int | None = None
