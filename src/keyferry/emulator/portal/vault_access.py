"""Access control: who may do what with a vault's keys, as far as a person needs it for a Customer Key."""

import uuid
from typing import Any, Final

from starlette.responses import Response

from keyferry.emulator.directory import Principal
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import roles
from keyferry.emulator.management.assignments import NewAssignment, RoleAssignments
from keyferry.emulator.management.permissions import KEY_PERMISSIONS
from keyferry.emulator.management.vault import AccessPolicy, Vault
from keyferry.emulator.management.vault_records import TYPE
from keyferry.emulator.portal.forms import WHOLE, Refused
from keyferry.emulator.portal.pages import show
from keyferry.emulator.portal.visit import Visit

ASSIGN: Final = "Microsoft.Authorization/roleAssignments/write"
TAKE_AWAY: Final = "Microsoft.Authorization/roleAssignments/delete"
SET_POLICIES: Final = f"{TYPE}/accessPolicies/write"
ROLES: Final = {
    role.id: role.name
    for role in (
        roles.KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER,
        roles.KEY_VAULT_CRYPTO_USER,
        roles.KEY_VAULT_CRYPTO_OFFICER,
        roles.KEY_VAULT_READER,
        roles.KEY_VAULT_ADMINISTRATOR,
    )
}
"""The roles that are offered, by id; the first is what a Customer Key takes."""
CUSTOMER_KEY_WORDS: Final = ("get", "wrapkey", "unwrapkey")


def show_all(visit: Visit) -> Response:
    """Who may do what in a vault, and the form that adds to it."""
    return _page(visit, visit.vault())


def add(visit: Visit) -> Response:
    """Assign a role at the vault, or in a vault with access policies let somebody get, wrap and unwrap."""
    vault = visit.vault()
    try:
        principal = _principal(visit)
        told = _assign(visit, vault, principal) if vault.rbac else _add_policy(visit, vault, principal)
    except Refused as refused:
        return _page(visit, vault, refused)
    except AzureFailure as failure:
        return _page(visit, vault, Refused.because(failure, _field_of(failure)))
    return visit.done(told, "vaults", vault.name, "access")


def remove(visit: Visit) -> Response:
    """Take a role assignment at the vault away, or a principal's access policy."""
    vault = visit.vault()
    if vault.rbac:
        visit.allow(TAKE_AWAY, vault.resource_id)
        assignments = RoleAssignments(visit.emulator.state, visit.emulator.directory)
        found = assignments.find(vault.resource_id, visit.submitted.text("assignment"))
        if found is not None:
            assignments.remove(found)
        return visit.done("The role assignment was removed.", "vaults", vault.name, "access")
    visit.allow(SET_POLICIES, vault.resource_id)
    gone = visit.submitted.text("assignment")
    visit.emulator.vaults.set_policies(
        vault, lambda now: [each for each in now.access_policies if each.object_id != gone]
    )
    return visit.done("The access policy was removed.", "vaults", vault.name, "access")


def _assign(visit: Visit, vault: Vault, principal: Principal) -> str:
    visit.allow(ASSIGN, vault.resource_id)
    role = visit.submitted.text("role")
    if role not in ROLES:
        raise Refused({"role": "Choose a role."})
    new = NewAssignment(role_id=role, principal_id=principal.object_id, principal_type=None, description=None)
    RoleAssignments(visit.emulator.state, visit.emulator.directory).put(
        vault.resource_id, str(uuid.uuid4()), new, by=visit.principal.object_id
    )
    return f"{principal.name} is now {ROLES[role]} of {vault.name}."


def _add_policy(visit: Visit, vault: Vault, principal: Principal) -> str:
    visit.allow(SET_POLICIES, vault.resource_id)
    policy = AccessPolicy(tenant_id=vault.tenant_id, object_id=principal.object_id, keys=CUSTOMER_KEY_WORDS, others={})
    visit.emulator.vaults.set_policies(
        vault, lambda now: [*(each for each in now.access_policies if not each.same_principal(policy)), policy]
    )
    return f"{principal.name} may now get, wrap and unwrap with the keys of {vault.name}."


def _principal(visit: Visit) -> Principal:
    found = visit.emulator.directory.by_object_id(visit.submitted.text("member"))
    if found is None:
        raise Refused({"member": "Choose who is to have access."})
    return found


def _field_of(failure: AzureFailure) -> str:
    return "member" if failure.code == "RoleAssignmentExists" else WHOLE


def _page(visit: Visit, vault: Vault, refused: Refused | None = None) -> Response:
    return show(
        visit,
        "vault_access.html",
        refused=refused,
        vault=vault,
        entries=_of_roles(visit, vault) if vault.rbac else _of_policies(visit, vault),
        roles=ROLES,
        role=visit.submitted.text("role"),
        member=visit.submitted.text("member"),
        principals=visit.emulator.directory.all(),
    )


def _of_roles(visit: Visit, vault: Vault) -> list[dict[str, Any]]:
    found = RoleAssignments(visit.emulator.state, visit.emulator.directory).seen_from(vault.resource_id, at_scope=True)
    with visit.emulator.state.read() as connection:
        named = {each.role_id: roles.find(connection, each.role_id) for each in found}
    return [
        {
            "who": _name(visit, each.principal_id),
            "what": each.role_id if (role := named[each.role_id]) is None else role.name,
            "where": "This vault" if each.scope.lower() == vault.resource_id.lower() else "Inherited",
            "id": each.name if each.scope.lower() == vault.resource_id.lower() else None,
        }
        for each in found
    ]


def _of_policies(visit: Visit, vault: Vault) -> list[dict[str, Any]]:
    return [
        {
            "who": _name(visit, each.object_id),
            "what": ", ".join(KEY_PERMISSIONS[word].word if word in KEY_PERMISSIONS else word for word in each.keys),
            "where": "Access policy",
            "id": each.object_id,
        }
        for each in vault.access_policies
    ]


def _name(visit: Visit, object_id: str) -> str:
    found = visit.emulator.directory.by_object_id(object_id)
    return object_id if found is None else found.name
