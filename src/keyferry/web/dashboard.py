"""The first page."""

from starlette.responses import Response

from keyferry.web.pages import page
from keyferry.web.visits import Visit


async def show(visit: Visit) -> Response:
    """Where everybody lands."""
    return visit.page("dashboard.html")


routes = [page("/", show)]
