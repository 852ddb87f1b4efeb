"""What we hold against what a vault tells: in one place, so that a push, `azure status` and the server judge alike."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from keyferry.clouds.azure.facts import DeletedVaultKey, ListedKey, VaultKey
from keyferry.deployments.ledger import Held
from keyferry.material.algorithms import Algorithm, Family
from keyferry.material.keys import fingerprint_spki

#: 9999-12-31, in Unix seconds: the one expiry that Microsoft 365 Customer Key takes, as it means never
END_OF_TIME: Final = range(253_402_214_400, 253_402_300_800)

#: the JWK names of curves as a vault writes them, where they are not those of RFC 8812
_CURVES: Final = {"secp256k1": "P-256K"}
#: strange versions that are named, the newest
_NAMED: Final = 5
#: states of ours in which a key protects nothing any more
_OUT_OF_USE: Final = frozenset({"deactivated", "compromised", "destroyed", "destroyed-compromised"})


class Difference(StrEnum):
    """Everything in which a vault's key can differ from ours."""

    MISSING = "missing"
    DELETED = "deleted"
    PUBLIC_KEY = "public-key"
    NOT_HSM = "not-hsm"
    TYPE = "type"
    SIZE = "size"
    OPERATIONS = "operations"
    DISABLED = "disabled"
    EXPIRES = "expires"
    NOT_YET_VALID = "not-yet-valid"
    RECOVERY_LEVEL = "recovery-level"
    EXTRA_VERSION = "extra-version"
    ROTATED_HERE = "rotated-here"
    STATE_HERE = "state-here"


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference: a sentence that says what, and one that says what to do."""

    difference: Difference
    detail: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What should be in the vault.

    Attributes:
        identifier: the version that was pushed, as the vault named it.
        operations: what it should be allowed; empty when that was left to Azure, and it is not known what that made.
        other_versions: versions (32 hex digits) of the name that other pushes of this key put there.
        superseded: a later version of our key has been pushed to the same name.
        recovery_level: as it was when the key was read back; None when that is not known.
    """

    held: Held
    name: str
    identifier: str
    operations: tuple[str, ...]
    other_versions: frozenset[str] = frozenset()
    superseded: bool = False
    recovery_level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a vault tells of a name.

    Attributes:
        pushed: the version that was pushed; None when it is not there.
        current: the version that the name alone stands for; None when the name is not there.
        versions: all versions of the name.
        deleted: the name, soft-deleted.
    """

    pushed: VaultKey | None
    current: VaultKey | None
    versions: tuple[ListedKey, ...]
    deleted: DeletedVaultKey | None


def compare(expected: Expected, seen: Seen, now: float | None = None) -> tuple[Drift, ...]:
    """Every difference between what should be in the vault and what is, the gravest first; none when all is well.

    Args:
        now: Unix seconds; this moment when None.
    """
    if seen.pushed is None:
        return (_absent(expected, seen),)
    return (
        *differences_in_kind(expected.held, seen.pushed),
        *_differences_in_attributes(expected, seen.pushed, now),
        *_differences_in_versions(expected, seen),
        *_differences_here(expected, seen.pushed),
    )


def differences_in_kind(held: Held, found: VaultKey) -> Iterator[Drift]:
    """Whether it is our key at all, behind an HSM, of our type and size: what no vault can change afterwards."""
    if held.public_key != found.public_key:
        yield Drift(
            Difference.PUBLIC_KEY,
            f"The vault's key is another one: its public key has the SPKI SHA-256 {_fingerprint(found)}, ours "
            f"{_print_of(held.public_key)}.",
            "Let nobody use it until it is known who put it there. Push again under another name.",
        )
    if not found.kty.endswith("-HSM"):
        yield Drift(
            Difference.NOT_HSM,
            f"The vault's key is of type {found.kty}: software protects it, not an HSM.",
            "Use a Premium vault, and push again under another name.",
        )
    if found.kty.removesuffix("-HSM") != held.algorithm.family.value:
        detail = f"The vault's key is of type {found.kty}, ours is {held.algorithm.name}."
        yield Drift(Difference.TYPE, detail, "Push again under another name.")
    elif _size(found, held.algorithm) != _size_of(held.algorithm):
        detail = f"The vault says {_size(found, held.algorithm)}, ours is {held.algorithm.name}."
        yield Drift(Difference.SIZE, detail, "Push again under another name.")


def differences_in_attributes(operations: Sequence[str], found: VaultKey, now: float | None = None) -> Iterator[Drift]:
    """What a vault can change about a key at any time: its operations, whether it is enabled, its dates.

    Args:
        operations: what the key should be allowed; empty when that was left to Azure.
        now: Unix seconds; this moment when None.
    """
    if operations and set(operations) != set(found.operations):
        yield Drift(
            Difference.OPERATIONS,
            f"The vault allows {_list(found.operations)}; it should allow {_list(operations)}.",
            f"{_set_attributes(found)} --ops {' '.join(operations)}",
        )
    if not found.enabled:
        detail = "The vault's key is disabled."
        yield Drift(Difference.DISABLED, detail, f"{_set_attributes(found)} --enabled true")
    if found.expires is not None and found.expires not in END_OF_TIME:
        yield Drift(
            Difference.EXPIRES,
            f"The vault's key expires at {moment(found.expires)}, which no push sets.",
            f"An expiry cannot be taken away, only moved: {_set_attributes(found)} --expires 9999-12-31T00:00:00Z. "
            "Look for a rotation policy that sets it: az keyvault key rotation-policy show --id "
            f"{without_version(found.identifier)}",
        )
    if found.not_before is not None and found.not_before > (time.time() if now is None else now):
        yield Drift(
            Difference.NOT_YET_VALID,
            f"The vault's key cannot be used before {moment(found.not_before)}, which no push sets.",
            f"{_set_attributes(found)} --not-before 1970-01-02T00:00:00Z",
        )


def _absent(expected: Expected, seen: Seen) -> Drift:
    if seen.deleted is not None:
        until = "" if seen.deleted.scheduled_purge is None else f" until {moment(seen.deleted.scheduled_purge)}"
        return Drift(
            Difference.DELETED,
            f"The key was deleted in the vault; it can be recovered{until}.",
            f"az keyvault key recover --id {without_version(expected.identifier).replace('/keys/', '/deletedkeys/')}",
        )
    if seen.current is not None:
        return Drift(
            Difference.MISSING,
            f"The version that was pushed, {version_of(expected.identifier)}, is not in the vault; the name is.",
            "The name was deleted, purged and used again. Push again under another name.",
        )
    detail = "The key is not in the vault, and cannot be recovered there."
    return Drift(Difference.MISSING, detail, "Push it again, or restore the vault's backup: az keyvault key restore")


def _differences_in_attributes(expected: Expected, found: VaultKey, now: float | None) -> Iterator[Drift]:
    for drift in differences_in_attributes(expected.operations, found, now):
        if drift.difference is not Difference.DISABLED or _protects(expected.held):
            yield drift  # a key that is out of use here should be disabled there
    if expected.recovery_level is not None and found.recovery_level != expected.recovery_level:
        yield Drift(
            Difference.RECOVERY_LEVEL,
            f"The key's recovery level was {expected.recovery_level} and is {found.recovery_level}.",
            "Look at the vault's soft delete and purge protection: keyferry azure vault show",
        )


def _differences_in_versions(expected: Expected, seen: Seen) -> Iterator[Drift]:
    """Versions that came after ours and are not ours. Times in a vault are whole seconds: in ours, the current one."""
    known = expected.other_versions | {version_of(expected.identifier)}
    current = None if seen.current is None else version_of(seen.current.identifier)
    since = 0 if seen.pushed is None else seen.pushed.created or 0
    strange = [
        version
        for each in seen.versions
        if (version := version_of(each.identifier)) not in known and (version == current or (each.created or 0) > since)
    ]
    if not strange:
        return
    uses = (
        f"; the name alone now stands for {current}, which whoever names no version uses" if current in strange else ""
    )
    yield Drift(
        Difference.EXTRA_VERSION,
        f"{expected.name} has later versions that Keyferry did not put there: {_some(strange)}{uses}.",
        "See who made them (az keyvault key list-versions), disable what should not be there, and push again with "
        "--new-version if ours shall be the current one.",
    )


def _differences_here(expected: Expected, found: VaultKey) -> Iterator[Drift]:
    held = expected.held
    if held.state in _OUT_OF_USE and found.enabled and not (expected.superseded and held.state == "deactivated"):
        yield Drift(
            Difference.STATE_HERE,
            f"Version {held.version_number} is {held.state} here, and enabled in the vault.",
            f"Once nothing needs it: {_set_attributes(found)} --enabled false",
        )
    elif held.version_number != held.current_version and not expected.superseded:
        yield Drift(
            Difference.ROTATED_HERE,
            f"The vault has version {held.version_number}; the current one here is {held.current_version}.",
            "Push the current version: keyferry azure push KEY --new-version",
        )


def _protects(held: Held) -> bool:
    return held.state not in _OUT_OF_USE


def moment(seconds: int) -> str:
    """Unix seconds as RFC 3339, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _size(found: VaultKey, algorithm: Algorithm) -> str:
    return f"{found.bits} bits" if algorithm.family is Family.RSA else f"the curve {found.curve}"


def _size_of(algorithm: Algorithm) -> str:
    if algorithm.family is Family.RSA:
        return f"{algorithm.bits} bits"
    return f"the curve {azure_curve(algorithm)}"


def azure_curve(algorithm: Algorithm) -> str | None:
    """What Azure calls an EC key's curve; None for other keys."""
    name = algorithm.jwk_curve
    return None if name is None else _CURVES.get(name, name)


def version_of(identifier: str) -> str:
    """The version at the end of a key's identifier, in lower case."""
    return identifier.rstrip("/").rpartition("/")[2].lower()


def without_version(identifier: str) -> str:
    """A versioned key's identifier without its version."""
    return identifier.rstrip("/").rpartition("/")[0]


def _set_attributes(found: VaultKey) -> str:
    return f"az keyvault key set-attributes --id {found.identifier}"


def _fingerprint(found: VaultKey) -> str:
    return _print_of(found.public_key)


def _print_of(public_key: bytes | None) -> str:
    return "none" if public_key is None else fingerprint_spki(public_key)


def _some(versions: Sequence[str]) -> str:
    more = len(versions) - _NAMED
    return ", ".join(versions[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _list(words: Sequence[str]) -> str:
    return ", ".join(words) or "nothing"
