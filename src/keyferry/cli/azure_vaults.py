"""`keyferry azure vault`: vaults, and who may use the keys in them."""

from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.azure_sign_in import SignIn, signing_in
from keyferry.cli.choices import CUSTOMER_KEY_WORKLOADS
from keyferry.cli.failures import Group
from keyferry.cli.output import Output
from keyferry.cli.progress import working
from keyferry.cli.remote import json_option
from keyferry.errors import InvalidInput

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.clouds.azure.facts import VaultConfiguration

CUSTODIAN_ROLE = "Key Vault Crypto Officer"
_CUSTODIAN_ROLE_WARNING = (
    f"The role {CUSTODIAN_ROLE} allows deleting and purging keys too. For custodians who may not, let access policies "
    "decide (azure vault create --access-policies), or assign a role of your own without them."
)
#: what whoever brings keys needs; neither delete nor purge is among it
CUSTODIAN = ("get", "list", "create", "import", "update", "backup", "restore", "recover")
#: what the proof by use needs of a key that may do it
PROVING = ("wrapKey", "unwrapKey", "encrypt", "decrypt", "sign", "verify")


@click.group("vault", cls=Group)
def vault() -> None:
    """Vaults: make one, look at one, let somebody in."""


@vault.command("create")
@click.argument("name")
@click.option("--subscription", metavar="ID", required=True, help="The subscription.")
@click.option("--resource-group", metavar="NAME", required=True, help="The resource group; made where it is missing.")
@click.option("--location", metavar="REGION", required=True, help="The region, such as westeurope.")
@click.option("--access-policies", is_flag=True, help="Let access policies decide, not role assignments.")
@click.option(
    "--custodian", metavar="OBJECT-ID", help="Who may bring keys, by access policy; neither delete nor purge."
)
@click.option("--retention-days", type=click.IntRange(7, 90), default=90, show_default=True, help="Of deleted keys.")
@click.option("--no-purge-protection", is_flag=True, help="Dangerous: deleted keys can be purged before their time.")
@signing_in
@json_option
def create(
    azure: SignIn,
    name: str,
    subscription: str,
    resource_group: str,
    location: str,
    access_policies: bool,
    custodian: str | None,
    retention_days: int,
    no_purge_protection: bool,
    as_json: bool,
) -> None:
    """Make a Premium vault with purge protection and 90 days of retention."""
    from keyferry.clouds.azure.facts import NewVault
    from keyferry.clouds.azure.management import AzureManagement

    if custodian is not None and not access_policies:
        raise InvalidInput(
            "--custodian goes with --access-policies.",
            field="custodian",
            advice="Let roles be assigned by: keyferry azure vault grant VAULT --custodian OBJECT-ID",
        )
    new = NewVault(
        subscription_id=subscription,
        resource_group=resource_group,
        name=name,
        location=location,
        retention_days=retention_days,
        purge_protection=not no_purge_protection,
        rbac=not access_policies,
    )
    with azure.session() as session, working("Making the vault"):
        management = AzureManagement(session)
        management.create_resource_group(subscription, resource_group, location)
        made = management.create_vault(new)
        if custodian is not None:
            management.grant_policy(made, custodian, (*CUSTODIAN, *PROVING))
            made = management.vault_configuration(made.url, subscription)
    out = Output(as_json=as_json)
    out.facts(_document(made), _rows(made), head=f"Vault {made.name} was made.")
    out.warn(_warnings(made))


@vault.command("show")
@click.argument("vault_", metavar="NAME|URL")
@signing_in
@json_option
def show(azure: SignIn, vault_: str, as_json: bool) -> None:
    """Show a vault's configuration, and who may do what with its keys."""
    from keyferry.clouds.azure.management import AzureManagement

    with azure.session() as session, working("Reading the vault"):
        found = AzureManagement(session).vault_configuration(azure.vault_url(vault_))
    out = Output(as_json=as_json)
    out.facts(_document(found), _rows(found), head=f"Vault {found.name}")
    out.warn(_warnings(found))


@vault.command("grant")
@click.argument("vault_", metavar="NAME|URL")
@click.option("--workload", type=click.Choice(CUSTOMER_KEY_WORKLOADS), help="Let Microsoft 365 use the keys.")
@click.option("--principal", metavar="OBJECT-ID", help="The workload's service principal, where it cannot be seen.")
@click.option("--custodian", metavar="OBJECT-ID", help="Let this principal bring keys.")
@signing_in
@json_option
def grant(
    azure: SignIn, vault_: str, workload: str | None, principal: str | None, custodian: str | None, as_json: bool
) -> None:
    """Let a workload of Microsoft 365, or a custodian, at the keys of a vault."""
    from keyferry.clouds.azure.management import AzureManagement
    from keyferry.customer_key.workloads import PERMISSIONS, VAULT_ROLE

    if (workload is None) == (custodian is None):
        raise InvalidInput("Whom to let in is not said.", field="workload", advice="Give --workload or --custodian.")
    with azure.session() as session, working("Granting"):
        management = AzureManagement(session)
        found = management.vault_configuration(azure.vault_url(vault_))
        permissions: tuple[str, ...]
        if custodian is not None:
            who, permissions, role = custodian, (*CUSTODIAN, *PROVING), CUSTODIAN_ROLE
        else:
            who, permissions, role = _principal(session, str(workload), principal), PERMISSIONS, VAULT_ROLE
        if found.rbac:
            management.grant_role(found, who, role, principal_type="ServicePrincipal" if workload else None)
        else:
            management.grant_policy(found, who, permissions)
        now = management.vault_configuration(found.url, found.subscription_id)
    out = Output(as_json=as_json)
    out.facts(_document(now), _rows(now), head=f"{who} was let in; it takes effect within some minutes.")
    if custodian is not None and found.rbac:
        out.warn([_CUSTODIAN_ROLE_WARNING])


def _principal(session: Any, workload: str, given: str | None) -> str:
    from keyferry.clouds.azure.directory import object_id_of
    from keyferry.customer_key.workloads import workload_named

    found = given or object_id_of(session, workload_named(workload).application_id)
    if found is None:
        raise InvalidInput(
            f"The service principal of {workload} cannot be seen with this sign-in.",
            field="principal",
            advice="Look it up and give it with --principal: "
            f"az ad sp show --id {workload_named(workload).application_id} --query id --output tsv",
        )
    return found


def _warnings(found: "VaultConfiguration") -> list[str]:
    """What makes a vault less than it should be; sentences."""
    warnings = []
    if found.sku == "standard":
        warnings.append("Its pricing tier is Standard, which has no HSM: no transfer file can be imported.")
    if not found.purge_protection:
        warnings.append(
            "It has no purge protection: whoever may purge can destroy keys for good at once. Switch it on: "
            f"az keyvault update --name {found.name} --enable-purge-protection true"
        )
    if found.retention_days is not None and found.retention_days < 90:
        warnings.append(f"Deleted keys are kept for {found.retention_days} days, which cannot be changed any more.")
    if found.grants is None:
        warnings.append("Who may do what with its keys cannot be seen with this sign-in.")
    return warnings


def _document(found: "VaultConfiguration") -> dict[str, Any]:
    grants = None
    if found.grants is not None:
        grants = [
            {
                "principal_id": each.principal_id,
                "permissions": sorted(each.permissions),
                "via": each.via,
                "scope": each.scope,
            }
            for each in found.grants
        ]
    return {
        "id": found.resource_id,
        "name": found.name,
        "url": found.url,
        "subscription_id": found.subscription_id,
        "resource_group": found.resource_group,
        "location": found.location,
        "tenant_id": found.tenant_id,
        "sku": found.sku,
        "retention_days": found.retention_days,
        "purge_protection": found.purge_protection,
        "rbac": found.rbac,
        "grants": grants,
        "warnings": _warnings(found),
    }


def _rows(found: "VaultConfiguration") -> dict[str, Any]:
    rows = {
        "Address": found.url,
        "Subscription": found.subscription_id,
        "Resource group": found.resource_group,
        "Pricing tier": found.sku,
        "Retention": f"{found.retention_days} days",
        "Purge protection": found.purge_protection,
        "Decided by": "role assignments" if found.rbac else "access policies",
    }
    for number, each in enumerate(found.grants or (), 1):
        rows[f"Grant {number}"] = (
            f"{each.principal_id} by {each.via}: {', '.join(sorted(each.permissions)) or 'nothing'}"
        )
    return rows
