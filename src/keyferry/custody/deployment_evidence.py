"""What the evidence of a step has to agree with: the place, the version, the export's record, the bound public key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam

from keyferry.byok.azure import require_azure_takes, require_kek_belongs
from keyferry.byok.identifier import AzureKeyIdentifier, parse_key_identifier
from keyferry.byok.kek import KekPublicKey, read_kek
from keyferry.byok.vault_address import parse_vault_address
from keyferry.custody.deployment_lookup import DeploymentDetail
from keyferry.custody.deployment_steps import Reporter, Step, check_evidence, check_proof
from keyferry.custody.keks import bind_kek, bound_kek, require_same_kek
from keyferry.custody.view import Change, Query
from keyferry.errors import Conflict, IdentifierRefused, InvalidInput
from keyferry.material.algorithms import ALGORITHMS
from keyferry.store.sealed import EXPORTS, KEKS, Lock
from keyferry.store.tables import exports

_EXPORT = Query(EXPORTS, exports.c.id == bindparam("id"))


@dataclass(frozen=True, slots=True)
class Judged:
    """A step's evidence as it is kept, the columns that it sets, and the KEK that it tells of."""

    facts: dict[str, Any]
    columns: dict[str, Any] = field(default_factory=dict)
    kek: tuple[str, KekPublicKey] | None = None


def judge_evidence(change: Change, detail: DeploymentDetail, step: Step, told: Mapping[str, Any]) -> Judged:
    """Judge the evidence of `step` by its form, then by what is on record. Nothing is written.

    Raises:
        InvalidInput: it does not belong to this deployment; names `evidence.MEMBER`.
        Conflict: (`public-key-differs`) the vault holds another key.
        KekRefused: the key encryption key's public key will not do, or another is bound to its identifier.
    """
    given = check_evidence(step, told)
    match step:
        case Step.PLANNED:
            return Judged(given)
        case Step.KEK_READY:
            return _kek_ready(change, detail, given)
        case Step.EXPORTED:
            return _exported(change, detail, given)
        case Step.IMPORTED:
            return _imported(detail, given)
        case Step.READ_BACK:
            return _read_back(detail, given)
        case Step.PROVED:
            check_proof(given["how"], frozenset(detail.operations))
            return Judged(given)


def note_kek(change: Change, judged: Judged, reported_by: Reporter) -> None:
    """Bind the identifier of a KEK that the server has seen in the vault itself to the public key that it has there.

    What a client tells of binds nothing: the export under it does.
    """
    if judged.kek is None or reported_by is not Reporter.SERVER:
        return
    canonical, kek = judged.kek
    bound = bound_kek(change, canonical, Lock.UPDATE)
    if bound is None:
        bind_kek(change, canonical, kek, source="vault", registered=False)
    elif bound.source == "export":
        change.update(KEKS, bound, source="vault")


def _kek_ready(change: Change, detail: DeploymentDetail, given: dict[str, Any]) -> Judged:
    identifier = _identifier(given["identifier"])
    _require_in_vault(detail, identifier)
    kek = read_kek(given["public_key"].encode())
    require_kek_belongs(kek, identifier)
    require_azure_takes(ALGORITHMS[detail.key.algorithm], identifier)
    facts = {"identifier": identifier.text, "spki_sha256": kek.spki_sha256, "bits": kek.bits}
    _require_agreement(given, facts)
    bound = bound_kek(change, identifier.canonical)
    if bound is not None:
        require_same_kek(bound, kek)
    columns = {"kek_identifier": identifier.canonical, "export_id": None}
    return Judged({**facts, **_aside(given, "made")}, columns, (identifier.canonical, kek))


def _exported(change: Change, detail: DeploymentDetail, given: dict[str, Any]) -> Judged:
    found = change.first(EXPORTS, _EXPORT, id=given["export"])
    deployment = detail.deployment
    if (
        found is None
        or (found.key_id, found.version_id) != (deployment.key_id, deployment.version_id)
        or found.user_id != change.actor.user.id
        or found.key_identifier.lower() != deployment.kek_identifier
    ):
        raise InvalidInput(
            "There is no such export of this version, by you, under the key encryption key that was made ready.",
            field="evidence.export",
            advice=f"Export the key under {deployment.kek_identifier}, and give that export's id.",
        )
    facts = {"export": found.id, "sha256": found.file_sha256, "kek_identifier": found.key_identifier}
    _require_agreement(given, facts)
    return Judged(facts, {"export_id": found.id})


def _imported(detail: DeploymentDetail, given: dict[str, Any]) -> Judged:
    identifier = _identifier(given["identifier"])
    _require_in_vault(detail, identifier)
    if identifier.name.lower() != detail.deployment.name.lower():
        raise InvalidInput(
            f"{identifier.text} is no version of {detail.deployment.name}.",
            field="evidence.identifier",
            advice="Give the identifier of the version that the import made.",
        )
    facts = {"identifier": identifier.text, **_aside(given, "adopted"), **_aside(given, "other_versions")}
    return Judged(facts, {"remote_identifier": identifier.text})


def _read_back(detail: DeploymentDetail, given: dict[str, Any]) -> Judged:
    remote = detail.deployment.remote_identifier or ""
    if given.get("identifier", remote).lower() != remote.lower():
        raise InvalidInput(
            f"What was imported is {remote}.", field="evidence.identifier", advice="Read back that very version."
        )
    if given["spki_sha256"] != detail.version.spki_sha256:
        raise Conflict(
            f"The vault's public key is {given['spki_sha256']}; version {detail.version.number}'s is "
            f"{detail.version.spki_sha256}.",
            code="public-key-differs",
            field="evidence.spki_sha256",
            advice="Let nobody use the key in the vault, and find out who put it there.",
        )
    return Judged({**given, "identifier": remote})


def _identifier(text: str) -> AzureKeyIdentifier:
    try:
        return parse_key_identifier(text)
    except IdentifierRefused as refused:
        raise IdentifierRefused(
            refused.detail, code=refused.code, field="evidence.identifier", advice=refused.advice
        ) from None


def _require_in_vault(detail: DeploymentDetail, identifier: AzureKeyIdentifier) -> None:
    if identifier.host != parse_vault_address(detail.deployment.vault).host:
        raise InvalidInput(
            f"{identifier.text} is not in {detail.deployment.vault}.",
            field="evidence.identifier",
            advice="Give the identifier of a key in the deployment's vault.",
        )


def _require_agreement(given: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    for name in given.keys() & facts.keys():
        same = given[name] == facts[name] or str(given[name]).lower() == str(facts[name]).lower()
        if not same:
            raise InvalidInput(
                f"evidence.{name} is {given[name]}, and on record is {facts[name]}.",
                field=f"evidence.{name}",
                advice="Look at it again, and report what is so; or leave it out.",
            )


def _aside(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {name: given[name]} if name in given else {}
