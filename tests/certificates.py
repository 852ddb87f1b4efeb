"""Client certificates that were not made by Keyferry."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from keyferry.client_certificates import pem_of

# RFC 5280 section 4.1: the version, with an explicit tag, is one less than its name; the library knows no version 2.
_VERSION_3, _VERSION_2 = b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x01"


@dataclass(frozen=True)
class Own:
    """A certificate that was not made by Keyferry, and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def with_key(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + self.pem


def own(
    name: str = "a client",
    *,
    by: Own | None = None,
    ca: bool = False,
    usages: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
    ends: timedelta = timedelta(days=30),
    begins: timedelta = timedelta(hours=-1),
) -> Own:
    """A certificate that signs itself, or that another signs."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return Own(builder.sign(key if by is None else by.key, hashes.SHA256()), key)


def of_version_2(der: bytes) -> bytes:
    """A certificate that tells of a version which the library raises a fault of its own for; its signature is wrong."""
    assert der.count(_VERSION_3) == 1
    return der.replace(_VERSION_3, _VERSION_2)


def pem_of_version_2(text: bytes) -> bytes:
    """Text with a certificate in PEM, of which `of_version_2` is made; a key beside it stays."""
    good = x509.load_pem_x509_certificate(text)
    return text.replace(good.public_bytes(Encoding.PEM), pem_of(of_version_2(good.public_bytes(Encoding.DER))).encode())


def of_serial_below_zero(der: bytes) -> bytes:
    """A certificate whose serial number is negative, which RFC 5280 section 4.1.2.2 forbids; its signature is wrong."""
    place = der.index(_VERSION_3) + len(_VERSION_3) + 2
    return der[:place] + bytes([der[place] | 0x80]) + der[place + 1 :]
