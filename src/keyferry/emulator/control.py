"""The emulator's own doors, below /emulator: what it is, faults on purpose, further applications.

They take a token for the management plane, on every host.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.faults import read_fault
from keyferry.emulator.requests import emulator_of, object_of

MAX_NAME: Final = 120


def routes() -> list[Route]:
    """Every route of the emulator's own."""
    return [
        Route("/emulator", describe, methods=["GET"]),
        Route("/emulator/faults", list_faults, methods=["GET"]),
        Route("/emulator/faults", add_fault, methods=["POST"]),
        Route("/emulator/faults", clear_faults, methods=["DELETE"]),
        Route("/emulator/applications", register_application, methods=["POST"]),
    ]


def describe(request: Request) -> Response:
    """What serves here: the tenant and its vaults, with their addresses."""
    emulator = emulator_of(request)
    host = request.headers["host"]
    vaults = [
        {"name": vault.name, "url": emulator.addresses.url_of(vault, host), "id": vault.resource_id}
        for vault in emulator.vaults.all()
    ]
    return JSONResponse(
        {
            "emulator": "Keyferry's emulator of Azure Key Vault. It is a stand-in for tests and rehearsals.",
            "tenant_id": emulator.directory.tenant_id,
            "authority": emulator.addresses.authority_at(host),
            "resource_manager": emulator.addresses.management_at(host),
            "vaults": vaults,
        }
    )


def list_faults(request: Request) -> Response:
    """The faults that wait."""
    return JSONResponse({"faults": [fault.document() for fault in emulator_of(request).faults.waiting()]})


def add_fault(request: Request) -> Response:
    """Let a fault wait."""
    fault = read_fault(object_of(request))
    emulator_of(request).faults.add(fault)
    return JSONResponse(fault.document(), status_code=201)


def clear_faults(request: Request) -> Response:
    """Let none wait any more."""
    emulator_of(request).faults.clear()
    return Response(status_code=204)


def register_application(request: Request) -> Response:
    """A further application with a secret; it may do nothing until a role or an access policy says so."""
    name = object_of(request).get("name")
    if not isinstance(name, str) or not name.isprintable() or not 1 <= len(name) <= MAX_NAME:
        raise AzureFailure(400, "BadParameter", f"The member 'name' takes 1 to {MAX_NAME} printable characters.")
    principal, secret = emulator_of(request).directory.register(name)
    document = {
        "tenant_id": emulator_of(request).directory.tenant_id,
        "client_id": principal.app_id,
        "object_id": principal.object_id,
        "client_secret": secret,
    }
    return JSONResponse(document, status_code=201, headers={"Cache-Control": "no-store"})
