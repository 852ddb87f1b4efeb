"""Requests for a Microsoft 365 Customer Key: drafted from two keys, and followed to their answer."""

import json
from collections.abc import Sequence
from typing import Any, Final

from starlette.responses import Response

from keyferry.custody.customer_key_lookup import CustomerKeyDetail
from keyferry.custody.customer_key_requests import NewRequest
from keyferry.custody.customer_key_shapes import RequestedKey
from keyferry.custody.customer_key_states import TRANSITIONS, RequestState
from keyferry.customer_key.contacts import ContactsRefused, read_contacts
from keyferry.customer_key.workloads import WORKLOADS
from keyferry.errors import InvalidInput
from keyferry.web.addresses import address
from keyferry.web.forms import Form
from keyferry.web.pages import action, form_page, page
from keyferry.web.visits import Visit

#: deployments that a request may choose from
_MOST: Final = 200
_PERSON: Final = ("name", "email", "phone", "title")
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
    found = await visit.ask(visit.custody.deployments.list, size=_MOST, newest_first=True)
    keys = [
        (each.deployment.id, f"{each.key.name or '[blank]'}: {each.deployment.name} at {each.deployment.vault}")
        for each in found.items
        if each.deployment.abandoned_at is None
    ]
    shown = form if form.was_sent else Form.showing(workloads=["multi-workload"])
    workloads = [(each.name, each.title) for each in WORKLOADS.values()]
    return visit.page(
        "azure/request_new.html", form=shown, keys=[("", "choose a deployment"), *keys], workloads=workloads
    )


async def create(visit: Visit, form: Form) -> Response:
    """Begin it; nothing is sent anywhere."""
    new = NewRequest(
        organization_id=form.text("organization_id"),
        keys=(_key(form, 1), _key(form, 2)),
        contacts=_contacts(form),
        workloads=tuple(form.all("workloads")),
        group=form.optional("group"),
    )
    made = await visit.ask(visit.custody.customer_key_requests.draft, new)
    return visit.go(address("azure", "customer-key", made.request.id), "The request was drafted.")


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
        moves=[(state, MOVES[state]) for state in RequestState if state in TRANSITIONS[detail.state]],
    )


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
        revision=form.whole_number("revision"),
    )
    return visit.go(address("azure", "customer-key", visit.path("id")), f"The request is {wanted} now.")


def _key(form: Form, number: int) -> RequestedKey:
    deployment = form.optional(f"deployment_{number}")
    if deployment is None:
        raise InvalidInput(
            f"Key {number} is not chosen.", field=f"deployment_{number}", advice="Choose where it is deployed."
        )
    return RequestedKey(deployment=deployment, subscription_id=form.text(f"subscription_{number}"))


def _contacts(form: Form) -> dict[str, Any]:
    """
    Raises:
        InvalidInput: something is missing, or malformed; names the form's field.
    """

    def person(prefix: str) -> dict[str, str]:
        return {part: form.text(f"{prefix}_{part}") for part in _PERSON if form.text(f"{prefix}_{part}")}

    officers = [found for number in (1, 2) if (found := person(f"officer_{number}"))]
    try:
        contacts = read_contacts(
            {
                "organization": form.text("organization"),
                "tenant_id": form.text("organization_id"),
                "primary_contact": person("primary"),
                "authorized_officers": officers,
            }
        )
    except ContactsRefused as refusal:
        field = _field_of(refusal.field or "")
        raise InvalidInput(refusal.detail, code=refusal.code, field=field, advice="Fill it in.") from None
    return contacts.document()


def _field_of(field: str) -> str:
    """The form's field for one of `keyferry.customer_key.contacts`."""
    if field == "authorized_officers":
        return "officer_1_name"
    if field == "primary_contact":
        return "primary_name"
    head, _, part = field.partition(".")
    if head == "primary_contact":
        return f"primary_{part}"
    if head.startswith("authorized_officers["):
        return f"officer_{int(head.partition('[')[2].rstrip(']')) + 1}_{part}"
    return "organization_id" if field == "tenant_id" else field


def _words(detail: CustomerKeyDetail) -> str:
    names: Sequence[str] = json.loads(detail.request.workloads)
    return "; ".join(WORKLOADS[name].title if name in WORKLOADS else name for name in names) or (
        f"scenario {detail.request.scenario}"
    )


routes = [
    page("/azure/customer-key", list_requests),
    form_page("/azure/customer-key/new", show_new, create),
    page("/azure/customer-key/{id}", show),
    action("/azure/customer-key/{id}/state", set_state, show),
]
