"""Resource providers and features, and whether a subscription has registered them.

The feature that matters is Microsoft.Resources/mandatoryRetentionPeriodEnabled: it makes the subscription a protected
one, whose vaults' keys say so in their recovery level. It is in force as soon as it is registered.
"""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import arm
from keyferry.emulator.management.locations import REGIONS
from keyferry.emulator.management.subscriptions import Subscription, Subscriptions
from keyferry.emulator.requests import emulator_of

KEY_VAULT: Final = "Microsoft.KeyVault"
RESOURCES: Final = "Microsoft.Resources"
FEATURE: Final = "mandatoryRetentionPeriodEnabled"
RESOURCE_TYPES: Final[dict[str, tuple[str, ...]]] = {
    KEY_VAULT: ("vaults", "deletedVaults", "locations/deletedVaults", "checkNameAvailability"),
    RESOURCES: ("resourceGroups", "subscriptions"),
    "Microsoft.Authorization": ("roleAssignments", "roleDefinitions", "permissions"),
    "Microsoft.Features": ("features", "providers"),
}
"""By the provider's namespace. All but Key Vault's are registered in every subscription."""
VAULT_VERSIONS: Final = ("2026-05-15", "2026-02-01", "2024-11-01", "2023-07-01", "2022-07-01", "2019-09-01")


def routes() -> list[Route]:
    """The routes of providers and features."""
    providers = "/subscriptions/{subscription}/providers"
    features = f"{providers}/Microsoft.Features"
    one = features + "/providers/{provider}/features/{feature}"
    return [
        arm.route(f"{features}/features", list_features, "GET"),
        arm.route(features + "/providers/{provider}/features", list_features, "GET"),
        arm.route(one, show_feature, "GET"),
        arm.route(f"{one}/register", register_feature, "POST"),
        arm.route(providers, list_providers, "GET"),
        arm.route(providers + "/{provider}", show_provider, "GET"),
        arm.route(providers + "/{provider}/register", register, "POST"),
        arm.route(providers + "/{provider}/unregister", unregister, "POST"),
    ]


def list_providers(request: Request) -> Response:
    """Every provider that the emulator has."""
    subscription = _subscription(request, "Microsoft.Resources/subscriptions/providers/read")
    return arm.page(request, [_provider(subscription, namespace) for namespace in RESOURCE_TYPES])


def show_provider(request: Request) -> Response:
    """One provider."""
    subscription = _subscription(request, "Microsoft.Resources/subscriptions/providers/read")
    return JSONResponse(_provider(subscription, _namespace(request)))


def register(request: Request) -> Response:
    """Register a provider."""
    return _register(request, "register", registered=True)


def unregister(request: Request) -> Response:
    """Unregister Key Vault; the other providers stay registered."""
    return _register(request, "unregister", registered=False)


def list_features(request: Request) -> Response:
    """The features of one provider, or of all."""
    subscription = _subscription(request, "Microsoft.Features/features/read")
    asked = request.path_params.get("provider", RESOURCES)
    return arm.page(request, [_feature(subscription)] if asked.lower() == RESOURCES.lower() else [])


def show_feature(request: Request) -> Response:
    """Whether a feature is registered."""
    _require_feature(request)
    return JSONResponse(_feature(_subscription(request, "Microsoft.Features/providers/features/read")))


def register_feature(request: Request) -> Response:
    """Register a feature; there is no way back."""
    _require_feature(request)
    found = _subscription(request, "Microsoft.Features/providers/features/register/action")
    registered = Subscriptions(emulator_of(request).state).register_mandatory_retention(found.id)
    return JSONResponse(_feature(registered))


def _register(request: Request, verb: str, *, registered: bool) -> Response:
    namespace = _namespace(request)
    subscription = _subscription(request, f"{namespace}/{verb}/action")
    if namespace == KEY_VAULT:
        known = Subscriptions(emulator_of(request).state)
        subscription = known.register_key_vault(subscription.id, registered=registered)
    return JSONResponse(_provider(subscription, namespace))


def _subscription(request: Request, action: str) -> Subscription:
    arm.allow(request, action, arm.subscription_scope(request))
    return Subscriptions(emulator_of(request).state).require(request.path_params["subscription"])


def _namespace(request: Request) -> str:
    given = request.path_params["provider"]
    for namespace in RESOURCE_TYPES:
        if namespace.lower() == given.lower():
            return namespace
    raise AzureFailure(404, "InvalidResourceNamespace", f"The resource namespace '{given}' is invalid.")


def _require_feature(request: Request) -> None:
    provider, feature = request.path_params["provider"], request.path_params["feature"]
    if (provider.lower(), feature.lower()) != (RESOURCES.lower(), FEATURE.lower()):
        raise AzureFailure(
            404,
            "FeatureNotFound",
            f"The feature '{feature}' could not be found in the provider '{provider}'. The emulator has "
            f"{RESOURCES}/{FEATURE}.",
        )


def _provider(subscription: Subscription, namespace: str) -> dict[str, Any]:
    registered = namespace != KEY_VAULT or subscription.key_vault_registered
    return {
        "id": f"{subscription.resource_id}/providers/{namespace}",
        "namespace": namespace,
        "registrationPolicy": "RegistrationRequired",
        "registrationState": "Registered" if registered else "NotRegistered",
        "resourceTypes": [
            {
                "resourceType": name,
                "locations": list(REGIONS.values()),
                "apiVersions": list(VAULT_VERSIONS) if namespace == KEY_VAULT else ["2022-12-01"],
            }
            for name in RESOURCE_TYPES[namespace]
        ],
    }


def _feature(subscription: Subscription) -> dict[str, Any]:
    features = f"{subscription.resource_id}/providers/Microsoft.Features/providers/{RESOURCES}/features"
    return {
        "id": f"{features}/{FEATURE}",
        "name": f"{RESOURCES}/{FEATURE}",
        "type": "Microsoft.Features/providers/features",
        "properties": {"state": "Registered" if subscription.mandatory_retention else "NotRegistered"},
    }
