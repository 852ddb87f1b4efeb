"""The OpenSSL command line, a witness without any of Keyferry's code: it wraps for our keys and verifies signatures."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from keyferry.errors import CannotStart, InvalidInput

OAEP_SHA256 = (
    "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256", "-pkeyopt", "rsa_mgf1_md:sha256",
)  # fmt: skip
PSS_SHA256 = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32")


def version() -> str:
    """
    Raises:
        CannotStart: there is no OpenSSL command.
    """
    return run(["version"]).decode().partition("(")[0].strip()


def wrap(secret: bytes, public: Path) -> bytes:
    """RSA-OAEP with SHA-256 and MGF1-SHA-256 under the public key in a PEM file (RFC 8017 section 7.1.1)."""
    return run(["pkeyutl", "-encrypt", "-pubin", "-inkey", str(public), *OAEP_SHA256], given=secret)


def require_signature(message: bytes, signature: bytes, public: Path) -> None:
    """Verify an RSA-PSS signature with SHA-256 and a salt of 32 bytes (RFC 8017 section 8.1.2).

    Raises:
        InvalidInput: it is not a signature of `message` by the public key in the PEM file.
    """
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "signature"
        file.write_bytes(signature)
        run(["dgst", "-sha256", "-verify", str(public), "-signature", str(file), *PSS_SHA256], given=message)


def public_key_in(pem: Path) -> bytes:
    """The SubjectPublicKeyInfo (DER) of a public key in PEM."""
    return run(["pkey", "-pubin", "-in", str(pem), "-outform", "DER"])


def run(arguments: Sequence[str], *, given: bytes = b"") -> bytes:
    """What `openssl` prints, with `given` on its standard input.

    Raises:
        CannotStart: it is not installed.
        InvalidInput: it refused; with its first line of complaint.
    """
    try:
        done = subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=False)  # noqa: S607  # no shell; from PATH, as a person would
    except FileNotFoundError:
        raise CannotStart("The openssl command is not there.", advice="Install the package openssl.") from None
    if done.returncode != 0:
        complaint = done.stderr.decode(errors="replace").strip().splitlines() or ["(it said nothing)"]
        raise InvalidInput(f"openssl {arguments[0]} refused: {complaint[0]}", code="client-failed")
    return done.stdout
