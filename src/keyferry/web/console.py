"""What every page has at hand: the services, the templates, the static files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse

from keyferry.doors.services import Services
from keyferry.web.templates import StaticFile, environment, read_static

#: a larger body would be put on a disk by the framework, and it may hold a key
MOST_BODY_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Console:
    """One for each application; `request.app.state.console`."""

    services: Services
    templates: Environment
    static: Mapping[str, StaticFile]

    @classmethod
    def of(cls, services: Services) -> "Console":
        """With the templates and files that are part of the package."""
        static = read_static()
        return cls(services, environment(static), static)

    @property
    def most_body_bytes(self) -> int:
        """How large a form may be, with its files."""
        return min(self.services.settings.max_body_bytes, MOST_BODY_BYTES)

    def render(self, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """A page, whole."""
        return HTMLResponse(self.templates.get_template(template).render(context), status)


def console_of(request: Request) -> Console:
    """The application's console."""
    console: Console = request.app.state.console
    return console
