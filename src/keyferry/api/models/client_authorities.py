"""Authorities of client certificates, as answers. None holds a private key."""

from typing import Any, Self

from keyferry.api.models.values import Answer, when
from keyferry.client_certificates import pem_of
from keyferry.custody.client_authorities import AuthorityDetail, RetiredAuthority


class ClientAuthorityAnswer(Answer):
    """An authority. `issues` says that it is the newest; `certificates_in_force` counts what it has issued."""

    id: str
    name: str
    fingerprint: str
    certificate: str
    issues: bool
    certificates_in_force: int
    created_at: str
    expires_at: str
    retired_at: str | None
    revision: int

    @classmethod
    def of(cls, detail: AuthorityDetail, **more: Any) -> Self:
        """As people see it."""
        row = detail.authority
        return cls(
            id=row.id,
            name=detail.name,
            fingerprint=detail.fingerprint,
            certificate=pem_of(row.certificate),
            issues=detail.issues,
            certificates_in_force=detail.in_force,
            created_at=when(row.created_at) or "",
            expires_at=when(row.expires_at) or "",
            retired_at=when(row.retired_at),
            revision=row.revision,
            **more,
        )


class RetiredAuthorityAnswer(ClientAuthorityAnswer):
    """An authority that was retired, and how many certificates have ended with that."""

    ended_certificates: int

    @classmethod
    def after(cls, done: RetiredAuthority) -> Self:
        """What was done, as people see it."""
        return cls.of(done.detail, ended_certificates=done.ended)


class ClientAuthoritiesAnswer(Answer):
    """All of them."""

    items: list[ClientAuthorityAnswer]
