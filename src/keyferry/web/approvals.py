"""Approvals: what waits for the person's decision, what they have asked for, and one request with all that it says."""

from collections.abc import Callable
from typing import Any, Concatenate, Final

from starlette.responses import Response

from keyferry.custody.approvals import ApprovalDetail, Which
from keyferry.custody.caller import Caller
from keyferry.custody.policy import Covered
from keyferry.errors import InvalidInput
from keyferry.web.forms import Form
from keyferry.web.pages import action, page
from keyferry.web.visits import Visit, address

#: what is covered, in the words of a request's heading
ASKED: Final = {
    Covered.EXPORT: "Export a key",
    Covered.DESTROY: "Destroy a key",
    Covered.COMPROMISE: "Mark a key compromised",
    Covered.OWNER_CHANGE: "Give a key to another owner",
    Covered.POLICY_CHANGE: "Change a policy",
    Covered.MEMBERSHIP: "Change who is in a group, or a role",
    Covered.PASSWORD_RESET: "Set somebody's password",
    Covered.CREDENTIAL: "Give somebody a way to sign in",
    Covered.ACCOUNT_NETWORKS: "Let somebody in from further networks",
    Covered.KEK_REGISTRATION: "Register a key encryption key",
    Covered.SERVER_POLICY: "Change who may come in to the server",
}

#: facts whose names say it worse than these words
_FACTS: Final = {
    "kek_sha256": "KEK's SPKI SHA-256",
    "key_identifier": "Key id of the KEK",
    "version_id": "Version's id",
    "version_ids": "Versions' ids",
    "kek_policy_before": "Whose KEKs, until now",
    "kek_policy_after": "Whose KEKs, from then on",
    "approvals_before": "What needs approval, until now",
    "approvals_after": "What needs approval, from then on",
    "lifetime_seconds": "Lifetime in seconds",
    "networks_before": "Networks, until now",
    "networks_after": "Networks, from then on",
    "second_factor_roles_before": "Roles that need a second factor, until now",
    "second_factor_roles_after": "Roles that need a second factor, from then on",
}

_TABS: Final = (
    (Which.WAITING, "Waiting for you"),
    (Which.MINE, "Asked by you"),
    (Which.ALL, "All that you may see"),
)


async def list_requests(visit: Visit) -> Response:
    """Requests, the newest first."""
    which = _which(visit.query("which"))
    before = visit.query("before")
    found = await visit.ask(visit.custody.approvals.list, which=which, size=visit.page_size, before=before)
    return visit.page(
        "approvals/list.html",
        which=which,
        tabs=[(each.value, words) for each, words in _TABS],
        requests=found.items,
        words=words_of,
        first=address("approvals", which=which.value) if before else "",
        next=address("approvals", which=which.value, before=found.next) if found.next else "",
    )


async def show_request(visit: Visit) -> Response:
    """Exactly what is asked for, and who has decided what."""
    return await show(visit, Form())


async def show(visit: Visit, form: Form) -> Response:
    """A request's page, with what was refused of a button on it."""
    detail = await visit.ask(visit.custody.approvals.show, visit.path("id"))
    return visit.page(
        "approvals/show.html",
        form=form,
        detail=detail,
        heading=words_of(detail),
        facts=facts_of(detail),
        object_address=_address_of(detail) if visit.sees_everything or detail.may_withdraw else "",
    )


async def approve(visit: Visit, form: Form) -> Response:
    """Approve what the page has shown."""
    return await _decide(visit, form, visit.custody.approvals.approve, "You have approved the request.")


async def reject(visit: Visit, form: Form) -> Response:
    """Reject it."""
    return await _decide(visit, form, visit.custody.approvals.reject, "You have rejected the request: it has ended.")


async def withdraw(visit: Visit, form: Form) -> Response:  # noqa: ARG001  # the shape of an action
    """End a request of one's own."""
    detail = await visit.ask(visit.custody.approvals.withdraw, visit.path("id"))
    return visit.go(address("approvals", detail.request.id), "The request was withdrawn.")


async def _decide(
    visit: Visit, form: Form, decide: Callable[Concatenate[Caller, str, ...], ApprovalDetail], message: str
) -> Response:
    detail = await visit.ask(decide, visit.path("id"), note=form.optional("note"))
    return visit.go(address("approvals", detail.request.id), message)


def words_of(detail: ApprovalDetail) -> str:
    """What is asked for, in a few words."""
    return ASKED[Covered(detail.request.covered_as)]


def facts_of(detail: ApprovalDetail) -> list[tuple[str, str, bool]]:
    """Each fact with its words; whether it is a text for machines."""
    found: list[tuple[str, str, bool]] = []
    for name, value in detail.facts.items():
        words = _FACTS.get(name, name.replace("_", " ").capitalize())
        found.append((words, _shown(value), name.endswith(("_id", "_ids", "sha256", "identifier", "fingerprint"))))
    return found


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _address_of(detail: ApprovalDetail) -> str:
    """The page of the object, as far as it has one."""
    request = detail.request
    if request.object_id is None:
        return ""
    return {
        "key": address("keys", request.object_id),
        "group": address("groups", request.object_id),
        "server-policy": address("settings"),
    }.get(request.object_type, "")


def _which(given: str) -> Which:
    """
    Raises:
        InvalidInput: there is no such list.
    """
    try:
        return Which(given or Which.WAITING.value)
    except ValueError:
        raise InvalidInput("There is no such list.", field="which", advice="Choose one on the page.") from None


routes = [
    page("/approvals", list_requests),
    page("/approvals/{id}", show_request),
    action("/approvals/{id}/approve", approve, show),
    action("/approvals/{id}/reject", reject, show),
    action("/approvals/{id}/withdraw", withdraw, show),
]
