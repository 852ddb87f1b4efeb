"""What holds for every page: accessible, at every width, by keyboard alone, without scripts, in any colours."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.emulator.calling import unique
from tests.emulator.portal.walking import KEK_OPTION, Portal, walking
from tests.looking import require_accessible, window

from keyferry.emulator.server import Running

NARROW = 360
WALL = 1920


@pytest.fixture(scope="module")
def pages(portal: Portal) -> dict[str, str]:
    """A path of every page, with something on it."""
    vault, empty = portal.make_vault("Premium", name=unique("page")), portal.make_vault("Standard")
    gone = portal.make_vault("Standard")
    portal.page.get_by_text("Delete this key vault").click()
    portal.press("Delete")
    portal.make_key(vault, "kek", KEK_OPTION)
    portal.make_key(vault, "deleted")
    portal.open(f"vaults/{vault}/keys/deleted")
    portal.page.get_by_text("Delete this key").click()
    portal.press("Delete")
    portal.open_current_version(vault, "kek")
    version = portal.page.url.partition("/portal/")[2]
    identifier = portal.page.get_by_label("Key Identifier", exact=True).input_value()
    portal.open("customer-key/create")
    for label in ("Organization", "Contact name", "Contact email", "Contact phone"):
        portal.fill(label, "Contoso")
    for label in ("Officer name", "Officer email", "Officer phone"):
        portal.fill(label, "Sam")
    for number in (1, 2):
        portal.fill(f"Key Identifier {number}", identifier)
    portal.press("Submit offer")
    offer = portal.page.url.rpartition("/")[2]
    return {
        "vaults": "",
        "vault creation": "vaults/create",
        "vault": f"vaults/{vault}",
        "keys": f"vaults/{vault}/keys",
        "no keys": f"vaults/{empty}/keys",
        "key creation": f"vaults/{vault}/create-key",
        "import": f"vaults/{vault}/create-key?option=import",
        "key": f"vaults/{vault}/keys/kek",
        "version": version,
        "deleted keys": f"vaults/{vault}/deleted-keys",
        "no deleted keys": f"vaults/{empty}/deleted-keys",
        "access": f"vaults/{vault}/access",
        "deleted vaults": "deleted-vaults",
        "offers": "customer-key",
        "offer": f"customer-key/{offer}",
        "offer form": "customer-key/create",
        "offer again": f"customer-key/create?from={offer}",
        "failure": f"vaults/{gone}",
    }


def every_page(portal: Portal, pages: dict[str, str]) -> Iterator[str]:
    for name, path in pages.items():
        portal.open(path)
        yield name


def test_every_page_is_accessible_and_says_what_it_is(portal: Portal, pages: dict[str, str]) -> None:
    titles = set()
    for _ in every_page(portal, pages):
        require_accessible(portal.page)
        expect(portal.page.get_by_role("complementary", name="What this is")).to_contain_text("not Microsoft Azure")
        titles.add(portal.page.title())
    assert len(titles) >= len(pages) - 4  # the same page in other states


def test_every_page_fits_a_narrow_window(chromium: Browser, emulator: Running, pages: dict[str, str]) -> None:
    with walking(chromium, emulator, width=NARROW, height=740) as narrow:
        for name in every_page(narrow, pages):
            for summary in narrow.page.locator("main summary").all():
                summary.click()
            wider = narrow.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wider <= 0, name


def test_in_the_dark_and_without_motion(chromium: Browser, emulator: Running, pages: dict[str, str]) -> None:
    """Every kind of element that has a colour is on one of these."""
    options: dict[str, Any] = {"color_scheme": "dark", "reduced_motion": "reduce"}
    with walking(chromium, emulator, **options) as dark:
        for name in ("vaults", "version", "deleted keys", "offer", "offer again", "import"):
            dark.open(pages[name])
            require_accessible(dark.page)
        assert dark.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 29)"
        link = dark.page.locator("nav a").first
        assert link.evaluate("link => getComputedStyle(link).transitionDuration") == "0s"


def test_a_wall_screen_keeps_lines_short(chromium: Browser, emulator: Running, pages: dict[str, str]) -> None:
    with walking(chromium, emulator, width=WALL) as wide:
        wide.open(pages["vault creation"])
        require_accessible(wide.page)
        assert wide.page.locator("main").evaluate("main => main.clientWidth") <= 75 * 16 + 32


def test_refused_forms_are_accessible_too(portal: Portal, pages: dict[str, str]) -> None:
    for name, button in (("vault creation", "Review + create"), ("key creation", "Create"), ("import", "Create")):
        portal.open(pages[name])
        portal.press(button)
        expect(portal.page.get_by_role("group", name="There is a problem")).to_be_focused()
        require_accessible(portal.page)
    portal.open(pages["vault creation"])
    portal.choose("Resource group", "keyferry-a")
    portal.fill("Key vault name", unique("never"))
    portal.press("Review + create")
    portal.heading("Review + create")
    require_accessible(portal.page)


def test_signing_in_is_accessible(chromium: Browser, emulator: Running) -> None:
    with walking(chromium, emulator, sign_in=False) as stranger:
        stranger.open("vaults/create")
        stranger.heading("Sign in")
        require_accessible(stranger.page)
        stranger.press("Sign in")
        stranger.heading("Create key vault")
        stranger.press("Sign out")
        stranger.heading("Sign in")


def tab_to(page: Page, name: str, role: str = "button") -> None:
    """Press Tab until that has the focus, and see that the focus can be seen."""
    target = page.get_by_role(role, name=name, exact=True)  # type: ignore[arg-type]  # the roles are a closed set there
    for _ in range(60):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            outline = target.evaluate("element => getComputedStyle(element).outlineStyle")
            assert outline == "solid", f"{name}: no outline"
            return
    raise AssertionError(f"Tab does not lead to {name}")


def test_a_kek_is_made_by_keyboard_alone(portal: Portal, pages: dict[str, str]) -> None:
    page = portal.page
    portal.open(pages["keys"])
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page's content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "Create a key", "link")
    page.keyboard.press("Enter")
    portal.heading("Create a key")
    tab_to(page, "Generate", "radio")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name=KEK_OPTION)).to_be_checked()
    tab_to(page, "Name", "textbox")
    page.keyboard.type("by-keyboard")
    tab_to(page, "2048", "radio")
    tab_to(page, "Create")
    page.keyboard.press("Enter")
    portal.told("The key encryption key by-keyboard was created.")
    tab_to(page, "by-keyboard", "link")
    page.keyboard.press("Enter")
    portal.heading("by-keyboard")


def test_without_scripts_all_but_copying_works(chromium: Browser, emulator: Running, pages: dict[str, str]) -> None:
    with window(chromium, ignore_https_errors=True, java_script_enabled=False) as page:
        portal = Portal(page, emulator.url)
        portal.open()
        portal.press("Sign in")
        vault = portal.make_vault("Premium")
        portal.make_key(vault, "kek", KEK_OPTION)
        portal.open_current_version(vault, "kek")
        expect(page.get_by_role("button", name="Copy Key Identifier")).to_be_hidden()
        assert portal.download("Download public key")[1].startswith(b"-----BEGIN PUBLIC KEY-----")
        portal.open(f"vaults/{vault}/create-key")
        portal.pick("Import")
        expect(page.get_by_label("File Upload", exact=True)).to_be_visible()
        expect(page.get_by_text("or drop it here").first).to_be_hidden()
        portal.press("Create")
        expect(page.get_by_role("group", name="There is a problem")).to_be_focused()


def test_the_key_identifier_is_copied(portal: Portal, pages: dict[str, str]) -> None:
    portal.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    portal.open(pages["version"])
    portal.press("Copy Key Identifier")
    portal.told("Copied to the clipboard.")
    copied = portal.page.evaluate("navigator.clipboard.readText()")
    assert copied == portal.page.get_by_label("Key Identifier", exact=True).input_value()


def test_a_file_is_dropped_on_its_field(portal: Portal, pages: dict[str, str]) -> None:
    portal.open(pages["import"])
    portal.fill("Name", "dropped")
    drop = """([zone, content]) => {
        const carried = new DataTransfer();
        carried.items.add(new File([content], "key.byok"));
        const event = new DragEvent("drop", {dataTransfer: carried, bubbles: true, cancelable: true});
        document.querySelector(zone).dispatchEvent(event);
    }"""
    portal.page.evaluate(drop, [".of-import .drop", json.dumps({"schema_version": "2.0.0"})])
    portal.told("key.byok is chosen.")
    portal.press("Create")
    portal.refused("File Upload", "schema_version")


def test_a_message_is_shown_once_and_announced(portal: Portal, pages: dict[str, str]) -> None:
    name = portal.make_vault("Standard")
    status = portal.page.locator("[data-messages]")
    expect(status).to_have_attribute("role", "status")
    at = portal.page.evaluate("document.querySelector('.message').getBoundingClientRect().toJSON()")
    main = portal.page.evaluate("document.querySelector('main').getBoundingClientRect().toJSON()")
    assert at["left"] > main["left"] + main["width"] / 2
    assert at["top"] < 250
    portal.open(f"vaults/{name}")
    expect(status).to_have_text("")
