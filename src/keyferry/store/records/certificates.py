"""Certificates of clients, and the authority that issues them."""

from dataclasses import dataclass

from keyferry.store.records.rows import Revised


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate(Revised):
    user_id: str
    name: str
    origin: str
    fingerprint: str
    certificate: bytes
    subject: str
    issuer: str
    serial: str
    key_type: str
    epoch: int
    not_before: int
    expires_at: int
    created_at: int
    created_by: str
    revoked_at: int | None = None
    authority_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateAuthority(Revised):
    certificate: bytes
    key: bytes
    expires_at: int
    created_at: int
    retired_at: int | None = None
