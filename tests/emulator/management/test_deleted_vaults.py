"""What becomes of a vault that is deleted: kept, recovered, purged by somebody or by time."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import time_machine
from tests.emulator.calling import Application, error_of, unique, vault_body

from keyferry.emulator import clock
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.home import Home
from keyferry.emulator.management import groups, subscriptions, vault_settings
from keyferry.emulator.management.vaults import Vaults
from keyferry.emulator.schema import open_state
from keyferry.emulator.state import State

Put = Callable[..., httpx2.Response]
DAY = 24 * 60 * 60


def deleted_id(vault: dict[str, Any]) -> str:
    subscription = vault["id"].partition("/resourceGroups/")[0]
    location = vault["location"]
    return f"{subscription}/providers/Microsoft.KeyVault/locations/{location}/deletedVaults/{vault['name']}"


@pytest.fixture
def vault(put_vault: Put) -> dict[str, Any]:
    made: dict[str, Any] = put_vault(unique("v"), softDeleteRetentionInDays=7).json()
    return made


@pytest.fixture
def deleted(operator: Application, vault: dict[str, Any]) -> dict[str, Any]:
    assert operator.send("DELETE", vault["id"]).status_code == 200
    return vault


def test_a_deleted_vault_tells_when_it_will_be_purged(operator: Application, deleted: dict[str, Any]) -> None:
    assert error_of(operator.send("GET", deleted["id"]))[:2] == (404, "ResourceNotFound")
    found = operator.send("GET", deleted_id(deleted)).json()
    assert found["id"] == deleted_id(deleted)
    assert found["type"] == "Microsoft.KeyVault/deletedVaults"
    properties = found["properties"]
    assert properties["vaultId"] == deleted["id"]
    days = datetime.fromisoformat(properties["scheduledPurgeDate"]) - datetime.fromisoformat(properties["deletionDate"])
    assert days.days == 7
    listed = operator.send("GET", deleted_id(deleted).partition("/locations/")[0] + "/deletedVaults").json()["value"]
    assert found in listed


def test_deleting_what_is_gone_says_so_without_an_error(operator: Application, deleted: dict[str, Any]) -> None:
    assert operator.send("DELETE", deleted["id"]).status_code == 204
    no_group = deleted["id"].replace("/resourceGroups/rg-", "/resourceGroups/none-")
    assert error_of(operator.send("DELETE", no_group))[:2] == (404, "ResourceGroupNotFound")


def test_a_deleted_vaults_keys_are_out_of_reach_until_it_is_recovered(
    operator: Application, vault: dict[str, Any]
) -> None:
    addresses = operator.served.emulator.addresses
    made = operator.key("POST", vault["name"], "/keys/kept/create", {"kty": "RSA"}).json()
    host = f"{vault['name']}.vault.azure.net"
    assert addresses.vault_of(host) is not None
    operator.send("DELETE", vault["id"])
    assert addresses.vault_of(host) is None
    operator.send("PUT", vault["id"], vault_body(operator.served, createMode="recover"))
    assert operator.key("GET", vault["name"], "/keys/kept").json() == made


def test_its_name_stays_taken_and_the_refusal_says_what_to_do(operator: Application, deleted: dict[str, Any]) -> None:
    status, code, message = error_of(operator.send("PUT", deleted["id"], vault_body(operator.served)))
    assert (status, code) == (409, "ConflictError")
    assert "already exists in deleted state" in message
    assert f"az keyvault recover --name {deleted['name']}" in message
    other = f"/subscriptions/{operator.served.subscriptions[1]}/resourceGroups/keyferry-b"
    path = f"{other}/providers/Microsoft.KeyVault/vaults/{deleted['name']}"
    assert error_of(operator.send("PUT", path, vault_body(operator.served)))[:2] == (409, "VaultAlreadyExists")


def test_it_is_recovered_as_it_was(operator: Application, deleted: dict[str, Any]) -> None:
    answer = operator.send("PUT", deleted["id"], vault_body(operator.served, createMode="Recover", sku=None))
    assert answer.json() == deleted | {"properties": answer.json()["properties"]}
    assert answer.json()["properties"]["softDeleteRetentionInDays"] == 7
    assert error_of(operator.send("GET", deleted_id(deleted)))[:2] == (404, "DeletedVaultNotFound")


def test_only_a_deleted_vault_is_recovered(operator: Application, group: str, vault: dict[str, Any]) -> None:
    recover = vault_body(operator.served, createMode="recover")
    assert error_of(operator.send("PUT", vault["id"], recover))[:2] == (409, "VaultAlreadyExists")
    path = f"{group}/providers/Microsoft.KeyVault/vaults/{unique('v')}"
    assert error_of(operator.send("PUT", path, recover))[:2] == (404, "DeletedVaultNotFound")


def test_it_is_purged_and_its_name_is_free_again(operator: Application, deleted: dict[str, Any]) -> None:
    begun = operator.send("POST", f"{deleted_id(deleted)}/purge")
    assert begun.status_code == 202
    assert int(begun.headers["Retry-After"]) > 0
    finished = operator.send("GET", begun.headers["Location"], version=None)
    assert finished.status_code == 200
    assert error_of(operator.send("GET", deleted_id(deleted)))[:2] == (404, "DeletedVaultNotFound")
    assert operator.send("PUT", deleted["id"], vault_body(operator.served)).status_code == 200


def test_a_new_vault_of_a_purged_ones_name_has_none_of_its_keys(operator: Application, vault: dict[str, Any]) -> None:
    operator.key("POST", vault["name"], "/keys/gone/create", {"kty": "RSA"})
    operator.send("DELETE", vault["id"])
    operator.send("POST", f"{deleted_id(vault)}/purge")
    operator.send("PUT", vault["id"], vault_body(operator.served))
    assert operator.key("GET", vault["name"], "/keys").json()["value"] == []
    assert operator.key("GET", vault["name"], "/deletedkeys").json()["value"] == []


def test_an_operation_of_nobody_is_not_found(operator: Application, subscription: str) -> None:
    path = f"{subscription}/providers/Microsoft.KeyVault/locations/westeurope/operationResults/nothing"
    assert error_of(operator.send("GET", path))[:2] == (404, "OperationNotFound")


def test_purge_protection_leaves_the_end_to_time(operator: Application, put_vault: Put) -> None:
    vault = put_vault(unique("v"), enablePurgeProtection=True).json()
    operator.send("DELETE", vault["id"])
    assert operator.send("GET", deleted_id(vault)).json()["properties"]["purgeProtectionEnabled"] is True
    status, code, message = error_of(operator.send("POST", f"{deleted_id(vault)}/purge"))
    assert (status, code) == (405, "MethodNotAllowed")
    assert "Operation 'DeletedVaultPurge' is not allowed" in message
    assert operator.send("GET", deleted_id(vault)).status_code == 200


def test_it_is_asked_for_where_it_was(operator: Application, deleted: dict[str, Any]) -> None:
    elsewhere = deleted_id(deleted).replace("westeurope", "northeurope")
    assert error_of(operator.send("GET", elsewhere))[:2] == (404, "DeletedVaultNotFound")
    spaced = deleted_id(deleted).replace("westeurope", "West%20Europe")
    assert operator.send("GET", spaced).status_code == 200
    assert error_of(operator.send("POST", f"{elsewhere}/purge"))[:2] == (404, "DeletedVaultNotFound")


def test_roles_at_a_deleted_vault_do_not_come_back_with_it(
    operator: Application, stranger: Application, vault: dict[str, Any]
) -> None:
    role = "/providers/Microsoft.Authorization/roleDefinitions/14b46e9e-c2b7-41b4-b07b-48a6ebf60603"
    assignment = f"{vault['id']}/providers/Microsoft.Authorization/roleAssignments/44444444-4444-4444-4444-444444444444"
    body = {"properties": {"roleDefinitionId": role, "principalId": stranger.principal.object_id}}
    assert operator.send("PUT", assignment, body).status_code == 201
    assert stranger.key("GET", vault["name"], "/keys").status_code == 200
    operator.send("DELETE", vault["id"])
    operator.send("PUT", vault["id"], vault_body(operator.served, createMode="recover"))
    assert stranger.key("GET", vault["name"], "/keys").status_code == 403


# the clock


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = open_state(Home(tmp_path / "home"))
    yield opened
    opened.close()


def test_time_purges_what_nobody_may(state: State) -> None:
    vaults, tenant = Vaults(state), "55555555-5555-5555-5555-555555555555"
    ended: list[str] = []
    vaults.on_purge = lambda _, vault: ended.append(vault.name)
    with state.write() as connection:
        subscription = subscriptions.add(connection, tenant, "one")
        groups.put(connection, subscription.id, "rg", "westeurope", {})
    settings = vault_settings.parse(
        {
            "location": "westeurope",
            "properties": {
                "tenantId": tenant,
                "sku": {"family": "A", "name": "premium"},
                "softDeleteRetentionInDays": 10,
                "enablePurgeProtection": True,
            },
        }
    )
    vault = vaults.create(subscription.id, "rg", "kept", settings)
    deleted = vaults.delete(vault)
    with pytest.raises(AzureFailure, match="Purge protection is enabled"):
        vaults.purge(deleted)
    with time_machine.travel(clock.now() + 10 * DAY - 60, tick=False):
        assert vaults.deleted(subscription.id) == (deleted,)
        assert vaults.name_problem("kept") is not None
    with time_machine.travel(deleted.scheduled_purge, tick=False):
        assert vaults.deleted(subscription.id) == ()
        assert vaults.name_problem("kept") is None
        with pytest.raises(AzureFailure) as refused:
            vaults.recover(subscription.id, "rg", "kept")
        assert refused.value.code == "DeletedVaultNotFound"
        ended.clear()  # the refusal undid what it had begun with
        vaults.purge_what_is_due()
        vaults.purge_what_is_due()
        assert ended == ["kept"]
        assert vaults.create(subscription.id, "rg", "kept", settings).created == deleted.scheduled_purge


def test_whoever_follows_the_vaults_is_told_of_each_change(state: State) -> None:
    vaults, tenant = Vaults(state), "55555555-5555-5555-5555-555555555555"
    told: list[tuple[str, ...]] = []
    vaults.on_change = lambda: told.append(tuple(each.name for each in vaults.all()))
    with state.write() as connection:
        subscription = subscriptions.add(connection, tenant, "one")
        group = groups.put(connection, subscription.id, "rg", "westeurope", {})
    properties = {"tenantId": tenant, "sku": {"family": "A", "name": "standard"}}
    settings = vault_settings.parse({"location": "westeurope", "properties": properties})
    vault = vaults.create(subscription.id, "rg", "one", settings)
    vaults.create(subscription.id, "rg", "two", settings)
    vaults.purge(vaults.delete(vault))
    vaults.delete_group(group)
    assert told == [("one",), ("one", "two"), ("two",), ("two",), ()]
