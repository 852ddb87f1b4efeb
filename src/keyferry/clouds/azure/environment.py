"""Azure's clouds and their addresses. Adding a cloud means adding a row.

The addresses are those that Azure's SDK and command line have built in (`azure.core.AzureClouds`, `az cloud list`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from keyferry.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureCloud:
    """One of Azure's clouds, or a custom one (Azure Stack, an Azure Key Vault on loopback).

    Attributes:
        authority: where tokens come from, `https://HOST[:PORT]`.
        resource_manager: the management plane, `https://HOST[:PORT]`.
        audience: what management tokens are asked for; None for `resource_manager` itself.
        graph: Microsoft Graph, `https://HOST[:PORT]`.
        vault_suffix: what follows a vault's name in its host, with the dot before it.
        managed_hsm_suffix: the same for Managed HSMs.
        verify_challenge: have the SDK compare the resource that a vault's challenge names with the vault's host. Only a
            custom cloud whose vaults have other names turns this off.
        instance_discovery: have the SDK ask Azure whether the authority is one of its own. Custom clouds turn this off.
    """

    name: str
    authority: str
    resource_manager: str
    audience: str | None = None
    graph: str
    vault_suffix: str
    managed_hsm_suffix: str
    verify_challenge: bool = True
    instance_discovery: bool = True

    @property
    def management_scope(self) -> str:
        """The OAuth 2.0 scope of management tokens."""
        return f"{(self.audience or self.resource_manager).rstrip('/')}/.default"

    @property
    def graph_scope(self) -> str:
        """The OAuth 2.0 scope of Microsoft Graph's tokens."""
        return f"{self.graph.rstrip('/')}/.default"

    def vault_url(self, name: str) -> str:
        """The URL of a vault of this cloud, by its name."""
        return f"https://{name.lower()}{self.vault_suffix}"


PUBLIC: Final = AzureCloud(
    name="public",
    authority="https://login.microsoftonline.com",
    resource_manager="https://management.azure.com",
    graph="https://graph.microsoft.com",
    vault_suffix=".vault.azure.net",
    managed_hsm_suffix=".managedhsm.azure.net",
)
US_GOVERNMENT: Final = AzureCloud(
    name="us-government",
    authority="https://login.microsoftonline.us",
    resource_manager="https://management.usgovcloudapi.net",
    audience="https://management.core.usgovcloudapi.net",
    graph="https://graph.microsoft.us",
    vault_suffix=".vault.usgovcloudapi.net",
    managed_hsm_suffix=".managedhsm.usgovcloudapi.net",
)
CHINA: Final = AzureCloud(
    name="china",
    authority="https://login.chinacloudapi.cn",
    resource_manager="https://management.chinacloudapi.cn",
    graph="https://microsoftgraph.chinacloudapi.cn",
    vault_suffix=".vault.azure.cn",
    managed_hsm_suffix=".managedhsm.azure.cn",
)

CLOUDS: Final[Mapping[str, AzureCloud]] = {cloud.name: cloud for cloud in (PUBLIC, US_GOVERNMENT, CHINA)}

LOGIN_ALIASES: Final = (
    "login.windows.net",
    "login.microsoft.com",
    "login.partner.microsoftonline.cn",
    "sts.windows.net",
)
"""Further names of Azure's authorities, which challenges and discovery documents use."""


def cloud_named(name: str) -> AzureCloud:
    """One of Azure's own clouds.

    Raises:
        InvalidInput: there is none of this name.
    """
    if name not in CLOUDS:
        raise InvalidInput(
            f"{name!r} is none of Azure's clouds", field="cloud", advice=f"Give one of {', '.join(CLOUDS)}."
        )
    return CLOUDS[name]
