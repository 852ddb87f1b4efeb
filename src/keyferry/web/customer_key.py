"""Requests for a Microsoft 365 Customer Key: drafted from two keys, and followed to their answer."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Final

from starlette.responses import Response

from keyferry.clock import now
from keyferry.custody.customer_key_lookup import CustomerKeyDetail
from keyferry.custody.customer_key_proof import why_not_shown
from keyferry.custody.customer_key_requests import NewRequest, RequestEdit
from keyferry.custody.customer_key_states import EDITABLE, TRANSITIONS, RequestState
from keyferry.customer_key.principals import read_principals
from keyferry.customer_key.workloads import WORKLOADS
from keyferry.errors import InvalidInput, NotFound
from keyferry.web.addresses import address
from keyferry.web.customer_key_form import beside_its_field, choices_of, contacts_in, keys_in, showing
from keyferry.web.forms import Form
from keyferry.web.pages import action, form_page, page
from keyferry.web.pushing import pushes_of
from keyferry.web.visits import Visit

#: what records a state, on its button
MOVES: Final = {
    RequestState.DRAFT: "Take back to draft",
    RequestState.VALIDATED: "Record that it validates",
    RequestState.SUBMITTED: "Record that it was submitted",
    RequestState.ACCEPTED: "Record that Microsoft accepted it",
    RequestState.REFUSED: "Record that Microsoft refused it",
}


async def list_requests(visit: Visit) -> Response:
    """All for an Administrator, those of theirs for others."""
    found = await visit.ask(visit.custody.customer_key_requests.list, size=visit.page_size, after=visit.query("after"))
    return visit.page("azure/requests.html", requests=found.items, next=found.next, words=_words)


async def show_new(visit: Visit, form: Form) -> Response:
    """Draft one from two deployments."""
    shown = form if form.was_sent else Form.showing(workloads=["multi-workload"])
    return visit.page("azure/request_new.html", form=shown, choices=await choices_of(visit))


async def create(visit: Visit, form: Form) -> Response:
    """Begin it; nothing is sent anywhere."""
    new = NewRequest(
        organization_id=form.text("organization_id"),
        keys=keys_in(form),
        contacts=contacts_in(form),
        workloads=tuple(form.all("workloads")),
        group=form.optional("group"),
    )
    with beside_its_field():
        made = await visit.ask(visit.custody.customer_key_requests.draft, new)
    return visit.go(address("azure", "customer-key", made.request.id), "The request was drafted.")


async def show_edit(visit: Visit, form: Form) -> Response:
    """Write a draft anew."""
    detail = await visit.ask(visit.custody.customer_key_requests.show, visit.path("id"))
    shown = form if form.was_sent else showing(detail)
    return visit.page("azure/request_edit.html", form=shown, detail=detail, choices=await choices_of(visit, detail))


async def edit(visit: Visit, form: Form) -> Response:
    """Keep what was written; checks of what stood there before are void."""
    requests = visit.custody.customer_key_requests
    detail = await visit.ask(requests.show, visit.path("id"))
    wanted = RequestEdit(
        organization_id=form.text("organization_id"),
        keys=keys_in(form, detail),
        contacts=contacts_in(form),
        workloads=tuple(form.all("workloads")),
    )
    with beside_its_field():
        await visit.ask(requests.edit, detail.request.id, wanted, revision=form.whole_number("revision"))
    return visit.go(address("azure", "customer-key", detail.request.id), "The request was changed.")


async def show(visit: Visit, form: Form | None = None) -> Response:
    """A request: what it says, what checks found, what became of it."""
    detail = await visit.ask(visit.custody.customer_key_requests.show, visit.path("id"))
    return visit.page(
        "azure/request.html",
        form=form or Form(),
        detail=detail,
        words=_words,
        contacts=json.loads(detail.request.contacts),
        checks=detail.checks[-1] if detail.checks else None,
        not_shown=why_not_shown(detail.checks, now()) if detail.state is RequestState.DRAFT else None,
        may_edit=detail.state in EDITABLE,
        by_server=await _is_within_reach(visit, detail),
        moves=[(state, MOVES[state]) for state in RequestState if state in TRANSITIONS[detail.state]],
    )


async def validate(visit: Visit, form: Form) -> Response:
    """Have the server look at both keys, and mark the request accordingly."""
    principals = read_principals(form.lines("principal"))
    work = partial(
        pushes_of(visit).validate,
        visit.caller,
        visit.path("id"),
        principals=principals,
        accept_unseen=form.ticked("accept_unseen"),
    )
    found = await visit.console.services.crew.batches.run(work)
    valid = found.state is RequestState.VALIDATED
    said = (
        "Nothing is against it: the request is validated." if valid else "Not all is as it has to be: see the checks."
    )
    return visit.go(address("azure", "customer-key", visit.path("id")), said, kind="done" if valid else "warning")


async def set_state(visit: Visit, form: Form) -> Response:
    """Record where it stands."""
    wanted = form.text("state")
    if wanted not in set(RequestState):
        raise InvalidInput("There is no such state.", field="state", advice="Choose one of those that are offered.")
    await visit.ask(
        visit.custody.customer_key_requests.set_state,
        visit.path("id"),
        RequestState(wanted),
        reference=form.optional("reference"),
        note=form.optional("note"),
        vouched=form.ticked("vouched"),
        revision=form.whole_number("revision"),
    )
    return visit.go(address("azure", "customer-key", visit.path("id")), f"The request is {wanted} now.")


async def _is_within_reach(visit: Visit, detail: CustomerKeyDetail) -> bool:
    """Whether the server itself brought both keys to their vaults, and so can look at them there."""
    if visit.console.services.pushes is None:
        return False
    for key in detail.keys:
        if key.deployment is None or key.identifier is None:
            return False
        try:
            deployment = await visit.ask(visit.custody.deployments.show, key.deployment)
        except NotFound:
            return False
        if deployment.connection is None:
            return False
    return True


def _words(detail: CustomerKeyDetail) -> str:
    names: Sequence[str] = json.loads(detail.request.workloads)
    return "; ".join(WORKLOADS[name].title if name in WORKLOADS else name for name in names) or (
        f"scenario {detail.request.scenario}"
    )


routes = [
    page("/azure/customer-key", list_requests),
    form_page("/azure/customer-key/new", show_new, create),
    page("/azure/customer-key/{id}", show),
    form_page("/azure/customer-key/{id}/edit", show_edit, edit),
    action("/azure/customer-key/{id}/validate", validate, show),
    action("/azure/customer-key/{id}/state", set_state, show),
]
