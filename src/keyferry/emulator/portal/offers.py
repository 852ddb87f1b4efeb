"""Customer Key offers: what was submitted, and what the verification of each found, field by field."""

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.onboarding.content import Mode
from keyferry.emulator.onboarding.requests import OnboardingRecord, OnboardingRequests, Result
from keyferry.emulator.onboarding.routes import STAND_IN
from keyferry.emulator.portal.forms import WHOLE, Refused
from keyferry.emulator.portal.pages import show
from keyferry.emulator.portal.visit import Visit

WORKLOADS: Final = {
    "MDEP": "Microsoft 365 (multi-workload)",
    "EXO": "Exchange",
    "SPO": "SharePoint and OneDrive for Business",
}
CONTACT_FIELDS: Final = {
    "organization": "Organization",
    "tenant_domain": "Tenant domain",
    "primary_contact.name": "Contact name",
    "primary_contact.email": "Contact email",
    "primary_contact.phone": "Contact phone",
    "primary_contact.title": "Contact title",
    "authorized_officers[0].name": "Officer name",
    "authorized_officers[0].email": "Officer email",
    "authorized_officers[0].phone": "Officer phone",
    "authorized_officers[0].title": "Officer title",
}
"""Labels of the contact information, by where it stands in a request."""
FIELDS: Final = {
    "OrganizationId": "Tenant ID",
    "Scenario": "Workload",
    **CONTACT_FIELDS,
    "Subscription1": "Subscription 1",
    "KeyIdentifier1": "Key Identifier 1",
    "Subscription2": "Subscription 2",
    "KeyIdentifier2": "Key Identifier 2",
}
"""Labels of the offer's fields, by where they stand in a request, in the form's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What the verification found about one field; without a `name`, about the offer as a whole."""

    name: str
    label: str
    value: str
    findings: tuple[dict[str, Any], ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong with it."""
        return all("Remedy" not in each for each in self.findings)


def show_all(visit: Visit) -> Response:
    """Every offer, the newest first."""
    records = list(reversed(OnboardingRequests(visit.emulator).all()))
    return show(visit, "offers.html", offers=records, workloads=WORKLOADS, outcome=outcome, stand_in=STAND_IN)


def show_one(visit: Visit) -> Response:
    """One offer, with its verification result."""
    return _page(visit, _record(visit))


def activate(visit: Visit) -> Response:
    """Activate the keys of an offer that was verified."""
    record = _record(visit)
    try:
        found, _ = OnboardingRequests(visit.emulator).receive(record.content, Mode.ENABLE, visit.principal)
    except AzureFailure as failure:
        return _page(visit, record, Refused.because(failure, WHOLE))
    told = "The Customer Key is active." if found.keys is not None else "The Customer Key was not activated."
    return visit.done(told, "customer-key", found.id)


def outcome(record: OnboardingRecord) -> str:
    """What became of an offer, in a word."""
    if record.keys is not None:
        return "Active"
    return "Verified" if record.validation is Result.SUCCESS and not record.failed else "Refused"


def verified(record: OnboardingRecord) -> list[Verified]:
    """What was found about each field, in the form's order; last what is about none of them alone."""
    by_field: dict[str, list[dict[str, Any]]] = {}
    for finding in (*record.failed, *record.passed):
        for name in _fields_of(finding, record):
            by_field.setdefault(name, []).append(finding)
    values = values_of(record)
    named = [
        Verified(name=name, label=label, value=values[name], findings=tuple(by_field[name]))
        for name, label in FIELDS.items()
        if name in by_field
    ]
    others = tuple(finding for name, found in by_field.items() if name not in FIELDS for finding in found)
    return [*named, *([Verified(name="", label="Contact information", value="", findings=others)] if others else [])]


def values_of(record: OnboardingRecord) -> dict[str, str]:
    """What an offer says, by field."""
    document = record.content.document()
    contacts = document["Contacts"] if isinstance(document["Contacts"], dict) else {}
    return {name: _found(contacts, name) if name in CONTACT_FIELDS else str(document[name]) for name in FIELDS}


def problems_of(record: OnboardingRecord) -> dict[str, str]:
    """What to correct in an offer, by field."""
    problems: dict[str, str] = {}
    for each in verified(record):
        failed = [f"{finding['Detail']} {finding['Remedy']}" for finding in each.findings if "Remedy" in finding]
        if failed:
            problems[each.name] = " ".join(failed)
    return problems


def _found(contacts: dict[str, Any], name: str) -> str:
    value: Any = contacts
    for part in name.replace("[0]", ".0").split("."):
        if isinstance(value, list):
            value = value[0] if value else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _fields_of(finding: dict[str, Any], record: OnboardingRecord) -> list[str]:
    """The fields that a finding is about."""
    subject, content = str(finding["Subject"]), record.content
    if finding["Validation"] == "OrganizationIsTenant":
        return ["OrganizationId"]
    if finding["Validation"] == "ContactInformation":
        return [subject.removeprefix("Contacts.")]
    pairs = (("Subscription", content.subscriptions), ("KeyIdentifier", content.identifiers))
    named = subject.split(" ")
    return [f"{what}{n}" for what, values in pairs for n, value in enumerate(values, 1) if value in named] or [subject]


def _record(visit: Visit) -> OnboardingRecord:
    found = OnboardingRequests(visit.emulator).find(visit.part("offer"))
    if found is None:
        raise AzureFailure(404, "RequestNotFound", "There is no such offer.")
    return found


def _page(visit: Visit, record: OnboardingRecord, refused: Refused | None = None) -> Response:
    opens = OnboardingRequests(visit.emulator).keys_that_open(record) if record.keys is not None else ()
    return show(
        visit,
        "offer.html",
        refused=refused,
        offer=record,
        outcome=outcome(record),
        workload=WORKLOADS[record.content.scenario],
        fields_found=verified(record),
        keys=list(zip(record.keys or (), opens, strict=True)),
        stand_in=STAND_IN,
    )
