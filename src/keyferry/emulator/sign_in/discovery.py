"""What clients read before they sign in: OpenID Connect Discovery 1.0 section 3, in both of Entra ID's versions."""

from typing import Any

from keyferry.emulator.addresses import SIGN_IN_HOST


def openid_configuration(authority: str, tenant_id: str, *, version: int, graph: str) -> dict[str, Any]:
    """The document of a tenant.

    Args:
        authority: the sign-in's base URL as the caller reached it.
        version: 1 or 2; they differ in the paths that they name, and in the issuer.
    """
    base = f"{authority}/{tenant_id}"
    infix = "v2.0/" if version == 2 else ""
    issuer = f"{base}/v2.0" if version == 2 else f"https://sts.windows.net/{tenant_id}/"
    return {
        "token_endpoint": f"{base}/oauth2/{infix}token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "private_key_jwt"],
        "jwks_uri": f"{base}/discovery/{infix}keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer,
        "request_uri_parameter_supported": False,
        "authorization_endpoint": f"{base}/oauth2/{infix}authorize",
        "device_authorization_endpoint": f"{base}/oauth2/{infix}devicecode",
        "end_session_endpoint": f"{base}/oauth2/{infix}logout",
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "tid", "ver", "oid", "appid", "azp"],
        "tenant_region_scope": None,
        "cloud_instance_name": authority.removeprefix("https://"),
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": graph.removeprefix("https://"),
    }


def instance_discovery(authority: str, tenant_id: str) -> dict[str, Any]:
    """Which hosts are one and the same sign-in; clients ask before they trust a host that they do not know."""
    host = authority.removeprefix("https://")
    aliases = list(dict.fromkeys([host, SIGN_IN_HOST]))
    return {
        "tenant_discovery_endpoint": f"{authority}/{tenant_id}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": aliases}],
    }
