"""The rules for one key of the pair, in the order in which they are told; adding one is adding a row.

Source: learn.microsoft.com/purview/customer-key-set-up (Premium, soft delete, purge protection, recovery level, type of
key, key operations, expiry, permissions of the service principals).
A rule that depends on what was not found says nothing: the rule that looks for it has failed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from keyferry.emulator import clock
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys.kinds import Kind
from keyferry.emulator.keys.material import RsaPublic
from keyferry.emulator.keys.rows import Version
from keyferry.emulator.management import access
from keyferry.emulator.management.subscriptions import Subscription, SubscriptionState
from keyferry.emulator.management.vault import FULL_RETENTION_DAYS, Vault
from keyferry.emulator.onboarding.content import Scenario
from keyferry.emulator.onboarding.findings import Finding
from keyferry.emulator.onboarding.members import Member

NEVER: Final = 253402300799
"""9999-12-31T23:59:59Z in Unix seconds: the one expiry that a Customer Key may have."""
SIZES: Final = (2048, 3072, 4096)
OPERATIONS: Final = ("wrapKey", "unwrapKey")
PERMISSIONS: Final = ("get", "wrapKey", "unwrapKey")
INELIGIBLE: Final = (
    "FreeTrial",
    "LightweightTrial",
    "AzurePass",
    "Sponsored",
    "MSDN",
    "DreamSpark",
    "AzureForStudents",
)
"""What a quota id begins with, of the offers that are not paid: free, trial, sponsorship, MSDN, students'."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule's word: what is so, and what to do about it if it is not as it must be."""

    detail: str
    remedy: str | None = None


Rule = Callable[[Member, Scenario], Judged | None]


def findings(member: Member, scenario: Scenario) -> Iterator[Finding]:
    """Every rule's finding about one key of the pair."""
    for validation, rule in RULES.items():
        judged = rule(member, scenario)
        if judged is not None:
            yield Finding(
                validation=validation, subject=_subject(validation, member), detail=judged.detail, remedy=judged.remedy
            )


def _subject(validation: str, member: Member) -> str:
    return member.subscription_id if validation.startswith("Subscription") else member.identifier


def _of_subscription(judge: Callable[[Subscription], Judged]) -> Rule:
    return lambda member, _: None if member.subscription is None else judge(member.subscription)


def _of_vault(judge: Callable[[Vault, Member], Judged]) -> Rule:
    return lambda member, _: None if member.vault is None else judge(member.vault, member)


def _of_key(judge: Callable[[Version, Member], Judged]) -> Rule:
    return lambda member, _: None if member.key is None else judge(member.key, member)


def _subscription_exists(member: Member, _: Scenario) -> Judged:
    if member.subscription is not None:
        return Judged(f"The subscription is {member.subscription.name}.")
    return Judged("There is no such subscription in the tenant.", "Give an id that `az account list` shows.")


def _subscription_enabled(subscription: Subscription) -> Judged:
    if subscription.state is SubscriptionState.ENABLED:
        return Judged("It is enabled.")
    place = f"/subscriptions/{subscription.id}/providers/Microsoft.Subscription/enable"
    remedy = f"az rest --method post --url '{place}?api-version=2021-10-01'"
    return Judged(f"Its state is {subscription.state}.", remedy)


def _subscription_eligible(subscription: Subscription) -> Judged:
    if subscription.quota_id.lower().startswith(tuple(each.lower() for each in INELIGIBLE)):
        return Judged(
            f"Its offer, {subscription.quota_id}, is not eligible.",
            "Use a paid subscription: no free, trial, sponsorship, MSDN or student's offer.",
        )
    return Judged(f"Its offer is {subscription.quota_id}.")


def _vault_found(member: Member, _: Scenario) -> Judged:
    if member.vault is not None:
        return Judged(f"The vault is {member.vault.name}.")
    return Judged(
        f"No vault was found: {member.problem}.",
        "Give the key's identifier as `az keyvault key show` tells it (key.kid).",
    )


def _vault_in_subscription(vault: Vault, member: Member) -> Judged:
    if vault.subscription_id == member.subscription_id:
        return Judged("The vault is in the subscription that is named with it.")
    return Judged(
        f"The vault {vault.name} is in the subscription {vault.subscription_id}, not in {member.subscription_id}.",
        f"Give {vault.subscription_id} as Subscription{member.number}, or a key of a vault in the other subscription.",
    )


def _premium(vault: Vault, _: Member) -> Judged:
    if vault.sku == "premium":
        return Judged("The vault's SKU is Premium.")
    remedy = f"az keyvault update --name {vault.name} --set properties.sku.name=premium"
    return Judged(f"The vault's SKU is {vault.sku.capitalize()}.", remedy)


def _retention(vault: Vault, _: Member) -> Judged:
    if vault.retention_days == FULL_RETENTION_DAYS:
        return Judged(f"Soft delete keeps what is deleted for {vault.retention_days} days.")
    return Judged(
        f"Soft delete keeps what is deleted for {vault.retention_days} days, not {FULL_RETENTION_DAYS}.",
        "The retention of a vault cannot be changed: make another with --retention-days 90.",
    )


def _purge_protection(vault: Vault, _: Member) -> Judged:
    if vault.purge_protection:
        return Judged("Purge protection is on.")
    remedy = f"az keyvault update --name {vault.name} --enable-purge-protection true"
    return Judged("Purge protection is off.", remedy)


def _recovery_level(member: Member, scenario: Scenario) -> Judged | None:
    if member.vault is None:
        return None
    level = member.vault.recovery_level
    protected = "Recoverable+ProtectedSubscription"
    wanted = (protected,) if scenario.needs_protected_subscription else ("Recoverable", protected)
    if level in wanted:
        return Judged(f"The recovery level is {level}.")
    return Judged(
        f"The recovery level is {level}, not {' or '.join(wanted)}.",
        "az feature register --namespace Microsoft.Resources --name mandatoryRetentionPeriodEnabled"
        if scenario.needs_protected_subscription
        else "Use a vault with purge protection and 90 days of retention.",
    )


def _key_found(member: Member, _: Scenario) -> Judged | None:
    if member.vault is None:
        return None
    if member.key is not None:
        return Judged(f"The key's version is {member.key.version}.")
    return Judged(member.problem, "Give the identifier of a key that is there, or recover it.")


def _type(key: Version, _: Member) -> Judged:
    if key.kind in (Kind.RSA, Kind.RSA_HSM):
        return Judged(f"The key's type is {key.kind}.")
    return Judged(f"The key's type is {key.kind}, which does not wrap.", "Use a key of type RSA-HSM.")


def _size(key: Version, _: Member) -> Judged:
    bits = key.public.n.bit_length() if isinstance(key.public, RsaPublic) else None
    if bits in SIZES:
        return Judged(f"The key has {bits} bits.")
    return Judged(f"The key is no RSA key of {', '.join(map(str, SIZES))} bits.", "Use an RSA key of such a size.")


def _enabled(key: Version, member: Member) -> Judged:
    if key.enabled:
        return Judged("The key is enabled.")
    return Judged("The key is disabled.", f"az keyvault key set-attributes --id {member.identifier} --enabled true")


def _expiry(key: Version, member: Member) -> Judged:
    if key.expires is None:
        return Judged("The key has no expiry.")
    if key.expires == NEVER:
        return Judged("The key's expiry is 9999-12-31T23:59:59Z.")
    return Judged(
        "The key has an expiry other than 9999-12-31T23:59:59Z.",
        f"az keyvault key set-attributes --id {member.identifier} --expires 9999-12-31T23:59:59Z",
    )


def _not_before(key: Version, member: Member) -> Judged:
    if key.not_before is None or key.not_before <= clock.now():
        return Judged("The key may be used now.")
    remedy = f"az keyvault key set-attributes --id {member.identifier} --not-before 2020-01-01T00:00:00Z"
    return Judged("The key may not be used yet (nbf).", remedy)


def _operations(key: Version, member: Member) -> Judged:
    missing = [each for each in OPERATIONS if each not in key.operations]
    if not missing:
        return Judged(f"The key's operations are {', '.join(key.operations)}.")
    remedy = f"az keyvault key set-attributes --id {member.identifier} --ops wrapKey unwrapKey"
    return Judged(f"The key's operations do not have {' and '.join(missing)}.", remedy)


def _may(word: str) -> Rule:
    def judge(member: Member, _: Scenario) -> Judged | None:
        if member.vault is None or member.name is None or member.call is None:
            return None
        principal = member.call.principal
        try:
            access.require(member.call.state, member.vault, principal, word, member.name)
        except AzureFailure:
            remedy = _grant(member.vault, principal.object_id)
            return Judged(f"{principal.name} ({principal.app_id}) may not {word}.", remedy)
        return Judged(f"{principal.name} ({principal.app_id}) may {word}.")

    return judge


def _grant(vault: Vault, object_id: str) -> str:
    if vault.rbac:
        return (
            'az role assignment create --role "Key Vault Crypto Service Encryption User" '
            f"--assignee-object-id {object_id} --assignee-principal-type ServicePrincipal --scope {vault.resource_id}"
        )
    words = " ".join(PERMISSIONS)
    return f"az keyvault set-policy --name {vault.name} --object-id {object_id} --key-permissions {words}"


RULES: Final[dict[str, Rule]] = {
    "SubscriptionExists": _subscription_exists,
    "SubscriptionEnabled": _of_subscription(_subscription_enabled),
    "SubscriptionEligible": _of_subscription(_subscription_eligible),
    "VaultFound": _vault_found,
    "VaultInSubscription": _of_vault(_vault_in_subscription),
    "VaultPremium": _of_vault(_premium),
    "VaultSoftDelete90Days": _of_vault(_retention),
    "VaultPurgeProtection": _of_vault(_purge_protection),
    "KeyRecoveryLevel": _recovery_level,
    "KeyFound": _key_found,
    "KeyType": _of_key(_type),
    "KeySize": _of_key(_size),
    "KeyEnabled": _of_key(_enabled),
    "KeyExpiry": _of_key(_expiry),
    "KeyNotBefore": _of_key(_not_before),
    "KeyOperations": _of_key(_operations),
    "ServicePrincipalMayGet": _may("get"),
    "ServicePrincipalMayWrapKey": _may("wrapKey"),
    "ServicePrincipalMayUnwrapKey": _may("unwrapKey"),
}
