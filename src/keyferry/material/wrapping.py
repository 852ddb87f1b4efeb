"""The one wrap core: CKM_RSA_AES_KEY_WRAP (PKCS#11 v3.0 section 2.1.21), and RSA-OAEP alone.

    blob = RSA-OAEP(hash h, MGF1 with h, empty label, ephemeral AES key) || AES-KWP(AES key, key material)

The first part is as long as the KEK's modulus (RFC 8017 section 7.1), the second as RFC 5649 section 4.1 says.
"""

import os
from enum import StrEnum

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap_with_padding,
)

from keyferry.errors import InvalidInput
from keyferry.material.secret import Secret

AES_BITS = (128, 192, 256)


class OaepHash(StrEnum):
    """The hash of RSA-OAEP and of its MGF1: always the same one for both."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"


_HASHES: dict[OaepHash, type[hashes.HashAlgorithm]] = {
    OaepHash.SHA1: hashes.SHA1,
    OaepHash.SHA256: hashes.SHA256,
    OaepHash.SHA512: hashes.SHA512,
}


def wrap(secret: Secret, kek: rsa.RSAPublicKey, hash_: OaepHash, *, direct: bool = False, aes_bits: int = 256) -> bytes:
    """Wrap key material to a KEK.

    Args:
        secret: PKCS#8 DER for RSA and EC, the key's bytes for AES.
        direct: RSA-OAEP alone, for material that is short enough.
        aes_bits: size of the ephemeral AES key.

    Raises:
        InvalidInput: (`target-not-taken`) the material is too long for `direct`.
    """
    if direct:
        _require_fits(secret, kek, hash_)
        return kek.encrypt(secret.reveal(), _oaep(hash_))
    if aes_bits not in AES_BITS:
        raise ValueError(f"an AES key has one of {AES_BITS} bits")
    ephemeral = os.urandom(aes_bits // 8)
    return kek.encrypt(ephemeral, _oaep(hash_)) + aes_key_wrap_with_padding(ephemeral, secret.reveal())


def unwrap(blob: bytes, kek: rsa.RSAPrivateKey, hash_: OaepHash, *, direct: bool = False) -> Secret:
    """Undo `wrap`; takes ephemeral keys of every AES size.

    Raises:
        InvalidInput: (`unwrap-failed`) the blob is not for this KEK and hash, or was changed. Which step failed is not
            said, so that the answer helps nobody who tries blobs.
    """
    modulus = kek.key_size // 8
    rest = len(blob) - modulus
    if (direct and rest != 0) or (not direct and (rest < 16 or rest % 8 != 0)):
        raise _failed()
    try:
        opened = kek.decrypt(blob[:modulus], _oaep(hash_))
        if direct:
            return Secret(opened)
        if len(opened) * 8 not in AES_BITS:
            raise _failed()
        return Secret(aes_key_unwrap_with_padding(opened, blob[modulus:]))
    except (ValueError, InvalidUnwrap):
        raise _failed() from None


def wrapped_length(plaintext_bytes: int, kek_bits: int) -> int:
    """How many bytes `wrap` gives: the modulus, and the material rounded up to 8 bytes and 8 more."""
    return kek_bits // 8 + -(-plaintext_bytes // 8) * 8 + 8


def _require_fits(secret: Secret, kek: rsa.RSAPublicKey, hash_: OaepHash) -> None:
    longest = kek.key_size // 8 - 2 * _HASHES[hash_]().digest_size - 2  # RFC 8017 section 7.1.1, step 1b
    if len(secret) > longest:
        raise InvalidInput(
            f"The key material has {len(secret)} bytes; RSA-OAEP alone takes {longest} under this KEK.",
            code="target-not-taken",
            field="key",
            advice="Use the variant with an ephemeral AES key, or a larger KEK.",
        )


def _oaep(hash_: OaepHash) -> padding.OAEP:
    algorithm = _HASHES[hash_]
    return padding.OAEP(mgf=padding.MGF1(algorithm()), algorithm=algorithm(), label=None)


def _failed() -> InvalidInput:
    return InvalidInput(
        "The file could not be unwrapped with this private key.",
        code="unwrap-failed",
        field="private_key",
        advice="Give the private key whose public key it was wrapped with, and the file as it was written.",
    )
