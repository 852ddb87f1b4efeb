"""What may be deployed where, and who may go on with it."""

from dataclasses import dataclass

from keyferry.byok.azure import require_azure_takes
from keyferry.byok.vault_address import parse_vault_address
from keyferry.clock import Microseconds, to_rfc3339
from keyferry.custody.connection_lookup import connection_for_use, name_of_connection
from keyferry.custody.deployment_lookup import DeploymentDetail, under_way
from keyferry.custody.deployment_steps import Reporter, Step, before_import, check_operations, unfinished
from keyferry.custody.export_rules import require_leaving
from keyferry.custody.lifecycle import State
from keyferry.custody.names import check_vault_key_name
from keyferry.custody.view import Change, View
from keyferry.errors import Conflict, InvalidInput
from keyferry.ids import new_id
from keyferry.material.algorithms import ALGORITHMS
from keyferry.store.records import Deployment, Key, KeyVersion

_PLAN_ANEW = "Plan a new deployment, of the key's current version."


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDeployment:
    """Where a key's current version shall be.

    Attributes:
        vault: its address, `https://HOST`.
        name: of the key there.
        operations: what the key shall be allowed there, in Azure's words; none leaves it to what Azure allows unasked.
        connection: name or id of the connection that the server pushes it through; None: a client pushes it.
    """

    vault: str
    name: str
    operations: tuple[str, ...] = ()
    connection: str | None = None


def planned(change: Change, key: Key, new: NewDeployment) -> Deployment:
    """The row of a new deployment; not written yet.

    1. The place and the name read well. 2. The key may leave, its current version is active, and the place takes its
    type. 3. A key of its type can do the operations. 4. The connection is the caller's to use, and reaches the vault.
    5. No such deployment is under way.

    Raises:
        InvalidInput: the place, the name, the type, an operation or the connection will not do.
        Conflict: the key may not leave, the connection does not reach the vault, or one is under way.
    """
    vault = parse_vault_address(new.vault)
    name = check_vault_key_name(new.name)
    version = require_leaving(change, key)
    algorithm = ALGORITHMS[key.algorithm]
    require_azure_takes(algorithm, vault.identifier())
    if algorithm.symmetric:
        raise InvalidInput(
            "A symmetric key has no public half to tell it by in a vault, so that no push of it can be followed.",
            code="target-not-taken",
            field="key",
            advice="Export it for the Managed HSM and import the file there, or deploy an RSA or EC key.",
        )
    operations = check_operations(algorithm.family, new.operations)
    through = None if new.connection is None else connection_for_use(change, new.connection, vault.url)
    _require_none_under_way(change, version, vault.url, name)
    return Deployment(
        id=new_id(),
        key_id=key.id,
        version_id=version.id,
        version_number=version.number,
        connection_id=None if through is None else through.id,
        vault=vault.url,
        name=name,
        operations=operations,
        step=Step.PLANNED.value,
        evidence="{}",
        created_at=change.now,
        created_by=change.actor.user.id,
        updated_at=change.now,
    )


def require_pushable(detail: DeploymentDetail) -> None:
    """
    Raises:
        Conflict: (`deployment-outdated`) its version is no longer the key's current one, or no longer active.
    """
    if not detail.is_current:
        raise Conflict(
            f"The key was rotated: version {detail.version.number} is no longer its current one.",
            code="deployment-outdated",
            field="version",
            advice=_PLAN_ANEW,
        )
    if detail.state is not State.ACTIVE or detail.version.destroy_at is not None:
        state = "to be destroyed" if detail.version.destroy_at is not None else detail.state
        raise Conflict(
            f"Version {detail.version.number} is {state}, and leaves no more.",
            code="deployment-outdated",
            field="version",
            advice="Rotate the key, and plan a new deployment of the new version.",
        )


def require_not_abandoned(detail: DeploymentDetail) -> None:
    """
    Raises:
        Conflict: (`deployment-abandoned`) somebody has given it up.
    """
    if detail.deployment.abandoned_at is not None:
        raise Conflict(
            f"It was abandoned at {to_rfc3339(detail.deployment.abandoned_at)}.",
            code="deployment-abandoned",
            field="deployment",
            advice=_PLAN_ANEW,
        )


def require_may_report(detail: DeploymentDetail, reported_by: Reporter, lease: str | None, now: Microseconds) -> None:
    """A client reports what it pushes itself; the server, what it pushes through a connection, holding the lease.

    Raises:
        Conflict: (`deployment-pushed-otherwise`) it is pushed in the other way; (`deployment-lease-lost`) the server
            holds it no longer.
    """
    if reported_by is Reporter.SERVER:
        require_through_connection(detail)
        if not _holds(detail.deployment, lease, now):
            raise Conflict(
                "The lease of this push has ended, and another may have begun.",
                code="deployment-lease-lost",
                field="deployment",
                advice="Look how far it is, and run it again.",
            )
    elif detail.deployment.connection_id is not None:
        raise Conflict(
            f"It is pushed by the server, through the connection {detail.connection!r}.",
            code="deployment-pushed-otherwise",
            field="deployment",
            advice="Run it; or abandon it, and plan one without a connection.",
        )


def require_through_connection(detail: DeploymentDetail) -> str:
    """The id of the connection that the server pushes it through.

    Raises:
        Conflict: (`deployment-pushed-otherwise`) it has none: a client pushes it.
    """
    if detail.deployment.connection_id is None:
        raise Conflict(
            "It has no connection that the server could use: a client pushes it, with a sign-in of its own.",
            code="deployment-pushed-otherwise",
            field="deployment",
            advice="Push it with `keyferry azure push`; or abandon it, and plan one with a connection.",
        )
    return detail.deployment.connection_id


def require_may_run(view: View, detail: DeploymentDetail) -> None:
    """Whether the server may push it for the caller now.

    Raises:
        InvalidInput: the connection is gone, or not the caller's to use.
        Conflict: abandoned, outdated, without a connection, held by another push (`deployment-busy`), or the connection
            does not reach the vault now.
    """
    connection_id = require_through_connection(detail)
    require_not_abandoned(detail)
    connection_for_use(view, name_of_connection(view, connection_id), detail.deployment.vault)
    if before_import(detail.step):
        require_pushable(detail)
    require_idle(view, detail)


def require_idle(view: View, detail: DeploymentDetail) -> None:
    """
    Raises:
        Conflict: (`deployment-busy`) a push by the server is going on.
    """
    until = detail.deployment.lease_until
    if until is not None and until > view.now:
        raise Conflict(
            "Another push of it is going on.",
            code="deployment-busy",
            field="deployment",
            advice=f"Wait until it has ended; if its server was stopped, it may be run again at {to_rfc3339(until)}.",
        )


def require_unfinished(detail: DeploymentDetail) -> None:
    """
    Raises:
        Conflict: (`deployment-step-refused`) it is finished.
    """
    if not unfinished(detail.step):
        raise Conflict(
            "The deployment is finished.",
            code="deployment-step-refused",
            field="deployment",
            advice="Its record stays; to take the key out of use there, disable it in the vault.",
        )


def require_imported(detail: DeploymentDetail) -> None:
    """
    Raises:
        Conflict: (`deployment-not-imported`) the key is not in the vault yet.
    """
    if detail.deployment.remote_identifier is None:
        raise Conflict(
            f"The deployment is at {detail.step}: the vault does not have the key yet.",
            code="deployment-not-imported",
            field="deployment",
            advice="Push it first.",
        )


def _holds(deployment: Deployment, lease: str | None, now: Microseconds) -> bool:
    return lease is not None and deployment.lease_id == lease and (deployment.lease_until or 0) > now


def _require_none_under_way(change: Change, version: KeyVersion, vault: str, name: str) -> None:
    found = under_way(change, version, vault, name)
    if found is not None:
        raise Conflict(
            f"Deployment {found.id} of this version to {name} in {vault} is under way, at {found.step}.",
            code="deployment-exists",
            field="name",
            advice="Go on with it; or abandon it first.",
        )
