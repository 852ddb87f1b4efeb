"""Role assignments at a vault and above it, and the roles that they give.

Azure's package for this is the heaviest of all (it holds every version of its API): one version of it is loaded, here.
"""

import uuid
from typing import TYPE_CHECKING, Any, Final

from keyferry.clouds.azure.facts import Grant
from keyferry.clouds.azure.grants import permissions_of_role
from keyferry.errors import CloudFailed

if TYPE_CHECKING:  # the SDK is loaded when it is used
    from azure.mgmt.authorization.v2022_04_01.models import RoleAssignment, RoleDefinition

_AT_AND_ABOVE: Final = "atScope()"
_ALREADY: Final = "RoleAssignmentExists"


class Roles:
    """Azure's role-based access control of one subscription.

    Its methods raise the SDK's exceptions: they are called where those are understood.

    Args:
        settings: of the SDK's clients of the management plane.
    """

    def __init__(self, subscription_id: str, settings: dict[str, Any]) -> None:
        from azure.mgmt.authorization.v2022_04_01 import AuthorizationManagementClient

        self._client = AuthorizationManagementClient(subscription_id=subscription_id, **settings)
        self._definitions: dict[str, RoleDefinition | None] = {}

    def grants(self, scope: str) -> tuple[Grant, ...]:
        """What the assignments at `scope` and above it grant on keys, which may be nothing."""
        assignments = self._client.role_assignments.list_for_scope(scope, filter=_AT_AND_ABOVE)
        found = (self._grant(each) for each in assignments)
        return tuple(each for each in found if each is not None)

    def assign(self, scope: str, principal_id: str, role: str, principal_type: str | None) -> None:
        """Assign a role by its name; one that the principal has already, there or above, stays as it is.

        Raises:
            CloudFailed: (`azure-not-found`) there is no role of this name.
        """
        from azure.core.exceptions import HttpResponseError

        quoted = role.replace("'", "''")  # as OData has it (section 5.1.1.6.1 of its URL conventions)
        definition = next(iter(self._client.role_definitions.list(scope, filter=f"roleName eq '{quoted}'")), None)
        if definition is None:
            raise CloudFailed(
                f"There is no role {role!r}",
                code="azure-not-found",
                field="role",
                advice="List them: az role definition list --query \"[?contains(roleName, 'Key Vault')].roleName\"",
            )
        held = self._client.role_assignments.list_for_scope(scope, filter=_AT_AND_ABOVE)
        if any(_assigns(each, principal_id, str(definition.id)) for each in held):
            return
        properties = {"roleDefinitionId": definition.id, "principalId": principal_id}
        if principal_type is not None:
            properties["principalType"] = principal_type
        wanted: Any = {"properties": properties}
        try:
            self._client.role_assignments.create(scope, str(uuid.uuid4()), wanted)
        except HttpResponseError as refused:
            if getattr(refused.error, "code", None) != _ALREADY:
                raise

    def _grant(self, assignment: "RoleAssignment") -> Grant | None:
        told: Any = assignment  # all of it may be missing from an answer; the SDK's types say that some is never there
        definition = self._definition(str(told.role_definition_id))
        if definition is None:
            return None
        permissions = [
            permissions_of_role(each.data_actions or (), each.not_data_actions or ())
            for each in definition.permissions or ()
        ]
        kind = told.principal_type
        return Grant(
            principal_id=str(told.principal_id).lower(),
            permissions=frozenset().union(*permissions),
            via=definition.role_name or "",
            scope=told.scope or "",
            principal_type=None if kind is None else str(getattr(kind, "value", kind)),
        )

    def _definition(self, role_id: str) -> "RoleDefinition | None":
        """A role by its resource id; None for one that was deleted while it is still assigned."""
        from azure.core.exceptions import ResourceNotFoundError

        if role_id not in self._definitions:
            try:
                self._definitions[role_id] = self._client.role_definitions.get_by_id(role_id)
            except ResourceNotFoundError:
                self._definitions[role_id] = None
        return self._definitions[role_id]


def _assigns(assignment: Any, principal_id: str, role_id: str) -> bool:
    same_role = _last(assignment.role_definition_id) == _last(role_id)
    return same_role and str(assignment.principal_id).lower() == principal_id.lower()


def _last(resource_id: object) -> str:
    """A role's own id, which is the same below every scope that its resource id may begin with."""
    return str(resource_id).lower().rpartition("/")[2]
