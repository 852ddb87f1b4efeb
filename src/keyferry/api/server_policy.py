"""The server's policy: who may come in at all."""

from fastapi import Response

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, READING
from keyferry.api.models.server_policy import ServerPolicyAnswer, ServerPolicyChange
from keyferry.api.preconditions import IfMatch, tag
from keyferry.api.routers import guarded_router
from keyferry.store.records import ServerPolicy

router = guarded_router("server-policy")


@router.get("/server-policy", responses=READING)
async def show_server_policy(visit: Visiting, response: Response) -> ServerPolicyAnswer:
    """What the policy says; for Administrators and Auditors."""
    return _answer(await visit.ask(visit.custody.server_policy.show), response)


@router.patch("/server-policy", responses=CHANGING)
async def edit_server_policy(
    body: ServerPolicyChange, visit: Visiting, response: Response, revision: IfMatch
) -> ServerPolicyAnswer:
    """Change it; it holds for the next request. A change that would turn away the request that makes it is refused,
    unless `even_if_locked_out` says that it is meant: `keyferry server-policy recover` on the server undoes it.
    """
    return _answer(await visit.ask(visit.custody.server_policy.edit, body.edit(), revision=revision), response)


def _answer(policy: ServerPolicy, response: Response) -> ServerPolicyAnswer:
    tag(response, policy.revision)
    return ServerPolicyAnswer.of(policy)
