"""The management plane: subscriptions, vaults and their configuration, who may do what with their keys."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from keyferry.clouds.azure.facts import Grant, NewVault, Subscription, VaultConfiguration
from keyferry.clouds.azure.failures import understood
from keyferry.clouds.azure.grants import permissions_of_role
from keyferry.clouds.azure.request import Request
from keyferry.clouds.azure.resources import managed_hsm_fact, policy_grants, require_new_vault, vault_fact
from keyferry.clouds.azure.session import AzureSession, require_sdk
from keyferry.errors import CloudFailed

if TYPE_CHECKING:  # the SDK is loaded when it is used
    from azure.mgmt.authorization import AuthorizationManagementClient
    from azure.mgmt.keyvault import KeyVaultManagementClient
    from azure.mgmt.keyvault.models import Vault

T = TypeVar("T")

_PREMIUM: Final = {"name": "premium", "family": "A"}
#: what a sign-in may lack where it may read the rest
_HIDDEN: Final = frozenset({"azure-forbidden", "azure-not-found"})


class AzureManagement:
    """What a sign-in sees and makes on the management plane. Every failure is told in Keyferry's words.

    Raises:
        CloudFailed: from every method: Azure refused, did not answer, or is not allowed as a host.
    """

    def __init__(self, session: AzureSession) -> None:
        self._session = session
        self._url = session.cloud.resource_manager

    def subscriptions(self) -> tuple[Subscription, ...]:
        """The subscriptions that the sign-in can see."""
        with self._asking("list the subscriptions"):
            from azure.mgmt.resource.subscriptions import SubscriptionClient

            found = SubscriptionClient(**self._options(), base_url=self._url).subscriptions.list()
            return tuple(_subscription(each) for each in found)

    def vault_configuration(self, url: str, subscription: str | None = None) -> VaultConfiguration:
        """A vault or Managed HSM by its URL, looked for in one subscription or in all that are visible.

        Raises:
            CloudFailed: (`azure-not-found`) no visible subscription has it.
        """
        wanted = url.rstrip("/").lower()
        for each in [subscription] if subscription else [found.id for found in self.subscriptions()]:
            client = self._key_vault(each)
            with self._asking(f"list the vaults of the subscription {each}"):
                for vault in client.vaults.list_by_subscription():
                    if (vault.properties.vault_uri or "").rstrip("/").lower() == wanted:
                        return self._with_grants(each, vault)
            hsm = _unless_hidden(lambda client=client: self._managed_hsm(client, wanted))  # type: ignore[misc]  # the default binds it now
            if hsm is not None:
                return hsm
        raise CloudFailed(
            f"No subscription that this sign-in can see has a vault at {wanted}.",
            code="azure-not-found",
            field="vault",
            advice="Check the vault's URL; the sign-in needs the role Reader on the vault's subscription.",
        )

    def create_resource_group(self, subscription: str, name: str, location: str) -> None:
        """Make a resource group, unless it is there."""
        with self._asking(f"make the resource group {name}", field="resource_group"):
            from azure.mgmt.resource.resources import ResourceManagementClient

            client = ResourceManagementClient(subscription_id=subscription, base_url=self._url, **self._options())
            if not client.resource_groups.check_existence(name):
                client.resource_groups.create_or_update(name, {"location": location})

    def create_vault(self, new: NewVault) -> VaultConfiguration:
        """Make a Premium vault, and wait until it is there.

        Raises:
            InvalidInput: the name or the retention will not do.
            CloudFailed: also when a vault of that name exists somewhere, deleted ones included.
        """
        require_new_vault(new)
        client = self._key_vault(new.subscription_id)
        with self._asking(f"make the vault {new.name}", field="name"):
            here = list(client.vaults.list_by_subscription())
            if any((vault.name or "").lower() == new.name.lower() for vault in here):
                raise CloudFailed(  # making it would quietly overwrite its configuration, access policies included
                    f"The subscription has a vault named {new.name!r} already.",
                    code="azure-name-taken",
                    field="name",
                    advice="Look at it: keyferry azure vault show NAME. Or choose another name.",
                )
            parameters: Any = _parameters(new, new.tenant_id or self._tenant_of(new.subscription_id))
            vault = client.vaults.begin_create_or_update(new.resource_group, new.name, parameters).result()
        return self._with_grants(new.subscription_id, vault)

    def grant_policy(self, vault: VaultConfiguration, principal_id: str, permissions: Iterable[str]) -> None:
        """Add key permissions to a principal's access policy; a vault whose roles decide ignores it."""
        entry = {"tenantId": vault.tenant_id, "objectId": principal_id, "permissions": {"keys": sorted(permissions)}}
        added: Any = {"properties": {"accessPolicies": [entry]}}
        client = self._key_vault(vault.subscription_id)
        with self._asking(f"change the access policies of {vault.name}"):
            client.vaults.update_access_policy(vault.resource_group, vault.name, "add", added)

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
        client, scope = self._authorization(vault.subscription_id), vault.resource_id
        with self._asking(f"assign the role {role} at {vault.name}"):
            definitions = list(client.role_definitions.list(scope, filter=f"roleName eq '{role}'"))
            if not definitions:
                raise CloudFailed(f"There is no role {role!r}.", code="azure-not-found", field="role")
            wanted = str(definitions[0].id).lower()
            held = client.role_assignments.list_for_scope(scope, filter="atScope()")
            if any(_assigns(each, principal_id, wanted) for each in held):
                return
            properties = {"roleDefinitionId": definitions[0].id, "principalId": principal_id}
            if principal_type is not None:
                properties["principalType"] = principal_type
            client.role_assignments.create(scope, str(uuid.uuid4()), {"properties": properties})

    def _with_grants(self, subscription: str, vault: "Vault") -> VaultConfiguration:
        if vault.properties.enable_rbac_authorization:
            return vault_fact(vault, _unless_hidden(lambda: self._role_grants(subscription, vault.id or "")))
        return vault_fact(vault, policy_grants(vault))

    def _role_grants(self, subscription: str, scope: str) -> tuple[Grant, ...]:
        """What roles allow at the vault, wherever above it they were assigned."""
        client = self._authorization(subscription)
        with self._asking("list the role assignments"):
            assigned = list(client.role_assignments.list_for_scope(scope, filter="atScope()"))
            roles = {each.role_definition_id: each.role_definition_id for each in assigned}
            definitions = {id_: client.role_definitions.get_by_id(id_) for id_ in roles}
        return tuple(_role_grant(each, definitions[each.role_definition_id]) for each in assigned)

    def _managed_hsm(self, client: "KeyVaultManagementClient", wanted: str) -> VaultConfiguration | None:
        with self._asking("list the Managed HSMs"):
            for hsm in client.managed_hsms.list_by_subscription():
                if hsm.properties and (hsm.properties.hsm_uri or "").rstrip("/").lower() == wanted:
                    return managed_hsm_fact(hsm)
        return None

    def _tenant_of(self, subscription: str) -> str:
        for each in self.subscriptions():
            if each.id.lower() == subscription.lower() and each.tenant_id:
                return each.tenant_id
        raise CloudFailed(
            f"This sign-in cannot see the subscription {subscription}.",
            code="azure-not-found",
            field="subscription",
            advice="List what it sees: az account list --output table",
        )

    def _key_vault(self, subscription: str) -> "KeyVaultManagementClient":
        require_sdk("azure.mgmt.keyvault")
        from azure.mgmt.keyvault import KeyVaultManagementClient

        return KeyVaultManagementClient(subscription_id=subscription, base_url=self._url, **self._options())

    def _authorization(self, subscription: str) -> "AuthorizationManagementClient":
        require_sdk("azure.mgmt.authorization")
        from azure.mgmt.authorization import AuthorizationManagementClient

        return AuthorizationManagementClient(subscription_id=subscription, base_url=self._url, **self._options())

    def _options(self) -> dict[str, Any]:
        scopes = [self._session.cloud.management_scope]
        return {
            "credential": self._session.credential,
            "credential_scopes": scopes,
            **self._session.options(self._url),
        }

    @contextmanager
    def _asking(self, what: str, *, field: str | None = None) -> Iterator[None]:
        require_sdk()
        place = str(self._session.outgoing.allowed.require(self._url))
        with understood(Request(place=place, what=what, field=field)):
            yield


def _unless_hidden(read: Callable[[], T]) -> T | None:
    """What `read` answers, or None where the sign-in may not see it."""
    try:
        return read()
    except CloudFailed as failed:
        if failed.code in _HIDDEN:
            return None
        raise


def _subscription(found: Any) -> Subscription:
    policies = found.subscription_policies
    return Subscription(
        id=found.subscription_id,
        name=found.display_name or found.subscription_id,
        state=str(getattr(found.state, "value", found.state)),
        tenant_id=getattr(found, "tenant_id", None),
        offer=None if policies is None else policies.quota_id,
    )


def _parameters(new: NewVault, tenant_id: str) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "tenantId": tenant_id,
        "sku": _PREMIUM,
        "accessPolicies": [],
        "enableRbacAuthorization": new.rbac,
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": new.retention_days,
    }
    if new.purge_protection:  # saying false is refused by the service; leaving it out means false
        properties["enablePurgeProtection"] = True
    return {"location": new.location, "tags": dict(new.tags), "properties": properties}


def _assigns(assignment: Any, principal_id: str, role_definition_id: str) -> bool:
    same_role = str(assignment.role_definition_id).lower().rpartition("/")[2] == role_definition_id.rpartition("/")[2]
    return same_role and str(assignment.principal_id).lower() == principal_id.lower()


def _role_grant(assignment: Any, definition: Any) -> Grant:
    permissions: frozenset[str] = frozenset()
    for entry in definition.permissions or ():
        permissions |= permissions_of_role(entry.data_actions or (), entry.not_data_actions or ())
    return Grant(
        principal_id=str(assignment.principal_id).lower(),
        permissions=permissions,
        via=definition.role_name,
        scope=assignment.scope,
        principal_type=assignment.principal_type,
    )
