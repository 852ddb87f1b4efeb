"""`/metadata/endpoints`: what `az cloud register` asks a cloud about itself."""

from typing import Any, Final

from keyferry.emulator.addresses import Addresses

CLOUD_NAME: Final = "KeyferryEmulator"


def cloud_endpoints(addresses: Addresses, tenant_id: str, host: str) -> dict[str, Any]:
    """The description of this cloud, one object, for who reached it at `host`.

    The suffix of vaults is of no use without name resolution; `az cloud register --suffix-keyvault-dns` says another.
    """
    management = addresses.management_at(host)
    return {
        "name": CLOUD_NAME,
        "portal": management,
        "authentication": {
            "loginEndpoint": addresses.authority_at(host),
            "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
            "tenant": tenant_id,
            "identityProvider": "AAD",
        },
        "resourceManager": management,
        "graphAudience": f"{addresses.graph_at(host)}/",
        "graph": f"{addresses.graph_at(host)}/",
        "microsoftGraphResourceId": f"{addresses.graph_at(host)}/",
        "gallery": management,
        "media": management,
        "batch": management,
        "sqlManagement": management,
        "vmImageAliasDoc": management,
        "activeDirectoryDataLake": management,
        "suffixes": {
            "keyVaultDns": "vault.azure.net",
            "mhsmDns": "managedhsm.azure.net",
            "storage": "core.windows.net",
        },
    }
