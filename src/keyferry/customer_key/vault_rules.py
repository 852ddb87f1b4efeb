"""Rules about the vault or Managed HSM that a key is in."""

from collections.abc import Callable
from typing import Final

from keyferry.clouds.azure.facts import VaultConfiguration
from keyferry.customer_key import remedies, sources
from keyferry.customer_key.lines import Finding, Weight, fails, passes, unseen
from keyferry.customer_key.pair import Member, Unread
from keyferry.customer_key.rules import Context, MemberRule

RETENTION_DAYS: Final = 90
MANAGED_HSM: Final = "managed-hsm"

Judge = Callable[[VaultConfiguration, Member], Finding]


def _of_vault(judge: Judge) -> Callable[[Member, Context], Finding]:
    """Judge the vault's configuration, or say that it cannot be seen."""

    def judged(member: Member, _: Context) -> Finding:
        if isinstance(member.vault, Unread):
            return unseen(member.vault.reason, remedies.see_vault(member))
        return judge(member.vault, member)

    return judged


def _in_subscription(vault: VaultConfiguration, member: Member) -> Finding:
    named = member.named_subscription
    if named is None:
        return passes(f"{vault.name} is in subscription {vault.subscription_id}; no other was named.")
    if named.lower() == vault.subscription_id.lower():
        return passes(f"{vault.name} is in subscription {vault.subscription_id}.")
    found = f"{vault.name} is in subscription {vault.subscription_id}, not in {named}, which the request names."
    return fails(found, remedies.command("az", "resource", "show", "--ids", vault.resource_id, "--query", "id"))


def _tier(vault: VaultConfiguration, member: Member) -> Finding:
    if vault.sku.lower() == MANAGED_HSM:
        return passes(f"{vault.name} is a Managed HSM.")
    if vault.sku.lower() == "premium":
        return passes(f"{vault.name} is a Premium vault.")
    found = f"{vault.name} is a {vault.sku} vault: it holds no HSM-protected keys and takes no transfer file."
    return fails(found, remedies.new_vault(member, location=vault.location))


def _soft_delete(vault: VaultConfiguration, member: Member) -> Finding:
    if vault.soft_delete:
        return passes("Soft delete is on.")
    found = "Soft delete is off: what is deleted is gone at once."
    return fails(found, remedies.update_vault(member, "--set", "properties.enableSoftDelete=true"))


def _retention(vault: VaultConfiguration, member: Member) -> Finding:
    days = vault.retention_days
    if days is None:
        return unseen("The vault does not tell how long it keeps what is deleted.", remedies.see_vault(member))
    if days == RETENTION_DAYS:
        return passes(f"What is deleted is kept for {days} days.")
    found = f"What is deleted is kept for {days} days, not {RETENTION_DAYS}; a vault's period cannot be changed later."
    return fails(found, remedies.new_vault(member, location=vault.location))


def _purge_protection(vault: VaultConfiguration, member: Member) -> Finding:
    if vault.purge_protection:
        return passes("Purge protection is on.")
    found = "Purge protection is off: a deleted key can be purged for good."
    return fails(found, remedies.update_vault(member, "--enable-purge-protection", "true"))


def _network(vault: VaultConfiguration, member: Member) -> Finding:
    access = vault.public_network_access
    if access is None:
        show = remedies.command("az", "resource", "show", "--ids", vault.resource_id, "--query", "properties")
        return unseen("Whether the vault takes connections from public networks is not shown.", show)
    if access.lower() == "enabled":
        return passes("Public network access is enabled, so that Microsoft 365 can reach the vault.")
    found = f"Public network access is {access}: Microsoft 365 may not reach the vault."
    return fails(
        found, remedies.update_vault(member, "--public-network-access", "Enabled", "--bypass", "AzureServices")
    )


RULES: Final = (
    MemberRule(
        id="vault-in-subscription",
        wanted="The vault is in the subscription that the request names.",
        weight=Weight.REQUIRED,
        source=sources.RUNBOOKS,
        judge=_of_vault(_in_subscription),
    ),
    MemberRule(
        id="vault-tier",
        wanted="The vault is Premium, or a Managed HSM.",
        weight=Weight.REQUIRED,
        source=sources.SET_UP,
        judge=_of_vault(_tier),
    ),
    MemberRule(
        id="vault-soft-delete",
        wanted="Soft delete is on.",
        weight=Weight.REQUIRED,
        source=sources.SET_UP,
        judge=_of_vault(_soft_delete),
    ),
    MemberRule(
        id="vault-retention",
        wanted="What is deleted is kept for exactly 90 days.",
        weight=Weight.REQUIRED,
        source=sources.SET_UP,
        judge=_of_vault(_retention),
    ),
    MemberRule(
        id="vault-purge-protection",
        wanted="Purge protection is on.",
        weight=Weight.REQUIRED,
        source=sources.SET_UP,
        judge=_of_vault(_purge_protection),
    ),
    MemberRule(
        id="vault-network",
        wanted="Microsoft 365 can reach the vault over the network.",
        weight=Weight.RECOMMENDED,
        source=sources.NETWORK,
        judge=_of_vault(_network),
    ),
)
"""In the order in which they are told."""
