"""The server's ledger: custody in this process, for the caller who asked for the push, under the push's lease."""

from keyferry.custody.caller import Caller
from keyferry.custody.custody import Custody
from keyferry.custody.deployment_lookup import DeploymentDetail
from keyferry.custody.deployment_reports import Problem
from keyferry.custody.deployment_steps import Reporter, Step
from keyferry.custody.export_rules import Request
from keyferry.deployments.ledger import Evidence, Exported, Held, Placed, Planned
from keyferry.errors import KeyferryError
from keyferry.material.algorithms import ALGORITHMS

_PAGE = 200


class CustodyLedger:
    """Records a deployment's steps as the server saw them: `keyferry.deployments.ledger.Ledger`.

    Args:
        lease: None for one who only reads.
    """

    def __init__(self, custody: Custody, caller: Caller, deployment: str, lease: str | None = None) -> None:
        self._custody = custody
        self._caller = caller
        self._deployment = deployment
        self._lease = lease

    def held(self) -> Held:
        """The key version that is deployed."""
        detail = self._show()
        current = self._custody.keys.show(self._caller, detail.key.id).version
        return Held(
            key_id=detail.key.id,
            key_name=detail.key.name,
            version_id=detail.version.id,
            version_number=detail.version.number,
            current_version=current.number,
            state=detail.state.value,
            algorithm=ALGORITHMS[detail.key.algorithm],
            public_key=detail.version.public_key,
        )

    def planned(self) -> Planned:
        """The deployment as it is recorded now."""
        detail = self._show()
        return Planned(
            id=detail.deployment.id,
            vault=detail.deployment.vault,
            name=detail.deployment.name,
            operations=detail.operations,
            step=detail.step,
            evidence=detail.evidence,
        )

    def placed(self) -> list[Placed]:
        """All deployments of the key."""
        key, after, found = self._show().key.id, "", list[Placed]()
        while True:
            page = self._custody.deployments.list(self._caller, size=_PAGE, after=after, key=key)
            found += [_placed(detail) for detail in page.items]
            if page.next is None:
                return found
            after = page.next

    def record(self, step: Step, evidence: Evidence) -> None:
        """Record that a step is done."""
        self._custody.deployments.record(
            self._caller, self._deployment, step, evidence, reported_by=Reporter.SERVER, lease=self._lease
        )

    def fail(self, step: Step, problem: KeyferryError) -> None:
        """Record what stopped a step."""
        told = Problem(code=problem.code, detail=problem.detail, advice=problem.advice or None)
        self._custody.deployments.fail(
            self._caller, self._deployment, step, told, reported_by=Reporter.SERVER, lease=self._lease
        )

    def export(self, public_key_pem: bytes, key_identifier: str) -> Exported:
        """Have the key's current version wrapped, for the caller."""
        request = Request("azure", key_identifier, public_key_pem)
        made = self._custody.exports.export(self._caller, self._show().key.id, request)
        return Exported(made.export.id, made.content, made.export.file_sha256)

    def _show(self) -> DeploymentDetail:
        return self._custody.deployments.show(self._caller, self._deployment)


def _placed(detail: DeploymentDetail) -> Placed:
    found = detail.deployment
    return Placed(
        version_number=found.version_number,
        vault=found.vault,
        name=found.name,
        identifier=found.remote_identifier,
    )
