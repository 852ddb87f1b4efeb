"""Client certificates as values: the authority that issues them, what is issued, and what is taken of others.

The authority is apart from the one of the server's own certificate, so that neither can stand in for the other. What it
has signed opens nothing by that alone: a caller is known by the fingerprint that custody has bound to them.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES, serialize_key_and_certificates
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from keyferry.certificates import BACKDATED
from keyferry.clock import SECOND, Microseconds
from keyferry.errors import InvalidInput
from keyferry.material.certificate_faults import UNREADABLE
from keyferry.material.secret import Secret

AUTHORITY_LIFETIME: Final = timedelta(days=20 * 365)
#: bytes of PEM
LONGEST: Final = 64 * 1024
SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 1024
LONGEST_NAME: Final = 512
SMALLEST_RSA: Final = 2048
LARGEST_RSA: Final = 8192
#: of PBKDF2-HMAC-SHA-256 (RFC 8018 section 5.2), under which a bundle's private key lies
PASSWORD_ROUNDS: Final = 600_000

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

#: types of keys that are made here
KEY_TYPES: Final[dict[str, Callable[[], PrivateKey]]] = {
    "ec-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa-3072": lambda: rsa.generate_private_key(65537, 3072),
}

_CURVES: Final = {"secp256r1": "ec-p256", "secp384r1": "ec-p384", "secp521r1": "ec-p521"}
_WEAK_HASHES: Final = (hashes.MD5, hashes.SHA1)
_ADVICE: Final = "Give one X.509 certificate for clients in PEM, without its private key."


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate, DER, and its private key: PKCS#8, DER; and the id of the row that keeps it, once one does."""

    certificate: bytes
    key: Secret
    id: str = ""


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What is known of a certificate. Times in microseconds UTC; `fingerprint` is SHA-256, hex; `serial` hex."""

    certificate: bytes
    fingerprint: str
    subject: str
    issuer: str
    serial: str
    key_type: str
    not_before: Microseconds
    not_after: Microseconds


@dataclass(frozen=True, slots=True)
class Bundle:
    """A file for the caller, made once: what it is called, its media type, and what is in it."""

    file_name: str
    media_type: str
    content: Secret


def fingerprint_of(certificate: bytes) -> str:
    """SHA-256 of a certificate in DER, hex: what a binding is by."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(certificate)
    return digest.finalize().hex()


def pem_of(certificate: bytes) -> str:
    """A certificate in PEM, with a line end."""
    return ssl.DER_cert_to_PEM_cert(certificate)


def name_of_authority(number: int) -> str:
    """What the first, second, … authority of a store is called."""
    return "Keyferry client authority" if number == 1 else f"Keyferry client authority {number}"


def make_authority(now: datetime, number: int = 1) -> Authority:
    """An authority for clients' certificates, and for nothing else (RFC 5280 sections 4.2.1.9 and 4.2.1.12)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name_of_authority(number))])
    certificate = (
        _builder(name, name, key.public_key(), now - BACKDATED, now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate.public_bytes(Encoding.DER), _pkcs8(key))


def issue(
    authority: Authority, public_key: PublicKey, *, user_id: str, user_name: str, now: datetime, lifetime: timedelta
) -> bytes:
    """A certificate for a user's client, DER: the name as common name, the id as `urn:uuid:…` (RFC 9562 section 4).

    It does not last longer than its authority.
    """
    issuer = x509.load_der_x509_certificate(authority.certificate)
    signing = load_der_private_key(authority.key.reveal(), None)
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user_name)])
    end = min(now + lifetime, issuer.not_valid_after_utc)
    certificate = (
        _builder(subject, issuer.subject, public_key, now - BACKDATED, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"urn:uuid:{user_id}")]), critical=False
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .sign(signing, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.DER)


def facts_of(certificate: bytes) -> CertificateFacts:
    """Of a certificate in DER that was issued here or judged."""
    return _facts(x509.load_der_x509_certificate(certificate))


def read_request(pem: bytes) -> PublicKey:
    """The public key of a certificate signing request (RFC 2986). What else it asks for is not looked at.

    Raises:
        InvalidInput: (`certificate-refused`) it is none, is not signed by its own key, or the key is too weak.
    """
    advice = "Give one certificate signing request in PEM, such as `openssl req -new` makes."
    if len(pem) > LONGEST:
        raise _refused("The request is too long.", "request", advice)
    try:
        request = x509.load_pem_x509_csr(pem)
        key, signed = request.public_key(), request.is_signature_valid
    except (*UNREADABLE, InvalidSignature):
        raise _refused("This is no certificate signing request.", "request", advice) from None
    if not signed:
        raise _refused("The request is not signed by the key that is in it.", "request", advice)
    _key_type(key, "request")
    return key  # type: ignore[return-value]  # as `_key_type` found


def judge(pem: bytes, now: datetime) -> CertificateFacts:
    """A certificate of somebody else's making, if clients may come with it.

    1. One certificate, X.509 version 3, with a serial number above zero (RFC 5280 section 4.1.2.2), and no private key.
    2. No authority's. 3. For TLS clients, as far as it says what for. 4. A strong key, and a signature without MD5 or
    SHA-1. 5. In force now. Who signed it does not matter.

    Raises:
        InvalidInput: (`certificate-refused`) it will not do; says why.
    """
    if len(pem) > LONGEST:
        raise _refused("The certificate is too long.")
    if b"PRIVATE KEY" in pem:
        raise _refused("A private key came with the certificate. It was not kept.")
    try:
        found = x509.load_pem_x509_certificates(pem)
    except UNREADABLE:
        raise _refused("This is no certificate in PEM.") from None
    if len(found) != 1:
        raise _refused("There is more than one certificate.")
    try:
        _judge(found[0], now)
        return _facts(found[0])
    except (*UNREADABLE, OverflowError):
        raise _refused("The certificate does not follow RFC 5280.") from None


def require_password(password: Secret) -> None:
    """
    Raises:
        InvalidInput: a password of a bundle is too short or too long.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidInput(
            f"The password of the file has fewer than {SHORTEST_PASSWORD} bytes, or more than {LONGEST_PASSWORD}.",
            code="password-refused",
            field="password",
            advice="Choose one for the file alone: whoever imports it is asked for it.",
        )


def pkcs12(name: str, key: PrivateKey, certificate: bytes, authority: bytes, password: Secret) -> Bundle:
    """Key, certificate and authority as PKCS#12 (RFC 7292), under PBES2 with AES-256 (RFC 9579)."""
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(PASSWORD_ROUNDS)
        .key_cert_algorithm(PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(password.reveal())
    )
    load = x509.load_der_x509_certificate
    content = serialize_key_and_certificates(name.encode(), key, load(certificate), [load(authority)], encryption)
    return Bundle(f"{_file_name(name)}.p12", "application/x-pkcs12", Secret(content))


def pem_bundle(
    name: str, key: PrivateKey | None, certificate: bytes, authority: bytes, password: Secret | None
) -> Bundle:
    """Key, certificate and authority as PEM, one after the other; the key is encrypted if there is a password."""
    text = (pem_of(certificate) + pem_of(authority)).encode()
    if key is not None:
        encryption: KeySerializationEncryption = NoEncryption()
        if password is not None:
            encryption = BestAvailableEncryption(password.reveal())
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption) + text
    return Bundle(f"{_file_name(name)}.pem", "application/x-pem-file", Secret(text))


def _judge(certificate: x509.Certificate, now: datetime) -> None:
    if certificate.version is not x509.Version.v3:
        raise _refused("The certificate is not of X.509 version 3.")
    if certificate.serial_number <= 0:
        raise _refused("The certificate's serial number is not above zero.")
    for extension in certificate.extensions:
        if extension.critical and isinstance(extension.value, x509.UnrecognizedExtension):
            raise _refused(
                f"The certificate has a critical extension that is not known: {extension.oid.dotted_string}."
            )
        _judge_extension(extension.value)
    _key_type(certificate.public_key(), "certificate")
    if isinstance(certificate.signature_hash_algorithm, _WEAK_HASHES):
        raise _refused("The certificate is signed with MD5 or SHA-1.", advice="Have it issued with SHA-256.")
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        raise _refused("The certificate has expired, or is not valid yet.", advice="Give one that is in force.")


def _judge_extension(value: x509.ExtensionType) -> None:
    if isinstance(value, x509.BasicConstraints) and value.ca:
        raise _refused(
            "The certificate is an authority's.",
            advice="Give a client's own; with OpenSSL, add `-addext basicConstraints=critical,CA:FALSE`.",
        )
    if isinstance(value, x509.KeyUsage) and not value.digital_signature:
        raise _refused("The certificate's key is not for signatures.", advice="Have it issued with digitalSignature.")
    if isinstance(value, x509.ExtendedKeyUsage) and ExtendedKeyUsageOID.CLIENT_AUTH not in value:
        raise _refused("The certificate is not for TLS clients.", advice="Have it issued with clientAuth.")


def _key_type(key: object, field: str) -> str:
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if (
        isinstance(key, rsa.RSAPublicKey)
        and SMALLEST_RSA <= key.key_size <= LARGEST_RSA
        and key.public_numbers().e >= 65537
    ):
        return f"rsa-{key.key_size}"
    raise _refused(
        "The key is of a type or size that is not taken.",
        field,
        f"Use EC P-256, P-384 or P-521, Ed25519, or RSA with {SMALLEST_RSA} to {LARGEST_RSA} bits and exponent 65537.",
    )


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    der = certificate.public_bytes(Encoding.DER)
    return CertificateFacts(
        certificate=der,
        fingerprint=fingerprint_of(der),
        subject=_shown(certificate.subject),
        issuer=_shown(certificate.issuer),
        serial=f"{certificate.serial_number:x}",
        key_type=_key_type(certificate.public_key(), "certificate"),
        not_before=int(certificate.not_valid_before_utc.timestamp()) * SECOND,
        not_after=int(certificate.not_valid_after_utc.timestamp()) * SECOND,
    )


def _shown(name: x509.Name) -> str:
    """A name as people see it (RFC 4514), whatever somebody has written into it."""
    text = name.rfc4514_string()
    return (text if text.isprintable() else ascii(text))[:LONGEST_NAME]


def _file_name(name: str) -> str:
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in name)
    return kept.strip(".-")[:80] or "certificate"


def _pkcs8(key: PrivateKey) -> Secret:
    return Secret(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: PublicKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _refused(detail: str, field: str = "certificate", advice: str = _ADVICE) -> InvalidInput:
    return InvalidInput(detail, code="certificate-refused", field=field, advice=advice)
