"""The workflow as a person walks it: a vault, a KEK, a key of one's own imported, and the offer of a Customer Key."""

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from playwright.sync_api import expect
from tests.emulator.calling import unique
from tests.emulator.portal.walking import KEK_OPTION, Portal

from keyferry.byok.azure import wrap_for_azure
from keyferry.byok.identifier import parse_key_identifier
from keyferry.byok.kek import read_kek
from keyferry.emulator.server import Running
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.keys import generate


def bring_a_key(portal: Portal, *, subscription: str, group: str) -> str:
    """Create a vault and a KEK in it, wrap a key for it, import that; the imported key's identifier."""
    page, vault = portal.page, unique("walk")
    # 1. Create key vault
    portal.open()
    portal.follow("Create key vault")
    portal.heading("Create key vault")
    portal.choose("Subscription", subscription)
    portal.choose("Resource group", group)
    portal.fill("Key vault name", vault)
    portal.choose("Region", "Sweden Central")
    portal.choose("Pricing tier", "Premium")
    portal.pick("Enable purge protection")
    portal.press("Review + create")
    portal.heading("Review + create")
    expect(page.get_by_text("Validation passed")).to_be_visible()
    portal.press("Create")
    portal.told(f"The key vault {vault} was created.")
    # 2. Keys > Create a key: a KEK
    page.get_by_role("main").get_by_role("link", name="Keys", exact=True).last.click()
    portal.follow("Create a key")
    portal.pick(KEK_OPTION)
    portal.fill("Name", "kek")
    expect(page.get_by_role("radio", name="EC", exact=True)).to_be_hidden()
    portal.pick("3072")
    portal.press("Create")
    portal.told("The key encryption key kek was created.")
    # 3. its current version: Key Identifier, Download public key
    portal.follow("kek")
    page.get_by_role("table", name="Current version").get_by_role("link").click()
    identifier = page.get_by_label("Key Identifier", exact=True).input_value()
    name, pem = portal.download("Download public key")
    assert name == f"{vault}-kek.pem"
    assert load_pem_public_key(pem).key_size == 3072  # type: ignore[union-attr]  # the vault gives out RSA keys here
    # 7. the server's export
    wrapped = wrap_for_azure(generate(ALGORITHMS["rsa-2048"]), read_kek(pem), parse_key_identifier(identifier))
    # 8. Keys > Create a key: Import
    portal.open(f"vaults/{vault}/keys")
    portal.follow("Create a key")
    portal.pick("Import")
    portal.upload("File Upload", "payroll.byok", wrapped.content)
    portal.fill("Name", "payroll")
    portal.press("Create")
    portal.told("The key payroll was imported.")
    expect(page.get_by_role("row", name="payroll")).to_contain_text("HSM")
    # the application of the workload may use it
    portal.follow("Access control (IAM)")
    portal.choose("Member", "M365DataAtRestEncryption")
    portal.press("Add role assignment")
    portal.told(f"M365DataAtRestEncryption is now Key Vault Crypto Service Encryption User of {vault}.")
    portal.open_current_version(vault, "payroll")
    return page.get_by_label("Key Identifier", exact=True).input_value()


CONTACTS = {
    "Organization": "Contoso Ltd",
    "Contact name": "Kim",
    "Contact email": "kim@contoso.com",
    "Contact phone": "+44 20 7946 0000",
    "Officer name": "Sam",
    "Officer email": "sam@contoso.com",
    "Officer phone": "+44 20 7946 0001",
}


@pytest.fixture(scope="module")
def identifiers(portal: Portal) -> tuple[str, str]:
    return (
        bring_a_key(portal, subscription="Keyferry emulator A", group="keyferry-a"),
        bring_a_key(portal, subscription="Keyferry emulator B", group="keyferry-b"),
    )


def offer(portal: Portal, **fields: str) -> None:
    portal.open("customer-key")
    portal.follow("Submit an offer")
    portal.heading("Submit an offer")
    for label, value in {**CONTACTS, **fields}.items():
        portal.fill(label, value)
    portal.press("Submit offer")


def test_from_a_vault_to_an_active_customer_key(
    portal: Portal, emulator: Running, identifiers: tuple[str, str]
) -> None:
    first, second = identifiers
    offer(portal, **{"Key Identifier 1": first, "Key Identifier 2": second})
    # 9. verification, then activation
    portal.told("The offer was verified.")
    portal.heading("Customer Key offer")
    expect(portal.page.get_by_text("Verification passed")).to_be_visible()
    for label in ("Tenant ID", "Subscription 1", "Key Identifier 1", "Subscription 2", "Key Identifier 2"):
        expect(portal.page.get_by_role("heading", name=f"{label} Passed")).to_be_visible()
    portal.press("Activate")
    portal.told("The Customer Key is active.")
    expect(portal.page.get_by_text("Active: the keys are a Customer Key")).to_be_visible()
    expect(portal.page.get_by_text("opens the tenant's root secret.")).to_have_count(2)
    portal.open("customer-key")
    expect(portal.page.get_by_role("row").nth(1)).to_contain_text("Active")


def test_an_offer_that_will_not_do_is_corrected_field_by_field(portal: Portal, identifiers: tuple[str, str]) -> None:
    first, _ = identifiers
    place = first.removeprefix("https://").replace(".vault.azure.net/", "/", 1)
    portal.open(f"vaults/{place}")
    portal.page.get_by_text("Disable this version").click()
    portal.press("Disable")
    offer(portal, **{"Key Identifier 1": first, "Key Identifier 2": first, "Contact email": "kim"})
    portal.told("The offer was refused. See what to correct.")
    expect(portal.page.get_by_text("Verification failed")).to_be_visible()
    for label in ("Contact email", "Key Identifier 1", "Key Identifier 2"):
        expect(portal.page.get_by_role("heading", name=f"{label} Failed")).to_be_visible()
    portal.follow("Correct and submit again")
    portal.refused("Contact email", "Contact email will not do: it is not an e-mail address.")
    portal.refused("Key Identifier 1", "The key is disabled. Enable the version on its page.")
    portal.refused("Key Identifier 2", "Both identifiers name one key.")
    assert portal.page.get_by_label("Organization", exact=True).input_value() == CONTACTS["Organization"]
    portal.open(f"vaults/{place}")
    portal.press("Enable")
    portal.told("The version is enabled.")


def test_an_offer_without_its_fields_says_which(portal: Portal) -> None:
    portal.open("customer-key/create")
    portal.press("Submit offer")
    for label in (*CONTACTS, "Key Identifier 1", "Key Identifier 2"):
        portal.refused(label, f"Enter: {label}.")
    expect(portal.page.get_by_label("Tenant domain", exact=True)).not_to_have_attribute("aria-invalid", "true")


def test_activating_looks_again(portal: Portal, identifiers: tuple[str, str]) -> None:
    """What was verified can have changed since."""
    first, second = identifiers
    offer(portal, **{"Key Identifier 1": first, "Key Identifier 2": second, "Organization": "Another"})
    portal.told("The offer was verified.")
    verified = portal.page.url.partition("/portal/")[2]
    place = second.removeprefix("https://").replace(".vault.azure.net/", "/", 1)
    portal.open(f"vaults/{place}")
    portal.page.get_by_text("Disable this version").click()
    portal.press("Disable")
    portal.open(verified)
    portal.press("Activate")
    portal.told("The Customer Key was not activated.")
    expect(portal.page.get_by_role("heading", name="Key Identifier 2 Failed")).to_be_visible()
    expect(portal.page.get_by_role("button", name="Activate")).to_have_count(0)
