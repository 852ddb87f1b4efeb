"""What Azure tells of keys, vaults, grants and subscriptions, and what it is asked to make: plain values.

Times are Unix seconds. Names, identifiers and permission words are spelt as Azure spells them. What the service left
out is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

KEY_PERMISSIONS: Final = (
    "get",
    "list",
    "create",
    "import",
    "update",
    "delete",
    "recover",
    "backup",
    "restore",
    "purge",
    "encrypt",
    "decrypt",
    "sign",
    "verify",
    "wrapKey",
    "unwrapKey",
    "rotate",
    "getrotationpolicy",
    "setrotationpolicy",
    "release",
)
"""What may be granted on a vault's keys, in the spelling of access policies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultKey:
    """One version of a key, as the vault tells of it.

    Attributes:
        identifier: `https://HOST/keys/NAME/VERSION`.
        vault: the vault's URL, without a slash at the end.
        version: 32 hex digits.
        kty: `RSA-HSM`, `EC-HSM`, `oct-HSM`, and the same without `-HSM` for software keys.
        bits: the modulus's length of an RSA key; of an EC key its curve's field.
        curve: `P-256`, `P-384`, `P-521` or `P-256K`.
        public_key: SubjectPublicKeyInfo, DER (RFC 5280 section 4.1.2.7); None for symmetric keys.
        operations: `key_ops` (RFC 7517 section 4.3), with Azure's `import` for key encryption keys.
        recovery_level: such as `Recoverable`, `Recoverable+Purgeable`.
        recoverable_days: how long a deleted key can be recovered.
        hsm_platform: `0` software, `1` and `2` HSM.
    """

    identifier: str
    vault: str
    name: str
    version: str
    kty: str
    bits: int | None = None
    curve: str | None = None
    public_key: bytes | None = None
    operations: tuple[str, ...] = ()
    enabled: bool = True
    not_before: int | None = None
    expires: int | None = None
    recovery_level: str | None = None
    recoverable_days: int | None = None
    created: int | None = None
    updated: int | None = None
    hsm_platform: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedKey:
    """A key or a version in a list: a vault's lists tell neither type nor public key.

    Attributes:
        version: None in the list of keys, which names each without a version.
    """

    identifier: str
    vault: str
    name: str
    version: str | None
    enabled: bool
    not_before: int | None = None
    expires: int | None = None
    recovery_level: str | None = None
    recoverable_days: int | None = None
    created: int | None = None
    updated: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedVaultKey:
    """A key that was deleted and whose name is not free yet.

    Attributes:
        scheduled_purge: when it is gone for good.
        recoverable: whether it can still be brought back.
    """

    name: str
    identifier: str
    scheduled_purge: int | None
    recoverable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Who may do what with a vault's keys.

    Attributes:
        principal_id: object id of a user, group or service principal.
        permissions: of `KEY_PERMISSIONS`.
        via: `access policy`, or the role's name.
        scope: resource id at which it was given; the vault's, or one above it.
        principal_type: `User`, `Group`, `ServicePrincipal`, as role assignments tell.
    """

    principal_id: str
    permissions: frozenset[str]
    via: str
    scope: str
    principal_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultConfiguration:
    """A vault or Managed HSM as the management plane tells of it.

    Attributes:
        resource_id: `/subscriptions/…/resourceGroups/…/providers/Microsoft.KeyVault/vaults/…`.
        url: without a slash at the end.
        sku: `premium`, `standard`, or `managed-hsm`.
        retention_days: how long deleted keys can be recovered.
        rbac: whether role assignments decide, and not access policies.
        public_network_access: `Enabled`, `Disabled`, `SecuredByPerimeter`.
        grants: None when they could not be read.
    """

    resource_id: str
    subscription_id: str
    resource_group: str
    name: str
    url: str
    location: str
    tenant_id: str
    sku: str
    soft_delete: bool
    retention_days: int | None
    purge_protection: bool
    rbac: bool
    public_network_access: str | None = None
    grants: tuple[Grant, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVault:
    """A vault to be made: always Premium, always with soft delete.

    Attributes:
        tenant_id: None for the subscription's own.
        retention_days: 7 to 90; cannot be changed afterwards.
        purge_protection: cannot be taken away afterwards.
        rbac: role assignments decide; False for access policies.
    """

    subscription_id: str
    resource_group: str
    name: str
    location: str
    tenant_id: str | None = None
    retention_days: int = 90
    purge_protection: bool = True
    rbac: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription that the sign-in can see.

    Attributes:
        state: `Enabled`, `Warned`, `PastDue`, `Disabled`, `Deleted`.
        offer: the offer's quota id where visible, such as `PayAsYouGo_2014-09-01`.
    """

    id: str
    name: str
    state: str
    tenant_id: str | None = None
    offer: str | None = None
