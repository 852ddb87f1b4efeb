"""`/metrics`, for a monitor on the server's own machine, or one with an Administrator's token."""

from functools import partial
from ipaddress import ip_address
from typing import Any, Final

from fastapi import Request, Response

from keyferry.api.callers import receive_caller
from keyferry.api.documented import refusals
from keyferry.api.routers import open_router
from keyferry.custody.caller import Origin
from keyferry.doors.addresses import address_of, own_address_of
from keyferry.doors.figures import MEDIA_TYPE
from keyferry.errors import KeyferryError, NotAuthenticated

router = open_router("metrics", prefix="")

_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "OpenMetrics 1.0", "content": {"application/openmetrics-text": {"schema": {"type": "string"}}}}
}


@router.get("/metrics", response_class=Response, responses=_ANSWERS | refusals(401, 403, 413, 503))
async def show_metrics(request: Request) -> Response:
    """Figures of the process and of the store in the text form of OpenMetrics; they name no person and no key."""
    services, workers = request.app.state.services, request.app.state.services.crew.plain
    metrics = services.custody.metrics
    if "authorization" in request.headers:
        visit = await receive_caller(request)
        keys = await visit.ask(metrics.scrape)
    elif _is_local(request):
        keys = await workers.run(partial(metrics.overall, Origin(address_of(request))))
    else:
        raise NotAuthenticated(
            "The metrics are open on the server's own machine only.",
            field="Authorization",
            advice="Send an Administrator's token: `Authorization: Bearer kf_…`.",
        )
    try:
        await workers.run(services.ready)
        ready = True
    except KeyferryError:
        ready = False
    text = await workers.run(partial(request.app.state.services.figures.write, keys, ready=ready))
    return Response(text, media_type=MEDIA_TYPE)


def _is_local(request: Request) -> bool:
    try:
        address = ip_address(own_address_of(request))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
