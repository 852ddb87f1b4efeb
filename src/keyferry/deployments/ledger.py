"""What a push is about, and where its steps are recorded: custody in this process, or a server over REST."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from keyferry.custody.deployment_steps import Step
from keyferry.errors import KeyferryError
from keyferry.material.algorithms import Algorithm

Evidence = Mapping[str, Any]
"""What a step leaves behind: a JSON object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The key version as Keyferry holds it.

    Attributes:
        public_key: SubjectPublicKeyInfo, DER; None for a symmetric key.
        current_version: the number of the key's current version, which alone is exported.
        state: of `version_number`, in words of NIST SP 800-57.
    """

    key_id: str
    key_name: str | None
    version_id: str
    version_number: int
    current_version: int
    state: str
    algorithm: Algorithm
    public_key: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A deployment: which key of ours is to be at which place, and how far it has come.

    Attributes:
        vault: the vault's URL.
        name: the key's name there.
        operations: what the key shall be allowed there, in Azure's words; none leaves it to the vault.
        step: the last step that is done.
        evidence: what each step that is done left behind.
    """

    id: str
    vault: str
    name: str
    operations: tuple[str, ...]
    step: Step
    evidence: Mapping[Step, Evidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where some version of a key is, or was on its way to.

    Attributes:
        identifier: as the vault named it; None while it has not been imported.
    """

    version_number: int
    vault: str
    name: str
    identifier: str | None


@dataclass(frozen=True, slots=True)
class Exported:
    """A transfer file and the record of its export. The file is kept nowhere."""

    id: str
    content: bytes
    sha256: str


class Ledger(Protocol):
    """One deployment's record."""

    def held(self) -> Held:
        """The key version that is deployed."""
        ...

    def planned(self) -> Planned:
        """The deployment as it is recorded now."""
        ...

    def record(self, step: Step, evidence: Evidence) -> None:
        """Record that a step is done. Doing so again with the same evidence changes nothing.

        Raises:
            Conflict: the step does not follow the last one that is recorded.
        """
        ...

    def fail(self, step: Step, problem: KeyferryError) -> None:
        """Record what stopped a step. It changes no step."""
        ...

    def export(self, public_key_pem: bytes, key_identifier: str) -> Exported:
        """Have the key version wrapped under a KEK of the vault; each time is an export of its own.

        Raises:
            NotPermitted, Conflict, KekRefused, IdentifierRefused: as `keyferry.custody.exports`.
        """
        ...
