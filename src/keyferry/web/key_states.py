"""What is done to a key, or to one of its versions, from its page.

What can be undone is a button there; what cannot has a page that says what follows and asks for the key's name.
"""

from typing import Any

from starlette.responses import Response

from keyferry.clock import DAY, SECOND
from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.lifecycle import RevocationReason
from keyferry.errors import InvalidInput
from keyferry.store.records import Key
from keyferry.web.forms import Form, require_typed
from keyferry.web.key_copies import copies_of
from keyferry.web.key_page import show as show_key
from keyferry.web.pages import action, form_page
from keyferry.web.visits import Visit, address

AT_ONCE, PRE_ACTIVE = "at-once", "pre-active"

#: KMIP's reasons, in the words of the page
REASONS = (
    (RevocationReason.KEY_COMPROMISE, "Key compromise: it is marked compromised"),
    (RevocationReason.CA_COMPROMISE, "CA compromise: it is marked compromised"),
    (RevocationReason.SUPERSEDED, "Superseded: it is deactivated"),
    (RevocationReason.CESSATION_OF_OPERATION, "Cessation of operation: it is deactivated"),
    (RevocationReason.AFFILIATION_CHANGED, "Affiliation changed: it is deactivated"),
    (RevocationReason.PRIVILEGE_WITHDRAWN, "Privilege withdrawn: it is deactivated"),
    (RevocationReason.UNSPECIFIED, "Unspecified: it is deactivated"),
)


async def activate(visit: Visit, form: Form) -> Response:
    """Make a pre-active version active."""
    detail = await visit.ask(visit.custody.states.activate, visit.path("id"), version=number_of(visit, form))
    return back_to_key(visit, detail, f"Version {detail.version.number} is active.")


async def promote(visit: Visit, form: Form) -> Response:
    """Make an active version the current one."""
    number = number_of(visit, form)
    if number is None:
        raise InvalidInput("No version is named.", field="version", advice="Choose one in the list of versions.")
    detail = await visit.ask(visit.custody.states.promote, visit.path("id"), version=number)
    return back_to_key(visit, detail, f"Version {number} is the current one.")


async def cancel_destruction(visit: Visit, form: Form) -> Response:
    """Call a destruction off: of one version, or of all that are pending."""
    number = number_of(visit, form)
    detail = await visit.ask(visit.custody.states.cancel_destruction, visit.path("id"), version=number)
    return back_to_key(visit, detail, "The destruction was called off.")


async def show_rotate(visit: Visit, form: Form) -> Response:
    """Whether the new version is to be used at once."""
    showing = form if form.was_sent else Form.showing(activated=AT_ONCE)
    return await about_key(visit, "key/rotate.html", showing)


async def rotate(visit: Visit, form: Form) -> Response:
    """Generate a new version."""
    at_once = form.text("activated") != PRE_ACTIVE
    detail = await visit.ask(visit.custody.states.rotate, visit.path("id"), activated=at_once)
    becomes = "and is the current one" if at_once else "and is pre-active: activate it, then make it the current one"
    return back_to_key(visit, detail, f"Version {detail.version.number} was generated, {becomes}.")


async def show_deactivate(visit: Visit, form: Form) -> Response:
    """Ask for the key's name."""
    return await about_key(visit, "key/deactivate.html", form)


async def deactivate(visit: Visit, form: Form) -> Response:
    """Stop a version from protecting anything further."""
    reference, number = await _confirmed(visit, form), number_of(visit, form)
    detail = await visit.ask(visit.custody.states.deactivate, reference, version=number)
    return back_to_key(visit, detail, f"Version {detail.version.number} is deactivated.")


async def show_revoke(visit: Visit, form: Form) -> Response:
    """Ask why, and for the key's name."""
    showing = form if form.was_sent else Form.showing(reason=RevocationReason.KEY_COMPROMISE.value)
    return await about_key(visit, "key/revoke.html", showing, reasons=[(each.value, words) for each, words in REASONS])


async def revoke(visit: Visit, form: Form) -> Response:
    """Mark a version compromised, or deactivate it for a reason."""
    reference, number = await _confirmed(visit, form), number_of(visit, form)
    reason = _reason(form.text("reason"))
    detail = await visit.ask(
        visit.custody.states.revoke, reference, reason, message=form.optional("message"), version=number
    )
    return back_to_key(visit, detail, f"Version {detail.version.number} was revoked: it is {detail.state}.")


async def show_destroy(visit: Visit, form: Form) -> Response:
    """Say what follows, and ask for the key's name."""
    days = visit.console.services.settings.destruction_pending * SECOND / DAY
    return await about_key(visit, "key/destroy.html", form, days=days)


async def destroy(visit: Visit, form: Form) -> Response:
    """Have the material erased when the pending period is over."""
    reference, number = await _confirmed(visit, form), number_of(visit, form)
    detail = await visit.ask(visit.custody.states.destroy, reference, version=number)
    what = "The key" if number is None else f"Version {number}"
    return back_to_key(visit, detail, f"{what} is to be destroyed. Until then the destruction can be cancelled.")


def number_of(visit: Visit, form: Form) -> int | None:
    """The version that is meant: as the form says, else the page's address; None for the key as a whole.

    Raises:
        InvalidInput: it is no number.
    """
    sent = form if form.was_sent else Form.showing(version=visit.query("version"))
    return sent.whole_number("version")


def name_to_type(key: Key) -> str:
    """What confirms a destructive action: the key's name, or its id where it has none."""
    return key.name or key.id


async def _confirmed(visit: Visit, form: Form) -> str:
    """The key's id, once its name was typed.

    Raises:
        InvalidInput: it was not.
    """
    key = (await visit.ask(visit.custody.keys.show, visit.path("id"))).key
    require_typed(form, name_to_type(key), "the key's name" if key.name else "the key's id")
    return key.id


async def about_key(visit: Visit, template: str, form: Form, **more: Any) -> Response:
    """A page about a key or, if one is named, a version of it."""
    number = number_of(visit, form)
    detail = await visit.ask(visit.custody.keys.show, visit.path("id"), version=number)
    choices = await visit.ask(visit.custody.key_choices.show, detail.key.id)
    copies = (await copies_of(visit, detail.key.id)).of_version(number)
    return visit.page(
        template,
        form=form,
        key=detail.key,
        detail=detail,
        number=number,
        choices=choices,
        copies=copies,
        expected=name_to_type(detail.key),
        **more,
    )


def back_to_key(visit: Visit, detail: KeyDetail, message: str) -> Response:
    """To the key's page, which says what was done."""
    return visit.go(address("keys", detail.key.id), message)


def _reason(given: str) -> RevocationReason:
    try:
        return RevocationReason(given)
    except ValueError:
        raise InvalidInput("That is no reason.", field="reason", advice="Choose one of the list.") from None


routes = [
    action("/keys/{id}/activate", activate, show_key),
    action("/keys/{id}/promote", promote, show_key),
    action("/keys/{id}/cancel-destruction", cancel_destruction, show_key),
    form_page("/keys/{id}/rotate", show_rotate, rotate),
    form_page("/keys/{id}/deactivate", show_deactivate, deactivate),
    form_page("/keys/{id}/revoke", show_revoke, revoke),
    form_page("/keys/{id}/destroy", show_destroy, destroy),
]
