"""Client certificates, as requests and answers."""

from typing import Annotated, Any, Literal

from pydantic import Field, Strict

from keyferry.api.models.values import Answer, Line, Password, PublicKeyText, Request, base64url, secret_of, when
from keyferry.client_certificates import pem_of
from keyferry.clock import SECOND
from keyferry.custody.certificates import BundleForm, CertificateDetail, IssuedCertificate, NewCertificate
from keyferry.store.records import Certificate

_Lifetime = Annotated[int, Strict(), Field(ge=60, le=3 * 366 * 86400)]


class CertificateCreation(Request):
    """A certificate to be issued, or, with `certificate`, one to be taken as it is.

    To be issued, it gets a new private key of `key_type`, handed out this once as `format` says, encrypted under
    `password`; or, with `request`, it is for whoever keeps the private key of that signing request.
    """

    name: Line
    lifetime_seconds: _Lifetime | None = Field(default=None, description="Without one, a year, or until its own end.")
    certificate: PublicKeyText | None = Field(default=None, description="PEM, without a private key.")
    request: PublicKeyText | None = Field(default=None, description="A certificate signing request, PEM.")
    key_type: Literal["ec-p256", "rsa-3072"] = "ec-p256"
    format: Literal["pkcs12", "pem"] = "pkcs12"
    password: Password | None = None

    def new_certificate(self) -> NewCertificate:
        """As custody takes what is to be issued."""
        further: dict[str, Any] = {}
        if self.lifetime_seconds is not None:
            further["lifetime"] = self.lifetime_seconds * SECOND
        form = BundleForm.PEM if self.request is not None else BundleForm(self.format)
        return NewCertificate(
            name=self.name,
            key_type=self.key_type,
            form=form,
            password=None if self.password is None else secret_of(self.password),
            request=None if self.request is None else self.request.encode(),
            **further,
        )


class CertificateAnswer(Answer):
    """A client certificate, without any private key."""

    id: str
    user_id: str
    name: str
    origin: str
    fingerprint: str
    subject: str
    issuer: str
    serial: str
    key_type: str
    not_before: str
    expires_at: str
    created_at: str
    created_by: str
    revoked_at: str | None
    last_used_at: str | None
    certificate: str = Field(description="PEM.")

    @classmethod
    def of(cls, detail: CertificateDetail) -> "CertificateAnswer":
        """From custody's record, and when the certificate was last used (to the minute)."""
        return cls(**_members(detail.certificate), last_used_at=when(detail.last_used_at))


class NewCertificateAnswer(CertificateAnswer):
    """A certificate that was just bound. The file with its private key, if one was made, is shown this once."""

    file_name: str | None
    file: str | None = Field(description="Bytes, as base64url without padding.")

    @classmethod
    def issued(cls, issued: IssuedCertificate) -> "NewCertificateAnswer":
        """From custody's record, and the file that was made with it."""
        content = base64url(issued.bundle.content.reveal())
        return cls(**_members(issued.certificate), last_used_at=None, file_name=issued.bundle.file_name, file=content)

    @classmethod
    def uploaded(cls, certificate: Certificate) -> "NewCertificateAnswer":
        """From custody's record."""
        return cls(**_members(certificate), last_used_at=None, file_name=None, file=None)


def _members(row: Certificate) -> dict[str, Any]:
    return {
        "id": row.id,
        "user_id": row.user_id,
        "name": row.name,
        "origin": row.origin,
        "fingerprint": row.fingerprint,
        "subject": row.subject,
        "issuer": row.issuer,
        "serial": row.serial,
        "key_type": row.key_type,
        "not_before": when(row.not_before),
        "expires_at": when(row.expires_at),
        "created_at": when(row.created_at),
        "created_by": row.created_by,
        "revoked_at": when(row.revoked_at),
        "certificate": pem_of(row.certificate),
    }
