"""Role assignments: which principal has which role, at which scope (Microsoft.Authorization/roleAssignments)."""

import sqlite3
import uuid
from dataclasses import dataclass, replace
from enum import StrEnum

from keyferry.emulator import clock
from keyferry.emulator.directory import Directory
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import groups, roles, scopes, subscriptions, vault_records
from keyferry.emulator.management.names import is_guid
from keyferry.emulator.management.roles import Role
from keyferry.emulator.state import State


class PrincipalType(StrEnum):
    """`principalType`."""

    USER = "User"
    GROUP = "Group"
    SERVICE_PRINCIPAL = "ServicePrincipal"
    FOREIGN_GROUP = "ForeignGroup"
    DEVICE = "Device"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleAssignment:
    """One assignment; `name` is its GUID, times are Unix seconds, `created_by` an object id."""

    name: str
    scope: str
    role_id: str
    principal_id: str
    principal_type: PrincipalType
    description: str | None
    created: int
    created_by: str
    updated: int

    @property
    def resource_id(self) -> str:
        """Its own resource id, below its scope."""
        return f"{self.scope}/providers/Microsoft.Authorization/roleAssignments/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAssignment:
    """What a PUT of an assignment says."""

    role_id: str
    principal_id: str
    principal_type: PrincipalType | None
    description: str | None


def assign(connection: sqlite3.Connection, scope: str, role: Role, principal_id: str, *, by: str) -> RoleAssignment:
    """A new assignment to a service principal, with a name of its own, inside a transaction."""
    now = clock.now()
    assignment = RoleAssignment(
        name=str(uuid.uuid4()),
        scope=scopes.normal(scope),
        role_id=role.id,
        principal_id=principal_id.lower(),
        principal_type=PrincipalType.SERVICE_PRINCIPAL,
        description=None,
        created=now,
        created_by=by,
        updated=now,
    )
    _insert(connection, assignment)
    return assignment


def require_scope(connection: sqlite3.Connection, scope: str) -> None:
    """Raises AzureFailure 404, unless there is what `scope` names; 400 where no role can be assigned."""
    subscription_id = scopes.subscription_of(scope)
    if subscription_id is None:
        raise AzureFailure(
            400,
            "MissingSubscription",
            "The request did not have a subscription or a valid tenant level resource provider.",
        )
    group, vault = scopes.group_of(scope), scopes.vault_of(scope)
    if not scopes.is_known(scope):
        raise AzureFailure(404, "ResourceNotFound", f"The emulator has no resource at '{scopes.normal(scope)}'.")
    if group is None:
        subscriptions.require(connection, subscription_id)
    elif vault is None:
        groups.require(connection, subscription_id, group)
    else:
        vault_records.require(connection, subscription_id, group, vault)


class RoleAssignments:
    """Every role assignment of the tenant, over the emulator's state."""

    def __init__(self, state: State, directory: Directory) -> None:
        self._state = state
        self._directory = directory

    def put(self, scope: str, name: str, new: NewAssignment, *, by: str) -> tuple[RoleAssignment, bool]:
        """Assign a role, or describe an assignment anew; also whether it is new.

        Raises:
            AzureFailure: 400 InvalidRoleAssignmentId, RoleDefinitionDoesNotExist, PrincipalNotFound,
                RoleAssignmentUpdateNotPermitted; 404 where the scope is not there; 409 RoleAssignmentExists.
        """
        if not is_guid(name):
            raise AzureFailure(
                400,
                "InvalidRoleAssignmentId",
                f"The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID.",
            )
        principal_type = self._type_of(new)
        with self._state.write() as connection:
            require_scope(connection, scope)
            subscriptions.require_writable(connection, scopes.subscription_of(scope) or "")
            role = _require_role(connection, new.role_id, scope)
            before = _find(connection, scope, name)
            if before is not None:
                return _described(connection, before, role, new), False
            _require_new(connection, scope, role, new)
            now = clock.now()
            assignment = RoleAssignment(
                name=name.lower(),
                scope=scopes.normal(scope),
                role_id=role.id,
                principal_id=new.principal_id.lower(),
                principal_type=principal_type,
                description=new.description,
                created=now,
                created_by=by,
                updated=now,
            )
            _insert(connection, assignment)
        return assignment, True

    def find(self, scope: str, name: str) -> RoleAssignment | None:
        """The assignment of that name at that scope."""
        with self._state.read() as connection:
            return _find(connection, scope, name)

    def remove(self, assignment: RoleAssignment) -> None:
        """Take an assignment away."""
        with self._state.write() as connection:
            subscriptions.require_writable(connection, scopes.subscription_of(assignment.scope) or "")
            connection.execute(
                "DELETE FROM role_assignments WHERE scope_key = ? AND name = ?",
                (scopes.key(assignment.scope), assignment.name),
            )

    def seen_from(self, scope: str, *, at_scope: bool = False) -> tuple[RoleAssignment, ...]:
        """The assignments at a scope, above it and, unless `at_scope`, below it."""
        with self._state.read() as connection:
            require_scope(connection, scope)
            rows = connection.execute("SELECT * FROM role_assignments ORDER BY created, rowid").fetchall()
        every = map(_from_row, rows)
        return tuple(
            each
            for each in every
            if scopes.holds_for(each.scope, scope) or (not at_scope and scopes.holds_for(scope, each.scope))
        )

    def _type_of(self, new: NewAssignment) -> PrincipalType:
        if not is_guid(new.principal_id):
            raise AzureFailure(400, "InvalidPrincipalId", f"The principal ID '{new.principal_id}' is not a GUID.")
        if self._directory.by_object_id(new.principal_id) is not None:
            return PrincipalType.SERVICE_PRINCIPAL
        if new.principal_type is not None:
            return new.principal_type
        raise AzureFailure(
            400,
            "PrincipalNotFound",
            f"Principal {new.principal_id.replace('-', '')} does not exist in the directory "
            f"{self._directory.tenant_id}. Check that you have the correct principal ID: the object id, not the "
            "application's. For a principal that the directory does not show, set principalType to User, Group or "
            "ServicePrincipal.",
        )


def _require_role(connection: sqlite3.Connection, role_id: str, scope: str) -> Role:
    role = roles.find(connection, role_id)
    if role is None:
        raise AzureFailure(
            400, "RoleDefinitionDoesNotExist", f"The specified role definition with ID '{role_id}' does not exist."
        )
    if not any(scopes.holds_for(each, scope) for each in role.assignable_scopes):
        raise AzureFailure(
            400,
            "RoleDefinitionNotAssignable",
            f"The role definition '{role.name}' is not assignable at '{scopes.normal(scope)}'. Its assignable scopes "
            f"are {', '.join(role.assignable_scopes)}.",
        )
    return role


def _require_new(connection: sqlite3.Connection, scope: str, role: Role, new: NewAssignment) -> None:
    row = connection.execute(
        "SELECT name FROM role_assignments WHERE scope_key = ? AND role_id = ? AND principal_id = ?",
        (scopes.key(scope), role.id, new.principal_id.lower()),
    ).fetchone()
    if row is not None:
        raise AzureFailure(
            409,
            "RoleAssignmentExists",
            "The role assignment already exists. The ID of the existing role assignment is "
            f"{row['name'].replace('-', '')}.",
        )


def _described(
    connection: sqlite3.Connection, before: RoleAssignment, role: Role, new: NewAssignment
) -> RoleAssignment:
    if (before.role_id, before.principal_id) != (role.id, new.principal_id.lower()):
        raise AzureFailure(
            400,
            "RoleAssignmentUpdateNotPermitted",
            "Tenant ID, application ID, principal ID, role definition and scope are not allowed to be updated. Delete "
            "the assignment and make another.",
        )
    after = replace(before, description=new.description, updated=clock.now())
    connection.execute(
        "UPDATE role_assignments SET description = ?, updated = ? WHERE scope_key = ? AND name = ?",
        (after.description, after.updated, scopes.key(after.scope), after.name),
    )
    return after


def _find(connection: sqlite3.Connection, scope: str, name: str) -> RoleAssignment | None:
    row = connection.execute(
        "SELECT * FROM role_assignments WHERE scope_key = ? AND name = ?", (scopes.key(scope), name.lower())
    ).fetchone()
    return None if row is None else _from_row(row)


def _insert(connection: sqlite3.Connection, assignment: RoleAssignment) -> None:
    connection.execute(
        "INSERT INTO role_assignments (name, scope, scope_key, role_id, principal_id, principal_type, description,"
        " created, created_by, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            assignment.name,
            assignment.scope,
            scopes.key(assignment.scope),
            assignment.role_id,
            assignment.principal_id,
            assignment.principal_type,
            assignment.description,
            assignment.created,
            assignment.created_by,
            assignment.updated,
        ),
    )


def _from_row(row: sqlite3.Row) -> RoleAssignment:
    return RoleAssignment(
        name=row["name"],
        scope=row["scope"],
        role_id=row["role_id"],
        principal_id=row["principal_id"],
        principal_type=PrincipalType(row["principal_type"]),
        description=row["description"],
        created=row["created"],
        created_by=row["created_by"],
        updated=row["updated"],
    )
