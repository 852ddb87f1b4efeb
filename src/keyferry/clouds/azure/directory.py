"""Microsoft Graph, as far as it is needed: which object an application is in the sign-in's tenant."""

import re
from enum import Enum
from typing import Any, Final
from urllib.parse import quote

from keyferry.clouds.azure.failures import understood
from keyferry.clouds.azure.request import Request
from keyferry.clouds.azure.session import AzureSession, require_sdk
from keyferry.errors import CloudFailed, InvalidInput

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.ASCII | re.IGNORECASE)
#: seeing applications is a right of its own, which a sign-in for vaults need not have
_HIDDEN: Final = frozenset(
    {"azure-forbidden", "azure-not-found", "azure-unavailable", "azure-host-refused", "azure-sign-in-failed"}
)


class Untold(Enum):
    """Why an application's service principal is not told."""

    ABSENT = "absent"
    """Graph was asked, and the tenant has none."""
    HIDDEN = "hidden"
    """Graph did not answer this sign-in, or cannot be reached from here."""


def object_id_of(session: AzureSession, app_id: str) -> str | None:
    """The object id of an application's service principal in the tenant; None when it cannot be seen, or is not there.

    Raises:
        as `look_up`.
    """
    found = look_up(session, app_id)
    return None if isinstance(found, Untold) else found


def look_up(session: AzureSession, app_id: str) -> str | Untold:
    """The object id of an application's service principal in the tenant, or why it is not told.

    Args:
        app_id: the application's (client) id, the same in every tenant.

    Raises:
        InvalidInput: that is no application's id.
        CloudFailed: Graph answered something that cannot be understood, or is throttled.
    """
    if not _UUID.match(app_id):
        raise InvalidInput(
            "The application's id is no UUID", field="app_id", advice="Give the Application (client) ID."
        )
    require_sdk("azure.core")
    try:
        found = _service_principals(session, app_id)
    except CloudFailed as failed:
        if failed.code in _HIDDEN:
            return Untold.HIDDEN
        raise
    return next((str(each["id"]).lower() for each in found if "id" in each), Untold.ABSENT)


def _service_principals(session: AzureSession, app_id: str) -> list[dict[str, Any]]:
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy, UserAgentPolicy
    from azure.core.rest import HttpRequest

    graph = session.cloud.graph
    place = str(session.outgoing.allowed.require(graph))
    options = session.options(graph)
    policies = [
        UserAgentPolicy(options["user_agent"]),
        options["retry_policy"],
        BearerTokenCredentialPolicy(session.credential, session.cloud.graph_scope),
    ]
    with understood(Request(place=place, what=f"look up the application {app_id}")):
        client: Any = PipelineClient(base_url=graph, policies=policies, transport=options["transport"])
        address = f"{graph}/v1.0/servicePrincipals?$filter=" + quote(f"appId eq '{app_id}'") + "&$select=id,appId"
        response = client.send_request(HttpRequest("GET", address))
        response.raise_for_status()
        return list(response.json()["value"])
