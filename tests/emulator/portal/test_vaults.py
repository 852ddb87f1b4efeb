"""Key vaults at the portal: every refusal beside its field, and what may be done with a vault."""

import pytest
from playwright.sync_api import expect
from tests.emulator.calling import operator_of, unique, vault_body
from tests.emulator.portal.walking import Portal

from keyferry.emulator.server import Running


def test_a_vault_is_made_in_a_new_resource_group(portal: Portal, emulator: Running) -> None:
    name, group = unique("nv"), unique("group")
    portal.open("vaults/create")
    portal.fill("New resource group", group)
    portal.fill("Key vault name", name)
    portal.fill("Days to retain deleted vaults", "30")
    portal.press("Review + create")
    facts = portal.page.get_by_role("main")
    expect(facts).to_contain_text(f"{group} (new)")
    # Previous leads back with everything as it was
    portal.press("Previous")
    assert portal.page.get_by_label("Key vault name", exact=True).input_value() == name
    portal.press("Review + create")
    portal.press("Create")
    portal.told(f"The key vault {name} was created.")
    made = emulator.emulator.vaults.named(name)
    assert made is not None
    assert (made.resource_group, made.sku, made.retention_days, made.purge_protection, made.rbac) == (
        group,
        "standard",
        30,
        False,
        True,
    )


def test_what_is_wrong_with_a_vault_stands_beside_the_field(portal: Portal) -> None:
    portal.open("vaults/create")
    portal.fill("Key vault name", "1--x")
    portal.fill("Days to retain deleted vaults", "5")
    portal.press("Review + create")
    portal.heading("Create key vault")
    portal.refused("Key vault name", "must begin with a letter")
    portal.refused("Resource group", "Choose a resource group, or name a new one.")
    portal.refused("Days to retain deleted vaults", "from 7 to 90")
    # the summary leads to the field
    portal.page.get_by_role("link", name="Key vault name:").click()
    expect(portal.page.get_by_label("Key vault name", exact=True)).to_be_focused()
    assert portal.page.title().startswith("Error: ")


@pytest.mark.parametrize(
    ("fields", "label", "reason"),
    [
        ({"Key vault name": "keyferry-vault-a"}, "Key vault name", "is already in use"),
        ({"Key vault name": ""}, "Key vault name", "Enter a name"),
        ({"New resource group": "ends."}, "New resource group", "is invalid"),
        ({"New resource group": "keyferry-a"}, "New resource group", "There is a resource group 'keyferry-a' already"),
    ],
)
def test_other_refusals(portal: Portal, fields: dict[str, str], label: str, reason: str) -> None:
    portal.open("vaults/create")
    for each, value in {"Key vault name": unique("fv"), "New resource group": unique("g"), **fields}.items():
        portal.fill(each, value)
    portal.press("Review + create")
    portal.refused(label, reason)


def test_a_group_of_another_subscription_will_not_do(portal: Portal) -> None:
    portal.open("vaults/create")
    portal.choose("Resource group", "keyferry-b")
    portal.fill("Key vault name", unique("fv"))
    portal.press("Review + create")
    portal.refused("Resource group", "Resource group 'keyferry-b' could not be found.")
    portal.choose("Resource group", "keyferry-a")
    portal.fill("New resource group", "one-more")
    portal.press("Review + create")
    portal.refused("New resource group", "not both")


def test_a_name_that_was_taken_since_the_review_is_refused_beside_the_field(portal: Portal, emulator: Running) -> None:
    name = unique("race")
    portal.open("vaults/create")
    portal.choose("Resource group", "keyferry-a")
    portal.fill("Key vault name", name)
    portal.press("Review + create")
    with operator_of(emulator) as operator:
        group = f"/subscriptions/{emulator.subscriptions[0]}/resourceGroups/keyferry-a"
        path = f"{group}/providers/Microsoft.KeyVault/vaults/{name}"
        assert operator.send("PUT", path, vault_body(emulator)).status_code == 200
    portal.press("Create")
    portal.refused("Key vault name", "is already in use")


def test_a_vault_is_deleted_recovered_and_purged(portal: Portal, emulator: Running) -> None:
    name = portal.make_vault("Standard")
    portal.page.get_by_text("Delete this key vault").click()
    portal.press("Delete")
    portal.told(f"The key vault {name} was deleted. It can be recovered.")
    portal.press(f"Recover {name}")
    portal.told(f"The key vault {name} was recovered.")
    portal.page.get_by_text("Delete this key vault").click()
    portal.press("Delete")
    portal.page.get_by_text(f"Purge {name}").first.click()
    portal.press(f"Purge {name}")
    portal.refused(f"Type the vault's name to confirm: {name}", "Nothing was purged.")
    portal.fill(f"Type the vault's name to confirm: {name}", name)
    portal.press(f"Purge {name}")
    portal.told(f"The key vault {name} was purged.")
    assert emulator.emulator.vaults.name_problem(name) is None


def test_purge_protection_is_turned_on_and_holds(portal: Portal) -> None:
    name = portal.make_vault("Premium")
    portal.page.get_by_text("Enable purge protection").first.click()
    portal.press("Enable purge protection")
    portal.told(f"Purge protection of {name} is on.")
    expect(portal.page.get_by_text("Enable purge protection")).to_have_count(0)
    portal.page.get_by_text("Delete this key vault").click()
    portal.press("Delete")
    portal.page.get_by_text(f"Purge {name}").first.click()
    portal.fill(f"Type the vault's name to confirm: {name}", name)
    portal.press(f"Purge {name}")
    portal.refused(f"Type the vault's name to confirm: {name}", "Purge protection is enabled on the vault")


def test_roles_are_assigned_and_removed(portal: Portal) -> None:
    name = portal.make_vault("Premium")
    portal.open(f"vaults/{name}/access")
    portal.press("Add role assignment")
    portal.refused("Member", "Choose who is to have access.")
    for _ in range(2):
        portal.choose("Role", "Key Vault Reader")
        portal.choose("Member", "Office 365 Exchange Online")
        portal.press("Add role assignment")
    portal.refused("Member", "The role assignment already exists.")
    portal.press("Remove Key Vault Reader of Office 365 Exchange Online")
    portal.told("The role assignment was removed.")
    expect(portal.page.get_by_role("button", name="Remove")).to_have_count(0)


def test_in_a_vault_with_access_policies_they_are_what_is_shown(portal: Portal, emulator: Running) -> None:
    name = unique("policies")
    with operator_of(emulator) as operator:
        group = f"/subscriptions/{emulator.subscriptions[0]}/resourceGroups/keyferry-a"
        path = f"{group}/providers/Microsoft.KeyVault/vaults/{name}"
        assert operator.send("PUT", path, vault_body(emulator, enableRbacAuthorization=False)).status_code == 200
    portal.open(f"vaults/{name}/keys")
    portal.heading("Not allowed")  # nobody has an access policy, its maker neither
    portal.open(f"vaults/{name}/access")
    portal.choose("Member", "emulator-operator")
    portal.press("Add access policy")
    portal.told(f"emulator-operator may now get, wrap and unwrap with the keys of {name}.")
    expect(portal.page.get_by_role("row", name="emulator-operator")).to_contain_text("get, wrapKey, unwrapKey")
    portal.press("Remove get, wrapKey, unwrapKey of emulator-operator")
    portal.told("The access policy was removed.")


def test_a_vault_that_there_is_not_is_told_so(portal: Portal) -> None:
    portal.open("vaults/no-such-vault")
    portal.heading("Not found")
    expect(portal.page.get_by_role("main")).to_contain_text("There is no vault named no-such-vault.")
