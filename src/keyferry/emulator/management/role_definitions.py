"""Custom roles: made, changed and removed (Microsoft.Authorization/roleDefinitions)."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from keyferry.emulator import clock
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import roles, scopes
from keyferry.emulator.management.assignments import require_scope
from keyferry.emulator.management.names import is_guid
from keyferry.emulator.management.roles import BUILT_IN, Permissions, Role
from keyferry.emulator.state import State

_LISTS: Final = ("actions", "notActions", "dataActions", "notDataActions")
MAX_NAME: Final = 512


def parse(role_id: str, scope: str, properties: Mapping[str, Any]) -> Role:
    """Read the `properties` of a PUT.

    Raises:
        AzureFailure: 400 InvalidRoleDefinitionId, RoleDefinitionInvalid, naming the member.
    """
    if not is_guid(role_id):
        detail = f"The role definition ID '{role_id}' is not valid. The role definition ID must be a GUID."
        raise AzureFailure(400, "InvalidRoleDefinitionId", detail)
    name = properties.get("roleName")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= MAX_NAME:
        raise _invalid(f"roleName is not a text of 1 to {MAX_NAME} characters")
    if str(properties.get("type", "CustomRole")).lower() not in ("customrole", ""):
        raise _invalid("type is not CustomRole")
    assignable = properties.get("assignableScopes")
    if not isinstance(assignable, list) or not assignable or not all(isinstance(each, str) for each in assignable):
        raise _invalid("assignableScopes is not a list of at least one scope")
    if not any(scopes.holds_for(each, scope) or scopes.holds_for(scope, each) for each in assignable):
        raise _invalid(f"assignableScopes does not have '{scopes.normal(scope)}', the scope of the request")
    return Role(
        id=role_id.lower(),
        name=name.strip(),
        description=str(properties.get("description") or ""),
        permissions=_permissions(properties.get("permissions")),
        built_in=False,
        assignable_scopes=tuple(map(scopes.normal, assignable)),
    )


class RoleDefinitions:
    """Every role, built-in and custom, over the emulator's state."""

    def __init__(self, state: State) -> None:
        self._state = state

    def at(self, scope: str) -> tuple[Role, ...]:
        """The roles that may be assigned at a scope. Raises AzureFailure 404 where the scope is not there."""
        with self._state.read() as connection:
            require_scope(connection, scope)
            found = roles.custom(connection)
        mine = (role for role in found if any(scopes.holds_for(each, scope) for each in role.assignable_scopes))
        return (*BUILT_IN.values(), *mine)

    def require(self, role_id: str) -> Role:
        """The role of that id. Raises AzureFailure 404 RoleDefinitionDoesNotExist."""
        with self._state.read() as connection:
            found = roles.find(connection, role_id)
        if found is None:
            raise AzureFailure(
                404, "RoleDefinitionDoesNotExist", f"The specified role definition with ID '{role_id}' does not exist."
            )
        return found

    def put(self, role: Role) -> None:
        """Make or change a custom role.

        Raises:
            AzureFailure: 400 for a built-in one; 404 where an assignable scope is not there;
                409 RoleDefinitionWithSameNameExists.
        """
        _require_custom(role.id)
        with self._state.write() as connection:
            for scope in role.assignable_scopes:
                require_scope(connection, scope)
            _require_name(connection, role)
            now = clock.now()
            connection.execute(
                "INSERT INTO role_definitions (id, name, description, permissions, assignable_scopes, created, updated)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, description ="
                " excluded.description, permissions = excluded.permissions, assignable_scopes ="
                " excluded.assignable_scopes, updated = excluded.updated",
                (
                    role.id,
                    role.name,
                    role.description,
                    json.dumps([each.as_json() for each in role.permissions]),
                    json.dumps(role.assignable_scopes),
                    now,
                    now,
                ),
            )

    def remove(self, role: Role) -> None:
        """Remove a custom role. Raises AzureFailure 400 for a built-in one, or while it is assigned."""
        _require_custom(role.id)
        with self._state.write() as connection:
            if connection.execute("SELECT 1 FROM role_assignments WHERE role_id = ?", (role.id,)).fetchone():
                detail = f"There are existing role assignments referencing role '{role.name}'. Delete them first."
                raise AzureFailure(400, "RoleDefinitionHasAssignments", detail)
            connection.execute("DELETE FROM role_definitions WHERE id = ?", (role.id,))


def _permissions(given: object) -> tuple[Permissions, ...]:
    if not isinstance(given, list) or not given:
        raise _invalid("permissions is not a list of at least one entry")
    for entry in given:
        if not isinstance(entry, dict):
            raise _invalid("an entry of permissions is not an object")
        for name in _LISTS:
            actions = entry.get(name) or []
            if not isinstance(actions, list) or not all(isinstance(action, str) for action in actions):
                raise _invalid(f"{name} is not a list of actions")
    return tuple(Permissions.from_json(entry) for entry in given)


def _require_custom(role_id: str) -> None:
    if role_id in BUILT_IN:
        name = BUILT_IN[role_id].name
        detail = f"The role '{name}' is built in and cannot be changed or removed."
        raise AzureFailure(400, "RoleDefinitionIsBuiltIn", detail)


def _require_name(connection: sqlite3.Connection, role: Role) -> None:
    for other in (*BUILT_IN.values(), *roles.custom(connection)):
        if other.name.lower() == role.name.lower() and other.id != role.id:
            raise AzureFailure(
                409,
                "RoleDefinitionWithSameNameExists",
                f"A custom role cannot be created with this name. The name '{role.name}' already exists.",
            )


def _invalid(what: str) -> AzureFailure:
    return AzureFailure(400, "RoleDefinitionInvalid", f"The role definition is invalid: {what}.")
