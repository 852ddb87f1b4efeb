"""What to do about a refusal of Azure's: the role or permission that is missing, and the `az` line that grants it."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from keyferry.clouds.azure.answers import Answer
from keyferry.clouds.azure.request import Request

_UUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_OBJECT_ID: Final = re.compile(rf"(?:\boid=|object id ')({_UUID})")
_ADDRESS: Final = re.compile(r"[Cc]lient address\W{0,4}([0-9]{1,3}(?:\.[0-9]{1,3}){3})")
_ACTION: Final = re.compile(r"perform action '(Microsoft\.[A-Za-z/.]{1,120})'")

CRYPTO_OFFICER: Final = "Key Vault Crypto Officer"
CRYPTO_USER: Final = "Key Vault Crypto User"
READER: Final = "Key Vault Reader"

ROLES: Final[Mapping[str, str]] = {
    "get": READER,
    "list": READER,
    "encrypt": CRYPTO_USER,
    "decrypt": CRYPTO_USER,
    "sign": CRYPTO_USER,
    "verify": CRYPTO_USER,
    "wrapKey": CRYPTO_USER,
    "unwrapKey": CRYPTO_USER,
    "backup": CRYPTO_USER,
}
"""The built-in role that allows no more than is needed, by permission; Key Vault Crypto Officer for the others."""

_MANAGED_HSM_ROLES: Final[Mapping[str, str]] = {"get": "Managed HSM Crypto User", "list": "Managed HSM Crypto User"}
_SOON: Final = "It takes effect within some minutes."


def on_forbidden(answer: Answer, request: Request) -> str:
    """What to do about a 403, by its innermost code."""
    return _FORBIDDEN.get(answer.inner or answer.code, _by_plane)(answer, request)


def on_deleted_name(answer: Answer, request: Request) -> str:
    """What to do about a name that a deleted key still holds, or one that is just being deleted."""
    if answer.inner == "ObjectIsBeingDeleted":
        return "Wait until it is deleted, a minute or so, and look again; or choose another name."
    return (
        f"Choose another name, or bring the deleted key back: az keyvault key recover {request.key_options} "
        f"(or, where the vault is not purge-protected, remove it for good: az keyvault key purge {request.key_options})"
    )


def on_missing(request: Request) -> str:
    """What to do about a 404."""
    if request.key is not None:
        return f"Check the name: az keyvault key list {request.vault_option} --output table"
    return "Check the name, the subscription and the resource group: az resource list --output table"


def on_disabled(request: Request, *, kek: bool) -> str:
    """What to do about a key that is disabled."""
    if kek:
        return (
            "Enable the key encryption key that the file was wrapped under: az keyvault key set-attributes "
            f"{request.vault_option} --name KEK --enabled true; or make another and wrap the key anew"
        )
    return f"Enable it: az keyvault key set-attributes {request.key_options} --enabled true"


def _by_rbac(answer: Answer, request: Request) -> str:
    permission = request.permission or ""
    if request.managed_hsm:
        return _by_local_rbac(answer, request)
    return (
        f"Give the sign-in the role '{ROLES.get(permission, CRYPTO_OFFICER)}' at the vault: az role assignment create "
        f"{_assignee(answer)} --role '{ROLES.get(permission, CRYPTO_OFFICER)}' "
        f"--scope $(az keyvault show --name {request.vault} --query id --output tsv). {_SOON}"
    )


def _by_local_rbac(answer: Answer, request: Request) -> str:
    role = _MANAGED_HSM_ROLES.get(request.permission or "", "Managed HSM Crypto Officer")
    return (
        f"Give the sign-in the local role '{role}': az keyvault role assignment create --hsm-name {request.vault} "
        f"--role '{role}' {_assignee(answer)} --scope /keys"
    )


def _by_policy(answer: Answer, request: Request) -> str:
    return (
        f"Give the sign-in the key permission '{request.permission or 'get'}': az keyvault set-policy "
        f"--name {request.vault} --object-id {_object_id(answer)} --key-permissions {request.permission or 'get'}"
    )


def _by_firewall(answer: Answer, request: Request) -> str:
    found = _ADDRESS.search(answer.message)
    return (
        "The vault's firewall does not let this machine in. Add its address: az keyvault network-rule add "
        f"--name {request.vault} --ip-address {found[1] if found else 'ADDRESS'}; or use a private endpoint"
    )


def _by_operations(_answer: Answer, request: Request) -> str:
    return (
        f"The key's operations do not include it. Look: az keyvault key show {request.key_options} --query key.keyOps; "
        f"change them: az keyvault key set-attributes {request.key_options} --ops OPERATIONS"
    )


def _by_dates(_answer: Answer, request: Request) -> str:
    return (
        f"The key is not valid yet, or no longer. Look: az keyvault key show {request.key_options} --query attributes; "
        "change it with az keyvault key set-attributes and --not-before or --expires"
    )


def _by_plane(answer: Answer, request: Request) -> str:
    """Codes that say no more than 'forbidden': what is missing depends on who was asked."""
    action = _ACTION.search(answer.message)
    if action is not None or answer.code == "AuthorizationFailed":
        return _by_action(answer, action[1] if action else "")
    if request.managed_hsm:
        return _by_local_rbac(answer, request)
    if request.permission is not None:
        return f"{_by_rbac(answer, request)} A vault with access policies: {_by_policy(answer, request)}"
    return f"Give the sign-in a role for it: az role assignment create {_assignee(answer)} --role ROLE --scope SCOPE"


def _by_action(answer: Answer, action: str) -> str:
    role = next((role for beginning, role in _ACTION_ROLES if action.startswith(beginning)), "Contributor")
    if action.endswith("/read"):
        role = "Reader"
    return (
        f"Give the sign-in the role '{role}' there: az role assignment create {_assignee(answer)} --role '{role}' "
        f"--scope /subscriptions/SUBSCRIPTION/resourceGroups/GROUP. {_SOON}"
    )


def _assignee(answer: Answer) -> str:
    return f"--assignee {_object_id(answer)}"


def _object_id(answer: Answer) -> str:
    """Whom the service says it refused."""
    found = _OBJECT_ID.search(answer.message)
    return found[1].lower() if found else "OBJECT-ID"


_ACTION_ROLES: Final = (
    ("Microsoft.Authorization/", "Role Based Access Control Administrator"),
    ("Microsoft.KeyVault/", "Key Vault Contributor"),
)

_FORBIDDEN: Final[Mapping[str, Callable[[Answer, Request], str]]] = {
    "ForbiddenByRbac": _by_rbac,
    "ForbiddenByPolicy": _by_policy,
    "AccessDenied": _by_policy,
    "ForbiddenByFirewall": _by_firewall,
    "ForbiddenByConnection": _by_firewall,
    "KeyOperationForbidden": _by_operations,
    "KeyNotYetValidOrExpired": _by_dates,
}
"""Adding a code means adding a row."""
