"""The management plane with the unmodified Azure CLI: groups, vaults and their rules, roles and access policies."""

import json

from interop.scene import Scene
from interop.ways import Vault, Way

#: from Microsoft's pages on Customer Key: the role, and the application of multi-workload policies
WRAP_ROLE = "Key Vault Crypto Service Encryption User"
DATA_AT_REST = "c066d759-24ae-40e7-a56f-027002b5d3e4"


def test_it_starts_with_two_premium_vaults_in_two_subscriptions(scene: Scene) -> None:
    subscriptions = scene.az("account", "list")
    assert len({each["id"] for each in subscriptions}) == 2
    shown = [scene.az("keyvault", "list", "--subscription", each["id"]) for each in subscriptions]
    assert all(vaults for vaults in shown)
    first = scene.az("keyvault", "show", "--name", scene.vault.name)
    assert first["properties"]["sku"]["name"] == "premium"
    assert first["properties"]["enablePurgeProtection"] is True
    assert first["properties"]["softDeleteRetentionInDays"] == 90
    assert first["properties"]["enableRbacAuthorization"] is True
    assert first["properties"]["vaultUri"].rstrip("/") == scene.vault.url


def test_a_vault_lives_and_ends(scene: Scene) -> None:
    name, group = f"{scene.way}-lives-and-ends", f"{scene.way}-group"
    assert name_is_free(scene, name)
    made = scene.az("group", "create", "--name", group, "--location", "westeurope")
    assert made["properties"]["provisioningState"] == "Succeeded"

    created = scene.az("keyvault", "create", "--name", name, "--resource-group", group, "--retention-days", "7")
    assert created["properties"]["sku"]["name"] == "standard"
    assert created["properties"]["softDeleteRetentionInDays"] == 7
    assert not name_is_free(scene, name)
    updated = scene.az("keyvault", "update", "--name", name, "--resource-group", group, "--set", "tags.kept=yes")
    assert updated["tags"] == {"kept": "yes"}
    assert name in [each["name"] for each in scene.az("keyvault", "list", "--resource-group", group)]

    scene.az("keyvault", "delete", "--name", name)
    assert "not found" in scene.az.refused("keyvault", "show", "--name", name).lower()
    deleted = {each["name"]: each["properties"] for each in scene.az("keyvault", "list-deleted")}
    assert deleted[name]["location"] == "westeurope"
    scene.az("keyvault", "recover", "--name", name)
    assert scene.az("keyvault", "show", "--name", name)["tags"] == {"kept": "yes"}

    scene.az("keyvault", "delete", "--name", name)
    assert not name_is_free(scene, name)
    scene.az("keyvault", "purge", "--name", name)
    assert name_is_free(scene, name)


def test_purge_protection_cannot_be_undone(scene: Scene) -> None:
    refused = ("keyvault", "update", "--name", scene.vault.name, "--resource-group", scene.vault.group)
    assert "enablePurgeProtection" in scene.az.refused(*refused, "--set", "properties.enablePurgeProtection=false")
    assert scene.az("keyvault", "show", "--name", scene.vault.name)["properties"]["enablePurgeProtection"] is True


def test_names_are_checked(scene: Scene) -> None:
    assert not name_is_free(scene, scene.vault.name)
    assert not name_is_free(scene, "two--hyphens")
    # This command asks about Managed HSMs, whose names have no hyphens; there are none of them here.
    assert scene.az("keyvault", "check-name", "--name", "unhyphenated")["nameAvailable"] is True
    refused = scene.az("keyvault", "check-name", "--name", "with-a-hyphen")
    assert (refused["nameAvailable"], refused["reason"]) == (False, "AccountNameInvalid")


def test_a_role_is_assigned_at_a_vault(scene: Scene, spare: Vault) -> None:
    scope = scene.az("keyvault", "show", "--name", spare.name)["id"]
    principal = scene.facts["principals"][DATA_AT_REST]
    made = scene.az(
        *("role", "assignment", "create", "--role", WRAP_ROLE, "--scope", scope),
        *("--assignee-object-id", principal, "--assignee-principal-type", "ServicePrincipal"),
    )
    assert made["principalId"] == principal
    # The names of principals come from Microsoft Graph, to which the proxy does not lead.
    named = () if scene.way is not Way.PROXY else ("--fill-principal-name", "false")
    listed = scene.az("role", "assignment", "list", "--scope", scope, *named)
    assert [(each["principalId"], each["roleDefinitionName"]) for each in listed] == [(principal, WRAP_ROLE)]
    if scene.way is not Way.PROXY:
        assert scene.az("ad", "sp", "show", "--id", DATA_AT_REST)["id"] == principal
        assert listed[0]["principalName"] == DATA_AT_REST


def test_an_access_policy_decides_where_roles_do_not(scene: Scene) -> None:
    name = f"{scene.way}-by-policy"
    created = scene.az(
        *("keyvault", "create", "--name", name, "--resource-group", scene.vault.group, "--sku", "premium"),
        *("--enable-rbac-authorization", "false", "--no-self-perms"),
    )
    key = scene.vault_of(created).key("policed")
    create = ("keyvault", "key", "create", *key, "--kty", "RSA-HSM", "--ops", "import")
    assert "does not have keys create permission" in scene.az.refused(*create)

    principal = scene.facts["principals"][scene.facts["client_id"]]
    policy = ("keyvault", "set-policy", "--name", name, "--object-id", principal)
    scene.az(*policy, "--key-permissions", "get", "create")
    assert scene.az(*create)["key"]["kty"] == "RSA-HSM"
    assert "does not have keys delete permission" in scene.az.refused("keyvault", "key", "delete", *key)


def name_is_free(scene: Scene, name: str) -> bool:
    """What Azure Resource Manager says of a new vault's name; `az` has no command for it but `az rest`."""
    url = "/subscriptions/{subscriptionId}/providers/Microsoft.KeyVault/checkNameAvailability?api-version=2023-07-01"
    body = json.dumps({"name": name, "type": "Microsoft.KeyVault/vaults"})
    answer: dict[str, bool] = scene.az("rest", "--method", "post", "--url", url, "--body", body)
    return answer["nameAvailable"]
