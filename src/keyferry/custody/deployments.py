"""Deployments: one version of a key at one place in a cloud, from its plan to the proof that it arrived.

Each step is recorded by itself, in a transaction of its own, with what shows it; nothing here waits for a network. A
push that was stopped is taken up where it stood, by the same deployment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from keyferry.clock import SECOND, Microseconds
from keyferry.custody.caller import Caller
from keyferry.custody.connection_facts import as_json
from keyferry.custody.deployment_evidence import judge_evidence, note_kek
from keyferry.custody.deployment_lookup import (
    DeploymentDetail,
    awaits_word,
    deployments_page,
    detail_of,
    load_deployment,
)
from keyferry.custody.deployment_reports import Backup, Problem, check_backup, check_observed, check_problem
from keyferry.custody.deployment_rules import (
    NewDeployment,
    planned,
    require_idle,
    require_imported,
    require_may_report,
    require_may_run,
    require_not_abandoned,
    require_pushable,
    require_unfinished,
)
from keyferry.custody.deployment_steps import ORDER, Reporter, Step, before_import, require_in_order
from keyferry.custody.gate import Gate
from keyferry.custody.key_lookup import load_key
from keyferry.custody.once import Once
from keyferry.custody.pages import Page, page_of
from keyferry.custody.policy import Operation, Relation
from keyferry.custody.view import Change, View
from keyferry.ids import new_id
from keyferry.store.records import Deployment
from keyferry.store.sealed import DEPLOYMENTS, Lock

#: how long a push by the server holds its deployment; each step that it records begins the time anew
LEASE: Final[Microseconds] = 300 * SECOND


@dataclass(frozen=True, slots=True)
class Leased:
    """A deployment that is one push's alone until it is released, or its time is over."""

    detail: DeploymentDetail
    lease: str


class Deployments:
    """Key versions on their way into clouds, and there. Whoever may export a key may deploy it; whoever may see it sees
    where it is.

    A deployment without a connection is pushed by a client with a sign-in of its own, which reports each step. One with
    a connection is pushed by the server, which holds a lease while it does, so that no two pushes meet.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def plan(self, caller: Caller, key: str, new: NewDeployment, *, once: Once | None = None) -> DeploymentDetail:
        """Plan to have a key's current version at a place.

        Raises:
            InvalidInput: the vault's address, the name, an operation, the connection, or the key's type will not do.
            Conflict: the version may not leave, the connection does not reach the vault, or such a deployment is under
                way (`deployment-exists`).
        """

        def change(change: Change) -> Deployment:
            found = load_key(change, key, Lock.UPDATE)  # held alone: no two plans of it meet
            change.permit(change.actor.relation_to_key(found), "deployment", None, new.name)
            made = planned(change, found, new)
            change.note(
                key=found.id,
                version=made.version_number,
                vault=made.vault,
                name=made.name,
                connection=made.connection_id,
            )
            return change.insert(DEPLOYMENTS, made)

        made = self._gate.write(caller, Operation.DEPLOYMENT_CREATE, change, once=once)
        return self.show(caller, made.id)

    def show(self, caller: Caller, deployment: str) -> DeploymentDetail:
        """The deployment with this id, for whoever may see its key.

        Raises:
            NotFound: there is none, or none that the caller may see.
        """
        return self._gate.read(caller, Operation.DEPLOYMENT_READ, lambda view: load_deployment(view, deployment))

    def list(
        self, caller: Caller, *, size: int, after: str = "", key: str | None = None, newest_first: bool = False
    ) -> Page[DeploymentDetail]:
        """Deployments in the order in which they were planned: of one key, or of every key that the caller may see."""

        def read(view: View) -> Page[DeploymentDetail]:
            found = None if key is None else load_key(view, key)
            if found is None:
                view.permit(Relation.OWN, "deployment", None, None)
            details = deployments_page(view, found, after, size + 1, newest_first=newest_first)
            return page_of(details, size, [detail.deployment.id for detail in details])

        return self._gate.read(caller, Operation.DEPLOYMENT_LIST, read)

    def record(
        self,
        caller: Caller,
        deployment: str,
        step: Step,
        evidence: Mapping[str, Any],
        *,
        reported_by: Reporter = Reporter.CLIENT,
        lease: str | None = None,
    ) -> DeploymentDetail:
        """Record that a step is done, with what shows it; again with the same evidence changes nothing.

        Args:
            lease: the server's, which it has to hold.

        Raises:
            InvalidInput: the evidence is not of the step's form, or does not belong to this deployment.
            Conflict: out of order (`deployment-step-refused`); of a version that may no longer be pushed
                (`deployment-outdated`); another push holds it (`deployment-lease-lost`); it is reported otherwise
                (`deployment-pushed-otherwise`); the vault holds another key (`public-key-differs`).
        """

        def change(change: Change) -> DeploymentDetail:
            detail = load_deployment(change, deployment, Lock.UPDATE)
            require_not_abandoned(detail)
            require_may_report(detail, reported_by, lease, change.now)
            recorded = detail.evidence.get(step)
            if recorded is None:
                require_in_order(detail.step, step, None, {})
            judged = judge_evidence(change, detail, step, evidence)
            change.note(step=step.value, reported_by=reported_by.value)
            if not require_in_order(detail.step, step, recorded, judged.facts):
                return detail
            if before_import(step):
                require_pushable(detail)
            note_kek(change, judged, reported_by)
            told = _evidence_with(change, detail, step, judged.facts, reported_by)
            columns = {**judged.columns, **_renewed(detail, lease, change.now)}
            return _update(change, detail, step=step.value, evidence=told, problem=None, **columns)

        return self._gate.write(caller, Operation.DEPLOYMENT_ADVANCE, change)

    def fail(
        self,
        caller: Caller,
        deployment: str,
        step: Step,
        problem: Problem,
        *,
        reported_by: Reporter = Reporter.CLIENT,
        lease: str | None = None,
    ) -> DeploymentDetail:
        """Record what stopped a step; the next step that is recorded takes it away again.

        Raises:
            InvalidInput: the problem's code is none.
            Conflict: it is reported otherwise, or another push holds it; as for `record`.
        """

        def change(change: Change) -> DeploymentDetail:
            detail = load_deployment(change, deployment, Lock.UPDATE)
            require_not_abandoned(detail)
            require_may_report(detail, reported_by, lease, change.now)
            told = {**check_problem(problem), "step": step.value, **_beside(change, reported_by)}
            change.note(step=step.value, reported_by=reported_by.value, problem=told["code"])
            return _update(change, detail, problem=as_json(told))

        return self._gate.write(caller, Operation.DEPLOYMENT_ADVANCE, change)

    def note_refusal(
        self, caller: Caller, deployment: str, problem: Problem, *, since: Microseconds
    ) -> DeploymentDetail:
        """Record why a push by the server, which somebody asked for, did not go on; whoever asked may have gone.

        Nothing is recorded where a step has told it already, where another push goes on, or where there is nothing left
        to push.

        Args:
            since: when the push was asked for; problems that were recorded after that are its own.

        Raises:
            InvalidInput: the problem's code is none.
        """

        def change(change: Change) -> DeploymentDetail:
            detail = load_deployment(change, deployment, Lock.UPDATE)
            told = {**check_problem(problem), **_beside(change, Reporter.SERVER)}
            change.note(problem=told["code"])
            if not awaits_word(detail.deployment, change.now, since):
                return detail
            step = ORDER[ORDER.index(detail.step) + 1]
            change.note(step=step.value, reported_by=Reporter.SERVER.value)
            columns = {"problem": as_json({**told, "step": step.value}), "lease_id": None, "lease_until": None}
            return _update(change, detail, **columns)

        return self._gate.write(caller, Operation.DEPLOYMENT_RUN, change)

    def abandon(self, caller: Caller, deployment: str) -> DeploymentDetail:
        """Give a deployment up: it goes no further. What has been done of it stays done, and on record.

        Raises:
            Conflict: it was abandoned already, is finished (`deployment-step-refused`), or is being pushed
                (`deployment-busy`).
        """

        def change(change: Change) -> DeploymentDetail:
            detail = load_deployment(change, deployment, Lock.UPDATE)
            require_not_abandoned(detail)
            require_unfinished(detail)
            require_idle(change, detail)
            change.note(abandoned=True, step=detail.step.value)
            return _update(change, detail, abandoned_at=change.now)

        return self._gate.write(caller, Operation.DEPLOYMENT_ADVANCE, change)

    def lease(self, caller: Caller, deployment: str) -> Leased:
        """Hold a deployment for one push by the server, through its connection. Nobody else may push it meanwhile.

        A push that crashed lets go by the time's end.

        Raises:
            Conflict: another push holds it (`deployment-busy`), it is a client's (`deployment-pushed-otherwise`), its
                version may not be pushed any more (`deployment-outdated`), or it was abandoned.
            InvalidInput: its connection is gone, or not the caller's to use.
        """

        def change(change: Change) -> Leased:
            detail = load_deployment(change, deployment, Lock.UPDATE)
            require_may_run(change, detail)
            lease = new_id()
            held = _update(change, detail, lease_id=lease, lease_until=change.now + LEASE)
            return Leased(held, lease)

        return self._gate.write(caller, Operation.DEPLOYMENT_RUN, change)

    def release(self, caller: Caller, deployment: str, lease: str) -> DeploymentDetail:
        """Let a deployment go. Nothing happens if it is held by another push by now, or by none."""

        def change(change: Change) -> DeploymentDetail:
            detail = load_deployment(change, deployment, Lock.UPDATE)
            change.note(released=True)
            if detail.deployment.lease_id != lease:
                return detail
            return _update(change, detail, lease_id=None, lease_until=None)

        return self._gate.write(caller, Operation.DEPLOYMENT_RUN, change)

    def observe(
        self,
        caller: Caller,
        deployment: str,
        observed: Mapping[str, Any],
        *,
        reported_by: Reporter = Reporter.CLIENT,
    ) -> DeploymentDetail:
        """Record what is in the vault now, at any step.

        Raises:
            InvalidInput: a member is missing, unknown, or of another form; names `observed.MEMBER`.
        """

        def change(change: Change) -> DeploymentDetail:
            detail = load_deployment(change, deployment, Lock.UPDATE)
            told = {**check_observed(observed), **_beside(change, reported_by)}
            change.note(reported_by=reported_by.value, drift=bool(told.get("drift")))
            return _update(change, detail, observed=as_json(told))

        return self._gate.write(caller, Operation.DEPLOYMENT_OBSERVE, change)

    def backed_up(
        self, caller: Caller, deployment: str, backup: Backup, *, reported_by: Reporter = Reporter.CLIENT
    ) -> DeploymentDetail:
        """Record that the vault's own backup of the key was taken.

        Raises:
            InvalidInput: no SHA-256, no possible size, or a time that lies ahead.
            Conflict: (`deployment-not-imported`) there is nothing to back up yet.
        """

        def change(change: Change) -> DeploymentDetail:
            detail = load_deployment(change, deployment, Lock.UPDATE)
            require_imported(detail)
            told = {**check_backup(backup, change.now), **_beside(change, reported_by)}
            change.note(reported_by=reported_by.value, sha256=backup.sha256)
            return _update(change, detail, backup=as_json(told))

        return self._gate.write(caller, Operation.DEPLOYMENT_BACK_UP, change)


def _update(change: Change, detail: DeploymentDetail, **columns: Any) -> DeploymentDetail:
    written = change.update(DEPLOYMENTS, detail.deployment, updated_at=change.now, **columns)
    return detail_of(change, written, detail.key)


def _evidence_with(
    change: Change, detail: DeploymentDetail, step: Step, facts: Mapping[str, Any], reported_by: Reporter
) -> str:
    """All evidence up to this step: of later ones, which a new KEK or export has overtaken, none is kept."""
    before = ORDER[: ORDER.index(step)]
    kept = {each.value: dict(told) for each, told in detail.evidence.items() if each in before}
    return as_json({**kept, step.value: {**facts, **_beside(change, reported_by)}})


def _beside(change: Change, reported_by: Reporter) -> dict[str, Any]:
    return {"at": change.now, "by": change.actor.user.id, "reported_by": reported_by.value}


def _renewed(detail: DeploymentDetail, lease: str | None, now: Microseconds) -> dict[str, Any]:
    held = lease is not None and detail.deployment.lease_id == lease
    return {"lease_until": now + LEASE} if held else {}
