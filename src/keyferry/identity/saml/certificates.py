"""Certificates and keys of the two sides: a provider's are pinned as they are, our own are made here."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from keyferry.errors import InvalidInput
from keyferry.material.certificate_faults import UNREADABLE
from keyferry.material.secret import Secret

SMALLEST_RSA: Final = 2048
_BITS: Final = 3072
_LASTS: Final = timedelta(days=10 * 365)


def make_own(name: str) -> tuple[Secret, str]:
    """A fresh key with its certificate, in PEM, and the certificate: to sign requests and to decrypt assertions."""
    key = rsa.generate_private_key(65537, _BITS)
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Keyferry single sign-on {name}"[:64])])
    begins = datetime.now(UTC) - timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + _LASTS)
        .sign(key, SHA256())
    )
    return _paired(key, certificate)


def read_own(pem: Secret) -> tuple[Secret, str]:
    """A key and its certificate that an Administrator gives, and the certificate.

    Raises:
        InvalidInput: (`credential-refused`) they are no RSA key of a size that will do and its certificate.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem.reveal())
        key = load_pem_private_key(pem.reveal(), None)
    except UNREADABLE:
        raise _own_refused() from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < SMALLEST_RSA:
        raise _own_refused()
    if key.public_key() != certificate.public_key():
        raise _own_refused()
    return _paired(key, certificate)


def _paired(key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> tuple[Secret, str]:
    shown = certificate.public_bytes(Encoding.PEM).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return Secret((private + shown).encode()), shown


def read_pinned(text: str, field: str) -> str:
    """A provider's certificate, in PEM or as the base64 of metadata, as it is kept: base64 of its DER.

    Raises:
        InvalidInput: it is none, or its key is too weak; names `field`.
    """
    try:
        if "-----BEGIN" in text:
            certificate = x509.load_pem_x509_certificate(text.encode())
        else:
            certificate = x509.load_der_x509_certificate(base64.b64decode("".join(text.split()), validate=True))
        key = certificate.public_key()
    except UNREADABLE:
        raise _refused(field, "is no certificate that can be read") from None
    if isinstance(key, rsa.RSAPublicKey):
        strong = key.key_size >= SMALLEST_RSA
    else:
        strong = isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= 256
    if not strong:
        raise _refused(field, "has a key that is neither RSA of 2048 bits or more nor of a curve of 256 bits or more")
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def pinned(kept: str) -> x509.Certificate:
    """What `read_pinned` keeps, to verify with."""
    return x509.load_der_x509_certificate(base64.b64decode(kept))


def _own_refused() -> InvalidInput:
    return InvalidInput(
        "This is no RSA key of 2048 bits or more with its certificate.",
        code="credential-refused",
        field="credential",
        advice="Give PEM with both, the key not encrypted; or leave it out, and Keyferry makes its own.",
    )


def _refused(field: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"A certificate of the provider {why}.",
        code="provider-answer-refused",
        field=field,
        advice="Have the provider sign with RSA of 2048 bits or more, or with ECDSA on P-256 or larger.",
    )
