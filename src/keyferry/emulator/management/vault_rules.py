"""What a vault may be called, and what of it may change."""

import sqlite3
from dataclasses import replace

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management.vault import Vault
from keyferry.emulator.management.vault_settings import VaultSettings


def require_free(connection: sqlite3.Connection, subscription_id: str, name: str) -> None:
    """Raises AzureFailure 409 VaultAlreadyExists, ConflictError for a soft-deleted one of the same subscription's."""
    row = connection.execute("SELECT subscription_id, deleted FROM vaults WHERE name = ?", (name,)).fetchone()
    if row is None:
        return
    if row["deleted"] is None or row["subscription_id"] != subscription_id:
        raise taken(name)
    raise AzureFailure(
        409,
        "ConflictError",
        "A vault with the same name already exists in deleted state. You need to either recover or purge existing key "
        f"vault: `az keyvault recover --name {name}` or, without purge protection, `az keyvault purge --name {name}`.",
    )


def taken(name: str) -> AzureFailure:
    """The refusal of a name that a vault has, here or anywhere."""
    return AzureFailure(
        409,
        "VaultAlreadyExists",
        f"The vault name '{name}' is already in use. Vault names are globally unique so it is possible that the name "
        "is already taken, or that a vault with the same name was recently deleted and not purged. Choose another "
        "name, or recover or purge that vault.",
    )


def changed(vault: Vault, settings: VaultSettings) -> Vault:
    """The vault with what both PUT and PATCH may change.

    Raises:
        AzureFailure: 400 BadRequest for another tenant or another retention.
    """
    require_tenant(settings, vault.tenant_id, optional=True)
    if settings.retention_days not in (None, vault.retention_days):
        raise AzureFailure(
            400,
            "BadRequest",
            'The property "softDeleteRetentionInDays" has been set already and it can\'t be modified. It is '
            f"{vault.retention_days}.",
        )
    return replace(
        vault,
        sku=settings.sku or vault.sku,
        purge_protection=settings.purge_protection or vault.purge_protection,
        rbac=vault.rbac if settings.rbac is None else settings.rbac,
        access_policies=vault.access_policies if settings.access_policies is None else settings.access_policies,
    )


def require_tenant(settings: VaultSettings, tenant_id: str, *, optional: bool = False) -> None:
    """Raises AzureFailure 400 BadRequest, unless the tenant that was given is the one there is."""
    if settings.tenant_id == tenant_id or (optional and settings.tenant_id is None):
        return
    given = "missing" if settings.tenant_id is None else f"'{settings.tenant_id}'"
    raise AzureFailure(
        400,
        "BadRequest",
        f"An invalid value was provided for 'properties.tenantId': it is {given}, and the subscription's tenant is "
        f"'{tenant_id}'.",
    )


def require_own_policies(vault: Vault) -> None:
    """Raises AzureFailure 400 BadRequest for an access policy of another tenant's object."""
    for policy in vault.access_policies:
        if policy.tenant_id != vault.tenant_id:
            raise AzureFailure(
                400,
                "BadRequest",
                f"An invalid value was provided for 'accessPolicies': the tenant '{policy.tenant_id}' of the object "
                f"'{policy.object_id}' is not the vault's, '{vault.tenant_id}'.",
            )
