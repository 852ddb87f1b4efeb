"""Deployments: key versions on their way into clouds, and there."""

from typing import Annotated

from fastapi import Path, Query, Request, Response

from keyferry.api.callers import Visit, Visiting
from keyferry.api.documented import CHANGING, READING, THROUGH_CONNECTION
from keyferry.api.idempotency import NO_IDEMPOTENCY_KEY, IdempotencyKey, create_once, once_of
from keyferry.api.keys import KeyReference
from keyferry.api.models.deployments import (
    BackupAnswer,
    BackupReport,
    DeploymentAnswer,
    DeploymentCreation,
    ObservationReport,
    ProblemReport,
    RunWishes,
    StepReport,
)
from keyferry.api.models.pages import PageAnswer, PageQuery, page_size
from keyferry.api.models.values import Id, base64url
from keyferry.api.preconditions import tag
from keyferry.api.routers import guarded_router
from keyferry.custody.deployment_lookup import DeploymentDetail
from keyferry.custody.deployment_steps import Reporter
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation
from keyferry.doors.services import Pushes
from keyferry.errors import Conflict

router = guarded_router("deployments")
DeploymentId = Annotated[Id, Path()]


@router.get("/deployments", responses=READING)
async def list_deployments(query: Annotated[PageQuery, Query()], visit: Visiting) -> PageAnswer[DeploymentAnswer]:
    """Deployments of every key that the caller may see, in the order in which they were planned."""
    size = page_size(query.limit, visit.settings)
    page = await visit.ask(visit.custody.deployments.list, size=size, after=query.after)
    return PageAnswer(items=[DeploymentAnswer.of(detail) for detail in page.items], next=page.next)


@router.get("/keys/{key:segment}/deployments", responses=READING)
async def list_deployments_of_key(
    key: KeyReference, query: Annotated[PageQuery, Query()], visit: Visiting
) -> PageAnswer[DeploymentAnswer]:
    """Where the versions of a key are, or are on their way to."""
    size = page_size(query.limit, visit.settings)
    page = await visit.ask(visit.custody.deployments.list, size=size, after=query.after, key=key)
    return PageAnswer(items=[DeploymentAnswer.of(detail) for detail in page.items], next=page.next)


@router.post("/keys/{key:segment}/deployments", status_code=201, responses=CHANGING)
async def plan_deployment(
    key: KeyReference,
    body: DeploymentCreation,
    visit: Visiting,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> DeploymentAnswer:
    """Plan to have a key's current version in a vault. Nothing leaves yet."""

    async def create(once: Once | None) -> DeploymentDetail:
        return await visit.ask(visit.custody.deployments.plan, key, body.new_deployment(), once=once)

    async def find(deployment_id: str) -> DeploymentDetail:
        return await visit.ask(visit.custody.deployments.show, deployment_id)

    once = once_of(request, body, idempotency_key)
    detail = await create_once(visit, once, Operation.DEPLOYMENT_CREATE, create, find)
    response.headers["Location"] = f"/api/v1/deployments/{detail.deployment.id}"
    return _answer(detail, response)


@router.get("/deployments/{deployment:segment}", responses=READING)
async def show_deployment(deployment: DeploymentId, visit: Visiting, response: Response) -> DeploymentAnswer:
    """A deployment: how far it is, and what shows each step."""
    return _answer(await visit.ask(visit.custody.deployments.show, deployment), response)


@router.post("/deployments/{deployment:segment}/run", responses=THROUGH_CONNECTION)
async def run_deployment(
    deployment: DeploymentId, visit: Visiting, response: Response, body: RunWishes | None = None
) -> DeploymentAnswer:
    """Have the server walk the steps that remain, through the deployment's connection. What stops it is kept in
    `problem`, and is the answer; run it again to go on.
    """
    wishes = (body or RunWishes()).wishes()
    return _answer(await visit.ask(pushes_of(visit).run, deployment, wishes), response)


@router.post("/deployments/{deployment:segment}/steps", responses=CHANGING)
async def record_step(
    deployment: DeploymentId, body: StepReport, visit: Visiting, response: Response
) -> DeploymentAnswer:
    """Report a step of a deployment without a connection. Reporting it again with the same evidence changes nothing."""
    detail = await visit.ask(visit.custody.deployments.record, deployment, body.step, body.evidence)
    return _answer(detail, response)


@router.post("/deployments/{deployment:segment}/problems", responses=CHANGING)
async def record_problem(
    deployment: DeploymentId, body: ProblemReport, visit: Visiting, response: Response
) -> DeploymentAnswer:
    """Report what stopped a push; the next step that is reported takes it away again."""
    return _answer(await visit.ask(visit.custody.deployments.fail, deployment, body.step, body.problem()), response)


@router.post("/deployments/{deployment:segment}/abandon", responses=CHANGING)
async def abandon_deployment(deployment: DeploymentId, visit: Visiting, response: Response) -> DeploymentAnswer:
    """Give a deployment up. What has been done stays done, and on record."""
    return _answer(await visit.ask(visit.custody.deployments.abandon, deployment), response)


@router.post("/deployments/{deployment:segment}/observations", responses=THROUGH_CONNECTION)
async def observe_deployment(
    deployment: DeploymentId, visit: Visiting, response: Response, body: ObservationReport | None = None
) -> DeploymentAnswer:
    """Record what is in the vault: what the client tells, or, without a body, what the server sees there."""
    if body is None or body.observed is None:
        return _answer(await visit.ask(pushes_of(visit).observe, deployment), response)
    return _answer(await visit.ask(visit.custody.deployments.observe, deployment, body.observed), response)


@router.post(
    "/deployments/{deployment:segment}/backups", responses=THROUGH_CONNECTION, dependencies=[NO_IDEMPOTENCY_KEY]
)
async def back_up_deployment(
    deployment: DeploymentId, visit: Visiting, response: Response, body: BackupReport | None = None
) -> BackupAnswer:
    """Record a backup that a client has taken; or, without a body, have the vault make one, and answer it this once."""
    told = None if body is None else body.backup()
    if told is not None:
        detail = await visit.ask(visit.custody.deployments.backed_up, deployment, told, reported_by=Reporter.CLIENT)
        return BackupAnswer.with_file(_tagged(detail, response), None)
    content = await visit.ask(pushes_of(visit).back_up, deployment)
    detail = await visit.ask(visit.custody.deployments.show, deployment)
    return BackupAnswer.with_file(_tagged(detail, response), base64url(content))


def pushes_of(visit: Visit) -> Pushes:
    """What the server does in vaults.

    Raises:
        Conflict: (`azure-not-configured`) nothing.
    """
    if visit.services.pushes is None:
        raise Conflict(
            "This server was set up without Azure's SDK, and pushes nothing itself.",
            code="azure-not-configured",
            advice="Install it on the server (pip install 'keyferry[azure]'), or push with `keyferry azure push`.",
        )
    return visit.services.pushes


def _answer(detail: DeploymentDetail, response: Response) -> DeploymentAnswer:
    return DeploymentAnswer.of(_tagged(detail, response))


def _tagged(detail: DeploymentDetail, response: Response) -> DeploymentDetail:
    tag(response, detail.deployment.revision)
    return detail
