"""Sign-ins that Microsoft Entra ID refuses, by their AADSTS code.

The codes are those of Microsoft's page 'Microsoft Entra authentication and authorization error codes'. Adding one means
adding a row.
"""

import re
from collections.abc import Mapping
from typing import Final

from keyferry.errors import CloudFailed

_CODE: Final = re.compile(r"\bAADSTS([0-9]{4,8})\b")

_RESET: Final = (
    "Give the value of a current client secret (not its id); make a new one: az ad app credential reset --id CLIENT-ID"
)
_CERTIFICATE: Final = (
    "Register this certificate with the application: "
    "az ad app credential reset --id CLIENT-ID --cert @CERT.pem --append"
)
_CLIENT: Final = "Check client_id and tenant_id: az ad app show --id CLIENT-ID, signed in to the tenant that was named."
_TENANT: Final = "Check tenant_id: az account show --query tenantId --output tsv"
_AGAIN: Final = "Sign in again: az login --tenant TENANT-ID"
_PERSON: Final = "A person's sign-in needs more than a password here. Use az login, or a service principal."
_FEDERATED: Final = (
    "Check the application's federated credential (issuer, subject, audience): "
    "az ad app federated-credential list --id CLIENT-ID"
)

_ADVICE: Final[Mapping[str, str]] = {
    "7000215": _RESET,
    "7000222": f"The client secret has expired. {_RESET}",
    "7000218": _RESET,
    "700027": _CERTIFICATE,
    "700024": "Set this machine's clock: the sign-in's time lies outside of what Azure takes.",
    "700016": _CLIENT,
    "7000229": "The application has no service principal in this tenant; make it: az ad sp create --id CLIENT-ID",
    "7000112": "The application is disabled; have an administrator of the tenant enable it.",
    "90002": _TENANT,
    "900021": _TENANT,
    "900023": _TENANT,
    "500011": "The tenant does not know the service that was asked for. Check that cloud and tenant belong together.",
    "65001": "An administrator of the tenant must consent: az ad app permission admin-consent --id CLIENT-ID",
    "53003": "The tenant's Conditional Access blocks it; ask its administrator, and name the code.",
    "50076": _PERSON,
    "50079": _PERSON,
    "50126": "The user name or password is wrong. Use az login, or a service principal.",
    "50057": "The account is disabled; ask the tenant's administrator.",
    "50053": "The account is locked after too many failed sign-ins; wait, or ask the tenant's administrator.",
    "50173": _AGAIN,
    "700082": _AGAIN,
    "70043": _AGAIN,
    "70021": _FEDERATED,
    "700211": _FEDERATED,
    "700213": _FEDERATED,
}

_OTHERWISE: Final = (
    "Sign in with az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET; "
    "check with: az account show"
)


def sign_in_failed(message: str, detail: str | None = None) -> CloudFailed:
    """The error for a sign-in that failed.

    Args:
        message: what was said, cleaned; its AADSTS code chooses the advice.
        detail: the sentence to show; one with the message in it when None.
    """
    found = _CODE.search(message)
    return CloudFailed(
        detail or f"Azure refused the sign-in: {message or 'without a reason'}",
        code="azure-sign-in-failed",
        advice=_ADVICE.get(found[1], _OTHERWISE) if found else _OTHERWISE,
    )
