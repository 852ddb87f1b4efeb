"""TLS of the emulator: a private authority, bound to the names that it stands for, and its server certificate.

The authority's certificate carries name constraints (RFC 5280 section 4.2.1.10): who trusts it trusts it for the
emulator's names and loopback alone, so that its key, were it stolen, could not pass for any other host. That key is
sealed in the state and never lies in a file; the server's key does, encrypted, because OpenSSL loads keys from files.
"""

import ipaddress
import secrets
import ssl
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from keyferry.emulator.addresses import DEFAULT_ADDRESS, MANAGEMENT_HOST, SIGN_IN_HOST, VAULT_SUFFIX
from keyferry.emulator.clock import now
from keyferry.emulator.home import Home, write_private
from keyferry.emulator.state import State
from keyferry.errors import CannotStart

AUTHORITY_LIFETIME: Final = timedelta(days=3650)
SERVER_LIFETIME: Final = timedelta(days=397)
RENEW_BEFORE: Final = timedelta(days=30)
#: clocks of clients may be behind
BACKDATED: Final = timedelta(hours=1)

PERMITTED_NAMES: Final = (VAULT_SUFFIX.removeprefix("."), SIGN_IN_HOST, MANAGEMENT_HOST, "localhost")
PERMITTED_NETWORKS: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
SERVER_NAMES: Final = ("localhost", f"*{VAULT_SUFFIX}", SIGN_IN_HOST, MANAGEMENT_HOST)
SERVER_ADDRESSES: Final = (DEFAULT_ADDRESS, "::1")


class Authority:
    """The authority of one home, made where it is missing, and the TLS context that servers present.

    Args:
        address: the loopback address that is listened on.

    Raises:
        CannotStart: a file cannot be written, or the authority's time is over.
    """

    def __init__(self, home: Home, state: State, address: str = DEFAULT_ADDRESS) -> None:
        self._home = home
        self._addresses = tuple(dict.fromkeys((*SERVER_ADDRESSES, address)))
        self._password = state.kept("server-key-password", lambda: secrets.token_urlsafe(32).encode())
        key = load_pem_private_key(state.kept("authority-key", _new_key), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey), "nothing else is ever kept under this name"
        self._key = key
        kept = state.kept("authority-certificate", lambda: authority_certificate(key).public_bytes(Encoding.PEM))
        self._certificate = x509.load_pem_x509_certificate(kept)
        if not home.ca_file.exists() or home.ca_file.read_bytes() != kept:
            write_private(home.ca_file, kept, mode=0o644)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._issue()

    def renew(self) -> None:
        """Issue the server's certificate anew if it ends within 30 days; connections from then on get the new one."""
        if self._ends - _moment() < RENEW_BEFORE:
            self._issue()

    def _issue(self) -> None:
        """A fresh key and certificate, at every start and at every renewal."""
        moment = _moment()
        if self._certificate.not_valid_after_utc <= moment:
            raise CannotStart(
                f"The emulator's authority {self._home.ca_file} ended on "
                f"{self._certificate.not_valid_after_utc:%Y-%m-%d}.",
                field="home",
                advice="Begin anew with another --home, and let clients trust its ca.pem.",
            )
        key = ec.generate_private_key(ec.SECP256R1())
        self._ends = min(moment + SERVER_LIFETIME, self._certificate.not_valid_after_utc)
        certificate = server_certificate(
            self._certificate, self._key, key.public_key(), self._addresses, moment - BACKDATED, self._ends
        )
        encryption = BestAvailableEncryption(self._password)
        write_private(self._home.certificate_file, certificate.public_bytes(Encoding.PEM))
        write_private(self._home.certificate_key_file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
        self.context.load_cert_chain(self._home.certificate_file, self._home.certificate_key_file, self._password)


def authority_certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """A self-signed certificate for `key`, constrained to the names that the emulator stands for."""
    moment = _moment()
    name = _name("Keyferry emulator's private authority")
    permitted: list[x509.GeneralName] = [x509.DNSName(each) for each in PERMITTED_NAMES]
    permitted += [x509.IPAddress(network) for network in PERMITTED_NETWORKS]
    return (
        _builder(name, name, key.public_key(), moment - BACKDATED, moment + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def server_certificate(
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    public_key: ec.EllipticCurvePublicKey,
    addresses: tuple[str, ...],
    begins: datetime,
    ends: datetime,
    names: tuple[str, ...] = SERVER_NAMES,
) -> x509.Certificate:
    """A certificate for `names` and `addresses`, signed by the authority; from when until when it is good."""
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _builder(_name("Keyferry emulator"), authority.subject, public_key, begins, ends)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer_key, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
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


def _moment() -> datetime:
    return datetime.fromtimestamp(now(), UTC)


def _new_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
