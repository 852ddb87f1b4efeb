"""Programs that present a trusted issuer's token, and whom they act as."""

from typing import Any

from starlette.responses import Response

from keyferry.clock import now
from keyferry.custody.policy import Operation
from keyferry.custody.workloads import NewWorkload
from keyferry.identity.claims import read_claim
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
        claims=_claims(form.raw("claims")) if form.text("claims") else {},
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


def _claims(text: str) -> dict[str, Any]:
    """One a line; the spaces around what it says do not count.

    Raises:
        InvalidInput: a line is no claim.
    """
    lines = ("=".join(part.strip() for part in line.split("=", 1)) for line in text.splitlines())
    return dict(read_claim(line, field="claims") for line in lines)


routes = [
    page("/settings/workloads", show),
    form_page("/settings/workloads/new", show_new, create),
    action("/settings/workloads/revoke", revoke, _list),
]
