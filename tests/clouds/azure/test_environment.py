"""Azure's clouds: the addresses are those of Azure's own SDK."""

import pytest
from azure.core import AzureClouds
from azure.identity import AzureAuthorityHosts
from azure.mgmt.core.tools import get_arm_endpoints

from keyferry.byok.identifier import SUFFIXES, AzureService
from keyferry.clouds.azure.environment import CHINA, CLOUDS, PUBLIC, US_GOVERNMENT, AzureCloud, cloud_named
from keyferry.errors import InvalidInput

SAME = [
    (PUBLIC, AzureClouds.AZURE_PUBLIC_CLOUD, AzureAuthorityHosts.AZURE_PUBLIC_CLOUD),
    (US_GOVERNMENT, AzureClouds.AZURE_US_GOVERNMENT, AzureAuthorityHosts.AZURE_GOVERNMENT),
    (CHINA, AzureClouds.AZURE_CHINA_CLOUD, AzureAuthorityHosts.AZURE_CHINA),
]


@pytest.mark.parametrize(("cloud", "theirs", "authority"), SAME, ids=[cloud.name for cloud, _, _ in SAME])
def test_management_and_sign_in_are_where_the_sdk_has_them(
    cloud: AzureCloud, theirs: AzureClouds, authority: str
) -> None:
    endpoints = get_arm_endpoints(theirs)
    assert f"{cloud.resource_manager}/" == endpoints["resource_manager"]
    assert [cloud.management_scope] == endpoints["credential_scopes"]
    assert cloud.authority == f"https://{authority}"
    assert cloud.verify_challenge
    assert cloud.instance_discovery


@pytest.mark.parametrize("cloud", CLOUDS.values(), ids=lambda cloud: cloud.name)
def test_vaults_are_where_key_identifiers_have_them(cloud: AzureCloud) -> None:
    service, name = SUFFIXES[cloud.vault_suffix]
    assert (service, str(name)) == (AzureService.VAULT, cloud.name)
    service, name = SUFFIXES[cloud.managed_hsm_suffix]
    assert (service, str(name)) == (AzureService.MANAGED_HSM, cloud.name)


def test_a_vaults_name_becomes_its_address() -> None:
    assert PUBLIC.vault_url("Contoso-KV") == "https://contoso-kv.vault.azure.net"
    assert CHINA.vault_url("contoso-kv") == "https://contoso-kv.vault.azure.cn"


def test_a_cloud_goes_by_its_name() -> None:
    assert cloud_named("us-government") is US_GOVERNMENT
    with pytest.raises(InvalidInput) as refused:
        cloud_named("germany")
    assert refused.value.field == "cloud"
    assert "public" in refused.value.advice
