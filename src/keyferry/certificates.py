"""TLS by default: a private certificate authority for this installation, and the server certificate that it issues.

The private keys lie encrypted in the home, under a password that follows from the store's data key: who copies the home
without the root of trust cannot pose as the server.
"""

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from keyferry.clock import SECOND, Microseconds
from keyferry.errors import CannotStart
from keyferry.material.certificate_faults import UNREADABLE
from keyferry.material.secret import Secret
from keyferry.private_files import read_private, replace_private

AUTHORITY_LIFETIME = timedelta(days=3650)
SERVER_LIFETIME = timedelta(days=397)
RENEW_BEFORE = timedelta(days=30)
#: clocks of clients may be behind
BACKDATED = timedelta(hours=1)
MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the certificates and their encrypted keys are, and the password of the keys."""

    directory: Path
    password: Secret

    @property
    def authority(self) -> Path:
        """The authority's certificate: what clients are given to trust."""
        return self.directory / "ca.pem"

    @property
    def authority_key(self) -> Path:
        """The authority's private key, PKCS#8 encrypted under `password`. It signs server certificates alone."""
        return self.directory / "ca.key"

    @property
    def certificate(self) -> Path:
        """The server's certificate, which the authority signed."""
        return self.directory / "server.pem"

    @property
    def key(self) -> Path:
        """The server's private key, PKCS#8 encrypted under `password`."""
        return self.directory / "server.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedCertificate:
    """What clients are shown, for people to compare: fingerprints as `fingerprint` gives them.

    Attributes:
        names: host names and addresses that it is for.
        expires_at: microseconds UTC.
    """

    fingerprint: str
    names: tuple[str, ...]
    expires_at: Microseconds
    authority_fingerprint: str


def prepare_certificates(files: TlsFiles, names: Sequence[str], now: datetime | None = None) -> bool:
    """Make what is missing: the authority once; the server certificate also when it expires in 30 days, lacks a name or
    its key, is another key's, or is another authority's.

    Args:
        names: host names and addresses that clients may use beside the local ones.

    Returns:
        Whether a server certificate was issued.

    Raises:
        CannotStart: a file is unreadable, a key does not open under the password, or the authority has expired.
    """
    moment = now or datetime.now(UTC)
    files.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not files.authority.exists():
        _make_authority(files, moment)
    wanted = _names(names)
    if not _must_issue(files, wanted, moment):
        return False
    _issue_server_certificate(files, wanted, moment)
    return True


def fingerprint(certificate: Path) -> str:
    """SHA-256 of a certificate, upper-case hex in pairs, as browsers and openssl show it."""
    return _load_certificate(certificate).fingerprint(hashes.SHA256()).hex(":").upper()


def served_certificate(files: TlsFiles) -> ServedCertificate:
    """The server's certificate as it lies there now.

    Raises:
        CannotStart: it is not readable.
    """
    certificate = _load_certificate(files.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return ServedCertificate(
        fingerprint=fingerprint(files.certificate),
        names=tuple(str(name.value) for name in names),
        expires_at=int(certificate.not_valid_after_utc.timestamp()) * SECOND,
        authority_fingerprint=fingerprint(files.authority),
    )


def _make_authority(files: TlsFiles, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Keyferry private authority")])
    usage = _key_usage(key_cert_sign=True, crl_sign=True)
    certificate = (
        _builder(name, name, key.public_key(), now, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_key(files.authority_key, key, files.password)
    files.authority.write_bytes(certificate.public_bytes(Encoding.PEM))


def _issue_server_certificate(files: TlsFiles, names: list[x509.GeneralName], now: datetime) -> None:
    authority = _load_certificate(files.authority)
    authority_key = _load_key(files.authority_key, files.password)
    if authority.not_valid_after_utc <= now:
        raise CannotStart(
            f"The authority's certificate {files.authority} expired on {authority.not_valid_after_utc:%Y-%m-%d}.",
            advice=f"Remove {files.directory}, start again, and give clients the new ca.pem.",
        )
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Keyferry")])
    lifetime = min(SERVER_LIFETIME, authority.not_valid_after_utc - now)
    certificate = (
        _builder(subject, authority.subject, key.public_key(), now, lifetime)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    _write_key(files.key, key, files.password)
    files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + lifetime)
    )


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _must_issue(files: TlsFiles, wanted: list[x509.GeneralName], now: datetime) -> bool:
    if not files.certificate.exists() or not files.key.exists():
        return True
    certificate = _load_certificate(files.certificate)
    if certificate.not_valid_after_utc - now < RENEW_BEFORE or not _is_issued_by(certificate, files.authority):
        return True
    if certificate.public_key() != _load_key(files.key, files.password).public_key():
        return True  # a renewal was cut off after the key
    present = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return not set(wanted) <= set(present)


def _is_issued_by(certificate: x509.Certificate, authority: Path) -> bool:
    try:
        certificate.verify_directly_issued_by(_load_certificate(authority))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names(further: Sequence[str]) -> list[x509.GeneralName]:
    names = dict.fromkeys(["localhost", "127.0.0.1", "::1", socket.gethostname().lower(), *further])
    return [_general_name(name) for name in names if name]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey, password: Secret) -> None:
    encryption = BestAvailableEncryption(password.reveal())
    replace_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption), what="TLS key")


def _load_key(path: Path, password: Secret) -> ec.EllipticCurvePrivateKey:
    data = read_private(path, what="TLS key", max_bytes=MAX_BYTES)
    try:
        key = load_pem_private_key(data, password.reveal())
    except ValueError:
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CannotStart(
            f"{path} does not open under this store's key.", advice="Restore it, or remove the tls folder."
        )
    return key


def _load_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, *UNREADABLE):
        raise CannotStart(
            f"{path} is no readable certificate.", advice="Restore it, or remove the tls folder."
        ) from None
