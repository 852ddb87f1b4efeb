"""The commands that lines of a check hand out, quoted for a POSIX shell.

What they name comes from the cloud, so that each value is quoted, whatever it holds. Words in capitals stand for what
only the person can know. Principals are named by object id where it is known: Microsoft Graph is then not asked, which
not everybody may ask, and to which not every network leads.
"""

import shlex
from collections.abc import Collection
from datetime import UTC, datetime

from keyferry.clouds.azure.facts import Grant
from keyferry.customer_key.pair import Member, Unread
from keyferry.customer_key.workloads import (
    MANAGED_HSM_ROLE,
    PERMISSIONS,
    VAULT_ROLE,
    Workload,
)

LAST_MOMENT = 253402300799
"""9999-12-31T23:59:59Z in Unix seconds: the one expiry that onboarding takes."""


def command(*words: str) -> str:
    """A command line of these words."""
    return shlex.join(words)


def show_subscription(subscription_id: str) -> str:
    """Shows state, tenant and offer of a subscription."""
    address = f"/subscriptions/{subscription_id}?api-version=2022-12-01"  # below az's own cloud
    return command("az", "rest", "--method", "get", "--url", address)


def enable_subscription(subscription_id: str) -> str:
    """Enables a subscription that was cancelled; `az account subscription` would need an extension."""
    address = f"/subscriptions/{subscription_id}/providers/Microsoft.Subscription/enable?api-version=2021-10-01"
    return command("az", "rest", "--method", "post", "--url", address)


def see_vault(member: Member) -> str:
    """Gives the person who runs the check the right to see the vault's configuration."""
    scope = f"/subscriptions/{member.subscription_id or 'SUBSCRIPTION-ID'}"
    return command("az", "role", "assignment", "create", "--assignee", "YOU", "--role", "Reader", "--scope", scope)


def see_key(member: Member) -> str:
    """Shows the key to somebody who may see it."""
    return command("az", "keyvault", "key", "show", "--id", member.reference.text)


def new_vault(member: Member, subscription_id: str = "", location: str = "LOCATION") -> str:
    """Makes a vault that will do, where the present one never can."""
    subscription = subscription_id or member.subscription_id or "SUBSCRIPTION-ID"
    return command(
        *("az", "keyvault", "create", "--name", "NEW-VAULT", "--resource-group", "GROUP", "--location", location),
        *("--subscription", subscription, "--sku", "premium", "--retention-days", "90"),
        *("--enable-purge-protection", "true"),
    )


def update_vault(member: Member, *change: str) -> str:
    """Changes the vault or Managed HSM."""
    managed = member.reference.managed_hsm
    head = ("update-hsm", "--hsm-name") if managed else ("update", "--name")
    return command("az", "keyvault", *head, member.vault_name, *_in_subscription(member), *change)


def update_key(member: Member, *change: str) -> str:
    """Changes the key version's attributes."""
    return command("az", "keyvault", "key", "set-attributes", "--id", member.reference.text, *change)


def push_again(member: Member) -> str:
    """Puts another key of Keyferry's into the same vault, or into one that will do."""
    place = ("--vault", member.reference.vault_url, "--name", "NEW-NAME")
    return command("keyferry", "azure", "push", "KEY", *place, "--for-customer-key")


def back_up(member: Member) -> str:
    """Takes a vault backup: through Keyferry where it made the deployment, else with az."""
    file = f"{member.reference.name}.backup"
    if member.deployment is not None:
        return command("keyferry", "azure", "backup", member.deployment, "--output", file)
    key = f"{member.reference.vault_url}/keys/{member.reference.name}"
    return command("az", "keyvault", "key", "backup", "--id", key, "--file", file)


def register_principal(application_id: str) -> str:
    """Registers an application's service principal in the tenant; it is needed once."""
    return command("az", "ad", "sp", "create", "--id", application_id)


def show_principal(application_id: str) -> str:
    """Shows the object id of an application's service principal."""
    return command("az", "ad", "sp", "show", "--id", application_id, "--query", "id", "--output", "tsv")


def grant(member: Member, workload: Workload, object_id: str | None, *, rbac: bool) -> str:
    """Gives a workload's service principal what it needs, in the vault's own way of granting."""
    if member.reference.managed_hsm:
        return command(
            *("az", "keyvault", "role", "assignment", "create", "--hsm-name", member.vault_name),
            *("--role", MANAGED_HSM_ROLE, "--assignee", object_id or workload.application_id),
            *("--scope", f"/keys/{member.reference.name}"),
        )
    if not rbac:
        named = ("--object-id", object_id) if object_id else ("--spn", workload.application_id)
        head = ("az", "keyvault", "set-policy", "--name", member.vault_name, *_in_subscription(member))
        return command(*head, *named, "--key-permissions", *PERMISSIONS)
    whom = (
        ("--assignee-object-id", object_id, "--assignee-principal-type", "ServicePrincipal")
        if object_id
        else ("--assignee", workload.application_id)
    )
    return command("az", "role", "assignment", "create", "--role", VAULT_ROLE, *whom, "--scope", resource_id(member))


def withdraw(member: Member, grant: Grant, unwanted: Collection[str], *, rbac: bool) -> str:
    """Takes away what somebody should not have: a role as a whole; of an access policy the words in `unwanted`."""
    if member.reference.managed_hsm:
        local = ("az", "keyvault", "role", "assignment", "delete", "--hsm-name", member.vault_name)
        return command(*local, "--assignee", grant.principal_id, "--role", grant.via)
    if rbac:
        head = ("az", "role", "assignment", "delete", "--assignee-object-id", grant.principal_id)
        return command(*head, "--role", grant.via, "--scope", grant.scope)
    place = ("--name", member.vault_name, *_in_subscription(member), "--object-id", grant.principal_id)
    kept = sorted(word for word in grant.permissions if word.lower() not in unwanted)
    if not kept:
        return command("az", "keyvault", "delete-policy", *place)
    return command("az", "keyvault", "set-policy", *place, "--key-permissions", *kept)


def list_grants(member: Member) -> str:
    """Lists who may do what at the vault."""
    if member.reference.managed_hsm:
        return command("az", "keyvault", "role", "assignment", "list", "--hsm-name", member.vault_name)
    head = ("az", "role", "assignment", "list", "--include-inherited", "--fill-principal-name", "false")
    return command(*head, "--scope", resource_id(member))


def resource_id(member: Member) -> str:
    """The vault's resource id, as far as it is known."""
    if not isinstance(member.vault, Unread):
        return member.vault.resource_id
    subscription = member.subscription_id or "SUBSCRIPTION-ID"
    vaults = f"resourceGroups/GROUP/providers/Microsoft.KeyVault/vaults/{member.vault_name}"
    return f"/subscriptions/{subscription}/{vaults}"


def moment(seconds: int) -> str:
    """A time as az takes it and people read it: `2030-01-31T12:00:00Z`."""
    if seconds == LAST_MOMENT:
        return "9999-12-31T23:59:59Z"
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):  # beyond what a calendar holds
        return f"{seconds} s after 1970"


def _in_subscription(member: Member) -> tuple[str, ...]:
    return () if member.subscription_id is None else ("--subscription", member.subscription_id)
