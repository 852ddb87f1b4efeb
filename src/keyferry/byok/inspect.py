"""What a transfer file shows without any key: its members, and what its length tells.

The ciphertext does not say which KEK made it, but its length is the KEK's modulus and a wrapped key together, and few
pairs of a KEK size and a key type add up to it.
"""

import hashlib
from dataclasses import dataclass

from keyferry.byok.identifier import AzureKeyIdentifier, parse_key_identifier
from keyferry.byok.kek import SIZES
from keyferry.byok.transfer_file import Deviation, parse
from keyferry.errors import IdentifierRefused

PLAINTEXT_BYTES: dict[str, tuple[tuple[int, int], ...]] = {
    "rsa-2048": ((1210, 1222),),
    "rsa-3072": ((1786, 1798),),
    "rsa-4096": ((2364, 2378),),
    "ec-p256": ((67, 67), (138, 138)),
    "ec-p384": ((80, 80), (185, 185)),
    "ec-p521": ((98, 98), (241, 241)),
    "ec-p256k": ((64, 64), (135, 135)),
    "aes-128": ((16, 16),),
    "aes-192": ((24, 24),),
    "aes-256": ((32, 32),),
}
"""How many bytes a key of each type has before wrapping: PKCS#8 DER, for EC without and with the public key in it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a ciphertext's length.

    Attributes:
        kek_bits: the size of the KEK, if this is how it was.
        kek_bytes: the length of the part that RSA-OAEP made; the KEK's modulus.
        wrapped_key_bytes: the length of the rest, which AES-KWP made.
        key_types: the key types whose wrapped form has that length; often none, rarely two.
    """

    kek_bits: int
    kek_bytes: int
    wrapped_key_bytes: int
    key_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TransferFileFacts:
    """What `inspect` found. Texts are as they stand in the file, empty when it lacks them; `notes` says so.

    Attributes:
        size: the file's bytes; `sha256` their SHA-256, lower-case hex.
        identifier: `kid`, when it reads as an Azure key identifier.
        ciphertext_bytes: the length of the ciphertext.
        readings: the ways to read that length, likely ones first.
        notes: what differs from the form that Keyferry writes, and what to be wary of; sentences.
    """

    size: int
    sha256: str
    schema_version: str
    kid: str
    identifier: AzureKeyIdentifier | None
    alg: str
    enc: str
    generator: str
    ciphertext_bytes: int
    readings: tuple[Reading, ...]
    notes: tuple[str, ...]


def inspect(content: bytes) -> TransferFileFacts:
    """Say what a transfer file holds, whichever tool wrote it.

    Raises:
        InvalidInput: `transfer-file-refused`, when it is no transfer file at all (see `transfer_file.parse`).
    """
    parts, deviations = parse(content)
    identifier, about_identifier = _read_identifier(parts.kid)
    readings = readings_of(len(parts.ciphertext))
    return TransferFileFacts(
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        schema_version=parts.schema_version,
        kid=parts.kid,
        identifier=identifier,
        alg=parts.alg,
        enc=parts.enc,
        generator=parts.generator,
        ciphertext_bytes=len(parts.ciphertext),
        readings=readings,
        notes=notes_on(deviations) + about_identifier + _about_length(readings),
    )


def readings_of(ciphertext_bytes: int) -> tuple[Reading, ...]:
    """The ways to read a ciphertext's length: KEK sizes that leave a whole number of 8-byte blocks, at least 3, for the
    key.

    1488 bytes, for example, are most likely 256 + 1232: an RSA-2048 key under a 2048-bit KEK.
    """
    possible = [_reading(bits, ciphertext_bytes) for bits in SIZES]
    sound = [r for r in possible if r.wrapped_key_bytes >= 24 and r.wrapped_key_bytes % 8 == 0]
    return tuple(sorted(sound, key=lambda reading: not reading.key_types))


def notes_on(deviations: tuple[Deviation, ...]) -> tuple[str, ...]:
    """Deviations as notes for a person."""
    return tuple(f"{deviation}." for deviation in deviations)


def _reading(kek_bits: int, ciphertext_bytes: int) -> Reading:
    wrapped = ciphertext_bytes - kek_bits // 8
    # AES-KWP adds 8 bytes to the key and fills it up to a multiple of 8 (RFC 5649 section 4.1).
    shortest, longest = wrapped - 15, wrapped - 8
    types = tuple(
        name
        for name, ranges in PLAINTEXT_BYTES.items()
        if any(low <= longest and shortest <= high for low, high in ranges)
    )
    return Reading(kek_bits, kek_bits // 8, wrapped, types)


def _read_identifier(kid: str) -> tuple[AzureKeyIdentifier | None, tuple[str, ...]]:
    if not kid:
        return None, ()
    try:
        identifier = parse_key_identifier(kid)
    except IdentifierRefused as refused:
        return None, (f"header.kid: {refused.detail}.",)
    return identifier, identifier.warnings


def _about_length(readings: tuple[Reading, ...]) -> tuple[str, ...]:
    if any(reading.key_types for reading in readings):
        return ()
    return ("ciphertext: its length fits no KEK size together with a key type that Azure takes.",)
