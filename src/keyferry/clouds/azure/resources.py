"""The management plane's vaults and Managed HSMs as facts, and the names of resources."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from keyferry.clouds.azure.facts import Grant, NewVault, VaultConfiguration
from keyferry.clouds.azure.grants import permissions_of_policy
from keyferry.errors import InvalidInput

if TYPE_CHECKING:  # the SDK is loaded when it is used
    from azure.mgmt.keyvault.models import ManagedHsm, Vault

_RESOURCE: Final = re.compile(
    r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/[^/]+/[^/]+/([^/]+)\Z", re.IGNORECASE
)
_NAME: Final = re.compile(r"(?=.{3,24}\Z)[A-Za-z](?!.*--)[A-Za-z0-9-]*[A-Za-z0-9]\Z", re.ASCII)
_POLICY: Final = "access policy"


@dataclass(frozen=True, slots=True)
class ResourceId:
    """Where a vault lies."""

    subscription_id: str
    resource_group: str
    name: str

    @classmethod
    def read(cls, text: str) -> "ResourceId":
        """`/subscriptions/…/resourceGroups/…/providers/Microsoft.KeyVault/vaults/…` taken apart.

        Raises:
            ValueError: it is no such id.
        """
        match = _RESOURCE.match(text)
        if match is None:
            raise ValueError("no resource id")
        return cls(*match.groups())


def require_new_vault(new: NewVault) -> None:
    """Refuse what Azure would refuse, before anything is asked of it.

    Raises:
        InvalidInput: the name or the retention will not do.
    """
    if not _NAME.match(new.name):
        raise InvalidInput(
            "The vault's name is not 3 to 24 letters, digits and single dashes, beginning with a letter",
            field="name",
            advice="Choose another name; it has to be free in all of Azure.",
        )
    if not 7 <= new.retention_days <= 90:
        raise InvalidInput(
            f"The vault's retention of {new.retention_days} days is not from 7 to 90",
            field="retention_days",
            advice="Give 90 for a Customer Key; it cannot be changed afterwards.",
        )


def vault_fact(vault: "Vault", grants: tuple[Grant, ...] | None) -> VaultConfiguration:
    """A vault.

    Raises:
        ValueError: it tells no id, or none that can be read.
    """
    place, properties = ResourceId.read(vault.id or ""), vault.properties
    return VaultConfiguration(
        resource_id=vault.id or "",
        subscription_id=place.subscription_id,
        resource_group=place.resource_group,
        name=vault.name or place.name,
        url=(properties.vault_uri or "").rstrip("/").lower(),
        location=vault.location or "",
        tenant_id=properties.tenant_id,
        sku=_text(properties.sku.name).lower(),
        soft_delete=properties.enable_soft_delete is not False,  # on unless said otherwise, since 2020
        retention_days=properties.soft_delete_retention_in_days,
        purge_protection=bool(properties.enable_purge_protection),
        rbac=bool(properties.enable_rbac_authorization),
        public_network_access=properties.public_network_access,
        grants=grants,
    )


def managed_hsm_fact(hsm: "ManagedHsm") -> VaultConfiguration:
    """A Managed HSM. Its grants are kept in the HSM itself, not on the management plane: they are not seen here.

    Raises:
        ValueError: it tells no id or no properties.
    """
    place, properties = ResourceId.read(hsm.id or ""), hsm.properties
    if properties is None:
        raise ValueError("a Managed HSM without properties")
    return VaultConfiguration(
        resource_id=hsm.id or "",
        subscription_id=place.subscription_id,
        resource_group=place.resource_group,
        name=hsm.name or place.name,
        url=(properties.hsm_uri or "").rstrip("/").lower(),
        location=hsm.location or "",
        tenant_id=properties.tenant_id or "",
        sku="managed-hsm",
        soft_delete=properties.enable_soft_delete is not False,
        retention_days=properties.soft_delete_retention_in_days,
        purge_protection=bool(properties.enable_purge_protection),
        rbac=True,
        public_network_access=properties.public_network_access,
        grants=None,
    )


def policy_grants(vault: "Vault") -> tuple[Grant, ...]:
    """What a vault's access policies allow."""
    return tuple(
        Grant(
            principal_id=each.object_id.lower(),
            permissions=permissions_of_policy(_text(word) for word in each.permissions.keys_property or ()),
            via=_POLICY,
            scope=vault.id or "",
        )
        for each in vault.properties.access_policies or ()
    )


def _text(value: Any) -> str:
    """Text, or the text of one of the SDK's enumerations, which it uses for the values that it knows."""
    return str(getattr(value, "value", value))
