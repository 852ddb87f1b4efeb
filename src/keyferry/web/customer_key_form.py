"""The form of a request for a Customer Key: what may be chosen, what it showed, and what was written into it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from keyferry.custody.customer_key_lookup import CustomerKeyDetail
from keyferry.custody.customer_key_shapes import RequestedKey
from keyferry.customer_key.contacts import ContactsRefused, read_contacts
from keyferry.customer_key.workloads import WORKLOADS
from keyferry.errors import InvalidInput
from keyferry.web.forms import Form
from keyferry.web.visits import Visit

#: deployments that a request may choose from, the newest
_MOST: Final = 200
_PERSON: Final = ("name", "email", "phone", "title")
_NUMBERS: Final = (1, 2)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a request may name: pairs of a value and its words."""

    keys: list[tuple[str, str]]
    workloads: list[tuple[str, str]]


async def choices_of(visit: Visit, detail: CustomerKeyDetail | None = None) -> Choices:
    """Deployments that the person may see, with what `detail` names already, and workloads."""
    found = await visit.ask(visit.custody.deployments.list, size=_MOST, newest_first=True)
    keys = {
        each.deployment.id: f"{each.key.name or '[blank]'}: {each.deployment.name} at {each.deployment.vault}"
        for each in found.items
        if each.deployment.abandoned_at is None
    }
    for named in () if detail is None else detail.keys:
        keys.setdefault(
            named.deployment or named.identifier or "", named.identifier or f"deployment {named.deployment}"
        )
    return Choices(
        [("", "choose a deployment"), *keys.items()], [(each.name, each.title) for each in WORKLOADS.values()]
    )


def showing(detail: CustomerKeyDetail) -> Form:
    """The form, filled in as a request is."""
    contacts: Mapping[str, Any] = json.loads(detail.request.contacts)
    people = {"primary": contacts.get("primary_contact") or {}}
    people |= {f"officer_{number}": each for number, each in enumerate(contacts.get("authorized_officers") or (), 1)}
    values = {f"{prefix}_{part}": person.get(part, "") for prefix, person in people.items() for part in _PERSON}
    for number, key in enumerate(detail.keys, 1):
        values |= {
            f"deployment_{number}": key.deployment or key.identifier,
            f"subscription_{number}": key.subscription_id,
        }
    return Form.showing(
        organization_id=detail.request.organization_id,
        organization=contacts.get("organization", ""),
        workloads=json.loads(detail.request.workloads),
        **values,
    )


def keys_in(form: Form, detail: CustomerKeyDetail | None = None) -> tuple[RequestedKey, ...]:
    """
    Args:
        detail: the request as it is; a key that it names by identifier alone may stay.

    Raises:
        InvalidInput: one is not chosen.
    """
    named = set() if detail is None else {key.identifier for key in detail.keys if key.deployment is None}
    return tuple(_key(form, number, named) for number in _NUMBERS)


@contextmanager
def beside_its_field() -> Iterator[None]:
    """Have what custody refuses of the keys shown beside the form's fields.

    Raises:
        InvalidInput: what was refused; names the form's field.
    """
    try:
        yield
    except InvalidInput as refusal:
        head, _, rest = (refusal.field or "").partition(".")
        if head != "keys":
            raise
        index, _, member = rest.partition(".")
        number = int(index) + 1 if index else len(_NUMBERS)
        field = f"{'subscription' if member == 'subscription_id' else 'deployment'}_{number}"
        raise InvalidInput(refusal.detail, code=refusal.code, field=field, advice=refusal.advice) from None


def _key(form: Form, number: int, named: set[str | None]) -> RequestedKey:
    chosen, subscription = form.optional(f"deployment_{number}"), form.text(f"subscription_{number}")
    if chosen is None:
        raise InvalidInput(
            f"Key {number} is not chosen.", field=f"deployment_{number}", advice="Choose where it is deployed."
        )
    if chosen in named:
        return RequestedKey(identifier=chosen, subscription_id=subscription)
    return RequestedKey(deployment=chosen, subscription_id=subscription)


def contacts_in(form: Form) -> dict[str, Any]:
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
