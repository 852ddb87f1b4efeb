"""Add or import new key, at the console."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from playwright.sync_api import Browser, Page, expect
from tests.looking import require_accessible, whole, window
from tests.web.conftest import Served, come_in

from keyferry.custody.finding import Wanted
from keyferry.custody.key_lookup import KeyDetail
from keyferry.testing import ADMINISTRATOR, PASSWORD

PASSPHRASE = "harbour-lantern-9"


@pytest.fixture(scope="module", autouse=True)
def people(console: Served) -> None:
    """One who belongs to two groups, and one who belongs to none."""
    console.kit.user("kim", groups=("payments", "stores"))
    console.kit.user("lee")


@pytest.fixture(scope="module")
def pem() -> bytes:
    private = ec.generate_private_key(ec.SECP256R1())
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture(scope="module")
def encrypted() -> bytes:
    private = ec.generate_private_key(ec.SECP256R1())
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode()))


def open_form(page: Page, who: str = "kim") -> Page:
    come_in(page, who)
    page.goto("/keys")
    page.get_by_role("link", name="+Add Key").first.click()
    expect(page.get_by_role("heading", name="Add or import new key")).to_be_visible()
    return page


@contextmanager
def signed_in(console: Served, who: str) -> Iterator[tuple[httpx2.Client, str]]:
    """A browser without pages, and the token that its forms carry."""
    with console.client() as client:
        client.post("/sign-in", data={"user_name": who, "password": PASSWORD})
        page = client.get("/keys/new").text
        yield client, page.partition('name="csrf" value="')[2].partition('"')[0]


def made(console: Served, name: str) -> KeyDetail:
    found = console.kit.custody.finding.find(console.kit.administrator, Wanted(name=name), size=2)
    (detail,) = found.items
    return detail


def test_an_rsa_key_is_generated_as_the_guide_says(page: Page, console: Served) -> None:
    open_form(page)
    require_accessible(page)
    page.get_by_label("Asymmetric").check()
    page.get_by_role("combobox", name="Key Type").select_option("rsa-2048")
    page.get_by_label("Key Name").fill("tenant")
    page.get_by_label("Key Description").fill("For the tenant")
    page.get_by_role("combobox", name="Key Group").select_option("payments")
    expect(page.get_by_label("Activated")).to_be_checked()
    page.get_by_role("button", name="Add Key").click()

    expect(page.get_by_role("status").first).to_contain_text("The key tenant was created.")
    key = made(console, "tenant")
    assert page.url.endswith(f"/keys/{key.id}")
    assert (key.key.algorithm, key.state, key.owner.name) == ("rsa-2048", "active", "payments")
    assert (key.key.description, key.key.exportable) == ("For the tenant", True)


def test_a_key_is_made_with_all_that_can_be_said_of_it(page: Page, console: Served) -> None:
    open_form(page)
    page.get_by_label("Symmetric", exact=False).and_(page.locator("[value=symmetric]")).check()
    page.get_by_role("combobox", name="Key Type").select_option("aes-192")
    page.get_by_label("Key Name").fill("whole")
    page.get_by_label("Key is owned by user").check()
    page.get_by_role("combobox", name="Key Owner").select_option("kim")
    page.get_by_label("Activated").uncheck()
    page.get_by_label("Exportable").uncheck()
    page.get_by_label("Deactivation date").fill("2090-01-31T12:00")
    page.get_by_text("Advanced: rotation and usages").click()
    require_accessible(page)
    page.get_by_label("Rotate every").fill("90")
    page.get_by_label("Rotate before deactivation").fill("7")
    page.get_by_label("wrap", exact=True).check()
    page.get_by_label("unwrap").check()
    page.get_by_role("button", name="Add Key").click()

    expect(page.get_by_role("status").first).to_contain_text("The key whole was created.")
    key = made(console, "whole")
    assert (key.key.algorithm, key.state, key.owner.user_id is not None) == ("aes-192", "pre-active", True)
    assert (key.key.exportable, key.key.usages) == (False, "unwrap,wrap")
    assert (key.key.rotate_every, key.key.rotate_before) == (90 * 86_400_000_000, 7 * 86_400_000_000)
    assert key.version.deactivation_date == 3_789_547_200_000_000


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_what_is_asked_follows_what_is_chosen(chromium: Browser, console: Served, scripts: bool) -> None:
    with window(chromium, base_url=console.url, ignore_https_errors=True, java_script_enabled=scripts) as page:
        open_form(page)
        types = page.get_by_role("combobox", name="Key Type")
        expect(types).to_have_count(1)
        expect(types.locator("option").first).to_have_text("rsa-2048")
        page.locator("[value=symmetric]").check()
        expect(types).to_have_count(1)
        expect(types.locator("option")).to_have_text(["aes-128", "aes-192", "aes-256"])
        expect(page.get_by_role("combobox", name="Key Owner")).to_have_count(0)
        page.get_by_label("Key is owned by user").check()
        expect(page.get_by_role("combobox", name="Key Group")).to_have_count(0)
        expect(page.get_by_role("group", name="The key to import")).to_have_count(0)
        page.get_by_label("Import a key").check()
        expect(page.get_by_role("group", name="The key to import")).to_be_visible()


def test_a_key_is_imported_from_a_file(page: Page, console: Served, tmp_path: Path, encrypted: bytes) -> None:
    (tmp_path / "key.pem").write_bytes(encrypted)
    open_form(page)
    page.get_by_label("Import a key").check()
    page.get_by_role("combobox", name="Key Type").select_option("ec-p256")
    page.get_by_label("Key file").set_input_files(tmp_path / "key.pem")
    page.get_by_label("Key Name").fill("from-file")
    page.get_by_label("Passphrase").fill("wrong")
    page.get_by_role("button", name="Add Key").click()
    expect(page.get_by_label("Passphrase")).to_have_attribute("aria-invalid", "true")
    require_accessible(page)

    page.get_by_label("Key file").set_input_files(tmp_path / "key.pem")
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Add Key").click()
    expect(page.get_by_role("status").first).to_contain_text("The key from-file was imported.")
    assert made(console, "from-file").version.origin == "imported"


def test_a_key_is_imported_from_a_text_which_is_never_given_back(page: Page, console: Served, pem: bytes) -> None:
    open_form(page)
    page.get_by_label("Import a key").check()
    page.get_by_role("combobox", name="Key Type").select_option("ec-p384")
    page.get_by_label("Or the key as a text").fill(pem.decode())
    page.get_by_role("button", name="Add Key").click()
    expect(page.get_by_role("alert")).to_be_focused()
    assert "PRIVATE KEY-----" not in whole(page)

    page.get_by_role("combobox", name="Key Type").select_option("ec-p256")
    page.get_by_label("Or the key as a text").fill(pem.decode())
    page.get_by_role("button", name="Add Key").click()
    expect(page.get_by_role("status").first).to_contain_text("The key [blank] was imported.")


def test_who_has_no_groups_is_offered_only_to_own_it(page: Page, console: Served) -> None:
    open_form(page, "lee")
    expect(page.get_by_label("Key is owned by group")).to_have_count(0)
    expect(page.get_by_label("Key is owned by user")).to_be_checked()
    expect(page.get_by_role("combobox", name="Key Group")).to_have_count(0)
    page.locator("[value=symmetric]").check()
    page.get_by_label("Key Name").fill("lees")
    page.get_by_role("button", name="Add Key").click()
    expect(page.get_by_role("status").first).to_contain_text("The key lees was created.")
    assert made(console, "lees").owner.name == "lee"


def test_an_administrator_chooses_any_owner_and_imports_nothing(page: Page, console: Served) -> None:
    open_form(page, ADMINISTRATOR)
    require_accessible(page)
    expect(page.get_by_label("Import a key")).to_have_count(0)
    expect(page.get_by_role("combobox", name="Key Group").locator("option")).to_have_text(["payments", "stores"])
    page.get_by_label("Key is owned by user").check()
    owners = page.get_by_role("combobox", name="Key Owner")
    expect(owners.locator("option")).to_have_text(["kim", "lee"])
    owners.select_option("lee")
    page.locator("[value=symmetric]").check()
    page.get_by_label("Key Name").fill("given")
    page.get_by_role("button", name="Add Key").click()
    expect(page.get_by_role("status").first).to_contain_text("The key given was created.")
    assert made(console, "given").owner.name == "lee"


def test_a_refusal_stands_beside_its_field_and_what_was_typed_stays(page: Page) -> None:
    open_form(page)
    page.locator("[value=symmetric]").check()
    page.get_by_label("Key Name").fill("Upper")
    page.get_by_label("Key Description").fill("kept")
    page.get_by_role("combobox", name="Key Group").select_option("stores")
    page.get_by_role("button", name="Add Key").click()

    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("Key Name")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Key Name")).to_have_value("Upper")
    expect(page.get_by_label("Key Description")).to_have_value("kept")
    expect(page.get_by_role("combobox", name="Key Group")).to_have_value("stores")
    expect(page.locator("[value=symmetric]")).to_be_checked()
    require_accessible(page)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "tenant-1", "asymmetric_type": "des"}, "asymmetric_type"),
        ({"description": "x" * 1025}, "description"),
        ({"owned_by": "group", "group": "nowhere"}, "group"),
        ({"owned_by": "group", "group": ""}, "group"),
        ({"owned_by": "user", "owner": "lee"}, "owner"),
        ({"activation_date": "soon"}, "activation_date"),
        ({"deactivation_date": "2001-01-01T00:00"}, "deactivation_date"),
        ({"rotate_every": "x"}, "rotate_every"),
        ({"rotate_every": "4000"}, "rotate_every"),
        ({"rotate_before": "5"}, "rotate_before"),
        ({"usages": "encrypt"}, "usages"),
        ({"how": "import"}, "material"),
        ({"how": "import", "material_text": "no key"}, "material"),
    ],
)
def test_every_refusal_is_beside_its_field(console: Served, changes: dict[str, str], field: str) -> None:
    base = {"how": "generate", "kind": "asymmetric", "asymmetric_type": "ec-p256", "owned_by": "user", "owner": "kim"}
    with signed_in(console, "kim") as (client, csrf):
        answer = client.post("/keys/new", data={**base, **changes, "csrf": csrf})
    assert answer.status_code in {409, 422}, answer.text
    assert f'id="{field}-error"' in answer.text


def test_an_administrator_cannot_import_by_hand_either(console: Served, pem: bytes) -> None:
    data = {"how": "import", "kind": "asymmetric", "asymmetric_type": "ec-p256", "owned_by": "user", "owner": "kim"}
    with signed_in(console, ADMINISTRATOR) as (client, csrf):
        answer = client.post("/keys/new", data={**data, "material_text": pem.decode(), "csrf": csrf})
    assert answer.status_code == 403
    assert "PRIVATE KEY" not in answer.text


@pytest.mark.parametrize("width", [360, 1920])
def test_it_fits_every_window(chromium: Browser, console: Served, width: int) -> None:
    with window(chromium, width=width, base_url=console.url, ignore_https_errors=True, color_scheme="dark") as page:
        open_form(page)
        page.get_by_label("Import a key").check()
        require_accessible(page)
