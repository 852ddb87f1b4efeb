"""Role assignments, role definitions and permissions at any scope (Microsoft.Authorization, api-version 2022-04-01)."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import access, arm, filters, role_definitions, scopes
from keyferry.emulator.management.assignments import NewAssignment, PrincipalType, RoleAssignment, RoleAssignments
from keyferry.emulator.management.role_definitions import RoleDefinitions
from keyferry.emulator.management.roles import Role
from keyferry.emulator.requests import emulator_of, object_of, principal_of

PROVIDER: Final = "Microsoft.Authorization"
ASSIGNMENT_FILTERS: Final = frozenset({"atscope", "principalid", "assignedto"})
DEFINITION_FILTERS: Final = frozenset({"atscopeandbelow", "rolename", "type"})


def routes() -> list[Route]:
    """The routes of Microsoft.Authorization; a scope is any path before it, the tenant's root included."""
    found: list[Route] = []
    for scope in ("{scope:path}", ""):
        base = f"/{scope}/providers/{PROVIDER}" if scope else f"/providers/{PROVIDER}"
        found += [
            arm.route(f"{base}/roleAssignments", list_assignments, "GET"),
            arm.route(base + "/roleAssignments/{name}", show_assignment, "GET"),
            arm.route(base + "/roleAssignments/{name}", put_assignment, "PUT"),
            arm.route(base + "/roleAssignments/{name}", delete_assignment, "DELETE"),
            arm.route(f"{base}/roleDefinitions", list_definitions, "GET"),
            arm.route(base + "/roleDefinitions/{name}", show_definition, "GET"),
            arm.route(base + "/roleDefinitions/{name}", put_definition, "PUT"),
            arm.route(base + "/roleDefinitions/{name}", delete_definition, "DELETE"),
            arm.route(f"{base}/permissions", list_permissions, "GET"),
            arm.route(f"{base}/denyAssignments", list_deny_assignments, "GET"),
        ]
    return found


def list_assignments(request: Request) -> Response:
    """The assignments at a scope, above and below it, as `$filter` says."""
    scope = _scope(request)
    arm.allow(request, f"{PROVIDER}/roleAssignments/read", scope)
    wanted = filters.parse(request.query_params.get("$filter"), ASSIGNMENT_FILTERS)
    found = _assignments(request).seen_from(scope, at_scope="atscope" in wanted)
    who = [wanted[name].lower() for name in ("principalid", "assignedto") if name in wanted]
    return arm.page(request, [_assignment(each) for each in found if all(each.principal_id == one for one in who)])


def show_assignment(request: Request) -> Response:
    """One assignment."""
    arm.allow(request, f"{PROVIDER}/roleAssignments/read", _scope(request))
    found = _assignments(request).find(_scope(request), request.path_params["name"])
    if found is None:
        detail = f"The role assignment '{request.path_params['name']}' is not found."
        raise AzureFailure(404, "RoleAssignmentNotFound", detail)
    return JSONResponse(_assignment(found))


def put_assignment(request: Request) -> Response:
    """Assign a role to a principal."""
    scope = _scope(request)
    principal = arm.allow(request, f"{PROVIDER}/roleAssignments/write", scope)
    new = _new_assignment(arm.member(object_of(request), "properties"))
    made, is_new = _assignments(request).put(scope, request.path_params["name"], new, by=principal.object_id)
    return JSONResponse(_assignment(made), status_code=201 if is_new else 200)


def delete_assignment(request: Request) -> Response:
    """Take an assignment away; 204 when there is none."""
    arm.allow(request, f"{PROVIDER}/roleAssignments/delete", _scope(request))
    found = _assignments(request).find(_scope(request), request.path_params["name"])
    if found is None:
        return Response(status_code=204)
    _assignments(request).remove(found)
    return JSONResponse(_assignment(found))


def list_definitions(request: Request) -> Response:
    """The roles that may be assigned at a scope, as `$filter` says."""
    scope = _scope(request)
    arm.allow(request, f"{PROVIDER}/roleDefinitions/read", scope)
    wanted = filters.parse(request.query_params.get("$filter"), DEFINITION_FILTERS)
    found = RoleDefinitions(emulator_of(request).state).at(scope)
    return arm.page(request, [_definition(scope, each) for each in found if _matches(each, wanted)])


def show_definition(request: Request) -> Response:
    """One role. A built-in one is shown at the tenant's root too, to anybody who signed in."""
    scope = _scope(request)
    found = RoleDefinitions(emulator_of(request).state).require(request.path_params["name"])
    if scope or not found.built_in:
        arm.allow(request, f"{PROVIDER}/roleDefinitions/read", scope)
    return JSONResponse(_definition(scope, found))


def put_definition(request: Request) -> Response:
    """Make or change a custom role; the caller must be allowed to at every scope that it may be assigned at."""
    scope = _scope(request)
    arm.allow(request, f"{PROVIDER}/roleDefinitions/write", scope)
    properties = arm.member(object_of(request), "properties")
    role = role_definitions.parse(request.path_params["name"], scope, properties)
    for assignable in role.assignable_scopes:
        arm.allow(request, f"{PROVIDER}/roleDefinitions/write", assignable)
    RoleDefinitions(emulator_of(request).state).put(role)
    return JSONResponse(_definition(scope, role), status_code=201)


def delete_definition(request: Request) -> Response:
    """Remove a custom role; 204 when there is none."""
    scope = _scope(request)
    arm.allow(request, f"{PROVIDER}/roleDefinitions/delete", scope)
    known = RoleDefinitions(emulator_of(request).state)
    try:
        role = known.require(request.path_params["name"])
    except AzureFailure:
        return Response(status_code=204)
    for assignable in role.assignable_scopes if not role.built_in else ():
        arm.allow(request, f"{PROVIDER}/roleDefinitions/delete", assignable)
    known.remove(role)
    return JSONResponse(_definition(scope, role))


def list_permissions(request: Request) -> Response:
    """What the caller may do at a scope; an empty list for one who may do nothing."""
    with emulator_of(request).state.read() as connection:
        held = access.roles_at(connection, principal_of(request).object_id, _scope(request))
    return arm.page(request, [each.as_json() for role in held for each in role.permissions])


def list_deny_assignments(request: Request) -> Response:
    """None: the emulator has no deny assignments."""
    arm.allow(request, f"{PROVIDER}/denyAssignments/read", _scope(request))
    return arm.page(request, [])


def _scope(request: Request) -> str:
    return scopes.normal(request.path_params.get("scope", ""))


def _assignments(request: Request) -> RoleAssignments:
    emulator = emulator_of(request)
    return RoleAssignments(emulator.state, emulator.directory)


def _new_assignment(properties: Mapping[str, Any]) -> NewAssignment:
    role_id, principal_id = properties.get("roleDefinitionId"), properties.get("principalId")
    if not isinstance(role_id, str) or not isinstance(principal_id, str):
        detail = "The properties roleDefinitionId and principalId are required."
        raise AzureFailure(400, "InvalidRequestContent", detail)
    kind = properties.get("principalType")
    if kind is not None and kind not in list(PrincipalType):
        detail = f"The principalType '{kind}' is none of {', '.join(PrincipalType)}."
        raise AzureFailure(400, "InvalidPrincipalType", detail)
    if properties.get("condition") is not None:
        detail = "The emulator does not evaluate conditions. Leave condition and conditionVersion out."
        raise AzureFailure(400, "UnsupportedRoleAssignmentCondition", detail)
    description = properties.get("description")
    return NewAssignment(
        role_id=role_id.rstrip("/").rpartition("/")[2],
        principal_id=principal_id,
        principal_type=None if kind is None else PrincipalType(kind),
        description=None if description is None else str(description),
    )


def _assignment(assignment: RoleAssignment) -> dict[str, Any]:
    return {
        "id": assignment.resource_id,
        "name": assignment.name,
        "type": f"{PROVIDER}/roleAssignments",
        "properties": {
            "roleDefinitionId": _definition_id(assignment.scope, assignment.role_id),
            "principalId": assignment.principal_id,
            "principalType": assignment.principal_type,
            "scope": assignment.scope,
            "description": assignment.description,
            "condition": None,
            "conditionVersion": None,
            "createdOn": arm.moment(assignment.created),
            "updatedOn": arm.moment(assignment.updated),
            "createdBy": assignment.created_by,
            "updatedBy": assignment.created_by,
            "delegatedManagedIdentityResourceId": None,
        },
    }


def _definition(scope: str, role: Role) -> dict[str, Any]:
    return {
        "id": _definition_id(scope, role.id),
        "name": role.id,
        "type": f"{PROVIDER}/roleDefinitions",
        "properties": {
            "roleName": role.name,
            "type": _kind(role),
            "description": role.description,
            "assignableScopes": list(role.assignable_scopes),
            "permissions": [each.as_json() for each in role.permissions],
        },
    }


def _definition_id(scope: str, role_id: str) -> str:
    subscription_id = scopes.subscription_of(scope)
    base = "" if subscription_id is None else f"/subscriptions/{subscription_id}"
    return f"{base}/providers/{PROVIDER}/roleDefinitions/{role_id}"


def _kind(role: Role) -> str:
    return "BuiltInRole" if role.built_in else "CustomRole"


def _matches(role: Role, wanted: Mapping[str, str]) -> bool:
    name, kind = wanted.get("rolename"), wanted.get("type")
    return (name is None or name.lower() == role.name.lower()) and (kind is None or kind.lower() == _kind(role).lower())
