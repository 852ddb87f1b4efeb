"""Subscriptions, the tenant, providers and features."""

from collections.abc import Callable
from typing import Any

import httpx2
from tests.emulator.calling import Application, error_of, operator_of, unique, vault_body

from keyferry.emulator.server import Running


def made_by(operator: Application, workload: str = "Production") -> str:
    """A new subscription's scope."""
    path = f"/providers/Microsoft.Subscription/aliases/{unique('alias')}"
    body = {"properties": {"displayName": "Made here", "workload": workload}}
    answer = operator.send("PUT", path, body, version="2021-10-01")
    assert answer.status_code == 201, answer.text
    again = operator.send("PUT", path, body, version="2021-10-01")
    assert again.status_code == 200
    assert again.json() == answer.json() == operator.send("GET", path).json()
    return f"/subscriptions/{answer.json()['properties']['subscriptionId']}"


def test_an_emulator_starts_with_two_paid_subscriptions_fit_for_a_customer_key(fresh_emulator: Running) -> None:
    with operator_of(fresh_emulator) as operator:
        found = operator.send("GET", "/subscriptions", version="2022-12-01").json()["value"]
        assert [each["subscriptionId"] for each in found] == list(fresh_emulator.subscriptions)
        for each in found:
            assert each["state"] == "Enabled"
            assert each["tenantId"] == fresh_emulator.tenant_id
            assert each["subscriptionPolicies"]["quotaId"] == "PayAsYouGo_2014-09-01"
            (vault,) = operator.send("GET", f"{each['id']}/providers/Microsoft.KeyVault/vaults").json()["value"]
            properties = vault["properties"]
            assert properties["sku"]["name"] == "premium"
            assert properties["enablePurgeProtection"] is True
            assert properties["softDeleteRetentionInDays"] == 90
            assert properties["enableRbacAuthorization"] is True


def test_a_subscription_is_shown_with_its_locations_and_tenant(operator: Application, subscription: str) -> None:
    assert (
        operator.send("GET", subscription.upper().replace("SUBSCRIPTIONS", "subscriptions")).json()["id"]
        == subscription
    )
    locations = operator.send("GET", f"{subscription}/locations").json()["value"]
    assert {"westeurope", "swedencentral"} <= {each["name"] for each in locations}
    (tenant,) = operator.send("GET", "/tenants").json()["value"]
    assert tenant["tenantId"] == operator.served.tenant_id


def test_whoever_has_no_role_sees_no_subscription(stranger: Application, subscription: str) -> None:
    assert stranger.send("GET", "/subscriptions").json()["value"] == []
    assert error_of(stranger.send("GET", subscription))[:2] == (403, "AuthorizationFailed")
    alias = "/providers/Microsoft.Subscription/aliases/mine"
    assert error_of(stranger.send("PUT", alias, {}))[:2] == (403, "AuthorizationFailed")


def test_a_subscription_is_made_by_an_alias_and_owned_by_who_made_it(operator: Application) -> None:
    made = operator.send("GET", made_by(operator, "DevTest")).json()
    assert made["displayName"] == "Made here"
    assert made["subscriptionPolicies"]["quotaId"] == "MSDNDevTest_2014-09-01"
    assert operator.send("PUT", f"{made['id']}/resourceGroups/rg", {"location": "westeurope"}).status_code == 201


def test_an_alias_needs_a_name_and_a_workload(operator: Application) -> None:
    path = "/providers/Microsoft.Subscription/aliases/incomplete"
    assert error_of(operator.send("PUT", path, {"properties": {"displayName": "x"}}))[:2] == (400, "BadRequest")
    assert error_of(operator.send("GET", path))[:2] == (404, "AliasNotFound")


def test_a_cancelled_subscription_is_read_only_until_it_is_enabled(operator: Application) -> None:
    scope = made_by(operator)
    operator.send("PUT", f"{scope}/resourceGroups/rg", {"location": "westeurope"})
    assert operator.send("POST", f"{scope}/providers/Microsoft.Subscription/cancel").status_code == 200
    assert operator.send("GET", scope).json()["state"] == "Disabled"
    assert operator.send("GET", f"{scope}/resourceGroups/rg").status_code == 200
    refused = operator.send("PUT", f"{scope}/resourceGroups/rg2", {"location": "westeurope"})
    assert error_of(refused)[:2] == (409, "ReadOnlyDisabledSubscription")
    operator.send("POST", f"{scope}/providers/Microsoft.Subscription/enable")
    assert operator.send("PUT", f"{scope}/resourceGroups/rg2", {"location": "westeurope"}).status_code == 201


def test_vaults_need_their_provider_registered(operator: Application) -> None:
    scope = made_by(operator)
    operator.send("PUT", f"{scope}/resourceGroups/rg", {"location": "westeurope"})
    path = f"{scope}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/{unique('v')}"
    status, code, message = error_of(operator.send("PUT", path, vault_body(operator.served)))
    assert (status, code) == (409, "MissingSubscriptionRegistration")
    assert "az provider register" in message
    provider = f"{scope}/providers/Microsoft.KeyVault"
    assert operator.send("GET", provider).json()["registrationState"] == "NotRegistered"
    assert operator.send("POST", f"{provider}/register").json()["registrationState"] == "Registered"
    assert operator.send("PUT", path, vault_body(operator.served)).status_code == 200
    refused = operator.send("POST", f"{provider}/unregister")
    assert error_of(refused)[:2] == (409, "CannotUnregisterProvider")


def test_providers_are_listed_and_unknown_ones_refused(operator: Application, subscription: str) -> None:
    found = operator.send("GET", f"{subscription}/providers").json()["value"]
    states = {each["namespace"]: each["registrationState"] for each in found}
    assert states["Microsoft.KeyVault"] == states["Microsoft.Resources"] == "Registered"
    answer = operator.send("GET", f"{subscription}/providers/Microsoft.Nothing")
    assert error_of(answer)[:2] == (404, "InvalidResourceNamespace")


def test_mandatory_retention_shows_in_the_recovery_level_of_keys(
    operator: Application, put_key_in: Callable[[str], dict[str, Any]]
) -> None:
    scope = made_by(operator)
    operator.send("POST", f"{scope}/providers/Microsoft.KeyVault/register")
    operator.send("PUT", f"{scope}/resourceGroups/rg", {"location": "westeurope"})
    name = unique("v")
    path = f"{scope}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/{name}"
    policies = [
        {
            "tenantId": operator.served.tenant_id,
            "objectId": operator.principal.object_id,
            "permissions": {"keys": ["all"]},
        }
    ]
    operator.send("PUT", path, vault_body(operator.served, enableRbacAuthorization=False, accessPolicies=policies))
    features = f"{scope}/providers/Microsoft.Features/providers/Microsoft.Resources/features"
    feature = f"{features}/mandatoryRetentionPeriodEnabled"
    assert operator.send("GET", feature).json()["properties"]["state"] == "NotRegistered"
    assert put_key_in(name)["attributes"]["recoveryLevel"] == "Recoverable+Purgeable"
    assert operator.send("POST", f"{feature}/register").json()["properties"]["state"] == "Registered"
    assert operator.send("GET", features).json()["value"] == [operator.send("GET", feature).json()]
    assert put_key_in(name)["attributes"]["recoveryLevel"] == "Recoverable+ProtectedSubscription"
    cancelled = operator.send("POST", f"{scope}/providers/Microsoft.Subscription/cancel")
    assert error_of(cancelled)[:2] == (400, "SubscriptionNotEligible")
    operator.send("DELETE", path)
    deleted = f"{scope}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/{name}"
    status, _, message = error_of(operator.send("POST", f"{deleted}/purge"))
    assert status == 405
    assert "mandatoryRetentionPeriodEnabled" in message


def test_other_features_are_not_there(operator: Application, subscription: str) -> None:
    features = f"{subscription}/providers/Microsoft.Features/providers"
    answer = operator.send("GET", f"{features}/Microsoft.KeyVault/features/mandatoryRetentionPeriodEnabled")
    assert error_of(answer)[:2] == (404, "FeatureNotFound")
    assert operator.send("GET", f"{features}/Microsoft.KeyVault/features").json()["value"] == []
    assert len(operator.send("GET", f"{subscription}/providers/Microsoft.Features/features").json()["value"]) == 1


def test_every_recovery_level_is_told(operator: Application, put_vault: Callable[..., httpx2.Response]) -> None:
    levels: dict[str, dict[str, Any]] = {
        "Recoverable": {"enablePurgeProtection": True},
        "Recoverable+Purgeable": {},
        "CustomizedRecoverable": {"enablePurgeProtection": True, "softDeleteRetentionInDays": 89},
        "CustomizedRecoverable+Purgeable": {"softDeleteRetentionInDays": 7},
    }
    for level, properties in levels.items():
        name = unique("v")
        put_vault(name, **properties)
        made = operator.key("POST", name, "/keys/k/create", {"kty": "EC", "crv": "P-256"}).json()
        assert made["attributes"]["recoveryLevel"] == level
