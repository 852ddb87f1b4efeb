"""Programs that present a trusted issuer's token, and whom they act as."""

import re
from typing import Any

from starlette.responses import Response

from keyferry.clock import now
from keyferry.custody.policy import Operation
from keyferry.custody.workloads import NewWorkload
from keyferry.errors import InvalidInput
from keyferry.web.forms import Form
from keyferry.web.pages import action, form_page, page
from keyferry.web.trusted_issuers import HOME
from keyferry.web.visits import Visit

_MOST_ISSUERS = 100


async def show(visit: Visit) -> Response:
    """Whom the server trusts, and who acts as whom."""
    return await _list(visit, Form())


async def _list(visit: Visit, form: Form) -> Response:
    await visit.require(Operation.ISSUER_LIST)
    issuers = await visit.ask(visit.custody.trusted_issuers.list, size=_MOST_ISSUERS)
    workloads = await visit.ask(visit.custody.workloads.list, size=visit.page_size, after=visit.query("after"))
    return visit.page(
        "workloads/list.html",
        form=form,
        issuers=issuers.items,
        workloads=workloads.items,
        now=now(),
        first=HOME if visit.query("after") else "",
        next=f"{HOME}?after={workloads.next}" if workloads.next else "",
    )


async def show_new(visit: Visit, form: Form) -> Response:
    """Bind one."""
    await visit.require(Operation.WORKLOAD_CREATE)
    issuers = await visit.ask(visit.custody.trusted_issuers.list, size=_MOST_ISSUERS)
    shown = form if form.was_sent else Form.showing(issuer=visit.query("issuer"))
    pairs = [(issuer.name, f"{issuer.name}: {issuer.issuer}") for issuer in issuers.items]
    return visit.page("workloads/new.html", form=shown, issuers=pairs)


async def create(visit: Visit, form: Form) -> Response:
    """Let a subject act as a user."""
    new = NewWorkload(
        name=form.text("name"),
        issuer=form.text("issuer"),
        subject=form.text("subject"),
        claims=dict(map(_claim, form.raw("claims").splitlines())) if form.text("claims") else {},
        user=form.text("user"),
        networks=tuple(form.lines("networks")) or None,
        expires_at=form.date("expires_at"),
    )
    made = await visit.ask(visit.custody.workloads.create, new)
    return visit.go(HOME, f"The workload {made.workload.name} now acts as {made.user}.")


async def revoke(visit: Visit, form: Form) -> Response:
    """End a binding at once."""
    ended = await visit.ask(visit.custody.workloads.revoke, form.text("workload"))
    return visit.go(HOME, f"The workload {ended.workload.name} comes in no more.")


def _claim(line: str) -> tuple[str, Any]:
    """A line `NAME=VALUE`, or `NAME:=VALUE` for true, false and whole numbers.

    Raises:
        InvalidInput: it is neither.
    """
    name, sign, value = line.strip().partition("=")
    typed, name = name.endswith(":"), name.removesuffix(":").strip()
    value = value.strip()
    if sign and name and not typed:
        return name, value
    if name and value in {"true", "false"}:
        return name, value == "true"
    if name and re.fullmatch(r"-?(0|[1-9][0-9]{0,14})", value, re.ASCII):
        return name, int(value)
    raise InvalidInput(
        f"{line[:80]!r} is no claim.",
        field="claims",
        advice="Give NAME=VALUE on each line, and NAME:=VALUE for true, false or a whole number.",
    )


routes = [
    page("/settings/workloads", show),
    form_page("/settings/workloads/new", show_new, create),
    action("/settings/workloads/revoke", revoke, _list),
]
