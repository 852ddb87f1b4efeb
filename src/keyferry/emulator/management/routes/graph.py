"""What of Microsoft Graph the Azure CLI asks for: service principals by their names and ids.

Graph v1.0. The tenant has applications and no people, so that `/me` is refused as it is to every application.
"""

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyferry.emulator.directory import MICROSOFT_365, Principal
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import arm, filters
from keyferry.emulator.requests import base_of, emulator_of, object_of

FILTERS: Final = frozenset({"serviceprincipalnames", "appid", "displayname", "id"})
MAX_IDS: Final = 1000


def routes() -> list[Route]:
    """The routes of Graph."""
    return [
        arm.route("/v1.0/me", me, "GET"),
        arm.route("/v1.0/servicePrincipals", list_service_principals, "GET"),
        arm.route("/v1.0/servicePrincipals", add_service_principal, "POST"),
        arm.route("/v1.0/servicePrincipals(appId='{app}')", show_service_principal, "GET"),
        arm.route("/v1.0/servicePrincipals/{object}", show_service_principal, "GET"),
        arm.route("/v1.0/applications", list_applications, "GET"),
        arm.route("/v1.0/users", list_nobody, "GET"),
        arm.route("/v1.0/groups", list_nobody, "GET"),
        arm.route("/v1.0/directoryObjects/getByIds", get_by_ids, "POST"),
    ]


def me(request: Request) -> Response:
    """Refused: who calls is an application."""
    del request
    raise AzureFailure(400, "BadRequest", "/me request is only valid with delegated authentication flow.")


def list_service_principals(request: Request) -> Response:
    """The service principals, as `$filter` says."""
    wanted = filters.parse(request.query_params.get("$filter"), FILTERS)
    found = [each for each in emulator_of(request).directory.all() if _matches(each, wanted)]
    return _collection(request, "servicePrincipals", [_shown(each) for each in found])


def show_service_principal(request: Request) -> Response:
    """One service principal, by its object id or by its application's."""
    directory = emulator_of(request).directory
    given = request.path_params.get("object", request.path_params.get("app", ""))
    found = directory.by_app_id(given) if "app" in request.path_params else directory.by_object_id(given)
    if found is None:
        raise _not_found(given)
    context = f"{base_of(request)}/v1.0/$metadata#servicePrincipals/$entity"
    return JSONResponse({"@odata.context": context, **_shown(found)})


def add_service_principal(request: Request) -> Response:
    """A service principal for an application; those of Microsoft 365 that a Customer Key needs are there already.

    Raises:
        AzureFailure: 409 for an application that has one; 400 for one that the tenant does not know.
    """
    app = object_of(request).get("appId")
    if not isinstance(app, str) or emulator_of(request).directory.by_app_id(app) is None:
        detail = f"The appId '{app}' of the service principal does not reference a valid application object."
        raise AzureFailure(400, "Request_BadRequest", detail)
    raise AzureFailure(
        409,
        "Request_MultipleObjectsWithSameKeyValue",
        f"The service principal cannot be created because the service principal name {app} is already in use.",
    )


def list_applications(request: Request) -> Response:
    """The tenant's own applications, as `$filter` says; Microsoft's are other tenants'."""
    wanted = filters.parse(request.query_params.get("$filter"), FILTERS)
    found = emulator_of(request).directory.all()
    own = [each for each in found if each.app_id not in MICROSOFT_365 and _matches(each, wanted)]
    shown = [{"id": each.app_id, "appId": each.app_id, "displayName": each.name} for each in own]
    return _collection(request, "applications", shown)


def list_nobody(request: Request) -> Response:
    """No people and no groups."""
    return _collection(request, request.url.path.rstrip("/").rpartition("/")[2], [])


def get_by_ids(request: Request) -> Response:
    """The objects of the given ids; ids of none are passed over."""
    body = object_of(request)
    ids, types = body.get("ids"), body.get("types")
    if not isinstance(ids, list) or len(ids) > MAX_IDS or not all(isinstance(each, str) for each in ids):
        raise AzureFailure(400, "Request_BadRequest", f"ids is not a list of at most {MAX_IDS} object ids.")
    if types is not None and "serviceprincipal" not in {str(each).lower() for each in types}:
        return _collection(request, "directoryObjects", [])
    directory = emulator_of(request).directory
    found = (directory.by_object_id(each) for each in dict.fromkeys(ids))
    shown = [{"@odata.type": "#microsoft.graph.servicePrincipal", **_shown(each)} for each in found if each]
    return _collection(request, "directoryObjects", shown)


def _shown(principal: Principal) -> dict[str, Any]:
    return {
        "id": principal.object_id,
        "appId": principal.app_id,
        "displayName": principal.name,
        "appDisplayName": principal.name,
        "accountEnabled": True,
        "servicePrincipalType": "Application",
        "servicePrincipalNames": [principal.app_id],
    }


def _matches(principal: Principal, wanted: Mapping[str, str]) -> bool:
    facts = {
        "serviceprincipalnames": principal.app_id,
        "appid": principal.app_id,
        "displayname": principal.name,
        "id": principal.object_id,
    }
    return all(facts[name].lower() == value.lower() for name, value in wanted.items())


def _collection(request: Request, name: str, items: list[dict[str, Any]]) -> Response:
    return JSONResponse({"@odata.context": f"{base_of(request)}/v1.0/$metadata#{name}", "value": items})


def _not_found(given: str) -> AzureFailure:
    detail = f"Resource '{given}' does not exist or one of its queried reference-property objects are not present."
    return AzureFailure(404, "Request_ResourceNotFound", detail)
