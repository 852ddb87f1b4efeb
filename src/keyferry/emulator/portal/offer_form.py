"""Submit an offer: the form that asks Microsoft to activate two keys as a Customer Key; here, its stand-in."""

import re
from typing import Any, Final

from starlette.responses import Response

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import access
from keyferry.emulator.management.subscriptions import Subscriptions
from keyferry.emulator.onboarding import content as contents
from keyferry.emulator.onboarding.content import Mode
from keyferry.emulator.onboarding.requests import OnboardingRequests
from keyferry.emulator.onboarding.routes import READ, STAND_IN
from keyferry.emulator.portal.forms import WHOLE, Refused
from keyferry.emulator.portal.offers import FIELDS, WORKLOADS, problems_of, values_of
from keyferry.emulator.portal.pages import show
from keyferry.emulator.portal.visit import Visit

_MEMBER: Final = re.compile(r"The member (\w+) ")
_TITLES: Final = frozenset({"primary_contact.title", "authorized_officers[0].title", "tenant_domain"})
"""What may be left out."""


def begin(visit: Visit) -> Response:
    """The form: empty, or as an offer that was refused was sent, with what to correct."""
    earlier = OnboardingRequests(visit.emulator).find(visit.asked("from"))
    if earlier is None:
        every = Subscriptions(visit.emulator.state).all()
        values = dict.fromkeys(FIELDS, "") | {"OrganizationId": visit.emulator.directory.tenant_id, "Scenario": "MDEP"}
        values |= {f"Subscription{number}": each.id for number, each in zip((1, 2), every, strict=False)}
        return _form(visit, values)
    return _form(visit, values_of(earlier), Refused(problems_of(earlier)))


def submit(visit: Visit) -> Response:
    """Have the offer verified, and show what was found."""
    values = {name: visit.submitted.text(name) for name in FIELDS}
    try:
        content, mode = contents.read(_body(values))
        for each in content.subscriptions:
            if (found := Subscriptions(visit.emulator.state).find(each)) is not None:
                access.require_action(visit.emulator.state, visit.principal, READ, found.resource_id)
        record, _ = OnboardingRequests(visit.emulator).receive(content, mode, visit.principal)
    except AzureFailure as failure:
        return _form(visit, values, _refused(values, failure))
    told = "The offer was verified." if not record.failed else "The offer was refused. See what to correct."
    return visit.done(told, "customer-key", record.id)


def _body(values: dict[str, str]) -> dict[str, Any]:
    contact, officer = (_person(values, at) for at in ("primary_contact", "authorized_officers[0]"))
    domain = {"tenant_domain": values["tenant_domain"]} if values["tenant_domain"] else {}
    return {
        "OnboardingMode": Mode.VALIDATE.value,
        **{name: values[name] for name in ("OrganizationId", "Scenario")},
        **{
            f"{what}{number}": values[f"{what}{number}"]
            for what in ("Subscription", "KeyIdentifier")
            for number in (1, 2)
        },
        "Contacts": {
            "organization": values["organization"],
            "tenant_id": values["OrganizationId"],
            **domain,
            "primary_contact": contact,
            "authorized_officers": [officer],
        },
    }


def _person(values: dict[str, str], at: str) -> dict[str, str]:
    title = {"title": values[f"{at}.title"]} if values[f"{at}.title"] else {}
    return {**{name: values[f"{at}.{name}"] for name in ("name", "email", "phone")}, **title}


def _refused(values: dict[str, str], failure: AzureFailure) -> Refused:
    """Every field that is empty and must not be; else the field that the refusal names."""
    empty = {name: f"Enter: {label}." for name, label in FIELDS.items() if not values[name] and name not in _TITLES}
    named = _MEMBER.match(failure.message)
    field = named[1] if named and named[1] in FIELDS else WHOLE
    return Refused(empty or {field: failure.message})


def _form(visit: Visit, values: dict[str, str], refused: Refused | None = None) -> Response:
    return show(
        visit,
        "offer_form.html",
        refused=refused,
        values=values,
        labels=FIELDS,
        optional=_TITLES,
        subscriptions=Subscriptions(visit.emulator.state).all(),
        workloads=WORKLOADS,
        stand_in=STAND_IN,
    )
