"""Looking at a pushed key where it is, writing down what was seen, and having the vault back it up."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from keyferry.clouds.azure.facts import VaultKey
from keyferry.clouds.azure.vault import AzureVault
from keyferry.custody.deployment_steps import Step
from keyferry.deployments.drift import Drift, Expected, Seen, compare, version_of
from keyferry.deployments.ledger import Held, Placed, Planned
from keyferry.errors import Conflict
from keyferry.material.keys import fingerprint_spki

#: versions that an observation names at most; the newest
MOST_VERSIONS: Final = 64


def expected_of(held: Held, planned: Planned, placed: Iterable[Placed]) -> Expected:
    """What a push has left in the vault.

    Args:
        placed: all deployments of the key, this one among them.

    Raises:
        Conflict: (`deployment-not-imported`) it has left nothing there yet.
    """
    imported = planned.evidence.get(Step.IMPORTED)
    if imported is None:
        raise Conflict(
            f"The deployment is at {planned.step}: the vault does not have the key yet.",
            code="deployment-not-imported",
            field="deployment",
            advice=f"Go on with it: keyferry azure push --resume {planned.id}",
        )
    place = (planned.vault.lower(), planned.name.lower())
    read_back = planned.evidence.get(Step.READ_BACK, {})
    beside = [each for each in placed if each.identifier and (each.vault.lower(), each.name.lower()) == place]
    return Expected(
        held=held,
        name=planned.name,
        identifier=str(imported["identifier"]),
        operations=planned.operations or tuple(read_back.get("operations", ())),
        other_versions=frozenset(version_of(each.identifier) for each in beside if each.identifier),
        superseded=any(each.version_number > held.version_number for each in beside),
        recovery_level=read_back.get("recovery_level"),
    )


def take_backup(vault: AzureVault, expected: Expected) -> bytes:
    """The vault's own backup of the name, with all its versions, once our key is seen to be among them.

    Raises:
        Conflict: (`vault-key-differs`) what was pushed is not there, or is another key.
        KeyferryError: the vault refused.
    """
    pushed = see(vault, expected.name, expected.identifier).pushed
    if pushed is None or pushed.public_key != expected.held.public_key:
        raise Conflict(
            f"The vault has no key of ours at {expected.identifier}: its backup would be none of our key.",
            code="vault-key-differs",
            field="deployment",
            advice="See what is there: keyferry azure status KEY",
        )
    return vault.backup(expected.name)


def observe(vault: AzureVault, expected: Expected) -> tuple[dict[str, Any], tuple[Drift, ...]]:
    """What a vault tells of a pushed key, as it is recorded, and every difference from what should be there.

    Raises:
        KeyferryError: the vault could not be asked.
    """
    seen = see(vault, expected.name, expected.identifier)
    drifts = compare(expected, seen)
    return _document(seen, drifts), drifts


def see(vault: AzureVault, name: str, identifier: str) -> Seen:
    """Look at a name: the version that was pushed, the current one, all others; or what is left after a deletion."""
    current = vault.find(name)
    if current is None:
        return Seen(pushed=None, current=None, versions=(), deleted=vault.deleted(name))
    versions, wanted = vault.versions(name), version_of(identifier)
    pushed = None
    if wanted == current.version.lower():
        pushed = current
    elif any(version_of(each.identifier) == wanted for each in versions):
        pushed = vault.get(name, wanted)
    return Seen(pushed=pushed, current=current, versions=versions, deleted=None)


def told_by(found: VaultKey) -> dict[str, Any]:
    """What a vault tells of a key version, as it is recorded. Times in Unix seconds."""
    return {
        "identifier": found.identifier,
        "spki_sha256": None if found.public_key is None else fingerprint_spki(found.public_key),
        "type": found.kty,
        "bits": found.bits,
        "curve": found.curve,
        "operations": list(found.operations),
        "enabled": found.enabled,
        "not_before": found.not_before,
        "expires": found.expires,
        "recovery_level": found.recovery_level,
        "recoverable_days": found.recoverable_days,
        "hsm_platform": found.hsm_platform,
        "created": found.created,
        "updated": found.updated,
    }


def _document(seen: Seen, drifts: Sequence[Drift]) -> dict[str, Any]:
    found: Mapping[str, Any] = {} if seen.pushed is None else told_by(seen.pushed)
    document = {
        "present": seen.pushed is not None,
        "deleted": seen.deleted is not None,
        "scheduled_purge": None if seen.deleted is None else seen.deleted.scheduled_purge,
        "current": None if seen.current is None else seen.current.version,
        "versions": [version_of(each.identifier) for each in seen.versions[:MOST_VERSIONS]],
        **found,
        "drift": [
            {"difference": drift.difference.value, "detail": drift.detail, "advice": drift.advice} for drift in drifts
        ],
    }
    return {name: value for name, value in document.items() if value is not None}
