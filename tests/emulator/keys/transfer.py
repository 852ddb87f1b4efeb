"""Transfer files for these tests, made with `cryptography`: the right one, and every way to get it wrong."""

import base64
import json
import os
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def unpadded(value: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def number(text: str) -> int:
    """A member of a JSON Web Key as a number."""
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def pkcs8(key: PrivateKey) -> bytes:
    """PKCS#8 DER."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def traditional(key: PrivateKey) -> bytes:
    """PKCS#1 or SEC1 DER."""
    return key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())


@dataclass(frozen=True, slots=True)
class Kek:
    """A vault's KEK as whoever wraps a key knows it."""

    identifier: str
    public: rsa.RSAPublicKey

    @classmethod
    def of(cls, bundle: dict[str, Any]) -> "Kek":
        """The KEK in a bundle that a vault answered."""
        key = bundle["key"]
        return cls(key["kid"], rsa.RSAPublicNumbers(number(key["e"]), number(key["n"])).public_key())

    def oaep(self, secret: bytes, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
        """RSA-OAEP, with SHA-1 unless told otherwise."""
        used = algorithm or hashes.SHA1()
        return self.public.encrypt(secret, padding.OAEP(padding.MGF1(used), used, None))

    def wrap(self, plaintext: bytes, aes_bytes: int = 32) -> bytes:
        """CKM_RSA_AES_KEY_WRAP."""
        aes = os.urandom(aes_bytes)
        return self.oaep(aes) + aes_key_wrap_with_padding(aes, plaintext)

    def document(self, plaintext: bytes) -> dict[str, Any]:
        """A right transfer file, as an object to be mutated."""
        return {
            "schema_version": "1.0.0",
            "header": {"kid": self.identifier, "alg": "dir", "enc": "CKM_RSA_AES_KEY_WRAP"},
            "ciphertext": unpadded(self.wrap(plaintext)),
            "generator": "tests",
        }

    def file(self, plaintext: bytes) -> bytes:
        """A right transfer file."""
        return json.dumps(self.document(plaintext)).encode()


def asked(content: bytes | str, kty: str = "RSA-HSM", **members: Any) -> dict[str, Any]:
    """The body of an import of a transfer file, as az sends it."""
    key_hsm = content if isinstance(content, str) else unpadded(content)
    return {"key": {"kty": kty, "key_hsm": key_hsm, **members}, "attributes": {"enabled": True}, "Hsm": False}
