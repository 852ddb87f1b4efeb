"""Subscriptions and the tenant: shown, cancelled, enabled, and made by an alias.

Microsoft.Resources/subscriptions (api-version 2022-12-01) and Microsoft.Subscription (2021-10-01).
"""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import access, arm, assignments, roles
from keyferry.emulator.management import subscriptions as rows
from keyferry.emulator.management.locations import PAIRED, REGIONS
from keyferry.emulator.management.subscriptions import Subscription, Subscriptions, SubscriptionState
from keyferry.emulator.requests import emulator_of, object_of, principal_of

READ: Final = "Microsoft.Resources/subscriptions/read"
WORKLOADS: Final = {"production": rows.PAID, "devtest": rows.DEVELOPMENT}


def routes() -> list[Route]:
    """The routes of subscriptions and tenants."""
    own = "/subscriptions/{subscription}/providers/Microsoft.Subscription"
    return [
        arm.route("/tenants", list_tenants, "GET"),
        arm.route("/subscriptions", list_subscriptions, "GET"),
        arm.route("/subscriptions/{subscription}", show_subscription, "GET"),
        arm.route("/subscriptions/{subscription}/locations", list_locations, "GET"),
        arm.route("/subscriptions/{subscription}/operationresults/{operation}", arm.operation_result, "GET"),
        arm.route(f"{own}/cancel", cancel, "POST"),
        arm.route(f"{own}/enable", enable, "POST"),
        arm.route("/providers/Microsoft.Subscription/aliases/{alias}", put_alias, "PUT"),
        arm.route("/providers/Microsoft.Subscription/aliases/{alias}", show_alias, "GET"),
    ]


def shown(subscription: Subscription) -> dict[str, Any]:
    """A subscription as Resource Manager shows it."""
    return {
        "id": subscription.resource_id,
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": subscription.id,
        "tenantId": subscription.tenant_id,
        "displayName": subscription.name,
        "state": subscription.state,
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": subscription.quota_id,
            "spendingLimit": "Off",
        },
    }


def list_tenants(request: Request) -> Response:
    """The one tenant there is."""
    tenant = emulator_of(request).directory.tenant_id
    return arm.page(
        request,
        [
            {
                "id": f"/tenants/{tenant}",
                "tenantId": tenant,
                "countryCode": "",
                "displayName": "Keyferry emulator",
                "domains": [],
                "tenantCategory": "Home",
            }
        ],
    )


def list_subscriptions(request: Request) -> Response:
    """The subscriptions that the caller has a role in."""
    state = emulator_of(request).state
    mine = [each for each in Subscriptions(state).all() if _may_see(request, each)]
    return arm.page(request, [shown(each) for each in mine])


def show_subscription(request: Request) -> Response:
    """One subscription."""
    subscription = Subscriptions(emulator_of(request).state).require(request.path_params["subscription"])
    if not _may_see(request, subscription):
        arm.allow(request, READ, subscription.resource_id)
    return JSONResponse(shown(subscription))


def list_locations(request: Request) -> Response:
    """The regions."""
    scope = arm.subscription_scope(request)
    arm.allow(request, "Microsoft.Resources/subscriptions/locations/read", scope)
    regions = [
        {
            "id": f"{scope}/locations/{name}",
            "name": name,
            "type": "Region",
            "displayName": display,
            "regionalDisplayName": display,
            "metadata": {
                "regionType": "Physical",
                "regionCategory": "Recommended",
                "pairedRegion": [{"name": other, "id": f"{scope}/locations/{other}"} for other in PAIRED.get(name, ())],
            },
        }
        for name, display in REGIONS.items()
    ]
    return arm.page(request, regions)


def cancel(request: Request) -> Response:
    """Cancel a subscription: it is read-only until it is enabled again."""
    return _set_state(request, "cancel", SubscriptionState.DISABLED)


def enable(request: Request) -> Response:
    """Enable a subscription that was cancelled."""
    return _set_state(request, "enable", SubscriptionState.ENABLED)


def put_alias(request: Request) -> Response:
    """Make a subscription by an alias, with the caller as its Owner; an alias that is there shows its own.

    `workload` Production is a paid offer, DevTest one that is not eligible for Customer Key.
    """
    emulator, principal = emulator_of(request), principal_of(request)
    mine = [each for each in Subscriptions(emulator.state).all() if _is_owner(request, each)]
    if not mine:
        arm.allow(request, "Microsoft.Subscription/aliases/write", "/")
    properties = arm.member(object_of(request), "properties")
    alias, name = request.path_params["alias"], properties.get("displayName")
    quota = WORKLOADS.get(str(properties.get("workload")).lower())
    if not isinstance(name, str) or not name or quota is None:
        detail = "The properties displayName and workload, Production or DevTest, are required."
        raise AzureFailure(400, "BadRequest", detail)
    with emulator.state.write() as connection:
        row = connection.execute("SELECT * FROM subscription_aliases WHERE name = ?", (alias,)).fetchone()
        if row is not None:
            return JSONResponse(_alias(alias, row["subscription_id"]))
        made = rows.add(connection, emulator.directory.tenant_id, name, quota_id=quota, registered=False)
        connection.execute("INSERT INTO subscription_aliases (name, subscription_id) VALUES (?, ?)", (alias, made.id))
        assignments.assign(connection, made.resource_id, roles.OWNER, principal.object_id, by=principal.object_id)
    return JSONResponse(_alias(alias, made.id), status_code=201)


def show_alias(request: Request) -> Response:
    """The subscription that was made by an alias."""
    alias = request.path_params["alias"]
    with emulator_of(request).state.read() as connection:
        row = connection.execute("SELECT * FROM subscription_aliases WHERE name = ?", (alias,)).fetchone()
    if row is None:
        raise AzureFailure(404, "AliasNotFound", f"There is no subscription alias '{alias}'.")
    arm.allow(request, READ, f"/subscriptions/{row['subscription_id']}")
    return JSONResponse(_alias(alias, row["subscription_id"]))


def _set_state(request: Request, verb: str, state: SubscriptionState) -> Response:
    arm.allow(request, f"Microsoft.Subscription/{verb}/action", arm.subscription_scope(request))
    changed = Subscriptions(emulator_of(request).state).set_state(request.path_params["subscription"], state)
    return JSONResponse({"subscriptionId": changed.id})


def _may_see(request: Request, subscription: Subscription) -> bool:
    return access.has_any_role(emulator_of(request).state, principal_of(request), subscription.resource_id)


def _is_owner(request: Request, subscription: Subscription) -> bool:
    action = "Microsoft.Subscription/aliases/write"
    return access.may(emulator_of(request).state, principal_of(request), action, subscription.resource_id)


def _alias(name: str, subscription_id: str) -> dict[str, Any]:
    return {
        "id": f"/providers/Microsoft.Subscription/aliases/{name}",
        "name": name,
        "type": "Microsoft.Subscription/aliases",
        "properties": {"subscriptionId": subscription_id, "provisioningState": "Succeeded"},
    }
