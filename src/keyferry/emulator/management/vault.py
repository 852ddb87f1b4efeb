"""A vault and its access policies, as values, and what recovery level its keys have."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from keyferry.emulator.management.permissions import KEY_PERMISSIONS

FULL_RETENTION_DAYS: Final = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPolicy:
    """What one principal may do in a vault that is governed by access policies.

    `keys` are permission words in lower case. `others` holds what was said of secrets, certificates and storage, as it
    was said: the emulator keeps it and obeys none of it.
    """

    tenant_id: str
    object_id: str
    keys: tuple[str, ...]
    application_id: str | None = None
    others: Mapping[str, Any]

    def same_principal(self, other: "AccessPolicy") -> bool:
        """Whether both are about the same object, and the same application where one acts on its behalf."""
        return (self.object_id, self.application_id) == (other.object_id, other.application_id)

    def as_json(self) -> dict[str, Any]:
        """As Azure Resource Manager shows it: permission words in their documented spelling."""
        words = [KEY_PERMISSIONS[word].word if word in KEY_PERMISSIONS else word for word in self.keys]
        application = {} if self.application_id is None else {"applicationId": self.application_id}
        return {
            "tenantId": self.tenant_id,
            "objectId": self.object_id,
            **application,
            "permissions": {"keys": words, **self.others},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """A vault. `sku` is "standard" or "premium"; `created` is in Unix seconds; `port` is its own listener's on
    loopback, None until it listens.

    `properties` holds what was given and nothing here depends on: network rules, what it is enabled for.
    `protected_subscription` tells of its subscription (Microsoft.Resources/mandatoryRetentionPeriodEnabled).
    """

    name: str
    subscription_id: str
    resource_group: str
    location: str
    tenant_id: str
    sku: str
    retention_days: int
    purge_protection: bool
    rbac: bool
    access_policies: tuple[AccessPolicy, ...]
    tags: Mapping[str, str]
    created: int
    port: int | None
    properties: Mapping[str, Any]
    protected_subscription: bool = False

    @property
    def group_id(self) -> str:
        """The resource id of its resource group."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"

    @property
    def resource_id(self) -> str:
        """Its own resource id, which it keeps while it is soft-deleted."""
        return f"{self.group_id}/providers/Microsoft.KeyVault/vaults/{self.name}"

    @property
    def purgeable(self) -> bool:
        """Whether anybody may end it, or a key of it, before the retention period is over."""
        return not (self.purge_protection or self.protected_subscription)

    @property
    def recovery_level(self) -> str:
        """What its keys say of their deletion (DeletionRecoveryLevel of the data plane)."""
        level = "Recoverable" if self.retention_days == FULL_RETENTION_DAYS else "CustomizedRecoverable"
        if self.protected_subscription:
            return f"{level}+ProtectedSubscription"
        return level if self.purge_protection else f"{level}+Purgeable"


@dataclass(frozen=True, slots=True)
class DeletedVault:
    """A vault in the soft-deleted state; `deleted` and `scheduled_purge` are in Unix seconds."""

    vault: Vault
    deleted: int
    scheduled_purge: int
