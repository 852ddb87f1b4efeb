"""How people get in, and what they hold then."""

from dataclasses import dataclass

from keyferry.store.records.rows import Revised, Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Token(Revised):
    user_id: str
    kind: str
    name: str
    digest: bytes
    epoch: int
    created_at: int
    expires_at: int
    revoked_at: int | None = None
    idle_after: int | None = None
    certificate_id: str | None = None
    method: str | None = None
    second_factor: str | None = None
    operations: str | None = None
    key_ids: str | None = None
    group_ids: str | None = None
    networks: str | None = None
    provider_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor(Revised):
    user_id: str
    kind: str
    name: str
    secret: bytes | None = None
    last_step: int | None = None
    credential_id: bytes | None = None
    public_key: bytes | None = None
    sign_count: int | None = None
    codes: str | None = None
    last_used_at: int | None = None
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket(Sealed):
    user_id: str
    needs: str
    digest: bytes
    epoch: int
    method: str
    second_factor: str | None = None
    network: str | None = None
    idle_after: int | None = None
    certificate_id: str | None = None
    created_at: int
    expires_at: int
    provider_id: str | None = None
    provider_subject: str | None = None
    provider_session: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierPassword(Sealed):
    user_id: str
    password_hash: str
    created_at: int
