"""Customer Key offers: what was submitted, and what the verification of each found, field by field."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
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


_OF_BOTH: Final = frozenset({"SubscriptionsDiffer", "KeysDiffer"})
_GRANT: Final = (
    "In the vault's Access control (IAM), make the workload's application Key Vault Crypto Service Encryption User, or "
    "let it get, wrapKey and unwrapKey where access policies decide."
)
ADVICE: Final = {
    "SubscriptionExists": "Choose a subscription of the list.",
    "VaultFound": "Copy the Key Identifier from the page of the key's version.",
    "VaultPremium": "Import the key into a vault of the pricing tier Premium.",
    "VaultSoftDelete90Days": "Import the key into a vault that retains deleted ones for 90 days; it cannot be changed.",
    "VaultPurgeProtection": "Enable purge protection on the vault's overview.",
    "KeyEnabled": "Enable the version on its page.",
    "ServicePrincipalMayGet": _GRANT,
    "ServicePrincipalMayWrapKey": _GRANT,
    "ServicePrincipalMayUnwrapKey": _GRANT,
}
"""What to do about a finding in the portal, where that is other than a command for `az`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One finding as a person reads it. `advice` is empty for one that passed; `command` does the same with `az`."""

    detail: str
    advice: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What the verification found about one field; without a `name`, about the offer as a whole."""

    name: str
    label: str
    value: str
    failed: tuple[Found, ...]
    passed: tuple[Found, ...]


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
    failed = _by_field(record, record.failed)
    passed = _by_field(record, record.passed)
    values = values_of(record)
    labels = {**FIELDS, WHOLE: "Contact information"}
    return [
        Verified(
            name=name,
            label=label,
            value=values.get(name, ""),
            failed=tuple(failed.get(name, ())),
            passed=tuple(passed.get(name, ())),
        )
        for name, label in labels.items()
        if name in failed or name in passed
    ]


def values_of(record: OnboardingRecord) -> dict[str, str]:
    """What an offer says, by field."""
    document = record.content.document()
    contacts = document["Contacts"] if isinstance(document["Contacts"], dict) else {}
    return {name: _found(contacts, name) if name in CONTACT_FIELDS else str(document[name]) for name in FIELDS}


def problems_of(record: OnboardingRecord) -> dict[str, str]:
    """What to correct in an offer, by field; a line for each remedy."""
    return {
        each.name: "\n".join(f"{one.detail} {one.advice}" for one in each.failed)
        for each in verified(record)
        if each.failed
    }


def _found(contacts: dict[str, Any], name: str) -> str:
    value: Any = contacts
    for part in name.replace("[0]", ".0").split("."):
        if isinstance(value, list):
            value = value[0] if value else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _by_field(record: OnboardingRecord, findings: Iterable[dict[str, Any]]) -> dict[str, list[Found]]:
    """Findings by the field that they are about. Where two fields say the same, each has its own in its turn."""
    sorted_out: dict[str, list[Found]] = {}
    turns: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        fields = _fields_of(finding, record)
        if finding["Validation"] == "VaultInSubscription":
            fields = [name for name in fields if _is_elsewhere(record, name[-1]) is ("Remedy" in finding)] or fields
        if len(fields) > 1 and finding["Validation"] not in _OF_BOTH:
            turn = (finding["Validation"], finding["Subject"])
            fields = [fields[turns[turn] % len(fields)]]
            turns[turn] += 1
        for name in fields:
            sorted_out.setdefault(name, []).append(_read(finding))
    return {name: _merged(found) for name, found in sorted_out.items()}


def _merged(found: list[Found]) -> list[Found]:
    """What one remedy mends is told at once."""
    merged: list[Found] = []
    for each in found:
        before = merged[-1] if merged else None
        if before is not None and each.advice and (before.advice, before.command) == (each.advice, each.command):
            merged[-1] = replace(before, detail=f"{before.detail} {each.detail}")
        else:
            merged.append(each)
    return merged


def _is_elsewhere(record: OnboardingRecord, number: str) -> bool:
    """Whether the vault of the first or second key was found in another subscription than the one named with it."""
    ends = f"not in {record.content.subscriptions[int(number) - 1]}."
    return any(each["Validation"] == "VaultInSubscription" and each["Detail"].endswith(ends) for each in record.failed)


def _read(finding: dict[str, Any]) -> Found:
    subject, remedy = str(finding["Subject"]), str(finding.get("Remedy", ""))
    label = FIELDS.get(subject.removeprefix("Contacts."), subject)
    if not remedy:
        return Found(detail=finding["Detail"])
    if finding["Validation"] == "ContactInformation":
        return Found(detail=finding["Detail"].replace(subject, label), advice="Correct it.")
    is_command = remedy.startswith("az ")
    advice = ADVICE.get(finding["Validation"], f"Run: {remedy}" if is_command else remedy)
    return Found(detail=finding["Detail"], advice=advice, command=remedy if is_command and remedy not in advice else "")


def _fields_of(finding: dict[str, Any], record: OnboardingRecord) -> list[str]:
    """The fields that a finding is about; `WHOLE` for none of them."""
    subject, content = str(finding["Subject"]), record.content
    if finding["Validation"] == "OrganizationIsTenant":
        return ["OrganizationId"]
    if finding["Validation"] == "ContactInformation":
        name = subject.removeprefix("Contacts.")
        return [name if name in FIELDS else WHOLE]
    pairs = (("Subscription", content.subscriptions), ("KeyIdentifier", content.identifiers))
    named = subject.split(" ")
    return [f"{what}{n}" for what, values in pairs for n, value in enumerate(values, 1) if value in named] or [WHOLE]


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
