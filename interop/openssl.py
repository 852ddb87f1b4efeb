"""Keys and transfer files made by OpenSSL alone, as a person without Keyferry makes them."""

import base64
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: RFC 5649 section 3: the first half of the alternative initial value
KWP_IV: Final = "A65959A6"
OAEP_SHA1: Final = (
    *("-pkeyopt", "rsa_padding_mode:oaep"),
    *("-pkeyopt", "rsa_oaep_md:sha1"),
    *("-pkeyopt", "rsa_mgf1_md:sha1"),
)


def openssl(*arguments: str | Path, given: bytes | None = None) -> bytes:
    """What an `openssl` command prints."""
    done = subprocess.run(["openssl", *map(str, arguments)], input=given, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key in a PEM file (PKCS#8), and its public key beside it."""

    private: Path
    public: Path

    @classmethod
    def rsa(cls, directory: Path, bits: int = 2048) -> "KeyPair":
        return cls._make(directory, f"rsa-{bits}", "RSA", f"rsa_keygen_bits:{bits}")

    @classmethod
    def ec(cls, directory: Path, curve: str = "P-256") -> "KeyPair":
        return cls._make(directory, f"ec-{curve}", "EC", f"ec_paramgen_curve:{curve}")

    @classmethod
    def _make(cls, directory: Path, name: str, algorithm: str, option: str) -> "KeyPair":
        private, public = directory / f"{name}.pem", directory / f"{name}-public.pem"
        openssl("genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out", private)
        openssl("pkey", "-in", private, "-pubout", "-out", public)
        return cls(private, public)

    @property
    def spki(self) -> bytes:
        """The public key, SubjectPublicKeyInfo in DER."""
        return openssl("pkey", "-pubin", "-in", self.public, "-outform", "DER")

    def encrypted_for(self, plaintext: bytes) -> bytes:
        """RSA-OAEP with SHA-1 under the public key."""
        return openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", self.public, *OAEP_SHA1, given=plaintext)

    def verified(self, digest: bytes, signature: bytes, directory: Path) -> bool:
        """Whether an RS256 signature over this SHA-256 digest is this key's."""
        file = directory / "signature.bin"
        file.write_bytes(signature)
        done = subprocess.run(
            [
                *("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(self.public), "-sigfile", str(file)),
                *("-pkeyopt", "rsa_padding_mode:pkcs1", "-pkeyopt", "digest:sha256"),
            ],
            input=digest,
            capture_output=True,
        )
        return done.returncode == 0


def spki_of(public: Path) -> bytes:
    """The public key of a PEM file, SubjectPublicKeyInfo in DER."""
    return openssl("pkey", "-pubin", "-in", public, "-outform", "DER")


def wrap(key: Path, kek: Path, kid: str, output: Path) -> Path:
    """A transfer file for `key` under `kek`, a public key: RSA-OAEP of an AES-256 key, then AES-KWP of the PKCS#8."""
    wrapping_key = openssl("rand", "32")
    pkcs8 = openssl("pkcs8", "-topk8", "-nocrypt", "-in", key, "-outform", "DER")
    wrapped_key = openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", kek, *OAEP_SHA1, given=wrapping_key)
    wrapped = openssl("enc", "-id-aes256-wrap-pad", "-iv", KWP_IV, "-K", wrapping_key.hex(), given=pkcs8)
    document = {
        "schema_version": "1.0.0",
        "header": {"kid": kid, "alg": "dir", "enc": "CKM_RSA_AES_KEY_WRAP"},
        "ciphertext": base64.urlsafe_b64encode(wrapped_key + wrapped).rstrip(b"=").decode(),
        "generator": "OpenSSL; none",
    }
    output.write_text(json.dumps(document))
    return output
