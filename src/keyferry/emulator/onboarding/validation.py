"""Everything that is validated of a request, by looking at the emulator's own state."""

from collections.abc import Iterator

from keyferry.emulator.emulator import Emulator
from keyferry.emulator.onboarding import contacts, member_rules
from keyferry.emulator.onboarding.content import Content
from keyferry.emulator.onboarding.findings import Finding
from keyferry.emulator.onboarding.members import Member, look_up


def look_up_pair(emulator: Emulator, content: Content) -> tuple[Member, Member]:
    """Both keys of a request, seen as the scenario's service principal sees them."""
    principal = emulator.directory.by_app_id(content.scenario.application_id)
    assert principal is not None, "every tenant begins with the service principals of Microsoft 365"
    first, second = (
        look_up(emulator, principal, number, subscription, identifier)
        for number, subscription, identifier in zip((1, 2), content.subscriptions, content.identifiers, strict=True)
    )
    return first, second


def validate(emulator: Emulator, content: Content) -> tuple[Finding, ...]:
    """Every finding, in the order in which they are told. Changes nothing."""
    first, second = look_up_pair(emulator, content)
    return (
        _organization(content, emulator.directory.tenant_id),
        *_contacts(content),
        _subscriptions_differ(content),
        _keys_differ(first, second),
        *member_rules.findings(first, content.scenario),
        *member_rules.findings(second, content.scenario),
    )


def _organization(content: Content, tenant_id: str) -> Finding:
    is_tenant = content.organization_id == tenant_id
    return Finding(
        validation="OrganizationIsTenant",
        subject=content.organization_id,
        detail="It is the tenant." if is_tenant else "It is not the tenant of the subscriptions.",
        remedy=None if is_tenant else f"Give the tenant's id, {tenant_id}, as OrganizationId.",
    )


def _contacts(content: Content) -> Iterator[Finding]:
    faults = list(contacts.faults(content.contacts, content.organization_id))
    for field, what in faults:
        yield Finding(
            validation="ContactInformation",
            subject=field,
            detail=f"{field} will not do: {what}.",
            remedy=f"Correct {field}, and validate again.",
        )
    if not faults:
        yield Finding(
            validation="ContactInformation", subject="Contacts", detail="It is complete, and every field well-formed."
        )


def _subscriptions_differ(content: Content) -> Finding:
    differ = content.subscriptions[0] != content.subscriptions[1]
    return Finding(
        validation="SubscriptionsDiffer",
        subject=" ".join(dict.fromkeys(content.subscriptions)),
        detail="They are two." if differ else "Both keys are in one subscription.",
        remedy=None if differ else "Make the second vault and key in another subscription.",
    )


def _keys_differ(first: Member, second: Member) -> Finding:
    differ = _what(first) != _what(second)
    return Finding(
        validation="KeysDiffer",
        subject=" ".join(dict.fromkeys((first.identifier, second.identifier))),
        detail="They are two." if differ else "Both identifiers name one key.",
        remedy=None if differ else "Give the identifiers of two keys, each in a vault of its own.",
    )


def _what(member: Member) -> tuple[str, str]:
    """The key that is meant, whatever its vault was called and whichever version was named."""
    if member.vault is None or member.name is None:
        return "", member.identifier
    return member.vault.name.lower(), member.name.lower()
