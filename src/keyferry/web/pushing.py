"""Pushes that this process runs, whoever waits for them or not; what stops one is kept with its deployment."""

import asyncio
from functools import partial
from typing import Final

import structlog

from keyferry.clock import Microseconds
from keyferry.clock import now as clock_now
from keyferry.custody.deployment_lookup import DeploymentDetail
from keyferry.deployments.push import Wishes
from keyferry.deployments.server_push import keep_refusal
from keyferry.doors.services import Pushes
from keyferry.errors import Conflict, KeyferryError
from keyferry.web.visits import Visit

#: seconds that a push is waited for: what is refused at once is shown at once
_AT_ONCE: Final = 0.8

#: by their deployment
_running: dict[str, asyncio.Task[DeploymentDetail]] = {}

log = structlog.get_logger("keyferry.web")


def is_running(deployment: str) -> bool:
    """Whether this process runs a push of it, whatever its record says yet."""
    return deployment in _running


def pushes_of(visit: Visit) -> Pushes:
    """What the server does in vaults.

    Raises:
        Conflict: (`azure-not-configured`) nothing.
    """
    if visit.console.services.pushes is None:
        raise Conflict(
            "This server was set up without Azure's SDK, and pushes nothing itself.",
            code="azure-not-configured",
            advice="Install it on the server (pip install 'keyferry[azure]'), or push with `keyferry azure push`.",
        )
    return visit.console.services.pushes


async def begin(visit: Visit, id_: str, wishes: Wishes) -> None:
    """Have a push run on, whoever waits for it or not.

    Raises:
        KeyferryError: it was refused, or stopped, at once. What stops it later is kept as the deployment's problem.
    """
    if is_running(id_):
        raise Conflict(
            "Another push of it is going on.", code="deployment-busy", field="deployment", advice="Wait until it ends."
        )
    task = asyncio.get_running_loop().create_task(_push(visit, pushes_of(visit), id_, wishes))
    _running[id_] = task
    task.add_done_callback(partial(_ended, id_))
    done, _ = await asyncio.wait({task}, timeout=_AT_ONCE)
    if done:
        task.result()


async def _push(visit: Visit, pushes: Pushes, id_: str, wishes: Wishes) -> DeploymentDetail:
    """Run it; a push that did not get its turn is kept, too: nobody may be waiting for the answer any more."""
    began: Microseconds = clock_now()
    try:
        return await visit.console.services.crew.batches.run(partial(pushes.run, visit.caller, id_, wishes))
    except KeyferryError as refusal:
        await visit.work(partial(keep_refusal, visit.custody, visit.caller, id_, refusal, since=began))
        raise


def _ended(id_: str, task: "asyncio.Task[DeploymentDetail]") -> None:
    _running.pop(id_, None)
    if task.cancelled():
        return
    failure = task.exception()
    if isinstance(failure, KeyferryError):
        log.info("a push was stopped", deployment=id_, code=failure.code)
    elif failure is not None:
        log.error("a push failed", deployment=id_, exc_info=failure)
