"""Azure's own management packages, unmodified, through the proxy: what they send and wait for is answered."""

import uuid
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault.models import (
    AccessPolicyEntry,
    Permissions,
    Sku,
    VaultAccessPolicyParameters,
    VaultAccessPolicyProperties,
    VaultCheckNameAvailabilityParameters,
    VaultCreateOrUpdateParameters,
    VaultPatchParameters,
    VaultPatchProperties,
    VaultProperties,
)
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient
from tests.emulator.calling import Application, Sdk, result, unique

from keyferry.emulator.server import Running


@pytest.fixture(scope="session")
def keyvault(sdk: Sdk) -> Any:
    return sdk.client(KeyVaultManagementClient, sdk.subscriptions[0])


@pytest.fixture(scope="session")
def resources(sdk: Sdk) -> Any:
    return sdk.client(ResourceManagementClient, sdk.subscriptions[0])


@pytest.fixture(scope="session")
def authorization(sdk: Sdk) -> Any:
    return sdk.client(AuthorizationManagementClient, sdk.subscriptions[0])


def parameters(served: Running, **properties: Any) -> VaultCreateOrUpdateParameters:
    given = {"tenant_id": served.tenant_id, "sku": Sku(name="premium", family="A"), "access_policies": [], **properties}
    return VaultCreateOrUpdateParameters(location="westeurope", properties=VaultProperties(**given), tags={"by": "sdk"})


def test_a_vaults_whole_life(emulator: Running, keyvault: Any, resources: Any) -> None:
    group, name = unique("rg"), unique("v")
    resources.resource_groups.create_or_update(group, {"location": "westeurope"})
    vaults = keyvault.vaults
    free = VaultCheckNameAvailabilityParameters(name=name)
    assert vaults.check_name_availability(free).name_available is True

    made = result(vaults.begin_create_or_update(group, name, parameters(emulator, soft_delete_retention_in_days=7)))
    assert made.properties.vault_uri == f"https://{name}.vault.azure.net/"
    assert made.properties.provisioning_state == "Succeeded"
    assert vaults.check_name_availability(free).reason == "AlreadyExists"

    patch = VaultPatchParameters(tags={"by": "patch"}, properties=VaultPatchProperties(enabled_for_deployment=True))
    assert vaults.update(group, name, patch).properties.enabled_for_deployment is True
    found = vaults.get(group, name)
    assert (found.tags, found.properties.soft_delete_retention_in_days) == ({"by": "patch"}, 7)
    assert name in [each.name for each in vaults.list_by_resource_group(group)]
    assert name in [each.name for each in vaults.list_by_subscription(top=1)]
    assert name in [each.name for each in vaults.list(top=1)]
    assert name in [each.name for each in resources.resources.list_by_resource_group(group)]

    vaults.delete(group, name)
    with pytest.raises(ResourceNotFoundError):
        vaults.get(group, name)
    assert vaults.get_deleted(name, "westeurope").properties.vault_id == made.id
    assert name in [each.name for each in vaults.list_deleted()]
    with pytest.raises(ResourceExistsError, match="deleted state"):
        vaults.begin_create_or_update(group, name, parameters(emulator))

    recovered = result(vaults.begin_create_or_update(group, name, parameters(emulator, create_mode="recover")))
    assert recovered.id == made.id

    vaults.delete(group, name)
    result(vaults.begin_purge_deleted(name, "westeurope"))
    with pytest.raises(ResourceNotFoundError):
        vaults.get_deleted(name, "westeurope")
    result(resources.resource_groups.begin_delete(group))
    assert resources.resource_groups.check_existence(group) is False


def test_access_policies(emulator: Running, keyvault: Any, resources: Any, stranger: Application) -> None:
    group, name = unique("rg"), unique("v")
    resources.resource_groups.create_or_update(group, {"location": "westeurope"})
    result(keyvault.vaults.begin_create_or_update(group, name, parameters(emulator, enable_rbac_authorization=False)))
    entry = AccessPolicyEntry(
        tenant_id=emulator.tenant_id,
        object_id=stranger.principal.object_id,
        permissions=Permissions(keys_property=["get", "wrapKey", "unwrapKey"]),
    )
    given = VaultAccessPolicyParameters(properties=VaultAccessPolicyProperties(access_policies=[entry]))
    kept = keyvault.vaults.update_access_policy(group, name, "add", given)
    assert kept.properties.access_policies[0].permissions.keys_property == ["get", "wrapKey", "unwrapKey"]
    gone = keyvault.vaults.update_access_policy(group, name, "remove", given)
    assert gone.properties.access_policies == []


def test_managed_hsms_are_none(keyvault: Any) -> None:
    assert list(keyvault.managed_hsms.list_by_subscription()) == []
    assert list(keyvault.managed_hsms.list_deleted()) == []


def test_subscriptions_and_the_tenant(emulator: Running, sdk: Sdk) -> None:
    client = sdk.client(SubscriptionClient)
    found = list(client.subscriptions.list())
    assert set(emulator.subscriptions) <= {each.subscription_id for each in found}
    assert client.subscriptions.get(emulator.subscriptions[0]).state == "Enabled"
    assert "westeurope" in [each.name for each in client.subscriptions.list_locations(emulator.subscriptions[0])]
    assert [each.tenant_id for each in client.tenants.list()] == [emulator.tenant_id]


def test_groups_and_providers(resources: Any) -> None:
    group = unique("rg")
    assert resources.resource_groups.check_existence(group) is False
    made = resources.resource_groups.create_or_update(group, {"location": "northeurope", "tags": {"a": "b"}})
    assert resources.resource_groups.check_existence(group) is True
    assert resources.resource_groups.get(group).id == made.id
    assert resources.resource_groups.update(group, {"tags": {}}).tags == {}
    assert group in [each.name for each in resources.resource_groups.list()]
    assert resources.providers.get("Microsoft.KeyVault").registration_state == "Registered"
    assert resources.providers.register("Microsoft.KeyVault").registration_state == "Registered"


def test_roles(emulator: Running, authorization: Any, resources: Any, stranger: Application) -> None:
    group = unique("rg")
    scope = resources.resource_groups.create_or_update(group, {"location": "westeurope"}).id
    (role,) = authorization.role_definitions.list(
        scope, filter="roleName eq 'Key Vault Crypto Service Encryption User'"
    )
    given = RoleAssignmentCreateParameters(role_definition_id=role.id, principal_id=stranger.principal.object_id)
    made = authorization.role_assignments.create(scope, str(uuid.uuid4()), given)
    assert authorization.role_assignments.get_by_id(made.id).principal_id == stranger.principal.object_id
    with pytest.raises(ResourceExistsError, match="already exists"):
        authorization.role_assignments.create(scope, str(uuid.uuid4()), given)
    listed = authorization.role_assignments.list_for_scope(scope, filter="atScope()")
    assert made.id in [each.id for each in listed]
    mine = f"principalId eq '{stranger.principal.object_id}'"
    assert [each.id for each in authorization.role_assignments.list_for_subscription(filter=mine)] == [made.id]
    assert [each.id for each in authorization.role_assignments.list_for_resource_group(group, filter=mine)] == [made.id]
    assert authorization.role_definitions.get_by_id(role.id).role_name == role.role_name
    assert list(authorization.permissions.list_for_resource_group(group))
    authorization.role_assignments.delete_by_id(made.id)
    assert list(authorization.role_assignments.list_for_subscription(filter=mine)) == []


def test_refusals_arrive_as_they_were_said(emulator: Running, keyvault: Any) -> None:
    with pytest.raises(HttpResponseError) as refused:
        keyvault.vaults.begin_create_or_update("keyferry-a", "a--b", parameters(emulator))
    assert refused.value.error is not None
    assert refused.value.error.code == "VaultNameNotValid"
