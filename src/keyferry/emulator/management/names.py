"""The rules for names of vaults and resource groups, and for ids.

Vaults: learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates, 3 to 24 characters, and
Microsoft.KeyVault in azure/azure-resource-manager/management/resource-name-rules. Groups: the same page,
Microsoft.Resources, 1 to 90 characters.
"""

import re
from typing import Final

from keyferry.emulator.failures import AzureFailure

_VAULT: Final = re.compile(r"(?=.{3,24}\Z)[A-Za-z](?!.*--)[A-Za-z0-9-]*[A-Za-z0-9]")
_MANAGED_HSM: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{2,23}")
_GROUP: Final = re.compile(r"[\w.()-]{0,89}[\w()-]")
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def vault_name_advice(name: str) -> str | None:
    """What is wrong with `name` as a vault's, and what to do; None when it is right."""
    if _VAULT.fullmatch(name):
        return None
    return (
        f"The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name "
        "must begin with a letter, end with a letter or digit, and not contain consecutive hyphens."
    )


def require_vault_name(name: str) -> None:
    """Raises AzureFailure 400 VaultNameNotValid, unless `name` may be a vault's."""
    if advice := vault_name_advice(name):
        raise AzureFailure(400, "VaultNameNotValid", advice)


def managed_hsm_name_is_right(name: str) -> bool:
    """Whether `name` may be a managed HSM's, which has no hyphens."""
    return _MANAGED_HSM.fullmatch(name) is not None


def require_group_name(name: str) -> None:
    """Raises AzureFailure 400 InvalidResourceGroup, unless `name` may be a resource group's."""
    if not _GROUP.fullmatch(name):
        raise AzureFailure(
            400,
            "InvalidResourceGroup",
            f"The provided resource group name '{name}' is invalid. It may have 1 to 90 letters, digits, '-', '.', "
            "'_', '(' and ')', and may not end with a period.",
        )


def is_guid(text: str) -> bool:
    """Whether `text` is written as a GUID, in either case."""
    return _GUID.fullmatch(text) is not None
