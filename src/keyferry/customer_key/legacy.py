"""The data sheet of the FastTrack offer, as it was asked for until 2022.

FastTrack only collected registration data: the subscriptions and contacts, from which Microsoft's engineers went on by
e-mail. Whether the offer can still be made is unconfirmed; the sheet also serves SharePoint's onboarding, which goes by
e-mail to this day.
"""

import re
from typing import Final

from keyferry.customer_key.contacts import Contact, Contacts
from keyferry.customer_key.key_rules import PROTECTED
from keyferry.customer_key.onboarding import OnboardingRequest, RequestedKey
from keyferry.customer_key.powershell import quoted
from keyferry.customer_key.workloads import PERMISSIONS, Workload

FEATURE: Final = (
    "Register-AzProviderFeature -FeatureName mandatoryRetentionPeriodEnabled -ProviderNamespace Microsoft.Resources"
)
# What Markdown acts on inside a line; no more, so that ids and addresses can be copied from the source as they are.
_SPECIAL = re.compile(r"([\\`*_\[\]<|~&])")


def sheet(request: OnboardingRequest, contacts: Contacts) -> str:
    """The data sheet of every workload of a request, in Markdown; each workload was an offer of its own."""
    return "\n".join(part for each in request.workloads for part in _offer(request, contacts, each))


def _offer(request: OnboardingRequest, contacts: Contacts, workload: Workload) -> list[str]:
    return [
        f"# {workload.offer}",
        "",
        "Data for the FastTrack offer and for the e-mail that follows it. Unconfirmed: whether FastTrack still takes",
        "the offer. Microsoft answered within five business days.",
        "",
        "## Organisation",
        "",
        *_table(
            ("Legal name", contacts.organization),
            ("Tenant id", request.organization_id),
            ("Tenant domain", contacts.tenant_domain or "to be filled in"),
            ("Workload", workload.title),
        ),
        *_people(contacts),
        *_keys(request, workload),
        *_retention(request, contacts, workload),
    ]


def _people(contacts: Contacts) -> list[str]:
    lines = ["## Primary contact", "", *_table(*_person(contacts.primary))]
    lines += [
        "## Authorised officers",
        "",
        "They may approve the destruction of keys, which makes the data under them unreadable for good.",
        "",
    ]
    for officer in contacts.officers:
        lines += _table(*_person(officer))
    return lines


def _person(person: Contact) -> list[tuple[str, str]]:
    rows = [("Name", person.name), ("E-mail", person.email), ("Telephone", person.phone)]
    return rows if person.title is None else [*rows, ("Title", person.title)]


def _keys(request: OnboardingRequest, workload: Workload) -> list[str]:
    lines = ["## Keys", ""]
    for key in (request.first, request.second):
        lines += _table(
            ("Subscription", key.subscription_id),
            ("Vault", key.reference.vault or key.reference.host),
            ("Key", key.reference.name),
            ("Key identifier", key.reference.text),
        )
    permissions = ", ".join(PERMISSIONS)
    lines += [f"{workload.application} ({workload.application_id}) has {permissions} at both vaults.", ""]
    return lines


def _retention(request: OnboardingRequest, contacts: Contacts, workload: Workload) -> list[str]:
    """The mandatory retention period of the subscriptions: what is run first, and what is mailed then."""
    domain = contacts.tenant_domain or "the tenant's domain"
    return [
        "## Mandatory retention period",
        "",
        "Run this in each subscription; it must not be cancelled afterwards:",
        "",
        "```powershell",
        *(
            line
            for key in (request.first, request.second)
            for line in (f"Set-AzContext -SubscriptionId {quoted(key.subscription_id)}", FEATURE)
        ),
        "```",
        "",
        f"Then write to {workload.mailbox}, with the subject `Customer Key for {_plain(domain)}`, the two subscription",
        "ids, and what this prints in each of them:",
        "",
        "```powershell",
        *(line for key in (request.first, request.second) for line in _feature_lines(key)),
        "```",
        "",
        "When Microsoft has answered, run this in each subscription, and see that the recovery level of both keys is",
        f"`{PROTECTED}`:",
        "",
        "```powershell",
        "Register-AzResourceProvider -ProviderNamespace Microsoft.KeyVault",
        *(
            "(Get-AzKeyVaultKey -VaultName "
            f"{quoted(key.reference.vault or key.reference.host)} -Name {quoted(key.reference.name)}).Attributes"
            for key in (request.first, request.second)
        ),
        "```",
        "",
    ]


def _feature_lines(key: RequestedKey) -> tuple[str, str]:
    show = "Get-AzProviderFeature -FeatureName mandatoryRetentionPeriodEnabled -ProviderNamespace Microsoft.Resources"
    return f"Set-AzContext -SubscriptionId {quoted(key.subscription_id)}", show


def _table(*rows: tuple[str, str]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| {label} | {_escaped(value)} |" for label, value in rows), ""]


def _escaped(text: str) -> str:
    """`text` so that Markdown shows it as it is."""
    return _SPECIAL.sub(r"\\\1", text)


def _plain(text: str) -> str:
    return text.replace("`", "'")
