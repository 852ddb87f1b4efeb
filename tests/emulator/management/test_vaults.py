"""Vaults over plain HTTP: every rule about making and changing one."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from tests.emulator.calling import Application, error_of, unique, vault_body

Put = Callable[..., httpx2.Response]
GUID = "11111111-1111-1111-1111-111111111111"


def named(vault: str) -> str:
    return vault.rpartition("/")[2]


def policy(application: Application, *keys: str, **others: Any) -> dict[str, Any]:
    return {
        "tenantId": application.served.tenant_id,
        "objectId": application.principal.object_id,
        "permissions": {"keys": list(keys), **others},
    }


def test_a_new_vault_is_answered_with_what_was_given_and_what_follows_from_it(
    operator: Application, put_vault: Put
) -> None:
    name = unique("v")
    rules = {"bypass": "AzureServices", "defaultAction": "Deny", "ipRules": [{"value": "10.0.0.0/8"}]}
    answer = put_vault(name, enablePurgeProtection=True, softDeleteRetentionInDays=30, networkAcls=rules)
    made = answer.json()
    assert answer.status_code == 200
    assert made["name"] == name
    assert made["type"] == "Microsoft.KeyVault/vaults"
    assert made["location"] == "westeurope"
    properties = made["properties"]
    assert properties["sku"] == {"family": "A", "name": "premium"}
    assert properties["tenantId"] == operator.served.tenant_id
    assert properties["networkAcls"] == rules
    assert properties["enableSoftDelete"] is True
    assert properties["enablePurgeProtection"] is True
    assert properties["softDeleteRetentionInDays"] == 30
    assert properties["provisioningState"] == "Succeeded"
    assert properties["vaultUri"].startswith("https://localhost:")
    assert operator.send("GET", made["id"]).json() == made


def test_what_is_not_said_has_the_documented_default(put_vault: Put) -> None:
    properties = put_vault(unique("v"), accessPolicies=None).json()["properties"]
    assert properties["softDeleteRetentionInDays"] == 90
    assert properties["enableRbacAuthorization"] is True
    assert "enablePurgeProtection" not in properties
    assert properties["accessPolicies"] == []


def test_before_2026_a_vault_had_access_policies_unless_roles_were_asked_for(operator: Application, group: str) -> None:
    path = f"{group}/providers/Microsoft.KeyVault/vaults/{unique('v')}"
    answer = operator.send("PUT", path, vault_body(operator.served), version="2023-07-01")
    assert answer.json()["properties"]["enableRbacAuthorization"] is False


def test_paths_are_matched_in_any_case(operator: Application, vault: str) -> None:
    shouted = vault.replace("resourceGroups", "RESOURCEGROUPS").replace("Microsoft.KeyVault", "microsoft.keyvault")
    assert operator.send("GET", shouted).json()["id"] == vault


@pytest.mark.parametrize("name", ["ab", "1abc", "abc-", "a--b", "a_b", "x" * 25])
def test_a_name_that_breaks_the_rule_is_refused(put_vault: Put, name: str) -> None:
    status, code, message = error_of(put_vault(name))
    assert (status, code) == (400, "VaultNameNotValid")
    assert f"'{name}'" in message


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"tenantId": None}, "properties.tenantId"),
        ({"tenantId": "11111111-1111-1111-1111-111111111111"}, "properties.tenantId"),
        ({"tenantId": "home"}, "is not a GUID"),
        ({"sku": None}, "'properties.sku' is required"),
        ({"sku": {"family": "A", "name": "gold"}}, "neither 'standard' nor 'premium'"),
        ({"sku": {"family": "B", "name": "premium"}}, "properties.sku.family"),
        ({"softDeleteRetentionInDays": 6}, "from 7 to 90"),
        ({"softDeleteRetentionInDays": 91}, "from 7 to 90"),
        ({"softDeleteRetentionInDays": True}, "from 7 to 90"),
        ({"softDeleteRetentionInDays": "90"}, "from 7 to 90"),
        ({"enableSoftDelete": False}, '"enableSoftDelete" cannot be set to false'),
        ({"enablePurgeProtection": False}, '"enablePurgeProtection" cannot be set to false'),
        ({"enableRbacAuthorization": "yes"}, "neither true nor false"),
        ({"enabledForDeployment": 1}, "properties.enabledForDeployment"),
        ({"publicNetworkAccess": "perhaps"}, "properties.publicNetworkAccess"),
        ({"networkAcls": {"defaultAction": "Shrug"}}, "properties.networkAcls.defaultAction"),
        ({"createMode": "borrow"}, "properties.createMode"),
        ({"accessPolicies": {}}, "is not a list"),
        ({"accessPolicies": [{"permissions": {}}]}, "needs tenantId and objectId"),
        ({"accessPolicies": [{"permissions": {"keys": "get"}, "tenantId": GUID, "objectId": GUID}]}, "a list of words"),
        ({"accessPolicies": [{}] * 1025}, "a vault takes 1024"),
    ],
)
def test_each_setting_that_will_not_do_is_refused_and_makes_nothing(
    operator: Application, group: str, put_vault: Put, properties: dict[str, Any], words: str
) -> None:
    name = unique("v")
    status, code, message = error_of(put_vault(name, **properties))
    assert (status, code) == (400, "BadRequest")
    assert words in message
    assert operator.send("GET", f"{group}/providers/Microsoft.KeyVault/vaults/{name}").status_code == 404


@pytest.mark.parametrize("members", [{"properties": 1}, {"tags": {"a": 1}}, {"tags": []}, {"location": 5}])
def test_members_of_another_type_are_refused(operator: Application, group: str, members: dict[str, Any]) -> None:
    path = f"{group}/providers/Microsoft.KeyVault/vaults/{unique('v')}"
    answer = operator.send("PUT", path, {**vault_body(operator.served), **members})
    assert error_of(answer)[0] == 400


def test_too_many_tags_and_too_long_ones_are_refused(operator: Application, group: str) -> None:
    path = f"{group}/providers/Microsoft.KeyVault/vaults/{unique('v')}"
    many = operator.send("PUT", path, vault_body(operator.served) | {"tags": {f"t{n}": "" for n in range(16)}})
    assert "a vault takes 15" in error_of(many)[2]
    long = operator.send("PUT", path, vault_body(operator.served) | {"tags": {"t": "x" * 257}})
    assert "256 characters" in error_of(long)[2]


def test_regions_are_known_by_both_their_names_and_others_refused(operator: Application, group: str) -> None:
    path = f"{group}/providers/Microsoft.KeyVault/vaults/{unique('v')}"
    body = vault_body(operator.served)
    status, code, message = error_of(operator.send("PUT", path, body | {"location": "atlantis"}))
    assert (status, code) == (400, "LocationNotAvailableForResourceType")
    assert "westeurope" in message
    del body["location"]
    assert error_of(operator.send("PUT", path, body))[:2] == (400, "LocationRequired")
    made = operator.send("PUT", path, body | {"location": "Sweden Central"})
    assert made.json()["location"] == "swedencentral"


def test_a_name_is_taken_in_every_subscription(operator: Application, vault: str) -> None:
    other = operator.served.subscriptions[1]
    path = (
        f"/subscriptions/{other}/resourceGroups/keyferry-b/providers/Microsoft.KeyVault/vaults/{named(vault).upper()}"
    )
    status, code, message = error_of(operator.send("PUT", path, vault_body(operator.served)))
    assert (status, code) == (409, "VaultAlreadyExists")
    assert "Choose another name" in message


def test_a_vault_does_not_move(operator: Application, vault: str) -> None:
    answer = operator.send("PUT", vault, vault_body(operator.served) | {"location": "northeurope"})
    assert error_of(answer)[:2] == (409, "InvalidResourceLocation")


def test_retention_stays_what_the_vault_was_made_with(operator: Application, put_vault: Put) -> None:
    made = put_vault(unique("v"), softDeleteRetentionInDays=7).json()
    answer = operator.send("PATCH", made["id"], {"properties": {"softDeleteRetentionInDays": 8}})
    status, code, message = error_of(answer)
    assert (status, code) == (400, "BadRequest")
    assert "can't be modified" in message
    again = operator.send("PUT", made["id"], vault_body(operator.served, softDeleteRetentionInDays=7))
    assert again.json()["properties"]["softDeleteRetentionInDays"] == 7


def test_purge_protection_once_on_stays_on(operator: Application, vault: str) -> None:
    on = operator.send("PATCH", vault, {"properties": {"enablePurgeProtection": True}})
    assert on.json()["properties"]["enablePurgeProtection"] is True
    off = operator.send("PATCH", vault, {"properties": {"enablePurgeProtection": False}})
    assert "irreversible" in error_of(off)[2]
    whole = operator.send("PUT", vault, vault_body(operator.served))
    assert whole.json()["properties"]["enablePurgeProtection"] is True


def test_a_patch_changes_only_what_it_says(operator: Application, vault: str) -> None:
    operator.send("PATCH", vault, {"tags": {"a": "1"}, "properties": {"enabledForDeployment": True}})
    operator.send("PATCH", vault, {"properties": {"sku": {"family": "A", "name": "standard"}}})
    found = operator.send("GET", vault).json()
    assert found["tags"] == {"a": "1"}
    assert found["properties"]["enabledForDeployment"] is True
    assert found["properties"]["sku"]["name"] == "standard"


def test_a_put_replaces_tags_and_further_properties(operator: Application, vault: str) -> None:
    operator.send("PATCH", vault, {"tags": {"a": "1"}, "properties": {"enabledForDeployment": True}})
    replaced = operator.send("PUT", vault, vault_body(operator.served)).json()
    assert replaced["tags"] == {}
    assert "enabledForDeployment" not in replaced["properties"]


def test_a_patch_recovers_nothing(operator: Application, vault: str) -> None:
    answer = operator.send("PATCH", vault, {"properties": {"createMode": "recover"}})
    assert error_of(answer)[:2] == (400, "BadRequest")


# access policies


def test_policies_keep_their_words_in_the_documented_spelling(operator: Application, put_vault: Put) -> None:
    given = policy(operator, "GET", "wrapkey", "UnwrapKey", "get", secrets=["get"])
    made = put_vault(unique("v"), enableRbacAuthorization=False, accessPolicies=[given]).json()
    (kept,) = made["properties"]["accessPolicies"]
    assert kept["permissions"] == {"keys": ["get", "wrapKey", "unwrapKey"], "secrets": ["get"]}
    assert kept["objectId"] == operator.principal.object_id


def test_policies_are_added_replaced_and_removed(operator: Application, stranger: Application, put_vault: Put) -> None:
    made = put_vault(unique("v"), enableRbacAuthorization=False, accessPolicies=[policy(operator, "get")]).json()

    def change(operation: str, *policies: dict[str, Any]) -> list[Any]:
        body = {"properties": {"accessPolicies": list(policies)}}
        answer = operator.send("PUT", f"{made['id']}/accessPolicies/{operation}", body)
        assert answer.status_code == 200, answer.text
        shown = answer.json()["properties"]["accessPolicies"]
        assert shown == operator.send("GET", made["id"]).json()["properties"]["accessPolicies"]
        return [(each["objectId"], each["permissions"]["keys"]) for each in shown]

    me, other = operator.principal.object_id, stranger.principal.object_id
    assert change("remove", policy(stranger, "get")) == [(me, ["get"])]
    assert change("add", policy(operator, "list"), policy(stranger, "sign")) == [
        (me, ["get", "list"]),
        (other, ["sign"]),
    ]
    assert change("remove", policy(operator, "get"), policy(stranger, "sign")) == [(me, ["list"])]
    assert change("replace", policy(stranger, "all")) == [(other, ["all"])]


@pytest.mark.parametrize("operation", ["add", "replace", "remove"])
def test_an_unknown_permission_is_refused_with_those_that_there_are(
    operator: Application, vault: str, operation: str
) -> None:
    body = {"properties": {"accessPolicies": [policy(operator, "teleport")]}}
    status, code, message = error_of(operator.send("PUT", f"{vault}/accessPolicies/{operation}", body))
    assert (status, code) == (400, "BadRequest")
    assert "'teleport'" in message
    assert "unwrapKey" in message


def test_an_unknown_operation_on_policies_is_refused(operator: Application, vault: str) -> None:
    none: dict[str, Any] = {"properties": {"accessPolicies": []}}
    assert error_of(operator.send("PUT", f"{vault}/accessPolicies/shuffle", none))[0] == 400


def test_a_policy_of_another_tenant_and_two_of_one_object_are_refused(operator: Application, put_vault: Put) -> None:
    foreign = policy(operator, "get") | {"tenantId": "22222222-2222-2222-2222-222222222222"}
    assert "is not the vault's" in error_of(put_vault(unique("v"), accessPolicies=[foreign]))[2]
    twice = put_vault(unique("v"), accessPolicies=[policy(operator, "get"), policy(operator, "list")])
    assert "two entries" in error_of(twice)[2]


# finding


def test_lists_come_in_pages_that_lead_on(operator: Application, group: str, put_vault: Put) -> None:
    names = sorted(unique("v") for _ in range(3))
    for name in names:
        put_vault(name)
    page = operator.send("GET", f"{group}/providers/Microsoft.KeyVault/vaults", top_="2").json()
    rest = operator.send("GET", page["nextLink"], version=None).json()
    assert [each["name"] for each in page["value"] + rest["value"]] == names
    assert "nextLink" not in rest


@pytest.mark.parametrize("top", ["0", "-1", "many"])
def test_a_page_of_nonsense_size_is_refused(operator: Application, group: str, top: str) -> None:
    answer = operator.send("GET", f"{group}/providers/Microsoft.KeyVault/vaults", top_=top)
    assert error_of(answer)[:2] == (400, "BadRequest")


def test_what_is_not_there_is_told_apart(operator: Application, group: str, subscription: str) -> None:
    def ask(path: str) -> tuple[int, str]:
        return error_of(operator.send("GET", path))[:2]

    vaults = "providers/Microsoft.KeyVault/vaults"
    assert ask(f"{group}/{vaults}/none-here") == (404, "ResourceNotFound")
    assert ask(f"{subscription}/resourceGroups/none/{vaults}/none-here") == (404, "ResourceGroupNotFound")
    nobody = "33333333-3333-3333-3333-333333333333"
    assert ask(f"/subscriptions/{nobody}/{vaults}") == (404, "SubscriptionNotFound")
    assert ask(f"/subscriptions/mine/{vaults}") == (400, "InvalidSubscriptionId")


def test_a_call_without_api_version_is_refused(operator: Application, vault: str) -> None:
    answer = operator.send("GET", vault, version=None)
    assert error_of(answer)[:2] == (400, "MissingApiVersionParameter")


@pytest.mark.parametrize("version", ["latest", "7.4", "2026-02", "2026-02-01-beta"])
def test_an_api_version_is_a_date(operator: Application, vault: str, version: str) -> None:
    status, code, message = error_of(operator.send("GET", vault, version=version))
    assert (status, code) == (400, "InvalidApiVersionParameter")
    assert f"'{version}'" in message


def test_names_are_checked_for_being_free(operator: Application, subscription: str, vault: str) -> None:
    def check(name: Any, kind: str = "Microsoft.KeyVault/vaults") -> httpx2.Response:
        path = f"{subscription}/providers/Microsoft.KeyVault/checkNameAvailability"
        return operator.send("POST", path, {"name": name, "type": kind})

    assert check(unique("v")).json() == {"nameAvailable": True}
    assert check(named(vault)).json()["reason"] == "AlreadyExists"
    assert check("-").json()["reason"] == "AccountNameInvalid"
    assert error_of(check(5))[0] == 400
    assert error_of(check("abc", "Microsoft.Storage/accounts"))[0] == 400


def test_a_policy_may_say_nothing_of_keys(operator: Application, put_vault: Put) -> None:
    silent = policy(operator) | {"permissions": {"secrets": ["get"]}}
    made = put_vault(unique("v"), accessPolicies=[silent]).json()
    assert made["properties"]["accessPolicies"][0]["permissions"] == {"keys": [], "secrets": ["get"]}


def test_there_are_no_managed_hsms(operator: Application, subscription: str, group: str) -> None:
    assert operator.send("GET", f"{subscription}/providers/Microsoft.KeyVault/managedHSMs").json() == {"value": []}
    assert operator.send("GET", f"{group}/providers/Microsoft.KeyVault/managedHSMs").json() == {"value": []}
    assert operator.send("GET", f"{subscription}/providers/Microsoft.KeyVault/deletedManagedHSMs").json()["value"] == []
    one = f"{group}/providers/Microsoft.KeyVault/managedHSMs/mine"
    assert error_of(operator.send("GET", one))[:2] == (404, "ResourceNotFound")
    deleted = f"{subscription}/providers/Microsoft.KeyVault/locations/westeurope/deletedManagedHSMs/mine"
    assert error_of(operator.send("GET", deleted))[:2] == (404, "DeletedManagedHsmNotFound")
    status, _, message = error_of(operator.send("PUT", one, {}))
    assert status == 400
    assert "premium" in message
    assert operator.send("GET", f"{group}/providers/Microsoft.KeyVault/vaults").json() == {"value": []}


def test_names_of_managed_hsms_are_checked_too(operator: Application, subscription: str) -> None:
    path = f"{subscription}/providers/Microsoft.KeyVault/checkMhsmNameAvailability"
    assert operator.send("POST", path, {"name": "mine"}).json() == {"nameAvailable": True}
    assert operator.send("POST", path, {"name": "my-own"}).json()["reason"] == "AccountNameInvalid"
    assert error_of(operator.send("POST", path, {}))[0] == 400


def test_a_vault_has_no_private_endpoints(operator: Application, vault: str) -> None:
    assert operator.send("GET", f"{vault}/privateEndpointConnections").json() == {"value": []}
