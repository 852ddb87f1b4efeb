"""Who may do what: one decision for the data plane, one for the management plane.

A vault is governed by roles (Azure RBAC) or by its own access policies, never by both
(learn.microsoft.com/azure/key-vault/general/rbac-access-policy). The management plane is governed by roles alone.
Decisions are made on the rows as they are; what was assigned counts from then on, with no time to spread.
"""

import sqlite3
from typing import Final

from keyferry.emulator.directory import Principal
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import roles, scopes
from keyferry.emulator.management.permissions import ALL, KEY_PERMISSIONS
from keyferry.emulator.management.roles import Role
from keyferry.emulator.management.vaults import Vault
from keyferry.emulator.state import State

_SPREADING: Final = (
    "If role assignments, deny assignments or role definitions were changed recently, please observe propagation time."
)
_POLICY_HELP: Final = "https://go.microsoft.com/fwlink/?linkid=2125287"


def require(state: State, vault: Vault, principal: Principal, permission: str, key: str | None = None) -> None:
    """Let `principal` do something with a vault's keys, or refuse.

    Args:
        permission: a word of access policies, in any case: get, wrapKey, import and so on.
        key: the name of the one key that it is about, if it is about one; a role may be assigned at a key.

    Raises:
        AzureFailure: 403 Forbidden, inner ForbiddenByRbac or ForbiddenByPolicy.
    """
    if vault.rbac:
        _require_role(state, vault, principal, permission, key)
    else:
        _require_policy(vault, principal, permission)


def require_action(state: State, principal: Principal, action: str, scope: str) -> None:
    """Let `principal` do something on the management plane, or refuse.

    Raises:
        AzureFailure: 403 AuthorizationFailed.
    """
    if may(state, principal, action, scope):
        return
    raise AzureFailure(
        403,
        "AuthorizationFailed",
        f"The client '{principal.app_id}' with object id '{principal.object_id}' does not have authorization to "
        f"perform action '{action}' over scope '{scopes.normal(scope)}' or the scope is invalid. If access was "
        "recently granted, please refresh your credentials.",
    )


def may(state: State, principal: Principal, action: str, scope: str) -> bool:
    """Whether `principal` may do something on the management plane."""
    with state.read() as connection:
        return any(role.allows(action) for role in roles_at(connection, principal.object_id, scope))


def has_any_role(state: State, principal: Principal, scope: str) -> bool:
    """Whether any role is assigned to `principal` at `scope`, above or below."""
    with state.read() as connection:
        assigned = _assigned(connection, principal.object_id)
    return any(scopes.holds_for(each, scope) or scopes.holds_for(scope, each) for each, _ in assigned)


def roles_at(connection: sqlite3.Connection, principal_id: str, scope: str) -> tuple[Role, ...]:
    """The roles that hold for a principal at a scope, assigned there or above."""
    held = {role_id for at, role_id in _assigned(connection, principal_id) if scopes.holds_for(at, scope)}
    found = (roles.find(connection, role_id) for role_id in sorted(held))
    return tuple(role for role in found if role is not None)


def _assigned(connection: sqlite3.Connection, principal_id: str) -> list[tuple[str, str]]:
    rows = connection.execute(
        "SELECT scope, role_id FROM role_assignments WHERE principal_id = ?", (principal_id.lower(),)
    ).fetchall()
    return [(row["scope"], row["role_id"]) for row in rows]


def _require_role(state: State, vault: Vault, principal: Principal, permission: str, key: str | None) -> None:
    action = KEY_PERMISSIONS[permission.lower()].action
    target = vault.resource_id if key is None else f"{vault.resource_id}/keys/{key}"
    with state.read() as connection:
        if any(role.allows_data(action) for role in roles_at(connection, principal.object_id, target)):
            return
    lines = (
        "Caller is not authorized to perform action on resource.",
        _SPREADING,
        f"Caller: {_caller(vault, principal)}",
        f"Action: '{action}'",
        f"Resource: '{target.lower()}'",
        "Assignment: (not found)",
        "DenyAssignmentId: null",
        "DecisionReason: 'DeniedWithNoValidRBAC' ",
        f"Vault: {vault.name};location={vault.location}",
        "",
    )
    raise AzureFailure(403, "Forbidden", "\r\n".join(lines), inner="ForbiddenByRbac")


def _require_policy(vault: Vault, principal: Principal, permission: str) -> None:
    word = permission.lower()
    for policy in vault.access_policies:
        # A policy with an application is for that application on a user's behalf; nobody here signs in so.
        is_theirs = policy.object_id == principal.object_id.lower() and policy.application_id is None
        if is_theirs and (word in policy.keys or ALL in policy.keys):
            return
    raise AzureFailure(
        403,
        "Forbidden",
        f"The user, group or application '{_caller(vault, principal)}' does not have keys {word} permission on key "
        f"vault '{vault.name};location={vault.location}'. For help resolving this issue, please see {_POLICY_HELP}",
        inner="ForbiddenByPolicy",
    )


def _caller(vault: Vault, principal: Principal) -> str:
    issuer = f"https://sts.windows.net/{vault.tenant_id}/"
    return f"appid={principal.app_id};oid={principal.object_id};iss={issuer}"
