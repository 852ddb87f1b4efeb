"""Make the transfer file test vectors anew: `python tests/vectors/byok/make_vectors.py`.

1. OpenSSL generates the throw-away KEKs. 2. Keyferry generates the keys and wraps them. 3. OpenSSL alone unwraps each
file, and must find the same bytes and the same public key. 4. `manifest.json` records what everyone must find.

Every run makes new keys, and so replaces every file but this one and README.md.
"""

import base64
import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keyferry.byok.azure import wrap_for_azure
from keyferry.byok.identifier import parse_key_identifier
from keyferry.byok.kek import read_kek
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.keys import Material, generate, identify

HERE = Path(__file__).parent
VAULT, MANAGED_HSM = "example-vault.vault.azure.net", "example-hsm.managedhsm.azure.net"
KEK_BITS = (2048, 3072, 4096)


@dataclass(frozen=True)
class Case:
    """One vector: which key under which KEK, and for which host."""

    key_type: str
    kek_bits: int
    host: str = VAULT

    @property
    def name(self) -> str:
        return f"{self.key_type}-under-{self.kek_bits}"


CASES = (
    Case("rsa-2048", 2048),
    Case("rsa-2048", 3072),
    Case("rsa-2048", 4096),
    Case("rsa-3072", 3072),
    Case("rsa-4096", 4096),
    Case("ec-p256", 3072),
    Case("ec-p384", 3072),
    Case("ec-p521", 3072),
    Case("ec-p256k", 3072),
    Case("aes-256", 3072, MANAGED_HSM),
)


def openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    """Run the OpenSSL command line; answers its standard output, and fails when it does."""
    return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True).stdout


def unwrap_with_openssl(content: bytes, kek_private: Path) -> bytes:
    """Unwrap a transfer file with the OpenSSL command line and no code of Keyferry's; answers the key's bytes."""
    text = json.loads(content)["ciphertext"]
    ciphertext = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    modulus = openssl("rsa", "-in", str(kek_private), "-noout", "-modulus").decode().strip().partition("=")[2]
    split = len(modulus) // 2
    oaep = ("rsa_padding_mode:oaep", "rsa_oaep_md:sha1", "rsa_mgf1_md:sha1")
    options = [argument for option in oaep for argument in ("-pkeyopt", option)]
    with tempfile.TemporaryDirectory() as folder:
        wrapped_aes = Path(folder, "aes")
        wrapped_aes.write_bytes(ciphertext[:split])
        aes = openssl("pkeyutl", "-decrypt", "-inkey", str(kek_private), "-in", str(wrapped_aes), *options)
    # The AES key is on the command line for all to see, which only throw-away keys allow.
    return openssl("enc", "-d", "-id-aes256-wrap-pad", "-K", aes.hex(), "-iv", "A65959A6", stdin=ciphertext[split:])


def public_key_with_openssl(pkcs8: bytes) -> bytes:
    """The SubjectPublicKeyInfo, DER, of a PKCS#8 key, which OpenSSL must find sound."""
    openssl("pkey", "-inform", "DER", "-check", "-noout", stdin=pkcs8)
    return openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", stdin=pkcs8)


def main() -> None:
    keks = {bits: make_kek(bits) for bits in KEK_BITS}
    vectors = [make_vector(case, keks[case.kek_bits]) for case in CASES]
    manifest = {
        "warning": "Throw-away keys, published on purpose. Never use them for anything but tests.",
        "wrapping": {
            "enc": "CKM_RSA_AES_KEY_WRAP",
            "oaep_hash": "SHA-1",
            "oaep_mgf1_hash": "SHA-1",
            "oaep_label": "",
            "aes_bits": 256,
            "key_wrap": "RFC 5649",
        },
        "keks": list(keks.values()),
        "vectors": vectors,
    }
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    sys.stdout.write(f"{len(vectors)} vectors made; OpenSSL unwrapped each\n")


def make_kek(bits: int) -> dict[str, Any]:
    """Generate a KEK with OpenSSL; answers its row of the manifest."""
    private, public = HERE / f"kek-{bits}.private.pem", HERE / f"kek-{bits}.public.pem"
    private.write_bytes(openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}"))
    public.write_bytes(openssl("pkey", "-in", str(private), "-pubout"))
    spki = openssl("pkey", "-in", str(private), "-pubout", "-outform", "DER")
    return {
        "name": f"kek-{bits}",
        "bits": bits,
        "private_key": private.name,
        "public_key": public.name,
        "spki_sha256": hashlib.sha256(spki).hexdigest(),
    }


def make_vector(case: Case, kek: dict[str, Any]) -> dict[str, Any]:
    """Generate and wrap a key, and check it with OpenSSL; answers its row of the manifest."""
    material = generate(ALGORITHMS[case.key_type])
    identifier = parse_key_identifier(f"https://{case.host}/keys/{kek['name']}/{kek['spki_sha256'][:32]}")
    transfer_file = wrap_for_azure(material, read_kek((HERE / kek["public_key"]).read_bytes()), identifier)
    require_openssl_agrees(transfer_file.content, HERE / kek["private_key"], material)
    (HERE / f"{case.name}.byok").write_bytes(transfer_file.content)
    plaintext_bytes = len(material.secret)
    wrapped_key_bytes = (plaintext_bytes + 7) // 8 * 8 + 8
    return {
        "name": case.name,
        "file": f"{case.name}.byok",
        "file_sha256": transfer_file.sha256,
        "kek": kek["name"],
        "kid": identifier.text,
        "key_type": case.key_type,
        "plaintext": "raw" if material.algorithm.symmetric else "PKCS#8",
        "plaintext_bytes": plaintext_bytes,
        "plaintext_sha256": hashlib.sha256(material.secret.reveal()).hexdigest(),
        "wrapped_aes_key_bytes": case.kek_bits // 8,
        "wrapped_key_bytes": wrapped_key_bytes,
        "ciphertext_bytes": case.kek_bits // 8 + wrapped_key_bytes,
        **identity_of(case, material),
    }


def identity_of(case: Case, material: Material) -> dict[str, Any]:
    """What to compare the unwrapped key with: its public key, or an AES key's check value."""
    identity = identify(material)
    if identity.public_key is None:
        return {"check_value": identity.check_value}
    public = HERE / f"{case.name}.public.pem"
    public.write_bytes(openssl("pkey", "-pubin", "-inform", "DER", "-pubout", stdin=identity.public_key))
    return {"public_key": public.name, "spki_sha256": identity.spki_sha256}


def require_openssl_agrees(content: bytes, kek_private: Path, material: Material) -> None:
    """Raise AssertionError unless OpenSSL finds the bytes and the public key that Keyferry wrapped."""
    unwrapped = unwrap_with_openssl(content, kek_private)
    if unwrapped != material.secret.reveal():
        raise AssertionError(f"OpenSSL unwrapped something else than the {material.algorithm.name} key")
    if not material.algorithm.symmetric and public_key_with_openssl(unwrapped) != identify(material).public_key:
        raise AssertionError(f"OpenSSL derives another public key from the {material.algorithm.name} key")


if __name__ == "__main__":
    main()
