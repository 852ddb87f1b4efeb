"""The management plane: subscriptions, resource groups, vaults and Managed HSMs, and who may use their keys."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from keyferry.clouds.azure.answers import clean
from keyferry.clouds.azure.facts import Grant, NewVault, Subscription, VaultConfiguration
from keyferry.clouds.azure.failures import understood
from keyferry.clouds.azure.hosts import read_origin
from keyferry.clouds.azure.request import Request
from keyferry.clouds.azure.resources import managed_hsm_fact, policy_grants, require_new_vault, vault_fact
from keyferry.clouds.azure.roles import Roles
from keyferry.clouds.azure.session import AzureSession, require_sdk
from keyferry.errors import CloudFailed

if TYPE_CHECKING:  # the SDK is loaded when it is used
    from azure.mgmt.keyvault import KeyVaultManagementClient
    from azure.mgmt.keyvault.models import DeletedVault, Vault
    from azure.mgmt.resource.resources import ResourceManagementClient
    from azure.mgmt.resource.subscriptions import SubscriptionClient

T = TypeVar("T")

POLL_SECONDS: Final = 2
PROVISIONING_SECONDS: Final = 300
_PROVISIONED: Final = "Succeeded"
_FAILED: Final = frozenset({"Failed", "Canceled"})
#: what a sign-in may lack where it may read the rest
_HIDDEN: Final = frozenset({"azure-forbidden", "azure-not-found"})


class AzureManagement:
    """The management plane, as a sign-in sees it.

    Every method raises what `keyferry.clouds.azure.failures` tells of; what is said below comes on top of that.

    Args:
        wait: how to pass seconds while a vault is being provisioned.
    """

    def __init__(self, session: AzureSession, *, wait: Callable[[float], None] = time.sleep) -> None:
        self._session = session
        self._wait = wait
        origin = session.outgoing.allowed.require(session.cloud.resource_manager, field="resource_manager")
        self._place = str(origin)
        self._options: Mapping[str, Any] | None = None
        self._key_vault: dict[str, KeyVaultManagementClient] = {}

    def subscriptions(self) -> tuple[Subscription, ...]:
        """The subscriptions that the sign-in can see."""
        with self._asking("list the subscriptions"):
            return tuple(
                Subscription(
                    id=each.subscription_id or "",
                    name=each.display_name or "",
                    state=str(getattr(each.state, "value", each.state)),
                    tenant_id=each.tenant_id,
                    offer=each.subscription_policies.quota_id if each.subscription_policies else None,
                )
                for each in self._subscriptions().subscriptions.list()
            )

    def paired_regions(self, subscription_id: str, location: str) -> tuple[str, ...]:
        """The names of the regions that Azure pairs with one; none for a region that stands alone.

        Raises:
            CloudFailed: (`azure-not-found`) the subscription knows no such region.
        """
        wanted = _region(location)
        with self._asking("list the regions"):
            for each in self._subscriptions().subscriptions.list_locations(subscription_id):
                if _region(each.name or "") == wanted:
                    paired = each.metadata.paired_region if each.metadata else None
                    return tuple(other.name for other in paired or () if other.name)
        raise CloudFailed(
            f"Azure does not list the region {clean(location)}",
            code="azure-not-found",
            field="location",
            advice="See: az account list-locations --query [].name --output tsv",
        )

    def create_resource_group(self, subscription_id: str, name: str, location: str) -> None:
        """See to it that there is a resource group; one that is there stays where and as it is."""
        with self._asking(f"create the resource group {name}", field="resource_group"):
            groups = self._resources(subscription_id).resource_groups
            if not groups.check_existence(name):
                groups.create_or_update(name, {"location": location})

    def vault_configuration(self, vault: str, subscription: str | None = None) -> VaultConfiguration:
        """A vault or Managed HSM and, where they can be read, the grants on its keys.

        Args:
            vault: its URL or its name.
            subscription: where it is; all that the sign-in can see are searched when None.

        Raises:
            CloudFailed: (`azure-not-found`) no subscription that the sign-in can see has it.
        """
        searched = (subscription,) if subscription else tuple(each.id for each in self.subscriptions())
        for each in searched:
            found = self._vault_in(each, vault) or self._managed_hsm_in(each, vault)
            if found is not None:
                return found
        raise CloudFailed(
            f"No subscription that this sign-in can see has the vault {clean(vault)}; {len(searched)} were searched",
            code="azure-not-found",
            field="vault",
            advice="Check the vault's address; the sign-in needs the role Reader on the vault's subscription.",
        )

    def create_vault(self, new: NewVault) -> VaultConfiguration:
        """Make a Premium vault, and wait until it can be used.

        1. The name must be free: a PUT would change the vault that has it. 2. It must not be a deleted vault's. 3. The
        vault is made. 4. It is looked at until Azure says that it is provisioned.

        Raises:
            InvalidInput: its name or retention will not do.
            CloudFailed: `azure-name-taken`; `azure-name-deleted` names the deleted vault; `azure-unavailable`, Azure
                still works on it after five minutes.
            AnswerLost: it may have been made; look with `vault_configuration`.
        """
        require_new_vault(new)
        with self._asking(f"create the vault {new.name}", field="name"):
            self._require_free(new)
            tenant = new.tenant_id or self._subscriptions().subscriptions.get(new.subscription_id).tenant_id
        look = f": az keyvault show --name {new.name}"
        with self._asking(f"create the vault {new.name}", field="name", changes=True, look=look):
            vaults = self._client(new.subscription_id).vaults
            vaults.begin_create_or_update(new.resource_group, new.name, _body(new, tenant or ""), polling=False)
        made = self._provisioned(new)
        return self._configuration(new.subscription_id, made)

    def grant_policy(self, vault: VaultConfiguration, principal_id: str, permissions: Iterable[str]) -> None:
        """Add key permissions to a principal's access policy; a vault that goes by roles heeds none."""
        entry = {"tenantId": vault.tenant_id, "objectId": principal_id, "permissions": {"keys": sorted(permissions)}}
        added: Any = {"properties": {"accessPolicies": [entry]}}
        with self._asking(f"change the access policies of {vault.name}"):
            vaults = self._client(vault.subscription_id).vaults
            vaults.update_access_policy(vault.resource_group, vault.name, "add", added)

    def grant_role(
        self,
        vault: VaultConfiguration,
        principal_id: str,
        role: str,
        *,
        principal_type: str | None = "ServicePrincipal",
    ) -> None:
        """Assign a role, by its name, at the vault; that it is assigned already is no failure.

        Args:
            principal_type: `User`, `Group` or `ServicePrincipal`; None leaves it to Azure to find out. Saying it lets a
                principal in that is new and not known everywhere yet.

        Raises:
            CloudFailed: (`azure-not-found`) there is no role of this name.
        """
        with self._asking(f"assign the role {role} at {vault.name}"):
            self._roles(vault.subscription_id).assign(vault.resource_id, principal_id, role, principal_type)

    def _vault_in(self, subscription: str, wanted: str) -> VaultConfiguration | None:
        with self._asking(f"list the vaults of the subscription {subscription}", field="subscription"):
            vaults = self._client(subscription).vaults.list_by_subscription()
            found = next((each for each in vaults if _is_called(wanted, each.name, each.properties.vault_uri)), None)
        return None if found is None else self._configuration(subscription, found)

    def _managed_hsm_in(self, subscription: str, wanted: str) -> VaultConfiguration | None:
        def look() -> VaultConfiguration | None:
            with self._asking(f"list the Managed HSMs of the subscription {subscription}"):
                found = [
                    managed_hsm_fact(each) for each in self._client(subscription).managed_hsms.list_by_subscription()
                ]
            return next((each for each in found if _is_called(wanted, each.name, each.url)), None)

        return _unless_hidden(look)  # a cloud may have none

    def _configuration(self, subscription: str, vault: "Vault") -> VaultConfiguration:
        """A vault with its grants, which whoever may read the vault may not always read."""

        def grants() -> tuple[Grant, ...]:
            with self._asking(f"list the role assignments at {vault.name}"):
                return self._roles(subscription).grants(vault.id or "")

        by_roles = bool(vault.properties.enable_rbac_authorization)
        read = _unless_hidden(grants) if by_roles else policy_grants(vault)
        with self._asking(f"show the vault {vault.name}"):
            return vault_fact(vault, read)

    def _require_free(self, new: NewVault) -> None:
        client = self._client(new.subscription_id)
        answer = client.vaults.check_name_availability({"name": new.name, "type": "Microsoft.KeyVault/vaults"})
        if answer.name_available:
            return
        deleted = next((each for each in client.vaults.list_deleted() if _is_called(new.name, each.name, None)), None)
        if deleted is not None:
            raise _deleted(new, deleted)
        raise CloudFailed(
            f"The vault's name {new.name} is taken: {clean(answer.message) or 'by another vault'}",
            code="azure-name-taken",
            field="name",
            advice="Choose another name; it has to be free in all of Azure. If the vault is yours, look at it: "
            f"az keyvault show --name {new.name}",
        )

    def _provisioned(self, new: NewVault) -> "Vault":
        for _ in range(PROVISIONING_SECONDS // POLL_SECONDS):
            with self._asking(f"show the vault {new.name}", field="name"):
                vault = self._client(new.subscription_id).vaults.get(new.resource_group, new.name)
                state = str(getattr(vault.properties.provisioning_state, "value", vault.properties.provisioning_state))
            if state == _PROVISIONED:
                return vault
            if state in _FAILED:
                break
            self._wait(POLL_SECONDS)
        raise CloudFailed(
            f"Azure has not provisioned the vault {new.name} (its state is {clean(state)})",
            code="azure-unavailable",
            field="name",
            advice=f"Look again later: az keyvault show --name {new.name} --query properties.provisioningState",
        )

    @contextmanager
    def _asking(
        self, what: str, *, field: str | None = None, changes: bool = False, look: str | None = None
    ) -> Iterator[None]:
        require_sdk("azure.core", "azure.mgmt.keyvault")
        with understood(Request(place=self._place, what=what, field=field, changes=changes, look=look)):
            yield

    def _settings(self) -> dict[str, Any]:
        """The same connections for every client of the management plane."""
        if self._options is None:
            cloud = self._session.cloud
            self._options = {
                "credential": self._session.credential,
                "base_url": cloud.resource_manager,
                "credential_scopes": [cloud.management_scope],
                **self._session.options(cloud.resource_manager),
            }
        return dict(self._options)

    def _client(self, subscription: str) -> "KeyVaultManagementClient":
        from azure.mgmt.keyvault import KeyVaultManagementClient

        if subscription not in self._key_vault:
            self._key_vault[subscription] = KeyVaultManagementClient(subscription_id=subscription, **self._settings())
        return self._key_vault[subscription]

    def _subscriptions(self) -> "SubscriptionClient":
        require_sdk("azure.mgmt.resource.subscriptions")
        from azure.mgmt.resource.subscriptions import SubscriptionClient

        return SubscriptionClient(**self._settings())

    def _resources(self, subscription: str) -> "ResourceManagementClient":
        require_sdk("azure.mgmt.resource.resources")
        from azure.mgmt.resource.resources import ResourceManagementClient

        return ResourceManagementClient(subscription_id=subscription, **self._settings())

    def _roles(self, subscription: str) -> Roles:
        require_sdk("azure.mgmt.authorization")
        return Roles(subscription, self._settings())


def _body(new: NewVault, tenant: str) -> Any:
    """A vault as the management plane takes it; purge protection is said only when it is on: `false` is refused."""
    properties = {
        "tenantId": tenant,
        "sku": {"family": "A", "name": "premium"},
        "accessPolicies": [],
        "enableRbacAuthorization": new.rbac,
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": new.retention_days,
        **({"enablePurgeProtection": True} if new.purge_protection else {}),
    }
    return {"location": new.location, "tags": dict(new.tags), "properties": properties}


def _region(name: str) -> str:
    """A region's name in the form of the API: `West Europe` is `westeurope`."""
    return "".join(character for character in name.lower() if character.isalnum())


def _deleted(new: NewVault, deleted: "DeletedVault") -> CloudFailed:
    properties = deleted.properties
    location = properties.location if properties else None
    until = properties.scheduled_purge_date if properties else None
    kept = f", and its name until {until:%Y-%m-%d}" if until else ""
    return CloudFailed(
        f"A deleted vault {deleted.name} is kept in {location or 'this subscription'}{kept}",
        code="azure-name-deleted",
        field="name",
        advice=f"Choose another name, or bring it back: az keyvault recover --name {new.name}"
        + (f" --location {location}" if location else ""),
    )


def _is_called(wanted: str, name: str | None, url: str | None) -> bool:
    """Whether `wanted` is that URL or that name."""
    if "://" not in wanted:
        return name is not None and name.lower() == wanted.lower()
    origin = read_origin(wanted.rstrip("/"))
    return origin is not None and origin == read_origin((url or "").rstrip("/"))


def _unless_hidden(read: Callable[[], T]) -> T | None:
    """What `read` answers; None where the sign-in may not see it."""
    try:
        return read()
    except CloudFailed as failed:
        if failed.code in _HIDDEN:
            return None
        raise
