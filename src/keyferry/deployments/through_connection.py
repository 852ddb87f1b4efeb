"""Sessions at a cloud through connections: for one use, as the server's settings let requests leave.

A connection's credential is opened for a session of its own, and let go with it.
"""

from keyferry.clouds.azure.credentials import (
    client_certificate_credential,
    client_secret_credential,
    managed_identity_credential,
)
from keyferry.clouds.azure.environment import AzureCloud, cloud_named
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.clouds.azure.session import AzureSession, Credential
from keyferry.custody.caller import Caller
from keyferry.custody.connection_facts import Cloud
from keyferry.custody.connections import OpenConnection
from keyferry.custody.credentials import CredentialKind
from keyferry.custody.custody import Custody
from keyferry.custody.deployment_lookup import DeploymentDetail
from keyferry.custody.deployment_rules import require_through_connection
from keyferry.errors import IntegrityViolation, NotFound


def session_for(custody: Custody, outgoing: Outgoing, caller: Caller, detail: DeploymentDetail) -> AzureSession:
    """A session at the cloud of a deployment's vault; close it when done.

    Raises:
        Conflict: (`deployment-pushed-otherwise`) a client pushes it.
        NotFound: the connection was deleted, or is not granted to a group of the caller's.
        CloudFailed: requests may not go there.
    """
    opened = _open(custody, caller, detail)
    return AzureSession(_cloud_of(opened), credential_for(opened, outgoing), outgoing)


def _open(custody: Custody, caller: Caller, detail: DeploymentDetail) -> OpenConnection:
    reference = detail.connection or require_through_connection(detail)
    try:
        return custody.connections.open(caller, reference, detail.deployment.vault)
    except NotFound:
        raise NotFound(
            f"The connection {reference!r} was deleted, or is not granted to a group of yours.",
            field="connection",
            advice="Ask an Administrator to grant it to a group of yours; or ask the vault with a sign-in of your "
            "own: keyferry azure status (or backup) with --own-sign-in",
        ) from None


def credential_for(opened: OpenConnection, outgoing: Outgoing) -> Credential:
    """How a connection signs in."""
    cloud = _cloud_of(opened)
    if opened.kind is CredentialKind.MANAGED_IDENTITY:
        return managed_identity_credential(cloud, opened.client_id, outgoing)
    if opened.secret is None or opened.tenant_id is None or opened.client_id is None:
        raise IntegrityViolation(f"Connection {opened.id} lacks what its sign-in needs.")
    make = client_secret_credential if opened.kind is CredentialKind.CLIENT_SECRET else client_certificate_credential
    return make(cloud, opened.tenant_id, opened.client_id, opened.secret, outgoing)


def _cloud_of(opened: OpenConnection) -> AzureCloud:
    if opened.cloud is not Cloud.CUSTOM:
        return cloud_named(opened.cloud.value)
    told = {name: value for name, value in (opened.endpoints or {}).items() if value is not None}
    # What Microsoft Graph and Managed HSMs are called plays no part in a push.
    defaults = {"graph": told["resource_manager"], "managed_hsm_suffix": told["vault_suffix"]}
    return AzureCloud(name=Cloud.CUSTOM.value, **{**defaults, **told})
