"""Resource groups, and what is in them (Microsoft.Resources, api-version 2025-04-01 and before)."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyferry.emulator.management import access, arm, filters
from keyferry.emulator.management.groups import TYPE, ResourceGroup, ResourceGroups
from keyferry.emulator.management.locations import region
from keyferry.emulator.management.vault import Vault
from keyferry.emulator.management.vault_records import TYPE as VAULT_TYPE
from keyferry.emulator.requests import emulator_of, object_of, principal_of

ACTION: Final = "Microsoft.Resources/subscriptions/resourceGroups"
FILTERS: Final = frozenset({"resourcetype", "name", "resourcegroup", "location"})


def routes() -> list[Route]:
    """The routes of resource groups and of resources at large."""
    groups = "/subscriptions/{subscription}/resourceGroups"
    one = groups + "/{group}"
    return [
        arm.route("/subscriptions/{subscription}/resources", list_resources, "GET"),
        arm.route(f"{one}/resources", list_resources, "GET"),
        arm.route(groups, list_groups, "GET"),
        # A GET route answers HEAD too, with 200; whether a group exists is told by 204.
        arm.route(one, exists, "HEAD"),
        arm.route(one, show, "GET"),
        arm.route(one, put, "PUT"),
        arm.route(one, update, "PATCH"),
        arm.route(one, delete, "DELETE"),
    ]


def shown(group: ResourceGroup) -> dict[str, Any]:
    """A resource group as Resource Manager shows it."""
    return {
        "id": group.resource_id,
        "name": group.name,
        "type": TYPE,
        "location": group.location,
        "tags": dict(group.tags),
        "properties": {"provisioningState": "Succeeded"},
    }


def list_groups(request: Request) -> Response:
    """The groups of a subscription that the caller may see."""
    filters.parse(request.query_params.get("$filter"), frozenset())
    emulator = emulator_of(request)
    found = ResourceGroups(emulator.state).of(request.path_params["subscription"])
    mine = [
        each for each in found if access.may(emulator.state, principal_of(request), f"{ACTION}/read", each.resource_id)
    ]
    if not mine:
        arm.allow(request, f"{ACTION}/read", arm.subscription_scope(request))
    return arm.page(request, [shown(each) for each in mine])


def show(request: Request) -> Response:
    """One group."""
    return JSONResponse(shown(_group(request, "read")))


def exists(request: Request) -> Response:
    """204 for a group that is there, 404 for one that is not."""
    _group(request, "read")
    return Response(status_code=204)


def put(request: Request) -> Response:
    """Make a group, or change its tags."""
    arm.allow(request, f"{ACTION}/write", arm.group_scope(request))
    body = object_of(request)
    group, is_new = ResourceGroups(emulator_of(request).state).put(
        request.path_params["subscription"],
        request.path_params["group"],
        region(body.get("location"), TYPE),
        arm.text_map(body.get("tags"), "tags"),
    )
    return JSONResponse(shown(group), status_code=201 if is_new else 200)


def update(request: Request) -> Response:
    """Change a group's tags."""
    group, body = _group(request, "write"), object_of(request)
    tags = dict(group.tags) if body.get("tags") is None else arm.text_map(body["tags"], "tags")
    changed, _ = ResourceGroups(emulator_of(request).state).put(group.subscription_id, group.name, group.location, tags)
    return JSONResponse(shown(changed))


def delete(request: Request) -> Response:
    """Delete a group with what is in it: its vaults are soft-deleted, and can be recovered into a group of its name."""
    group = _group(request, "delete")
    emulator_of(request).vaults.delete_group(group)
    return arm.finished_later(
        request, group.subscription_id, f"/subscriptions/{group.subscription_id}/operationresults/"
    )


def list_resources(request: Request) -> Response:
    """The vaults, which are the resources there are: of a group, or of a subscription with `$filter`."""
    emulator = emulator_of(request)
    wanted = filters.parse(request.query_params.get("$filter"), FILTERS)
    group = request.path_params.get("group", wanted.get("resourcegroup"))
    found = emulator.vaults.of(request.path_params["subscription"], group)
    mine = [
        each
        for each in found
        if access.may(emulator.state, principal_of(request), "Microsoft.KeyVault/vaults/read", each.resource_id)
    ]
    if not mine:
        arm.allow(request, "Microsoft.Resources/subscriptions/resources/read", arm.subscription_scope(request))
    return arm.page(request, [_resource(each) for each in mine if _matches(each, wanted)])


def _group(request: Request, verb: str) -> ResourceGroup:
    arm.allow(request, f"{ACTION}/{verb}", arm.group_scope(request))
    return ResourceGroups(emulator_of(request).state).require(
        request.path_params["subscription"], request.path_params["group"]
    )


def _matches(vault: Vault, wanted: Mapping[str, str]) -> bool:
    facts = {"resourcetype": VAULT_TYPE, "name": vault.name, "location": vault.location}
    return all(facts[name].lower() == value.lower() for name, value in wanted.items() if name in facts)


def _resource(vault: Vault) -> dict[str, Any]:
    return {
        "id": vault.resource_id,
        "name": vault.name,
        "type": VAULT_TYPE,
        "location": vault.location,
        "tags": dict(vault.tags),
    }
