"""How the person who runs the emulator signs in: an application of their own, with a secret and a certificate."""

from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from keyferry.emulator.clock import now
from keyferry.emulator.directory import OPERATOR, SECRET_BYTES, Directory, Principal, new_secret
from keyferry.emulator.home import Home, read_private, write_private
from keyferry.errors import CannotStart

LIFETIME: Final = timedelta(days=3650)
BITS: Final = 2048


def prepare_operator(home: Home, directory: Directory) -> Principal:
    """See to it that the operator's application is there, and that both files sign in as it.

    What a file holds is what counts: a secret that was lost or replaced is the new secret from then on.

    Raises:
        CannotStart: a file cannot be read or written, or is open to others.
    """
    if not home.client_secret_file.exists():
        write_private(home.client_secret_file, new_secret().encode())
    if not home.client_certificate_file.exists():
        write_private(home.client_certificate_file, _new_certificate())
    operator = directory.operator
    directory.set_secret(operator, _secret(home))
    directory.set_certificate(operator, _certificate(home))
    return operator


def _secret(home: Home) -> str:
    secret = read_private(home.client_secret_file).decode("ascii", "replace").strip()
    if not secret.isprintable() or len(secret) < SECRET_BYTES:
        raise CannotStart(
            f"{home.client_secret_file} holds no secret.",
            field="home",
            advice="Remove the file; the next start makes another.",
        )
    return secret


def _certificate(home: Home) -> bytes:
    try:
        certificate = x509.load_pem_x509_certificate(read_private(home.client_certificate_file))
    except ValueError:
        raise CannotStart(
            f"{home.client_certificate_file} holds no certificate.",
            field="home",
            advice="Remove the file; the next start makes another.",
        ) from None
    return certificate.public_bytes(Encoding.DER)


def _new_certificate() -> bytes:
    """A private key and a certificate for it that it signed itself, PEM: what Entra ID takes for an application."""
    key = rsa.generate_private_key(65537, BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, OPERATOR)])
    moment = datetime.fromtimestamp(now(), UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(hours=1))
        .not_valid_after(moment + LIFETIME)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem + certificate.public_bytes(Encoding.PEM)
