"""The one wrap core: the mechanism CKM_RSA_AES_KEY_WRAP of PKCS#11, and RSA-OAEP alone.

    blob = RSA-OAEP(hash h, MGF1 with h, empty label, ephemeral AES key) || AES-KWP(AES key, key material)

The first part is as long as the KEK's modulus (RFC 8017 section 7.1), the second is the material padded to a multiple
of 8 bytes, and 8 bytes more (RFC 5649 section 4.1). Nothing separates them: the modulus says where the second begins.
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

from keyferry.errors import InvalidInput, MaterialRefused
from keyferry.material.secret import Secret

AES_BITS = (128, 192, 256)
KWP_BLOCK_BYTES = 8
KWP_SHORTEST_BYTES = 16
"""The shortest AES-KWP ciphertext: two semiblocks (RFC 5649 section 4.1)."""


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
    """Wrap key material to a KEK. The answer differs at every call; its length does not.

    Args:
        secret: PKCS#8 DER for RSA and EC, the key's bytes for AES.
        kek: the destination's public key. Whether its size will do is for the destination to say.
        hash_: what the destination expects; `sha1` for Azure.
        direct: RSA-OAEP alone (RFC 8017 section 7.1.1), for material that is short enough.
        aes_bits: size of the ephemeral AES key: 128, 192 or 256.

    Raises:
        MaterialRefused: `material-too-long`: it, or the ephemeral key, does not fit into RSA-OAEP under this KEK;
            `material-refused`: there is none.
        ValueError: `aes_bits` is no size of AES.
    """
    if aes_bits not in AES_BITS:
        raise ValueError(f"an AES key has one of {AES_BITS} bits")
    if len(secret) == 0:
        raise MaterialRefused("There is no key material to wrap", field="key", advice="Give a key.")
    if direct:
        _require_fits(len(secret), "key material", kek, hash_)
        return kek.encrypt(secret.reveal(), _oaep(hash_))
    _require_fits(aes_bits // 8, "ephemeral AES key", kek, hash_)
    ephemeral = os.urandom(aes_bits // 8)
    return kek.encrypt(ephemeral, _oaep(hash_)) + aes_key_wrap_with_padding(ephemeral, secret.reveal())


def unwrap(blob: bytes, kek: rsa.RSAPrivateKey, hash_: OaepHash, *, direct: bool = False) -> Secret:
    """Undo `wrap`; takes ephemeral keys of every AES size.

    1. The lengths must add up. 2. RSA-OAEP opens the first part. 3. AES-KWP opens the rest (RFC 5649 section 4.2).

    A failure of step 2 does not end the work: step 3 then runs with a random key and its result is thrown away, so that
    neither the answer nor the order of the work tells which step failed to someone who tries blobs.

    Raises:
        InvalidInput: `unwrap-failed`: the blob is not for this KEK and hash, or was changed.
    """
    modulus = modulus_bytes(kek.key_size)
    rest = len(blob) - modulus
    fits = rest == 0 if direct else rest >= KWP_SHORTEST_BYTES and rest % KWP_BLOCK_BYTES == 0
    if not fits:
        raise _failed()
    opened = _open_oaep(blob[:modulus], kek, hash_)
    material = opened if direct else _open_kwp(blob[modulus:], opened)
    if material is None:
        raise _failed()
    return Secret(material)


def wrapped_length(plaintext_bytes: int, kek_bits: int) -> int:
    """How many bytes `wrap` gives with the AES step: the modulus, the material rounded up to 8 bytes, and 8 more."""
    padded = -(-plaintext_bytes // KWP_BLOCK_BYTES) * KWP_BLOCK_BYTES
    return modulus_bytes(kek_bits) + padded + KWP_BLOCK_BYTES


def modulus_bytes(kek_bits: int) -> int:
    """The length of an RSA ciphertext, in bytes (RFC 8017 section 7.1.1: k)."""
    return (kek_bits + 7) // 8


def longest_direct(kek_bits: int, hash_: OaepHash) -> int:
    """How many bytes RSA-OAEP alone takes (RFC 8017 section 7.1.1, step 1b); below zero when it takes nothing."""
    return modulus_bytes(kek_bits) - 2 * _HASHES[hash_]().digest_size - 2


def _require_fits(length: int, what: str, kek: rsa.RSAPublicKey, hash_: OaepHash) -> None:
    longest = max(longest_direct(kek.key_size, hash_), 0)
    if length > longest:
        raise MaterialRefused(
            f"The {what} has {length} bytes; RSA-OAEP with {hash_} takes {longest} under a KEK of {kek.key_size} bits",
            code="material-too-long",
            field="key",
            advice="Wrap with an ephemeral AES key (RSA-AES key wrap), or use a larger KEK.",
        )


def _open_oaep(part: bytes, kek: rsa.RSAPrivateKey, hash_: OaepHash) -> bytes | None:
    try:
        return kek.decrypt(part, _oaep(hash_))
    except ValueError:
        return None


def _open_kwp(part: bytes, opened: bytes | None) -> bytes | None:
    usable = opened is not None and len(opened) * 8 in AES_BITS
    key = opened if opened is not None and usable else os.urandom(32)
    try:
        material = aes_key_unwrap_with_padding(key, part)
    except InvalidUnwrap:
        return None
    return material if usable else None


def _oaep(hash_: OaepHash) -> padding.OAEP:
    algorithm = _HASHES[hash_]
    return padding.OAEP(mgf=padding.MGF1(algorithm()), algorithm=algorithm(), label=None)


def _failed() -> InvalidInput:
    return InvalidInput(
        "It could not be unwrapped with this private key",
        code="unwrap-failed",
        field="private_key",
        advice="Give the private key whose public key it was wrapped with, and the file as it was written.",
    )
