"""Resource groups, and the resources at large that az looks vaults up in."""

from collections.abc import Callable

import httpx2
from tests.emulator.calling import Application, error_of, unique, vault_body

Put = Callable[..., httpx2.Response]


def name_of(group: str) -> str:
    return group.rpartition("/")[2]


def test_a_group_is_made_once_and_shown_in_either_spelling(operator: Application, subscription: str) -> None:
    name = unique("rg")
    made = operator.send(
        "PUT", f"{subscription}/resourcegroups/{name}", {"location": "West Europe", "tags": {"a": "1"}}
    )
    assert made.status_code == 201
    assert made.json() == {
        "id": f"{subscription}/resourceGroups/{name}",
        "name": name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": "westeurope",
        "tags": {"a": "1"},
        "properties": {"provisioningState": "Succeeded"},
    }
    again = operator.send("PUT", f"{subscription}/resourceGroups/{name.upper()}", {"location": "westeurope"})
    assert again.status_code == 200
    assert again.json()["tags"] == {}
    assert operator.send("GET", f"{subscription}/resourcegroups/{name}").json() == again.json()


def test_whether_it_exists_is_told_without_a_body(operator: Application, group: str) -> None:
    assert operator.send("HEAD", group).status_code == 204
    assert operator.send("HEAD", f"{group}-not").status_code == 404


def test_its_tags_change_and_its_location_does_not(operator: Application, group: str) -> None:
    assert operator.send("PATCH", group, {"tags": {"a": "2"}}).json()["tags"] == {"a": "2"}
    assert operator.send("PATCH", group, {}).json()["tags"] == {"a": "2"}
    moved = operator.send("PUT", group, {"location": "northeurope"})
    assert error_of(moved)[:2] == (409, "InvalidResourceGroupLocation")
    assert error_of(operator.send("PATCH", group, {"tags": {"a": 1}}))[:2] == (400, "InvalidRequestContent")


def test_a_group_needs_a_location_and_a_name(operator: Application, subscription: str) -> None:
    path = f"{subscription}/resourceGroups"
    assert error_of(operator.send("PUT", f"{path}/{unique('rg')}", {}))[:2] == (400, "LocationRequired")
    bad = operator.send("PUT", f"{path}/ends.", {"location": "westeurope"})
    assert error_of(bad)[:2] == (400, "InvalidResourceGroup")


def test_groups_are_listed_by_subscription(operator: Application, subscription: str, group: str) -> None:
    names = [each["name"] for each in operator.send("GET", f"{subscription}/resourceGroups").json()["value"]]
    assert {"keyferry-a", name_of(group)} <= set(names)
    assert "keyferry-b" not in names
    assert names == sorted(names, key=str.lower)


def test_deleting_a_group_soft_deletes_its_vaults_and_they_can_be_recovered(
    operator: Application, subscription: str, group: str, vault: str
) -> None:
    begun = operator.send("DELETE", group)
    assert begun.status_code == 202
    assert operator.send("GET", begun.headers["Location"], version=None).status_code == 200
    assert error_of(operator.send("GET", group))[:2] == (404, "ResourceGroupNotFound")
    assert error_of(operator.send("DELETE", group))[:2] == (404, "ResourceGroupNotFound")
    recover = vault_body(operator.served, createMode="recover")
    assert error_of(operator.send("PUT", vault, recover))[:2] == (404, "ResourceGroupNotFound")
    operator.send("PUT", group, {"location": "westeurope"})
    assert operator.send("PUT", vault, recover).json()["id"] == vault
    assert subscription in vault


def test_resources_are_found_by_the_filter_that_az_sends(
    operator: Application, subscription: str, group: str, vault: str
) -> None:
    name = vault.rpartition("/")[2]
    wanted = f"resourceType eq 'Microsoft.KeyVault/vaults' and name eq '{name}'"
    found = operator.send("GET", f"{subscription}/resources", filter_=wanted, version="2015-11-01").json()["value"]
    assert [each["id"] for each in found] == [vault]
    in_group = operator.send("GET", f"{group}/resources").json()["value"]
    assert [each["type"] for each in in_group] == ["Microsoft.KeyVault/vaults"]
    other = operator.send("GET", f"{subscription}/resources", filter_="resourceType eq 'Microsoft.Compute/disks'")
    assert other.json()["value"] == []


def test_a_filter_that_is_not_understood_is_refused(operator: Application, subscription: str) -> None:
    answer = operator.send("GET", f"{subscription}/resources", filter_="tagName eq 'x'")
    assert error_of(answer)[:2] == (400, "InvalidFilterInQueryString")
