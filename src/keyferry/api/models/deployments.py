"""Deployments, as requests and answers."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from keyferry.api.models.values import Answer, Flag, Line, Moment, Name, Reference, Request, when
from keyferry.custody.deployment_lookup import DeploymentDetail, is_live
from keyferry.custody.deployment_reports import LARGEST_BACKUP, Backup, Problem
from keyferry.custody.deployment_rules import NewDeployment
from keyferry.custody.deployment_steps import OPERATIONS, Step
from keyferry.custody.lifecycle import State
from keyferry.deployments.kek import DEFAULT_NAME
from keyferry.deployments.push import Wishes
from keyferry.errors import InvalidInput
from keyferry.material.algorithms import Family

KeyOperation = StrEnum("KeyOperation", {name.upper(): name for name in OPERATIONS[Family.RSA]})  # type: ignore[misc]  # from the one table of operations

Facts = Annotated[dict[str, Any], Field(max_length=64)]
_Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class DeploymentCreation(Request):
    """Where the key's current version shall be. Without `operations` the key gets what Azure allows unasked; without
    `connection` a client pushes it and reports each step.
    """

    vault: Annotated[Line, Field(examples=["https://example.vault.azure.net"])]
    name: Annotated[Name, Field(description="Of the key in the vault.", examples=["exchange"])]
    operations: Annotated[tuple[KeyOperation, ...], Field(max_length=6)] = ()
    connection: Reference | None = None

    def new_deployment(self) -> NewDeployment:
        """As custody takes it."""
        operations = tuple(operation.value for operation in self.operations)
        return NewDeployment(vault=self.vault, name=self.name, operations=operations, connection=self.connection)


class RunWishes(Request):
    """How the server shall push. Without it: with the key encryption key `keyferry-kek`, which is made where there is
    none, never into a name that is another key's, and proved by use.
    """

    kek_name: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{1,127}$")] = DEFAULT_NAME
    kek_bits: Annotated[
        Literal[2048, 3072, 4096] | None, Field(description="At the least; null for 3072, or what a larger key needs.")
    ] = None
    new_version: Annotated[Flag, Field(description="Have it become the newest version of a name that is taken.")] = (
        False
    )
    public_key_proof: Annotated[Flag, Field(description="Compare public keys only; do not use the key there.")] = False

    def wishes(self) -> Wishes:
        """As a push takes them."""
        return Wishes(
            kek_name=self.kek_name,
            kek_bits=self.kek_bits,
            new_version=self.new_version,
            by_use=not self.public_key_proof,
        )


class StepReport(Request):
    """A step that is done, and what shows it.

    `kek-ready`: identifier, public_key (PEM). `exported`: export (its id). `imported`: identifier. `read-back`: what
    the vault told of the key, spki_sha256, type, operations and enabled among it. `proved`: how, algorithm.
    """

    step: Step
    evidence: Facts


class ProblemReport(Request):
    """What stopped a push, at which step: an error's code, and what it said."""

    step: Step
    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
    detail: Line
    advice: Line | None = None

    def problem(self) -> Problem:
        """As custody takes it."""
        return Problem(code=self.code, detail=self.detail, advice=self.advice)


class ObservationReport(Request):
    """What a client has seen in the vault. Without it, the server looks."""

    observed: Facts | None = None


class BackupReport(Request):
    """A backup that a client has taken: all three members. Without any, the server takes one."""

    sha256: _Sha256 | None = None
    bytes: Annotated[int, Field(strict=True, ge=1, le=LARGEST_BACKUP)] | None = None
    taken_at: Moment | None = None

    def backup(self) -> Backup | None:
        """As custody takes it; None where the server shall take one.

        Raises:
            InvalidInput: some of the three are missing.
        """
        if self.sha256 is None and self.bytes is None and self.taken_at is None:
            return None
        if self.sha256 is None or self.bytes is None or self.taken_at is None:
            raise InvalidInput(
                "Part of what is told of a backup is missing.",
                field="sha256",
                advice="Give sha256, bytes and taken_at; or nothing, to have the server take a backup.",
            )
        return Backup(sha256=self.sha256, size=self.bytes, taken_at=self.taken_at)


class DeploymentAnswer(Answer):
    """A deployment. What is told in `evidence`, `problem`, `backup` and `observed` comes with `at`, `by` and
    `reported_by`: `client`, or `server` for what the server saw itself.
    """

    id: str
    key_id: str
    key_name: str | None
    version: int
    version_id: str
    version_state: State
    version_is_current: bool
    connection: str | None
    vault: str
    name: str
    operations: list[str]
    step: Step
    live: bool = Field(description="Neither finished nor abandoned.")
    evidence: dict[str, dict[str, Any]]
    kek_identifier: str | None
    export_id: str | None
    remote_identifier: str | None
    problem: dict[str, Any] | None
    backup: dict[str, Any] | None
    observed: dict[str, Any] | None
    busy_until: str | None = Field(description="While the server pushes it: when that ends at the latest.")
    abandoned_at: str | None
    created_at: str
    created_by: str
    updated_at: str
    revision: int

    @classmethod
    def of(cls, detail: DeploymentDetail) -> "DeploymentAnswer":
        """From custody's record."""
        return cls(**_members(detail))


class BackupAnswer(DeploymentAnswer):
    """A deployment, and the backup that the server has had the vault make of its key: null if a client took it."""

    file: str | None = Field(description="The vault's file, base64url without padding. It is answered this once.")

    @classmethod
    def with_file(cls, detail: DeploymentDetail, file: str | None) -> "BackupAnswer":
        """From custody's record and the file, which is kept nowhere."""
        return cls(**_members(detail), file=file)


def _members(detail: DeploymentDetail) -> dict[str, Any]:
    deployment = detail.deployment
    return {
        "id": deployment.id,
        "key_id": deployment.key_id,
        "key_name": detail.key.name,
        "version": deployment.version_number,
        "version_id": deployment.version_id,
        "version_state": detail.state,
        "version_is_current": detail.is_current,
        "connection": detail.connection,
        "vault": deployment.vault,
        "name": deployment.name,
        "operations": list(detail.operations),
        "step": detail.step,
        "live": is_live(deployment),
        "evidence": {step.value: told_at(told) for step, told in detail.evidence.items()},
        "kek_identifier": deployment.kek_identifier,
        "export_id": deployment.export_id,
        "remote_identifier": deployment.remote_identifier,
        "problem": _kept(deployment.problem),
        "backup": _kept(deployment.backup),
        "observed": _kept(deployment.observed),
        "busy_until": when(deployment.lease_until),
        "abandoned_at": when(deployment.abandoned_at),
        "created_at": when(deployment.created_at),
        "created_by": deployment.created_by,
        "updated_at": when(deployment.updated_at),
        "revision": deployment.revision,
    }


def told_at(told: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept as JSON, with the times that Keyferry gave it as answers say them."""
    return {name: when(value) if name in {"at", "taken_at"} else value for name, value in told.items()}


def _kept(document: str | None) -> dict[str, Any] | None:
    return None if document is None else told_at(json.loads(document))
