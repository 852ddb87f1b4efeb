"""Who may do what: each permission by role and by access policy, and the management plane's refusals."""

import uuid
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from tests.emulator.calling import Application, error_of, unique, vault_body

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import access
from keyferry.emulator.management.permissions import KEY_PERMISSIONS
from keyferry.emulator.management.vault import Vault

Put = Callable[..., httpx2.Response]
READ_ONLY = {"get", "list"}
ROTATION = {"rotate", "getrotationpolicy", "setrotationpolicy"}
CRYPTO = {"encrypt", "decrypt", "sign", "verify", "wrapkey", "unwrapkey"}
EVERYTHING = set(KEY_PERMISSIONS)
ALLOWED = {
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": EVERYTHING,  # Key Vault Administrator
    "14b46e9e-c2b7-41b4-b07b-48a6ebf60603": EVERYTHING,  # Key Vault Crypto Officer
    "12338af0-0e69-4776-bea7-57ae8d297424": READ_ONLY | CRYPTO | {"update", "backup"},  # Key Vault Crypto User
    "e147488a-f6f5-4113-8e2d-b22465e65bf6": READ_ONLY | {"wrapkey", "unwrapkey"},  # Crypto Service Encryption User
    "21090545-7ca7-4776-b22c-e363652d74d2": READ_ONLY,  # Key Vault Reader
    "f25e0fa2-a7c8-4377-a976-54943a77a395": set(),  # Key Vault Contributor
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": set(),  # Owner
    "b24988ac-6180-42a0-ab88-20f7382dd24c": set(),  # Contributor
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": set(),  # Reader
}


def assign(by: Application, scope: str, to: Application, role: str) -> None:
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    body = {"properties": {"principalId": to.principal.object_id, "roleDefinitionId": role}}
    assert by.send("PUT", path, body).status_code == 201


def live(application: Application, vault_id: str) -> Vault:
    found = application.served.emulator.vaults.named(vault_id.rpartition("/")[2])
    assert found is not None
    return found


def permitted(who: Application, vault: Vault, key: str | None = None) -> set[str]:
    """Every word that `who` may do."""
    found = set()
    for word in KEY_PERMISSIONS:
        try:
            access.require(who.served.emulator.state, vault, who.principal, word, key)
        except AzureFailure:
            continue
        found.add(word)
    return found


@pytest.mark.parametrize("role", ALLOWED)
def test_each_role_allows_what_is_documented_and_no_more(
    operator: Application, stranger: Application, vault: str, role: str
) -> None:
    assert permitted(stranger, live(operator, vault)) == set()
    assign(operator, vault, stranger, role)
    expected = ALLOWED[role] | ({"getrotationpolicy"} if role.startswith("21090545") else set())
    assert permitted(stranger, live(operator, vault)) == expected


def test_a_role_holds_below_its_scope_and_not_beside_it(
    operator: Application, stranger: Application, group: str, vault: str, put_vault: Put
) -> None:
    beside = put_vault(vault.rpartition("/")[2] + "x").json()["id"]
    assign(operator, vault, stranger, "21090545-7ca7-4776-b22c-e363652d74d2")
    assert "get" in permitted(stranger, live(operator, vault))
    assert permitted(stranger, live(operator, beside)) == set()
    assign(operator, group, stranger, "21090545-7ca7-4776-b22c-e363652d74d2")
    assert "get" in permitted(stranger, live(operator, beside))


def test_a_role_at_one_key_is_for_that_key(operator: Application, stranger: Application, vault: str) -> None:
    assign(operator, f"{vault}/keys/mine", stranger, "e147488a-f6f5-4113-8e2d-b22465e65bf6")
    assert permitted(stranger, live(operator, vault), "mine") == READ_ONLY | {"wrapkey", "unwrapkey"}
    assert permitted(stranger, live(operator, vault), "other") == set()
    assert permitted(stranger, live(operator, vault)) == set()


@pytest.mark.parametrize("word", [*KEY_PERMISSIONS, "all"])
def test_an_access_policy_allows_its_words_to_its_object_alone(
    operator: Application, stranger: Application, put_vault: Put, word: str
) -> None:
    policy = {
        "tenantId": operator.served.tenant_id,
        "objectId": stranger.principal.object_id,
        "permissions": {"keys": [word]},
    }
    made = put_vault(unique("v"), enableRbacAuthorization=False, accessPolicies=[policy]).json()
    assert permitted(stranger, live(operator, made["id"])) == (EVERYTHING if word == "all" else {word})
    assert permitted(operator, live(operator, made["id"])) == set()


def test_a_vault_obeys_roles_or_policies_and_never_both(
    operator: Application, stranger: Application, put_vault: Put
) -> None:
    policy = {
        "tenantId": operator.served.tenant_id,
        "objectId": stranger.principal.object_id,
        "permissions": {"keys": ["sign"]},
    }
    made = put_vault(unique("v"), enableRbacAuthorization=False, accessPolicies=[policy]).json()
    assign(operator, made["id"], stranger, "21090545-7ca7-4776-b22c-e363652d74d2")
    assert permitted(stranger, live(operator, made["id"])) == {"sign"}
    operator.send("PATCH", made["id"], {"properties": {"enableRbacAuthorization": True}})
    assert permitted(stranger, live(operator, made["id"])) == READ_ONLY | {"getrotationpolicy"}


def test_a_policy_for_an_application_on_behalf_of_somebody_is_not_for_the_somebody_alone(
    operator: Application, stranger: Application, put_vault: Put
) -> None:
    policy = {
        "tenantId": operator.served.tenant_id,
        "objectId": stranger.principal.object_id,
        "applicationId": operator.client_id,
        "permissions": {"keys": ["get"]},
    }
    made = put_vault(unique("v"), enableRbacAuthorization=False, accessPolicies=[policy]).json()
    assert made["properties"]["accessPolicies"][0]["applicationId"] == operator.client_id
    assert permitted(stranger, live(operator, made["id"])) == set()


# refusals in the service's words


def test_a_refusal_by_role_names_caller_action_resource_and_vault(
    operator: Application, stranger: Application, vault: str
) -> None:
    answer = stranger.key("GET", vault.rpartition("/")[2], "/keys/mine")
    error = answer.json()["error"]
    assert answer.status_code == 403
    assert error["code"] == "Forbidden"
    assert error["innererror"] == {"code": "ForbiddenByRbac"}
    lines = error["message"].split("\r\n")
    principal, tenant = stranger.principal, operator.served.tenant_id
    assert lines[0] == "Caller is not authorized to perform action on resource."
    issuer = f"https://sts.windows.net/{tenant}/"
    assert f"Caller: appid={principal.app_id};oid={principal.object_id};iss={issuer}" in lines
    assert "Action: 'Microsoft.KeyVault/vaults/keys/read'" in lines
    assert f"Resource: '{vault.lower()}/keys/mine'" in lines
    assert f"Vault: {vault.rpartition('/')[2]};location=westeurope" in lines


def test_a_refusal_by_policy_names_the_caller_and_the_missing_word(
    operator: Application, stranger: Application, put_vault: Put
) -> None:
    name = unique("v")
    put_vault(name, enableRbacAuthorization=False)
    answer = stranger.key("GET", name, "/keys")
    error = answer.json()["error"]
    assert answer.status_code == 403
    assert error["innererror"] == {"code": "ForbiddenByPolicy"}
    assert f"oid={stranger.principal.object_id}" in error["message"]
    assert f"does not have keys list permission on key vault '{name};location=westeurope'" in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "", "Microsoft.KeyVault/vaults/read"),
        ("PUT", "", "Microsoft.KeyVault/vaults/write"),
        ("PATCH", "", "Microsoft.KeyVault/vaults/write"),
        ("DELETE", "", "Microsoft.KeyVault/vaults/delete"),
        ("PUT", "/accessPolicies/add", "Microsoft.KeyVault/vaults/accessPolicies/write"),
        ("GET", "/providers/Microsoft.Authorization/roleAssignments", "Microsoft.Authorization/roleAssignments/read"),
        ("GET", "/providers/Microsoft.Authorization/roleDefinitions", "Microsoft.Authorization/roleDefinitions/read"),
    ],
)
def test_the_management_plane_refuses_whoever_has_no_role(
    operator: Application, stranger: Application, vault: str, method: str, path: str, action: str
) -> None:
    body = vault_body(operator.served) if method != "GET" else None
    status, code, message = error_of(stranger.send(method, f"{vault}{path}", body))
    assert (status, code) == (403, "AuthorizationFailed")
    assert f"'{action}'" in message
    assert stranger.principal.object_id in message
    assert operator.send("GET", vault).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/resourceGroups",
        "/resources",
        "/locations",
        "/providers",
        "/providers/Microsoft.KeyVault/vaults",
        "/providers/Microsoft.KeyVault/deletedVaults",
        "/providers/Microsoft.KeyVault/managedHSMs",
        "/providers/Microsoft.Features/features",
    ],
)
def test_a_stranger_lists_nothing_of_a_subscription(stranger: Application, subscription: str, path: str) -> None:
    assert error_of(stranger.send("GET", f"{subscription}{path}"))[:2] == (403, "AuthorizationFailed")


def test_a_reader_reads_and_changes_nothing(
    operator: Application, stranger: Application, group: str, vault: str
) -> None:
    assign(operator, group, stranger, "acdd72a7-3385-48ef-bd42-f606fba81ae7")
    assert stranger.send("GET", vault).json()["id"] == vault
    assert [each["id"] for each in stranger.send("GET", f"{group}/resources").json()["value"]] == [vault]
    scope = group.partition("/resourceGroups/")[0]
    assert [each["id"] for each in stranger.send("GET", f"{scope}/resourceGroups").json()["value"]] == [group]
    assert scope in {each["id"] for each in stranger.send("GET", "/subscriptions").json()["value"]}
    assert error_of(stranger.send("DELETE", vault))[0] == 403
    assert error_of(stranger.send("DELETE", group))[0] == 403


def test_a_key_vault_contributor_may_delete_and_not_purge(
    operator: Application, stranger: Application, subscription: str, vault: str
) -> None:
    assign(operator, subscription, stranger, "f25e0fa2-a7c8-4377-a976-54943a77a395")
    assert stranger.send("DELETE", vault).status_code == 200
    name = vault.rpartition("/")[2]
    deleted = f"{subscription}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/{name}"
    assert stranger.send("GET", deleted).status_code == 200
    assert error_of(stranger.send("POST", f"{deleted}/purge"))[:2] == (403, "AuthorizationFailed")


def test_a_role_that_is_taken_away_counts_no_more(operator: Application, stranger: Application, vault: str) -> None:
    assign(operator, vault, stranger, "14b46e9e-c2b7-41b4-b07b-48a6ebf60603")
    name = vault.rpartition("/")[2]
    assert stranger.key("GET", name, "/keys").status_code == 200
    path = f"{vault}/providers/Microsoft.Authorization/roleAssignments"
    mine: list[dict[str, Any]] = operator.send(
        "GET", path, filter_=f"assignedTo('{stranger.principal.object_id}')"
    ).json()["value"]
    operator.send("DELETE", mine[0]["id"])
    assert stranger.key("GET", name, "/keys").status_code == 403
