"""The workflow that Keyferry exists for, click by click, in its order and with its words.

Three systems: the key management server, Azure Key Vault, and Microsoft's portal for Customer Key. Keyferry is the
first; the emulator's portal stands in for the two others.
"""

from pathlib import Path

from playwright.sync_api import Browser, Page, expect
from tests.emulator.calling import unique
from tests.emulator.portal.walking import KEK_OPTION, Portal, walking
from tests.looking import foreign_requests, window
from tests.web.conftest import Served, sign_in

from keyferry.emulator.server import Running

GROUP, USER, PASSWORD, OWN = "customer-key", "kim", "seven-lanterns-at-noon", "nobody-else-knows-this-7"
#: a file is dropped as the browser does it: an event with the file in its DataTransfer
DROP = """(area, {name, text}) => {
    const carried = new DataTransfer();
    carried.items.add(new File([text], name, {type: "application/x-pem-file"}));
    for (const kind of ["dragenter", "dragover", "drop"]) {
        area.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: carried}));
    }
}"""


class Place:
    """A vault in a subscription of its own, and what comes to be there."""

    def __init__(self, subscription: str, group: str, key: str) -> None:
        self.subscription = subscription
        self.group = group
        self.key = key
        self.vault = unique("flow")
        self.kek_identifier = ""
        self.kek_pem = b""
        self.byok = b""
        self.key_identifier = ""


def test_from_an_empty_vault_to_an_active_customer_key(chromium: Browser, console: Served, emulator: Running) -> None:
    places = [
        Place("Keyferry emulator A", "keyferry-a", "tenant-root-a"),
        Place("Keyferry emulator B", "keyferry-b", "tenant-root-b"),
    ]
    with (
        walking(chromium, emulator) as portal,
        window(chromium, base_url=console.url, ignore_https_errors=True) as page,
    ):
        foreign = foreign_requests(page, console.url)
        for place in places:
            create_key_vault(portal, place)
            create_kek(portal, place)
            note_identifier_and_download_public_key(portal, place)
        sign_in(page)
        add_group(page)
        add_user(page)
        sign_in_as_the_key_access_user(page)
        for place in places:
            add_key(page, place)
            export_key(page, place)
        for place in places:
            import_key(portal, place)
            admit_the_workload(portal, place)
        submit_the_offer(portal, places)
        assert foreign == []
    recorded = console.kit.custody.exports.newest(console.kit.administrator, size=10).items
    assert [each.export.key_identifier for each in recorded] == [place.kek_identifier for place in reversed(places)]


def create_key_vault(portal: Portal, place: Place) -> None:
    """1. Create key vault, with the pricing tier Premium; Review + create; Create."""
    portal.open()
    portal.follow("Create key vault")
    portal.choose("Subscription", place.subscription)
    portal.choose("Resource group", place.group)
    portal.fill("Key vault name", place.vault)
    portal.choose("Region", "Sweden Central")
    portal.choose("Pricing tier", "Premium")
    portal.pick("Enable purge protection")
    portal.press("Review + create")
    expect(portal.page.get_by_text("Validation passed")).to_be_visible()
    portal.press("Create")
    portal.told(f"The key vault {place.vault} was created.")


def create_kek(portal: Portal, place: Place) -> None:
    """2. Keys > Create a key: a key encryption key, RSA; it then appears in the key list."""
    portal.page.get_by_role("main").get_by_role("link", name="Keys", exact=True).last.click()
    portal.follow("Create a key")
    portal.pick(KEK_OPTION)
    portal.fill("Name", "kek")
    portal.press("Create")
    portal.told("The key encryption key kek was created.")
    expect(portal.page.get_by_role("row", name="kek")).to_be_visible()


def note_identifier_and_download_public_key(portal: Portal, place: Place) -> None:
    """3. The key, its current version: note the Key Identifier; Download public key gives a .pem."""
    portal.follow("kek")
    portal.page.get_by_role("table", name="Current version").get_by_role("link").click()
    place.kek_identifier = portal.page.get_by_label("Key Identifier", exact=True).input_value()
    name, place.kek_pem = portal.download("Download public key")
    assert name.endswith(".pem")


def tab(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Console").get_by_role("link", name=name, exact=True).click()


def add_group(page: Page) -> None:
    """4. Groups, +Add Group: Group ID, Save. A message in the top right corner says that the group was created."""
    tab(page, "Groups")
    page.get_by_role("link", name="+Add Group").first.click()
    page.get_by_label("Group ID").fill(GROUP)
    page.get_by_role("button", name="Save").click()
    told = page.get_by_role("status").first
    expect(told).to_contain_text(f"The group {GROUP} was created.")
    corner, size = told.bounding_box(), page.viewport_size
    assert corner is not None
    assert size is not None
    assert corner["x"] + corner["width"] > size["width"] - 50
    assert corner["y"] < 100


def add_user(page: Page) -> None:
    """5. Users, Add User: Username, User Role = Key Access User, Groups, Password."""
    tab(page, "Users")
    page.get_by_role("link", name="Add User").first.click()
    page.get_by_label("Username").fill(USER)
    page.get_by_role("radio", name="Key Access User").check()
    page.get_by_label("Display Name").fill("Kim")
    page.get_by_role("group", name="Groups").get_by_label(GROUP).check()
    page.get_by_label("Default Group").select_option(GROUP)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    expect(page.locator("#strength")).not_to_be_empty()
    page.get_by_label("Confirm Password").fill(PASSWORD)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text(f"The user {USER} was created.")


def sign_in_as_the_key_access_user(page: Page) -> None:
    """7. Sign in as the Key Access User; what an Administrator has done about them is said first."""
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Username").fill(USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Set your password")).to_be_visible()  # the one that was given is temporary
    page.get_by_label("Password", exact=True).fill(OWN)
    page.get_by_label("Confirm Password").fill(OWN)
    page.get_by_role("button", name="Set password").click()
    proceed = page.get_by_role("link", name="Continue")
    expect(proceed.or_(page.get_by_role("heading", name="Dashboard"))).to_be_visible()
    if proceed.count():
        proceed.click()
    expect(page.get_by_role("banner")).to_contain_text("Key Access User")


def add_key(page: Page, place: Place) -> None:
    """6. Keys, +Add Key: Asymmetric, an RSA Key Type, a Key Name, owned by a Key Group, Activated; Add Key."""
    tab(page, "Keys")
    page.get_by_role("link", name="+Add Key").first.click()
    expect(page.get_by_role("heading", name="Add or import new key")).to_be_visible()
    page.get_by_role("radio", name="Asymmetric").check()
    page.locator("#asymmetric_type").select_option("rsa-2048")
    page.get_by_label("Key Name").fill(place.key)
    page.get_by_label("Key Description").fill("Root of a tenant's encryption")
    page.get_by_label("Key Group").select_option(GROUP)
    expect(page.get_by_label("Activated", exact=True)).to_be_checked()
    page.get_by_role("button", name="Add Key").click()
    expect(page.get_by_role("status").first).to_contain_text(f"The key {place.key} was created.")
    tab(page, "Keys")
    expect(page.get_by_role("row", name=place.key)).to_contain_text("active")


def export_key(page: Page, place: Place) -> None:
    """7. The key's page, Export Key: Type = Azure; the .pem is dropped on Public Key; Key id; Export downloads it."""
    page.get_by_role("row", name=place.key).get_by_role("link", name=place.key).click()
    page.get_by_role("link", name="Export Key").first.click()
    page.get_by_label("Type").select_option(label="Azure")
    expect(page.get_by_role("button", name="Upload From File")).to_be_visible()
    page.locator("[data-drop]").evaluate(DROP, {"name": "kek.pem", "text": place.kek_pem.decode()})
    page.get_by_label("Key id").fill(place.kek_identifier)
    expect(page.locator("#preview")).to_contain_text(place.vault)
    with page.expect_download() as started:
        page.get_by_role("button", name="Export", exact=True).click()
    assert started.value.suggested_filename == f"{place.key}.byok"
    place.byok = Path(started.value.path()).read_bytes()


def import_key(portal: Portal, place: Place) -> None:
    """8. Keys > Create a key: Options = Import; File Upload = the .byok; Name; Create. It is in the list."""
    portal.open(f"vaults/{place.vault}/keys")
    portal.follow("Create a key")
    portal.pick("Import")
    portal.upload("File Upload", f"{place.key}.byok", place.byok)
    portal.fill("Name", place.key)
    portal.press("Create")
    portal.told(f"The key {place.key} was imported.")
    expect(portal.page.get_by_role("row", name=place.key)).to_contain_text("HSM")


def admit_the_workload(portal: Portal, place: Place) -> None:
    """Before an offer: the application of Microsoft 365 may use the vault's keys."""
    portal.follow("Access control (IAM)")
    portal.choose("Member", "M365DataAtRestEncryption")
    portal.press("Add role assignment")
    portal.open_current_version(place.vault, place.key)
    place.key_identifier = portal.page.get_by_label("Key Identifier", exact=True).input_value()


def submit_the_offer(portal: Portal, places: list[Place]) -> None:
    """9. Submit an offer; the vaults' configuration and the contact information are verified; activate the key."""
    portal.open("customer-key")
    portal.follow("Submit an offer")
    contacts = {
        "Organization": "Contoso Ltd",
        "Contact name": "Kim",
        "Contact email": "kim@contoso.com",
        "Contact phone": "+44 20 7946 0000",
        "Officer name": "Sam",
        "Officer email": "sam@contoso.com",
        "Officer phone": "+44 20 7946 0001",
    }
    identifiers = {f"Key Identifier {number}": place.key_identifier for number, place in enumerate(places, 1)}
    for label, value in {**contacts, **identifiers}.items():
        portal.fill(label, value)
    portal.press("Submit offer")
    portal.told("The offer was verified.")
    expect(portal.page.get_by_text("Verification passed")).to_be_visible()
    portal.press("Activate")
    portal.told("The Customer Key is active.")
