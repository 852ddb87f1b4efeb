"""Soft-deleted vaults: shown, listed, purged."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import arm
from keyferry.emulator.management.vault import DeletedVault
from keyferry.emulator.requests import emulator_of

ACTION: Final = "Microsoft.KeyVault/locations/deletedVaults"


def routes() -> list[Route]:
    """The routes of soft-deleted vaults."""
    provider = "/subscriptions/{subscription}/providers/Microsoft.KeyVault"
    location = provider + "/locations/{location}"
    one = location + "/deletedVaults/{vault}"
    return [
        arm.route(f"{provider}/deletedVaults", list_deleted, "GET"),
        arm.route(one, show, "GET"),
        arm.route(f"{one}/purge", purge, "POST"),
        arm.route(location + "/operationResults/{operation}", arm.operation_result, "GET"),
        arm.route(location + "/deletedManagedHSMs/{vault}", show_managed_hsm, "GET"),
        arm.route(location + "/deletedManagedHSMs/{vault}/purge", show_managed_hsm, "POST"),
    ]


def list_deleted(request: Request) -> Response:
    """The soft-deleted vaults of a subscription."""
    arm.allow(request, "Microsoft.KeyVault/deletedVaults/read", arm.subscription_scope(request))
    found = emulator_of(request).vaults.deleted(request.path_params["subscription"])
    return arm.page(request, [_shown(each) for each in found])


def show(request: Request) -> Response:
    """One soft-deleted vault."""
    return JSONResponse(_shown(_deleted(request, f"{ACTION}/read")))


def purge(request: Request) -> Response:
    """End a soft-deleted vault for good."""
    deleted = _deleted(request, f"{ACTION}/purge/action")
    emulator_of(request).vaults.purge(deleted)
    subscription, location = deleted.vault.subscription_id, deleted.vault.location
    path = f"/subscriptions/{subscription}/providers/Microsoft.KeyVault/locations/{location}/operationResults/"
    return arm.finished_later(request, subscription, path)


def show_managed_hsm(request: Request) -> Response:
    """There is none."""
    arm.allow(request, "Microsoft.KeyVault/locations/deletedManagedHsms/read", arm.subscription_scope(request))
    name = request.path_params["vault"]
    raise AzureFailure(404, "DeletedManagedHsmNotFound", f"The specified deleted managed HSM '{name}' does not exist.")


def _deleted(request: Request, action: str) -> DeletedVault:
    arm.allow(request, action, arm.subscription_scope(request))
    where = request.path_params
    return emulator_of(request).vaults.require_deleted(where["subscription"], where["location"], where["vault"])


def _shown(deleted: DeletedVault) -> dict[str, Any]:
    vault = deleted.vault
    provider = f"/subscriptions/{vault.subscription_id}/providers/Microsoft.KeyVault"
    protection = {"purgeProtectionEnabled": True} if vault.purge_protection else {}
    return {
        "id": f"{provider}/locations/{vault.location}/deletedVaults/{vault.name}",
        "name": vault.name,
        "type": "Microsoft.KeyVault/deletedVaults",
        "properties": {
            "vaultId": vault.resource_id,
            "location": vault.location,
            "tags": dict(vault.tags),
            "deletionDate": arm.moment(deleted.deleted),
            "scheduledPurgeDate": arm.moment(deleted.scheduled_purge),
            **protection,
        },
    }
