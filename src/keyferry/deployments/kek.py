"""The vault's key encryption key: found and judged, else made."""

import time
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from keyferry.clouds.azure.facts import VaultKey
from keyferry.clouds.azure.vault import AzureVault
from keyferry.deployments.drift import moment
from keyferry.errors import Conflict
from keyferry.material.algorithms import Algorithm, Family
from keyferry.material.keys import fingerprint_spki

DEFAULT_NAME: Final = "keyferry-kek"
DEFAULT_BITS: Final = 3072
#: what a KEK may do: Azure's `import` excludes every other operation
OPERATIONS: Final = ("import",)


@dataclass(frozen=True, slots=True)
class Kek:
    """A key encryption key of a vault, fit for use.

    Attributes:
        identifier: with version.
        public_key: SubjectPublicKeyInfo, DER.
        made: it was made just now.
    """

    identifier: str
    bits: int
    public_key: bytes
    made: bool

    @property
    def pem(self) -> bytes:
        """The public key as Azure hands it out: SubjectPublicKeyInfo in PEM (RFC 7468 section 13)."""
        return load_der_public_key(self.public_key).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def spki_sha256(self) -> str:
        """The SHA-256 of `public_key`, lower-case hex."""
        return fingerprint_spki(self.public_key)


def bits_for(algorithm: Algorithm) -> int:
    """How large a KEK should be for such a key: as large as the RSA key that it wraps, and never below 3072 bits."""
    return max(DEFAULT_BITS, algorithm.bits) if algorithm.family is Family.RSA else DEFAULT_BITS


def ready_kek(vault: AzureVault, name: str, bits: int) -> Kek:
    """The KEK of that name with at least `bits` bits.

    1. There is none: it is made. 2. It is fit: it is used. 3. It is a KEK, but too small, or has expired: it gets a new
    version, as Azure renews keys. 4. It is something else, or was disabled: refused, as both were somebody's will.

    Raises:
        Conflict: `kek-unfit`, the name is another kind of key's; `kek-disabled`.
    """
    found = vault.find(name)
    if found is None:
        return _kek(vault.create_kek(name, bits), made=True)
    _require_kek(found)
    if _is_spent(found, bits):
        return _kek(vault.create_kek(name, bits), made=True)
    _require_usable(found)
    return _kek(found, made=False)


def existing_kek(vault: AzureVault, name: str) -> Kek:
    """The KEK of that name, as it is.

    Raises:
        CloudFailed: (`azure-not-found`) the vault has none.
        Conflict: `kek-unfit` or `kek-disabled`.
    """
    found = vault.get(name)
    _require_kek(found)
    _require_usable(found)
    if _is_spent(found, 0):
        raise _unfit(found, f"it expired at {moment(found.expires or 0)}")
    return _kek(found, made=False)


def _kek(found: VaultKey, *, made: bool) -> Kek:
    if found.public_key is None or found.bits is None:
        raise _unfit(found, "the vault tells no public key of it")
    return Kek(found.identifier, found.bits, found.public_key, made)


def _require_kek(found: VaultKey) -> None:
    if found.kty != "RSA-HSM":
        raise _unfit(found, f"it is of type {found.kty}, and a key encryption key is RSA-HSM")
    if found.operations != OPERATIONS:
        words = ", ".join(found.operations) or "nothing"
        raise _unfit(found, f"it may {words}, and a key encryption key may import and nothing else")


def _is_spent(found: VaultKey, bits: int) -> bool:
    return (found.bits or 0) < bits or (found.expires is not None and found.expires <= time.time())


def _require_usable(found: VaultKey) -> None:
    if not found.enabled:
        raise Conflict(
            f"The key encryption key {found.identifier} is disabled.",
            code="kek-disabled",
            field="kek_name",
            advice=f"Find out why; then enable it (az keyvault key set-attributes --id {found.identifier} "
            "--enabled true), or have another one made with --kek-name NAME.",
        )
    if found.not_before is not None and found.not_before > time.time():
        raise _unfit(found, f"it is not valid before {moment(found.not_before)}")


def _unfit(found: VaultKey, why: str) -> Conflict:
    return Conflict(
        f"{found.identifier} will not do as a key encryption key: {why}.",
        code="kek-unfit",
        field="kek_name",
        advice="Name another with --kek-name NAME; where the vault has none of that name, one is made.",
    )
