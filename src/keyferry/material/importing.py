"""Keys from outside: read in any usual form, validated once, and normalised.

    PEM     PKCS#8, encrypted PKCS#8, PKCS#1, SEC1, and the last two in OpenSSL's old encrypted form
    DER     PKCS#8, encrypted PKCS#8, PKCS#1, SEC1
    JWK     RSA and EC private keys, and symmetric keys
    AES     the bytes, hexadecimal or base64, when the key type is named: without it, any bytes would do

`read_material_apart` is for servers: the same, in a process of its own.
"""

import re
from collections.abc import Callable
from contextlib import suppress

from cryptography import x509
from cryptography.exceptions import InternalError as LibraryFault
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
)

from keyferry.errors import MaterialRefused
from keyferry.material.algorithms import Algorithm
from keyferry.material.apart import call_worker
from keyferry.material.certificate_faults import UNREADABLE
from keyferry.material.jwk import read_jwk
from keyferry.material.keys import Material
from keyferry.material.pem import BEGIN, content, private_key_block
from keyferry.material.refusals import (
    certificate_given,
    encrypted,
    mismatch,
    not_kept,
    passphrase_not_needed,
    passphrase_refused,
    public_key_given,
    refused,
    too_costly,
    unreadable,
)
from keyferry.material.secret import Secret
from keyferry.material.soundness import validated
from keyferry.material.symmetric import read_symmetric

MAX_BYTES = 64 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_RSA_PSS_PKCS8 = re.compile(
    rb"\x30\x82..\x02\x01[\x00\x01]\x30(?:[\x00-\x7f]|\x81.|\x82..)"
    + re.escape(bytes.fromhex("06092a864886f70d01010a")),
    re.DOTALL,
)
"""How PKCS#8 begins when its algorithm is id-RSASSA-PSS (RFC 5958 section 2, RFC 4055 section 1.2)."""

_Loader = Callable[..., object]


def read_material(data: bytes, *, algorithm: Algorithm | None = None, passphrase: Secret | None = None) -> Material:
    """Read one private or symmetric key, and validate it fully. RSA-4096 takes 0.2 s, in which no other thread runs.

    An RSA key that is marked for RSA-PSS only is refused, since the mark would be lost. Inside an encrypted PKCS#8 the
    library does not show the mark, and there it is lost.

    Args:
        data: the file's content, at most 64 KiB.
        algorithm: the type that the key must have. None takes whatever key is in it, but AES keys only from a JWK.
        passphrase: of an encrypted key. Given with anything else, it is refused.

    Raises:
        MaterialRefused: `material-refused`, `material-encrypted`, `passphrase-refused` or `algorithm-mismatch`; the
            detail says why, and never holds what was read.
    """
    _require_size(data)
    text = data.removeprefix(_BYTE_ORDER_MARK).lstrip()
    if BEGIN in data:
        return _from_library(load_pem_private_key, private_key_block(data), algorithm, passphrase)
    if _is_der(data, algorithm):
        return _from_library(load_der_private_key, data, algorithm, passphrase)
    if passphrase is not None:
        raise passphrase_not_needed()
    if text.startswith(b"{") and not _is_bytes_of(data, algorithm):
        return read_jwk(text, algorithm)
    if algorithm is not None and algorithm.symmetric:
        return read_symmetric(data, algorithm)
    raise unreadable("The material is neither PEM nor DER nor a JWK")


def read_material_apart(data: bytes, *, algorithm: Algorithm | None, passphrase: Secret | None = None) -> Material:
    """`read_material` in a process of its own, which gets everything by pipe and ends.

    The server's other threads go on meanwhile, and what a hostile file can make a parser do stays in that process,
    which has limits of time and memory.

    Raises:
        MaterialRefused: as `read_material`, or because the file needs more time or memory than a key may.
        InternalError: the process ended without an answer.
    """
    _require_size(data)
    return call_worker(data, algorithm, passphrase)


def _require_size(data: bytes) -> None:
    if not data.strip():
        raise unreadable("The material is empty")
    if len(data) > MAX_BYTES:
        raise refused(
            f"The material has {len(data)} bytes, and no key needs more than {MAX_BYTES}",
            "Give a file that holds the one key and nothing else.",
        )


def _is_bytes_of(data: bytes, algorithm: Algorithm | None) -> bool:
    """Whether this is exactly as long as the named AES key: then it is that key, whatever it looks like."""
    return algorithm is not None and algorithm.symmetric and len(data) == algorithm.bits // 8


def _is_der(data: bytes, algorithm: Algorithm | None) -> bool:
    """Whether this begins as a SEQUENCE does (X.690 section 8.9).

    The tag is also the digit 0, with which the text of an AES key may begin: there, only a length of more than one
    octet (section 8.1.3.5) tells.
    """
    if algorithm is None or not algorithm.symmetric:
        return data[0] == 0x30
    return data[:2] in (b"\x30\x81", b"\x30\x82") and not _is_bytes_of(data, algorithm)


def _from_library(load: _Loader, data: bytes, algorithm: Algorithm | None, passphrase: Secret | None) -> Material:
    key = _parse(load, data, passphrase)
    material = validated(key, None)
    if algorithm is not None and material.algorithm is not algorithm:
        raise mismatch(material.algorithm.name, algorithm)
    return material


def _parse(load: _Loader, data: bytes, passphrase: Secret | None) -> object:
    # Refusals are raised outside of the library's errors, so that none of those hangs on to them.
    key, is_encrypted = _open(load, data, None)
    if is_encrypted:
        return _decrypt(load, data, passphrase)
    if key is None:
        raise _what_else(data)
    if passphrase is not None:
        raise passphrase_not_needed()
    if _RSA_PSS_PKCS8.match(data if load is load_der_private_key else content(data)):
        raise not_kept("an RSA key for RSA-PSS signatures only")
    return key


def _decrypt(load: _Loader, data: bytes, passphrase: Secret | None) -> object:
    if passphrase is None or len(passphrase) == 0:
        raise encrypted()
    key, _ = _open(load, data, passphrase.reveal())
    if key is None:
        raise passphrase_refused(
            "The passphrase does not open the private key, or the file is damaged or encrypted in an unknown way",
            "Give the passphrase that it was encrypted with; `openssl pkey -in FILE -noout` asks for it and tells.",
        )
    return key


def _open(load: _Loader, data: bytes, password: bytes | None) -> tuple[object | None, bool]:
    """The parsed key, if it parses, and whether a passphrase is what it lacks; the key's numbers are not looked at."""
    try:
        return load(data, password, unsafe_skip_rsa_key_validation=True), False
    except TypeError:
        return None, True  # the library's way to ask for a passphrase
    except (ValueError, UnsupportedAlgorithm):
        return None, False
    except LibraryFault:
        pass  # OpenSSL could not have the memory that the passphrase's derivation asks for
    raise too_costly("memory")


def _what_else(data: bytes) -> MaterialRefused:
    with suppress(ValueError, UnsupportedAlgorithm):
        load_der_public_key(data)
        return public_key_given()
    with suppress(*UNREADABLE):
        x509.load_der_x509_certificate(data)
        return certificate_given()
    return unreadable(
        "The private key cannot be read: it is damaged, of a kind not known here, or something follows it"
    )
