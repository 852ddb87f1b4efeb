"""Encrypting, wrapping, and the way back: the bodies of envelopes.

Whatever goes wrong while a body is opened is refused in the same words: what was wrong with it (a tag, a padding, its
length) would help whoever tries altered ciphertexts. RSA private operations are blinded by OpenSSL.
"""

import os
from contextlib import suppress
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap,
    aes_key_wrap_with_padding,
)

from keyferry.errors import InternalError, InvalidInput
from keyferry.material.algorithms import Algorithm
from keyferry.material.secret import Secret
from keyferry.material.using.methods import Hash, Method, Scheme

MOST_BYTES: Final = 64 * 1024
"""The longest plaintext, key to be wrapped, associated data and message, in bytes."""

MOST_CIPHERTEXT_BYTES: Final = MOST_BYTES + 1024
"""The longest ciphertext with its envelope: every algorithm adds less."""

NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_KW_BLOCK_BYTES: Final = 8

ProtectingKey = Secret | rsa.RSAPublicKey
"""An AES key's bytes, or the public half of an RSA key."""

ProcessingKey = Secret | rsa.RSAPrivateKey
"""An AES key's bytes, or an RSA private key."""

_HASHES: Final[dict[Hash, type[hashes.HashAlgorithm]]] = {Hash.SHA1: hashes.SHA1, Hash.SHA256: hashes.SHA256}


def require_fits(method: Method, algorithm: Algorithm, length: int, field: str) -> None:
    """
    Args:
        algorithm: the type of the key.
        length: of what is to be encrypted or wrapped, in bytes.
        field: what the door calls it.

    Raises:
        InvalidInput: (`input-size`) the algorithm does not take so much, or so little.
    """
    longest = _longest(method, algorithm)
    if length > longest:
        raise InvalidInput(
            f"{field} has {length} bytes; {method.name} with a key of type {algorithm.name} takes {longest} at most.",
            code="input-size",
            field=field,
            advice="Encrypt long data under a data key of its own, and give that key here to be wrapped.",
        )
    if method.scheme is Scheme.KW and (length % _KW_BLOCK_BYTES or length < 2 * _KW_BLOCK_BYTES):
        raise InvalidInput(
            f"{field} has {length} bytes; {method.name} takes 16 or more, in multiples of 8 (RFC 3394).",
            code="input-size",
            field=field,
            advice=f"Use {method.name}P, which takes any length.",
        )
    if method.scheme is Scheme.KWP and length == 0:
        raise InvalidInput(
            f"{field} is empty; {method.name} takes 1 byte or more (RFC 5649).",
            code="input-size",
            field=field,
            advice="Give the key that is to be wrapped.",
        )


def require_associated_data(method: Method, associated_data: bytes) -> None:
    """
    Raises:
        InvalidInput: there is some, and the algorithm takes none, or not so much.
    """
    if associated_data and method.scheme is not Scheme.GCM:
        raise InvalidInput(
            f"{method.name} takes no associated data.",
            field="associated_data",
            advice="Leave it out, or use an AES key with AES-GCM.",
        )
    require_length(associated_data, "associated_data")


def require_length(data: bytes | Secret, field: str, most: int = MOST_BYTES) -> None:
    """
    Raises:
        InvalidInput: (`input-size`) it is longer than `most` bytes.
    """
    if len(data) > most:
        raise InvalidInput(
            f"{field} has {len(data)} bytes; {most} are taken at most.",
            code="input-size",
            field=field,
            advice="Give less; of a long message, its digest.",
        )


def protect(method: Method, key: ProtectingKey, header: bytes, plaintext: Secret, associated_data: bytes) -> bytes:
    """The body of an envelope. AES-GCM's nonce is chosen here, at random (SP 800-38D section 8.2.2).

    Args:
        header: the envelope's; AES-GCM authenticates it before `associated_data`.
        plaintext: of a length that `require_fits` takes.
    """
    if isinstance(key, rsa.RSAPublicKey):
        return key.encrypt(plaintext.reveal(), _oaep(method))
    if method.scheme is Scheme.GCM:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(key.reveal()).encrypt(nonce, plaintext.reveal(), header + associated_data)
    if method.scheme is Scheme.KW:
        return aes_key_wrap(key.reveal(), plaintext.reveal())
    return aes_key_wrap_with_padding(key.reveal(), plaintext.reveal())


def process(method: Method, key: ProcessingKey, header: bytes, body: bytes, associated_data: bytes) -> Secret:
    """What `protect` took.

    Raises:
        InvalidInput: (`decryption-failed`) the body, the header or the associated data is not what it was, or all this
            is another key's. Why it failed is not said.
    """
    with suppress(InvalidTag, InvalidUnwrap, ValueError):
        return Secret(_opened(method, key, header, body, associated_data))
    raise decryption_failed()


def decryption_failed() -> InvalidInput:
    """The one refusal for all that can be wrong with a ciphertext beyond its header."""
    return InvalidInput(
        "It could not be decrypted.",
        code="decryption-failed",
        field="ciphertext",
        advice="Give the ciphertext as it was made, with the same associated data, algorithm and version of the key.",
    )


def _opened(method: Method, key: ProcessingKey, header: bytes, body: bytes, associated_data: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.decrypt(body, _oaep(method))
    if method.scheme is Scheme.GCM:
        nonce, sealed = body[:NONCE_BYTES], body[NONCE_BYTES:]
        return AESGCM(key.reveal()).decrypt(nonce, sealed, header + associated_data)
    if method.scheme is Scheme.KW:
        return aes_key_unwrap(key.reveal(), body)
    return aes_key_unwrap_with_padding(key.reveal(), body)


def _longest(method: Method, algorithm: Algorithm) -> int:
    if method.scheme is not Scheme.OAEP:
        return MOST_BYTES
    return algorithm.bits // 8 - 2 * _hash(method).digest_size - 2  # RFC 8017 section 7.1.1, step 1b


def _oaep(method: Method) -> padding.OAEP:
    return padding.OAEP(mgf=padding.MGF1(_hash(method)), algorithm=_hash(method), label=None)


def _hash(method: Method) -> hashes.HashAlgorithm:
    if method.hash not in _HASHES:
        raise InternalError(f"{method.name} has no hash for RSA-OAEP")
    return _HASHES[method.hash]()
