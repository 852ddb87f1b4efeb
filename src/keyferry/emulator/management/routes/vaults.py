"""Vaults: made, shown, listed, changed, deleted; their access policies; and whether a name is free.

Microsoft.KeyVault/vaults, api-versions to 2026-05-15. Managed HSMs are not emulated: lists of them are empty.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import access, arm, vault_settings
from keyferry.emulator.management.names import managed_hsm_name_is_right
from keyferry.emulator.management.vault import AccessPolicy, Vault
from keyferry.emulator.management.vault_records import TYPE
from keyferry.emulator.requests import emulator_of, object_of, principal_of

READ: Final = f"{TYPE}/read"
WRITE: Final = f"{TYPE}/write"
RBAC_BY_DEFAULT_SINCE: Final = "2026-02-01"


def routes() -> list[Route]:
    """The routes of live vaults."""
    provider = "/subscriptions/{subscription}/providers/Microsoft.KeyVault"
    in_group = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.KeyVault"
    one = in_group + "/vaults/{vault}"
    return [
        arm.route(f"{provider}/vaults", list_vaults, "GET"),
        arm.route(f"{in_group}/vaults", list_vaults, "GET"),
        arm.route(f"{provider}/checkNameAvailability", check_name, "POST"),
        arm.route(one, show, "GET"),
        arm.route(one, put, "PUT"),
        arm.route(one, update, "PATCH"),
        arm.route(one, delete, "DELETE"),
        arm.route(one + "/accessPolicies/{operation}", change_policies, "PUT"),
        arm.route(f"{one}/privateEndpointConnections", list_private_endpoints, "GET"),
        arm.route(f"{provider}/checkMhsmNameAvailability", check_managed_hsm_name, "POST"),
        arm.route(f"{provider}/managedHSMs", list_managed_hsms, "GET"),
        arm.route(f"{in_group}/managedHSMs", list_managed_hsms, "GET"),
        arm.route(f"{provider}/deletedManagedHSMs", list_managed_hsms, "GET"),
        arm.route(in_group + "/managedHSMs/{vault}", show_managed_hsm, "GET", "DELETE", "PATCH"),
        arm.route(in_group + "/managedHSMs/{vault}", put_managed_hsm, "PUT"),
    ]


def shown(request: Request, vault: Vault) -> dict[str, Any]:
    """A vault as Resource Manager shows it; purge protection is absent where it is off, as it only takes true."""
    addresses = emulator_of(request).addresses
    protection = {"enablePurgeProtection": True} if vault.purge_protection else {}
    return {
        "id": vault.resource_id,
        "name": vault.name,
        "type": TYPE,
        "location": vault.location,
        "tags": dict(vault.tags),
        "systemData": {"createdAt": arm.moment(vault.created), "lastModifiedAt": arm.moment(vault.created)},
        "properties": {
            "publicNetworkAccess": "Enabled",
            **vault.properties,
            "sku": {"family": "A", "name": vault.sku},
            "tenantId": vault.tenant_id,
            "accessPolicies": [policy.as_json() for policy in vault.access_policies],
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": vault.retention_days,
            "enableRbacAuthorization": vault.rbac,
            **protection,
            "vaultUri": f"{addresses.url_of(vault, request.headers['host'])}/",
            "provisioningState": "Succeeded",
        },
    }


def list_vaults(request: Request) -> Response:
    """The vaults of a subscription or of a group that the caller may see."""
    emulator = emulator_of(request)
    group = request.path_params.get("group")
    found = emulator.vaults.of(request.path_params["subscription"], group)
    mine = [each for each in found if access.may(emulator.state, principal_of(request), READ, each.resource_id)]
    if not mine:
        arm.allow(request, READ, arm.subscription_scope(request) if group is None else arm.group_scope(request))
    return arm.page(request, [shown(request, each) for each in mine])


def show(request: Request) -> Response:
    """One vault."""
    return JSONResponse(shown(request, _vault(request, READ)))


def put(request: Request) -> Response:
    """Make a vault, change the one that is there, or recover the soft-deleted one (createMode)."""
    arm.allow(request, WRITE, arm.vault_scope(request))
    vaults, where = emulator_of(request).vaults, request.path_params
    settings = vault_settings.parse(object_of(request))
    existing = vaults.named(where["vault"])
    here = existing is not None and existing.resource_id.lower() == arm.vault_scope(request).lower()
    if existing is not None and here and settings.create_mode is vault_settings.CreateMode.DEFAULT:
        return JSONResponse(shown(request, vaults.rewrite(existing, settings)))
    vault = vaults.create(
        where["subscription"],
        where["group"],
        where["vault"],
        settings,
        rbac_by_default=request.query_params["api-version"] >= RBAC_BY_DEFAULT_SINCE,
    )
    return JSONResponse(shown(request, vault))


def update(request: Request) -> Response:
    """Change what is said of a vault, and nothing else."""
    vault = _vault(request, WRITE)
    settings = vault_settings.parse(object_of(request))
    if settings.create_mode is not vault_settings.CreateMode.DEFAULT:
        raise AzureFailure(400, "BadRequest", "createMode 'recover' is for PUT, on a soft-deleted vault.")
    return JSONResponse(shown(request, emulator_of(request).vaults.update(vault, settings)))


def delete(request: Request) -> Response:
    """Soft-delete a vault; 204 when there is none."""
    arm.allow(request, f"{TYPE}/delete", arm.vault_scope(request))
    try:
        vault = _vault(request, f"{TYPE}/delete")
    except AzureFailure as failure:
        if failure.code == "ResourceNotFound":
            return Response(status_code=204)
        raise
    emulator_of(request).vaults.delete(vault)
    return Response(status_code=200)


def change_policies(request: Request) -> Response:
    """Add, replace or remove access policies, and leave the rest of the vault alone."""
    vault = _vault(request, f"{TYPE}/accessPolicies/write")
    operation = request.path_params["operation"].lower()
    if operation not in _CHANGES:
        detail = f"The operation '{operation}' on access policies is none of add, replace and remove."
        raise AzureFailure(400, "BadRequest", detail)
    given = vault_settings.parse_policies(arm.member(object_of(request), "properties").get("accessPolicies"))
    change = _CHANGES[operation]
    changed = emulator_of(request).vaults.set_policies(vault, lambda now: change(now.access_policies, given))
    return JSONResponse(
        {
            "id": f"{changed.resource_id}/accessPolicies/",
            "type": f"{TYPE}/accessPolicies",
            "properties": {"accessPolicies": [policy.as_json() for policy in changed.access_policies]},
        }
    )


def check_name(request: Request) -> Response:
    """Whether a name may be a new vault's, and if not, why."""
    arm.allow(request, "Microsoft.KeyVault/checkNameAvailability/read", arm.subscription_scope(request))
    body = object_of(request)
    if not isinstance(body.get("name"), str) or str(body.get("type")).lower() != TYPE.lower():
        raise AzureFailure(400, "BadRequest", f"The body must have a name, and the type '{TYPE}'.")
    problem = emulator_of(request).vaults.name_problem(body["name"])
    if problem is None:
        return JSONResponse({"nameAvailable": True})
    return JSONResponse({"nameAvailable": False, "reason": problem[0], "message": problem[1]})


def list_private_endpoints(request: Request) -> Response:
    """None: there are no networks here."""
    _vault(request, f"{TYPE}/privateEndpointConnections/read")
    return arm.page(request, [])


def list_managed_hsms(request: Request) -> Response:
    """None."""
    arm.allow(request, "Microsoft.KeyVault/managedHSMs/read", arm.subscription_scope(request))
    return arm.page(request, [])


def check_managed_hsm_name(request: Request) -> Response:
    """Whether a name may be a managed HSM's; none is taken, as there are none."""
    arm.allow(request, "Microsoft.KeyVault/checkMhsmNameAvailability/read", arm.subscription_scope(request))
    name = object_of(request).get("name")
    if not isinstance(name, str):
        raise AzureFailure(400, "BadRequest", "The body must have a name.")
    if managed_hsm_name_is_right(name):
        return JSONResponse({"nameAvailable": True})
    message = (
        f"The managed HSM name '{name}' is invalid. It must be between 3-24 alphanumeric characters, and the first one "
        "a letter."
    )
    return JSONResponse({"nameAvailable": False, "reason": "AccountNameInvalid", "message": message})


def show_managed_hsm(request: Request) -> Response:
    """There is none to show, change or delete."""
    arm.allow(request, "Microsoft.KeyVault/managedHSMs/read", arm.group_scope(request))
    name, group = request.path_params["vault"], request.path_params["group"]
    raise AzureFailure(
        404,
        "ResourceNotFound",
        f"The Resource 'Microsoft.KeyVault/managedHSMs/{name}' under resource group '{group}' was not found.",
    )


def put_managed_hsm(request: Request) -> Response:
    """Refused: the emulator has vaults alone."""
    arm.allow(request, "Microsoft.KeyVault/managedHSMs/write", arm.group_scope(request))
    detail = "The emulator has no managed HSMs. Create a vault with the SKU premium instead."
    raise AzureFailure(400, "BadRequest", detail)


def _vault(request: Request, action: str) -> Vault:
    arm.allow(request, action, arm.vault_scope(request))
    where = request.path_params
    return emulator_of(request).vaults.require(where["subscription"], where["group"], where["vault"])


Policies = Iterable[AccessPolicy]


def _added(now: tuple[AccessPolicy, ...], given: tuple[AccessPolicy, ...]) -> Policies:
    """Those of a principal that has one already are merged, permission by permission."""
    kept = [_merged(policy, given) for policy in now]
    return [*kept, *(policy for policy in given if not any(policy.same_principal(other) for other in now))]


def _merged(policy: AccessPolicy, given: Policies) -> AccessPolicy:
    for other in given:
        if policy.same_principal(other):
            words = tuple(dict.fromkeys((*policy.keys, *other.keys)))
            return AccessPolicy(
                tenant_id=other.tenant_id,
                object_id=policy.object_id,
                application_id=policy.application_id,
                keys=words,
                others={**policy.others, **other.others},
            )
    return policy


def _replaced(now: tuple[AccessPolicy, ...], given: tuple[AccessPolicy, ...]) -> Policies:
    del now
    return given


def _removed(now: tuple[AccessPolicy, ...], given: tuple[AccessPolicy, ...]) -> Policies:
    """Of a principal that is named, the permissions that are named go; with the last one, its policy."""
    for policy in now:
        named = [other for other in given if policy.same_principal(other)]
        left = [word for word in policy.keys if not any(word in other.keys for other in named)]
        if not named:
            yield policy
        elif left:
            yield AccessPolicy(
                tenant_id=policy.tenant_id,
                object_id=policy.object_id,
                application_id=policy.application_id,
                keys=tuple(left),
                others=policy.others,
            )


_CHANGES: Final[dict[str, Callable[[tuple[AccessPolicy, ...], tuple[AccessPolicy, ...]], Policies]]] = {
    "add": _added,
    "replace": _replaced,
    "remove": _removed,
}
