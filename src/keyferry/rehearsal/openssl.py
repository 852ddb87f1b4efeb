"""The OpenSSL command line: it makes key encryption keys, and unwraps transfer files without any of Keyferry's code."""

import base64
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keyferry.errors import CannotStart, InvalidInput

OAEP_SHA1 = (
    "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha1", "-pkeyopt", "rsa_mgf1_md:sha1",
)  # fmt: skip
RFC_5649_IV = "A65959A6"


@dataclass(frozen=True, slots=True)
class KekFiles:
    """A throw-away key encryption key, as files."""

    private: Path
    public: Path
    bits: int


def version() -> str:
    """
    Raises:
        CannotStart: there is no OpenSSL command.
    """
    return run(["version"]).decode().partition("(")[0].strip()


def make_kek(directory: Path, bits: int) -> KekFiles:
    """An RSA key pair as a vault would make one; its private half stays in `directory`."""
    files = KekFiles(directory / "kek-private.pem", directory / "kek.pem", bits)
    run(["genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}", "-out", str(files.private)])
    files.private.chmod(0o600)
    run(["pkey", "-in", str(files.private), "-pubout", "-out", str(files.public)])
    return files


def unwrap(file: Path, kek: KekFiles, directory: Path) -> Path:
    """Unwrap a transfer file: RSA-OAEP with SHA-1, then AES key unwrap with padding (RFC 5649).

    Returns:
        The key that was in it: PKCS#8 DER, checked by OpenSSL.
    """
    text = json.loads(file.read_text())["ciphertext"]
    ciphertext = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    head, tail = directory / "wrapped-aes", directory / "wrapped-key"
    head.write_bytes(ciphertext[: kek.bits // 8])
    tail.write_bytes(ciphertext[kek.bits // 8 :])
    aes = run(["pkeyutl", "-decrypt", "-inkey", str(kek.private), "-in", str(head), *OAEP_SHA1])
    unwrapped = directory / "unwrapped.p8"
    # OpenSSL takes the key of a cipher in its arguments alone; this one wrapped a single throw-away file.
    cipher = f"-id-aes{len(aes) * 8}-wrap-pad"
    run(["enc", "-d", cipher, "-K", aes.hex(), "-iv", RFC_5649_IV, "-in", str(tail), "-out", str(unwrapped)])
    unwrapped.chmod(0o600)
    run(["pkey", "-inform", "DER", "-in", str(unwrapped), "-noout", "-check"])
    return unwrapped


def public_key_of(private: Path) -> bytes:
    """The SubjectPublicKeyInfo (DER) of a PKCS#8 DER private key."""
    return run(["pkey", "-inform", "DER", "-in", str(private), "-pubout", "-outform", "DER"])


def public_key_in(pem: Path) -> bytes:
    """The SubjectPublicKeyInfo (DER) of a public key in PEM."""
    return run(["pkey", "-pubin", "-in", str(pem), "-outform", "DER"])


def run(arguments: Sequence[str]) -> bytes:
    """What `openssl` prints.

    Raises:
        CannotStart: it is not installed.
        InvalidInput: it refused; with its first line of complaint.
    """
    try:
        done = subprocess.run(["openssl", *arguments], capture_output=True, check=False)  # noqa: S607  # no shell; from PATH, as a person would
    except FileNotFoundError:
        raise CannotStart("The openssl command is not there.", advice="Install the package openssl.") from None
    if done.returncode != 0:
        complaint = done.stderr.decode(errors="replace").strip().splitlines() or ["(it said nothing)"]
        raise InvalidInput(f"openssl {arguments[0]} refused: {complaint[0]}", code="unwrap-failed")
    return done.stdout
