"""Rules about the two keys together: one must survive whatever happens to the other."""

from typing import Final

from keyferry.clouds.azure.facts import VaultConfiguration
from keyferry.customer_key import remedies, sources
from keyferry.customer_key.lines import Finding, Weight, fails, passes, unseen
from keyferry.customer_key.pair import Unread
from keyferry.customer_key.permission_rules import CUSTODY, custodians, is_custody
from keyferry.customer_key.rules import Context, PairRule
from keyferry.customer_key.workloads import ONBOARDING_APPLICATION


def _subscriptions(context: Context) -> Finding:
    first, second = context.pair.members
    if first.subscription_id is None or second.subscription_id is None:
        hidden = first if first.subscription_id is None else second
        return unseen(f"The subscription of {hidden.vault_name} is not known.", remedies.see_vault(hidden))
    if first.subscription_id == second.subscription_id:
        found = f"Both vaults are in subscription {first.subscription_id}."
        return fails(found, remedies.new_vault(second, "ANOTHER-SUBSCRIPTION-ID"))
    return passes(f"The subscriptions are {first.subscription_id} and {second.subscription_id}.")


def _tenant(context: Context) -> Finding:
    vaults = _configurations(context)
    if isinstance(vaults, Finding):
        return vaults
    one, other = vaults
    organization = context.pair.organization_id
    if one.tenant_id.lower() != other.tenant_id.lower():
        found = f"{one.name} trusts tenant {one.tenant_id}, {other.name} {other.tenant_id}."
        return fails(found, remedies.new_vault(context.pair.second, "SUBSCRIPTION-ID-IN-THE-TENANT"))
    if organization is not None and organization.lower() != one.tenant_id.lower():
        found = f"The vaults trust tenant {one.tenant_id}; the request is for {organization}."
        return fails(found, remedies.command("az", "login", "--tenant", organization))
    return passes(f"Both vaults trust tenant {one.tenant_id}.")


def _vaults(context: Context) -> Finding:
    first, second = context.pair.members
    if first.reference.host == second.reference.host:
        return fails(f"Both keys are in {first.reference.host}.", remedies.new_vault(second, "ANOTHER-SUBSCRIPTION-ID"))
    vaults = _configurations(context)
    if not isinstance(vaults, Finding) and vaults[0].resource_id.lower() == vaults[1].resource_id.lower():
        found = f"{first.reference.host} and {second.reference.host} are the same vault."
        return fails(found, remedies.new_vault(second, "ANOTHER-SUBSCRIPTION-ID"))
    return passes(f"The vaults are {first.vault_name} and {second.vault_name}.")


def _keys(context: Context) -> Finding:
    first, second = context.pair.members
    if first.reference.text.lower() == second.reference.text.lower():
        return fails(f"{first.reference.text} is named twice.", remedies.push_again(second))
    public_keys: list[bytes] = []
    for member in (first, second):
        if isinstance(member.key, Unread):
            return unseen(member.key.reason, remedies.see_key(member))
        if member.key.public_key is None:
            return unseen(f"The public key of {member.reference.text} is not shown.", remedies.see_key(member))
        public_keys.append(member.key.public_key)
    if public_keys[0] == public_keys[1]:
        return fails("Both vaults hold the same key: whoever gets one copy has both.", remedies.push_again(second))
    return passes("The public keys differ.")


def _configurations(context: Context) -> tuple[VaultConfiguration, VaultConfiguration] | Finding:
    """Both vaults' configurations; or that one cannot be seen."""
    first, second = context.pair.members
    if isinstance(first.vault, Unread):
        return unseen(first.vault.reason, remedies.see_vault(first))
    if isinstance(second.vault, Unread):
        return unseen(second.vault.reason, remedies.see_vault(second))
    return first.vault, second.vault


def _custodians(context: Context) -> Finding:
    vaults = _configurations(context)
    if isinstance(vaults, Finding):
        return vaults
    first, second = context.pair.members
    one, other = (custodians(vault) for vault in vaults)
    if one is None or other is None:
        hidden = first if one is None else second
        return unseen("Who may do what at the vault cannot be seen.", remedies.list_grants(hidden))
    shared = sorted(one & other)
    if shared:
        found = f"These may change the keys of both vaults: {', '.join(shared)}."
        grant = next(
            each for each in vaults[1].grants or () if each.principal_id.lower() == shared[0] and is_custody(each)
        )
        return fails(found, remedies.withdraw(second, grant, CUSTODY, rbac=vaults[1].rbac))
    return passes("Nobody was seen who may change the keys of both vaults.")


def _regions(context: Context) -> Finding:
    vaults = _configurations(context)
    if isinstance(vaults, Finding):
        return vaults
    one, other = (_region(vault.location) for vault in vaults)
    if one == other:
        return fails(f"Both vaults are in {one}.", remedies.new_vault(context.pair.second, location="ANOTHER-REGION"))
    # Which regions Azure pairs changes: Azure itself is asked, instead of a table here that would be wrong one day.
    paired = context.pair.paired_regions
    if isinstance(paired, Unread):
        query = f"[?name=='{one}'].metadata.pairedRegion[].name"
        remedy = remedies.command("az", "account", "list-locations", "--query", query, "--output", "tsv")
        return unseen(f"The vaults are in {one} and {other}. {paired.reason}", remedy)
    if other in {_region(each) for each in paired}:
        found = f"The vaults are in {one} and {other}, which Azure pairs: what befalls one may befall both."
        return fails(found, remedies.new_vault(context.pair.second, location="ANOTHER-REGION"))
    return passes(f"The vaults are in {one} and {other}, which Azure does not pair.")


def _region(location: str) -> str:
    """A region's name in the form of the API: `West Europe` is `westeurope`."""
    return "".join(character for character in location.lower() if character.isalnum())


def _one_workload(context: Context) -> Finding:
    names = ", ".join(each.name for each in context.workloads)
    if len(context.workloads) == 1:
        return passes(f"The pair serves {names} alone.")
    first, second = context.pair.members
    if first.reference.managed_hsm and second.reference.managed_hsm:
        return passes(f"The pair serves {names}; one Managed HSM in each subscription may serve all.")
    return fails(f"The pair serves {names}; each is to have a pair of vaults of its own.", remedies.new_vault(first))


def _onboarding_application(context: Context) -> Finding:
    register = remedies.register_principal(ONBOARDING_APPLICATION)
    if ONBOARDING_APPLICATION in context.pair.absent:
        return fails("The tenant has no service principal of Customer Key Onboarding.", register)
    object_id = context.pair.principals.get(ONBOARDING_APPLICATION)
    if object_id is None:
        reason = "Whether the tenant has the service principal of Customer Key Onboarding cannot be seen."
        return unseen(reason, remedies.show_principal(ONBOARDING_APPLICATION))
    return passes(f"The service principal of Customer Key Onboarding is registered ({object_id}).")


_REQUIRED: Final = (
    ("pair-subscriptions", "The vaults are in two subscriptions.", sources.SET_UP, _subscriptions),
    ("pair-tenant", "Both vaults belong to the tenant that Microsoft 365 uses.", sources.SET_UP, _tenant),
    ("pair-vaults", "The keys are in two vaults.", sources.SET_UP, _vaults),
    # No page of Microsoft's says that a shared key is refused. But the pair is there so that neither custodian, and no
    # one leak, reaches all of it; the same material under both names is one key with two copies.
    ("pair-keys", "The keys are two: their public keys differ.", sources.PRACTICE, _keys),
)
_RECOMMENDED: Final = (
    ("pair-custodians", "Different people look after the two vaults.", sources.SET_UP, _custodians),
    ("pair-regions", "The vaults are in two regions that Azure does not pair.", sources.LEGACY, _regions),
    ("pair-one-workload", "Each workload has a pair of vaults of its own.", sources.SET_UP, _one_workload),
    (
        "pair-onboarding-application",
        "The onboarding service's application is registered in the tenant.",
        sources.RUNBOOKS,
        _onboarding_application,
    ),
)

RULES: Final = tuple(
    PairRule(id=id_, wanted=wanted, weight=weight, source=source, judge=judge)
    for weight, rows in ((Weight.REQUIRED, _REQUIRED), (Weight.RECOMMENDED, _RECOMMENDED))
    for id_, wanted, source, judge in rows
)
"""In the order in which they are told."""
