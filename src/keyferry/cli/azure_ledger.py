"""A deployment's record at the server, for a push that this machine makes with its own sign-in."""

import base64
from collections.abc import Mapping
from typing import Any

from keyferry.cli.connection import Server
from keyferry.cli.encodings import from_base64
from keyferry.cli.remote import path
from keyferry.custody.deployment_steps import Step
from keyferry.deployments.ledger import Evidence, Exported, Held, Planned
from keyferry.errors import KeyferryError
from keyferry.material.algorithms import ALGORITHMS, Family


class RestLedger:
    """Reads and records over REST what custody keeps: `keyferry.deployments.ledger.Ledger`."""

    def __init__(self, server: Server, deployment: str) -> None:
        self._server = server
        self._deployment = deployment

    def held(self) -> Held:
        """The key version that is deployed."""
        return held_of(self._server, self.document())

    def planned(self) -> Planned:
        """The deployment as it is recorded now."""
        return planned_of(self.document())

    def record(self, step: Step, evidence: Evidence) -> None:
        """Record that a step is done."""
        self._server.post(self._path("steps"), {"step": step.value, "evidence": dict(evidence)})

    def fail(self, step: Step, problem: KeyferryError) -> None:
        """Record what stopped a step."""
        told = {"step": step.value, "code": problem.code, "detail": problem.detail}
        self._server.post(self._path("problems"), told | ({"advice": problem.advice} if problem.advice else {}))

    def export(self, public_key_pem: bytes, key_identifier: str) -> Exported:
        """Have the key's current version wrapped."""
        body = {"destination": "azure", "public_key": public_key_pem.decode("ascii"), "key_identifier": key_identifier}
        made = self._server.post(path("keys", str(self.document()["key_id"]), "exports"), body)
        return Exported(id=str(made["id"]), content=from_base64(made["file"]), sha256=str(made["sha256"]))

    def document(self) -> Mapping[str, Any]:
        """The deployment, as REST answers it."""
        found: Mapping[str, Any] = self._server.get(path("deployments", self._deployment))
        return found

    def _path(self, *parts: str) -> str:
        return path("deployments", self._deployment, *parts)


def planned_of(deployment: Mapping[str, Any]) -> Planned:
    """A deployment, as REST tells of it."""
    return Planned(
        id=str(deployment["id"]),
        vault=str(deployment["vault"]),
        name=str(deployment["name"]),
        operations=tuple(deployment["operations"]),
        step=Step(deployment["step"]),
        evidence={Step(step): told for step, told in deployment["evidence"].items()},
    )


def held_of(server: Server, deployment: Mapping[str, Any]) -> Held:
    """The key version of a deployment, as REST tells of it."""
    key_id, number = str(deployment["key_id"]), int(deployment["version"])
    key = server.get(path("keys", key_id))
    algorithm = ALGORITHMS[str(key["type"])]
    public_key = None
    if algorithm.family is not Family.AES:
        found = server.get(path("keys", key_id, "public-key"), version=number)
        public_key = bytes_of(str(found["spki"]))
    return Held(
        key_id=key_id,
        key_name=key.get("name"),
        version_id=str(deployment["version_id"]),
        version_number=number,
        current_version=int(key["version"]),
        state=str(deployment["version_state"]),
        algorithm=algorithm,
        public_key=public_key,
    )


def bytes_of(text: str) -> bytes:
    """The bytes that an answer holds as base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
