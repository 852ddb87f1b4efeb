"""Pages as they go out: from templates that escape everything, under headers that let nothing foreign in."""

import hashlib
import re
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management.locations import REGIONS
from keyferry.emulator.portal.forms import Refused
from keyferry.emulator.portal.visit import Visit, path_to

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not no-referrer: under it, browsers send `Origin: null` with forms, and a form's origin is checked
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_KINDS: Final = {
    "portal.css": "text/css; charset=utf-8",
    "portal.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_STATIC: Final = {name: (files(__package__) / "static" / name).read_bytes() for name in _KINDS}
_MARKS: Final = {name: hashlib.sha256(content).hexdigest()[:16] for name, content in _STATIC.items()}


def static_path(name: str) -> str:
    """Where a file of the pages' own is; another path when it is another file, so that browsers may keep it."""
    return path_to("static", _MARKS[name], name)


def moment(seconds: int) -> str:
    """A time in Unix seconds as a person reads it, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["moment"] = moment
    environment.filters["anchor"] = lambda name: re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-")
    environment.filters["region"] = lambda name: REGIONS.get(name, name)
    environment.globals["path"] = path_to
    environment.globals["static"] = static_path
    return environment


_ENVIRONMENT: Final = _environment()
_NOT_REFUSED: Final = Refused({})


def show(visit: Visit, template: str, /, *, refused: Refused | None = None, **values: Any) -> Response:
    """A page for somebody who is signed in. With `refused`, its form is shown again, with what to correct."""
    messages, visit.session.messages = visit.session.messages, []
    return _page(
        template,
        status=200 if refused is None else 400,
        signed_in=visit.principal.name,
        form_token=visit.session.form_token,
        messages=messages,
        here=visit.request.url.path,
        errors=(refused or _NOT_REFUSED).fields,
        **values,
    )


def show_stranger(template: str, /, **values: Any) -> Response:
    """A page for somebody who is not signed in."""
    return _page(template, status=200, signed_in=None, form_token="", messages=[], here="", errors={}, **values)


def show_failure(visit: Visit | None, failure: AzureFailure) -> Response:
    """A refusal that no form can tell: a page of its own."""
    title, detail = _title(failure.status), failure.message
    if visit is None:
        answer = show_stranger("failure.html", title=title, detail=detail)
    else:
        answer = show(visit, "failure.html", title=title, detail=detail)
    answer.status_code = failure.status
    answer.headers.update(failure.headers)
    return answer


def download(content: bytes, file_name: str, media_type: str) -> Response:
    """A file that the browser saves. Its name is made of the names of vaults and keys, which are ASCII."""
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{file_name}"'}
    return Response(content, media_type=media_type, headers=headers)


def static_file(request: Request) -> Response:
    """Stylesheet, script and icon."""
    name = request.path_params["name"]
    if _MARKS.get(name) != request.path_params["mark"]:
        return show_failure(None, AzureFailure(404, "NotFound", "There is no such file. Load the page again."))
    headers = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
    return Response(_STATIC[name], headers={**headers, "Content-Type": _KINDS[name]})


def _page(template: str, *, status: int, **values: Any) -> Response:
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(**values), status_code=status, headers=HEADERS)


def _title(status: int) -> str:
    match status:
        case 403:
            return "Not allowed"
        case 404:
            return "Not found"
        case _ if status >= 500:
            return "The emulator failed"
        case _:
            return "Refused"
