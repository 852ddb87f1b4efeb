"""Ways to sign in to Azure. Each signs in when a token is first needed; a wrong secret is told of then.

A sign-in sends its requests as all others are sent: to allowed hosts only, through the same proxy, trusting the same
authorities.
"""

import os
from typing import Any, Final

from keyferry.clouds.azure.environment import AzureCloud
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.clouds.azure.session import USER_AGENT, Credential, require_sdk
from keyferry.errors import InvalidInput
from keyferry.material.secret import Secret

_METADATA_SERVICE: Final = "http://169.254.169.254"
_PLATFORM_VARIABLES: Final = ("IDENTITY_ENDPOINT", "IMDS_ENDPOINT", "MSI_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST")


def default_credential(cloud: AzureCloud, outgoing: Outgoing) -> Credential:
    """Whatever this machine is signed in with: azure-identity's DefaultAzureCredential.

    In this order: a service principal in the environment (AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or
    AZURE_CLIENT_CERTIFICATE_PATH), a workload identity, a managed identity, `az login`, and what else azure-identity
    knows. AZURE_TOKEN_CREDENTIALS narrows the choice.

    Raises:
        ClientFailed: (`azure-sdk-missing`) the SDK is not installed.
    """
    require_sdk("azure.identity")
    from azure.identity import DefaultAzureCredential

    credential: Credential = DefaultAzureCredential(**_settings(cloud, outgoing, platform=True))
    return credential


def managed_identity_credential(cloud: AzureCloud, client_id: str | None, outgoing: Outgoing) -> Credential:
    """The identity that Azure gave this machine, and nothing else that the machine may be signed in with.

    Args:
        client_id: of a user-assigned identity; None for the machine's own.

    Raises:
        ClientFailed: (`azure-sdk-missing`) the SDK is not installed.
    """
    require_sdk("azure.identity")
    from azure.identity import ManagedIdentityCredential

    settings = _settings(cloud, outgoing, platform=True)
    of_authorities = ("authority", "disable_instance_discovery")  # a managed identity asks its platform, and no other
    kept = {name: value for name, value in settings.items() if name not in of_authorities}
    credential: Credential = ManagedIdentityCredential(client_id=client_id, **kept)
    return credential


def client_secret_credential(
    cloud: AzureCloud, tenant_id: str, client_id: str, secret: Secret, outgoing: Outgoing
) -> Credential:
    """A service principal with a client secret.

    Raises:
        InvalidInput: the tenant is no id or domain name, or the secret is no text.
        ClientFailed: (`azure-sdk-missing`) the SDK is not installed.
    """
    require_sdk("azure.identity")
    from azure.identity import ClientSecretCredential

    try:
        text = secret.reveal().decode()
    except UnicodeDecodeError:
        raise _refused("client_secret", "The client secret is no text", "Give the secret's value as UTF-8.") from None
    if not text or text != text.strip():
        raise _refused(
            "client_secret",
            "The client secret is empty, or has spaces or line ends around it",
            "Give the secret's value alone, not its id.",
        )
    try:
        credential: Credential = ClientSecretCredential(tenant_id, client_id, text, **_settings(cloud, outgoing))
    except ValueError:
        raise _refused_tenant() from None
    return credential


def client_certificate_credential(
    cloud: AzureCloud, tenant_id: str, client_id: str, pem: Secret, outgoing: Outgoing
) -> Credential:
    """A service principal with a certificate.

    Args:
        pem: the certificate and its RSA private key, unencrypted, in PEM.

    Raises:
        InvalidInput: the tenant is no id or domain name, or the certificate will not do.
        ClientFailed: (`azure-sdk-missing`) the SDK is not installed.
    """
    require_sdk("azure.identity")
    from azure.identity import CertificateCredential

    settings = _settings(cloud, outgoing)
    if not _is_tenant(tenant_id):
        raise _refused_tenant()
    try:
        credential: Credential = CertificateCredential(tenant_id, client_id, certificate_data=pem.reveal(), **settings)
    except (ValueError, TypeError):
        raise _refused(
            "client_certificate",
            "The client certificate is no PEM of a certificate with its RSA private key, unencrypted",
            "Give one file with both; make one with `az ad sp create-for-rbac --create-cert`.",
        ) from None
    return credential


def _settings(cloud: AzureCloud, outgoing: Outgoing, *, platform: bool = False) -> dict[str, Any]:
    from keyferry.clouds.azure.transport import RETRIES, BoundedRetries, GuardedTransport

    outgoing.allowed.require(cloud.authority, field="authority")
    plain = _platform_endpoints() if platform else ()
    settings: dict[str, Any] = {
        "authority": cloud.authority,
        "disable_instance_discovery": not cloud.instance_discovery,
        "transport": GuardedTransport(outgoing, plain=plain),
        "retry_total": RETRIES,
        "user_agent": USER_AGENT,
        "logging_enable": False,
    }
    # A managed identity's sign-in has a policy of its own for repeating requests, and takes no other.
    return settings if platform else settings | {"retry_policy_class": BoundedRetries}


def _platform_endpoints() -> tuple[str, ...]:
    """Where the platform under this process hands out tokens: its own variables say, else the metadata service."""
    named = (os.environ.get(variable, "").rstrip("/") for variable in _PLATFORM_VARIABLES)
    return (_METADATA_SERVICE, *(each for each in named if each))


def _is_tenant(tenant_id: str) -> bool:
    return bool(tenant_id) and tenant_id.isascii() and all(each.isalnum() or each in "-." for each in tenant_id)


def _refused_tenant() -> InvalidInput:
    return _refused(
        "tenant_id",
        "The tenant is neither an id nor a domain name",
        "Show it: az account show --query tenantId --output tsv",
    )


def _refused(field: str, detail: str, advice: str) -> InvalidInput:
    return InvalidInput(detail, field=field, advice=advice)
