"""Credentials for Azure: judged when they are given, sealed to what they are for, and handed out to be used.

A credential is sealed to its connection and to where and as whom it signs in. None of that ever changes for a
connection, so that nobody, an Administrator included, can have a credential that they do not know sent elsewhere.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from keyferry.clock import SECOND, Microseconds
from keyferry.errors import IntegrityViolation, InvalidInput
from keyferry.material.certificate_faults import UNREADABLE
from keyferry.material.sealing import CredentialBinding, SealedCredential, Sealer
from keyferry.material.secret import Secret
from keyferry.store.records import Connection

LONGEST: Final = 64 * 1024
LONGEST_CLIENT_SECRET: Final = 1024


class CredentialKind(StrEnum):
    """How a connection signs in. A managed identity is the server's own, and needs no credential here."""

    CLIENT_SECRET = "client-secret"  # noqa: S105  # the word, not one
    CLIENT_CERTIFICATE = "client-certificate"
    MANAGED_IDENTITY = "managed-identity"


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential as it is given.

    Attributes:
        secret: a client secret's text in UTF-8; of a certificate PEM, with its private key, not encrypted; None for a
            managed identity.
    """

    kind: CredentialKind
    secret: Secret | None = None


@dataclass(frozen=True, slots=True)
class JudgedCredential:
    """A credential that will do, and what may be shown of it."""

    given: NewCredential
    certificate_sha256: str | None = None
    certificate_expires_at: Microseconds | None = None


def judge(given: NewCredential) -> JudgedCredential:
    """
    Raises:
        InvalidInput: (`credential-refused`) the credential cannot be one of its kind; says why, never what it is.
    """
    if given.kind is CredentialKind.MANAGED_IDENTITY:
        return JudgedCredential(NewCredential(given.kind))
    secret = given.secret
    if secret is None or not 0 < len(secret) <= LONGEST:
        raise _refused(given.kind, "is missing, empty or too long", "Give it whole.")
    if given.kind is CredentialKind.CLIENT_SECRET:
        _require_client_secret(secret.reveal())
        return JudgedCredential(given)
    certificate = _certificate_with_key(secret.reveal())
    return JudgedCredential(
        given, certificate.fingerprint(SHA256()).hex(), _microseconds(certificate.not_valid_after_utc)
    )


def seal(sealer: Sealer, connection: Connection, credential: NewCredential) -> bytes | None:
    """The credential as the connection's row keeps it; None for a managed identity."""
    if credential.secret is None:
        return None
    return sealer.seal_credential(credential.secret, _binding(connection, credential.kind)).blob


def unseal(sealer: Sealer, connection: Connection) -> Secret | None:
    """The credential that `seal` sealed; None for a managed identity.

    Raises:
        IntegrityViolation: it does not verify, or is not there.
    """
    kind = CredentialKind(connection.credential_kind)
    if kind is CredentialKind.MANAGED_IDENTITY:
        return None
    if connection.credential is None:
        raise IntegrityViolation(f"The credential of connection {connection.id} is not there.")
    return sealer.unseal_credential(SealedCredential(connection.credential), _binding(connection, kind))


def _binding(connection: Connection, kind: CredentialKind) -> CredentialBinding:
    return CredentialBinding(
        connection.id,
        {
            "cloud": connection.cloud,
            "endpoints": connection.endpoints,
            "tenant_id": connection.tenant_id,
            "client_id": connection.client_id,
            "credential_kind": kind.value,
        },
    )


def _require_client_secret(secret: bytes) -> None:
    if len(secret) > LONGEST_CLIENT_SECRET or not all(0x21 <= byte <= 0x7E for byte in secret):
        raise _refused(
            CredentialKind.CLIENT_SECRET,
            f"has more than {LONGEST_CLIENT_SECRET} characters, or one that is no printable ASCII",
            "Give the secret's value as Azure showed it, without spaces and without a line end.",
        )


def _certificate_with_key(pem: bytes) -> x509.Certificate:
    advice = "Give PEM with the certificate and its private key, not encrypted: Keyferry encrypts it."
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        certified = certificate.public_key()
        key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    except UNREADABLE:
        raise _refused(
            CredentialKind.CLIENT_CERTIFICATE, "holds no certificate, or no private key that can be read", advice
        ) from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certified.public_bytes(*form) != key.public_key().public_bytes(*form):
        raise _refused(CredentialKind.CLIENT_CERTIFICATE, "holds a private key that is not the certificate's", advice)
    return certificate


def _microseconds(moment: datetime) -> Microseconds:
    return int(moment.timestamp()) * SECOND


def _refused(kind: CredentialKind, why: str, advice: str) -> InvalidInput:
    field = kind.value.replace("-", "_")
    return InvalidInput(f"The {kind.value} {why}.", code="credential-refused", field=field, advice=advice)
