"""Whether the server is alive, and whether it can serve. Open to anyone: load balancers have no tokens."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import JSONResponse

from keyferry.api.documented import refusals
from keyferry.api.models.values import Answer
from keyferry.api.problems import problem
from keyferry.api.routers import open_router
from keyferry.errors import KeyferryError

router = open_router("health", prefix="")


class HealthAnswer(Answer):
    """Nothing but that it holds."""

    status: str


async def _readiness(request: Request) -> KeyferryError | None:
    try:
        await request.app.state.services.crew.plain.run(request.app.state.services.ready)
    except KeyferryError as reason:
        return reason
    return None


@router.get("/healthz", responses=refusals(413))
async def show_health() -> HealthAnswer:
    """Whether the process answers."""
    return HealthAnswer(status="alive")


@router.get("/readyz", response_model=HealthAnswer, responses=refusals(413, 503))
async def show_readiness(reason: Annotated[KeyferryError | None, Depends(_readiness)]) -> HealthAnswer | JSONResponse:
    """Whether requests can be served now: the store answers, and its root of trust is open."""
    return HealthAnswer(status="ready") if reason is None else problem(reason, status=503)
