"""Export Key, at the console."""

import base64
import hashlib
import json
import re
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.looking import require_accessible, window
from tests.web.conftest import Served, come_in

from keyferry.custody.caller import Caller
from keyferry.custody.key_lookup import KeyDetail
from keyferry.testing import PASSWORD, VAULT, Kek

#: a file is dropped as the browser does it: an event with the file in its DataTransfer
DROP = """(area, {name, text}) => {
    const carried = new DataTransfer();
    carried.items.add(new File([text], name, {type: "application/x-pem-file"}));
    for (const kind of ["dragenter", "dragover", "drop"]) {
        area.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: carried}));
    }
}"""


@pytest.fixture(scope="module")
def kim(console: Served) -> Caller:
    return console.kit.user("kim", groups=("payments",))


@pytest.fixture(scope="module")
def tenant(console: Served, kim: Caller) -> KeyDetail:
    return console.kit.key(kim, "rsa-2048", "tenant", group="payments")


@pytest.fixture
def form(page: Page, tenant: KeyDetail) -> Page:
    """The form, as kim has it before them."""
    come_in(page, "kim")
    page.goto(f"/keys/{tenant.id}")
    page.get_by_role("main").get_by_role("link", name="Export Key").first.click()
    return page


def drop(page: Page, text: str, name: str = "kek.pem") -> None:
    page.locator("[data-drop]").evaluate(DROP, {"name": name, "text": text})


def exports_of(console: Served, key: KeyDetail) -> int:
    return len(console.kit.custody.exports.list(console.kit.administrator, size=100, key=key.id).items)


def test_a_dropped_public_key_and_its_identifier_make_the_byok(
    form: Page, console: Served, tenant: KeyDetail, kek: Kek
) -> None:
    drop(form, kek.public_pem.decode())
    form.get_by_label("Key id").fill(kek.identifier)
    expect(form.locator("#preview")).to_contain_text("RSA, 2048 bits; new")
    expect(form.locator("#preview")).to_contain_text("contoso-kv")
    require_accessible(form)
    assert exports_of(console, tenant) == 0, "a preview records nothing"

    with form.expect_download() as started:
        form.get_by_role("button", name="Export", exact=True).click()
    content = Path(started.value.path()).read_bytes()
    assert started.value.suggested_filename == "tenant.byok"
    assert json.loads(content)["header"]["kid"] == kek.identifier

    record = console.kit.custody.exports.newest(console.kit.administrator, size=1, key=tenant.id).items[0].export
    assert record.file_sha256 == hashlib.sha256(content).hexdigest()
    main = form.get_by_role("main")
    expect(main).to_contain_text(record.id)
    expect(main).to_contain_text("az keyvault key import --vault-name contoso-kv --name tenant --byok-file tenant.byok")
    require_accessible(form)
    with form.expect_download() as again:
        form.get_by_role("link", name="Download tenant.byok").click()
    assert Path(again.value.path()).read_bytes() == content
    assert exports_of(console, tenant) == 1, "the same answer once more is no other export"


def test_without_a_script_the_file_is_chosen_and_the_answer_holds_the_link(
    chromium: Browser, console: Served, tenant: KeyDetail, kek: Kek
) -> None:
    with window(chromium, base_url=console.url, ignore_https_errors=True, java_script_enabled=False) as page:
        come_in(page, "kim")
        page.goto(f"/keys/{tenant.id}/export")
        page.get_by_label("Type").select_option(label="Azure")
        page.get_by_label("Public Key").set_input_files(
            {"name": "kek.pem", "mimeType": "application/x-pem-file", "buffer": kek.public_pem}
        )
        page.get_by_label("Key id").fill(kek.identifier)
        page.get_by_role("button", name="Preview").click()
        expect(page.locator("#preview")).to_contain_text("contoso-kv")
        expect(page.get_by_text("kek.pem is kept")).to_be_visible()
        page.get_by_role("button", name="Export", exact=True).click()
        with page.expect_download() as started:
            page.get_by_role("link", name="Download tenant.byok").click()
        assert json.loads(Path(started.value.path()).read_bytes())["header"]["kid"] == kek.identifier


def test_a_mistake_in_the_key_id_is_shown_beside_it_and_the_file_is_kept(
    form: Page, console: Served, tenant: KeyDetail, kek: Kek
) -> None:
    before = exports_of(console, tenant)
    drop(form, kek.public_pem.decode())
    form.get_by_label("Key id").fill(f"{VAULT}/keys/KEK")
    expect(form.locator("#preview")).to_contain_text("has no version")
    form.get_by_role("button", name="Export", exact=True).click()

    field = form.get_by_label("Key id")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value(f"{VAULT}/keys/KEK")
    expect(form.locator("#key_identifier-error")).to_contain_text("has no version")
    expect(form.get_by_role("alert")).to_be_focused()
    expect(form.get_by_text("kek.pem is kept")).to_be_visible()
    require_accessible(form)
    assert exports_of(console, tenant) == before

    field.fill(kek.identifier)
    with form.expect_download():
        form.get_by_role("button", name="Export", exact=True).click()
    assert exports_of(console, tenant) == before + 1


@pytest.mark.parametrize(
    ("file", "identifier", "code"),
    [
        ("", "https://contoso-kv.vault.azure.net/keys/KEK/" + "0" * 32, "public_key-error"),
        ("no key", "https://contoso-kv.vault.azure.net/keys/KEK/" + "0" * 32, "public_key-error"),
        ("PRIVATE", "https://contoso-kv.vault.azure.net/keys/KEK/" + "0" * 32, "public_key-error"),
        ("PRIVATE", "http://contoso-kv.vault.azure.net", "key_identifier-error"),
        ("PUBLIC", "", "key_identifier-error"),
    ],
)
def test_what_will_not_do_is_said_beside_its_field_and_nothing_secret_comes_back(
    console: Served, tenant: KeyDetail, kek: Kek, file: str, identifier: str, code: str
) -> None:
    data = {"PRIVATE": kek.private_pem, "PUBLIC": kek.public_pem}.get(file, file.encode())
    before = exports_of(console, tenant)
    with console.client() as client:
        answer = _send(client, tenant, data, identifier)
    assert answer.status_code == 422
    assert f'id="{code}"' in answer.text
    secret = kek.private_pem.splitlines()[5].decode()
    assert secret not in answer.text
    assert base64.b64encode(kek.private_pem)[1000:1100].decode() not in answer.text
    assert ("is kept" in answer.text) == (file == "PUBLIC")
    assert exports_of(console, tenant) == before


def test_the_answer_is_kept_nowhere(console: Served, tenant: KeyDetail, kek: Kek) -> None:
    with console.client() as client:
        answer = _send(client, tenant, kek.public_pem, kek.identifier)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert "data:application/octet-stream;base64," in answer.text
        shown = client.get(f"/keys/{tenant.id}/export")
    assert "data:application" not in shown.text


def test_a_key_that_may_not_leave_says_why(page: Page, console: Served, kim: Caller) -> None:
    key = console.kit.key(kim, "ec-p256", "stays", exportable=False)
    come_in(page, "kim")
    page.goto(f"/keys/{key.id}/export")
    expect(page.get_by_role("main")).to_contain_text("made as not exportable")
    expect(page.get_by_role("button", name="Export")).to_have_count(0)
    require_accessible(page)


def test_an_administrator_exports_nothing(console: Served, tenant: KeyDetail, kek: Kek) -> None:
    with console.client() as client:
        assert "An Administrator may not do key.export" in _get(client, f"/keys/{tenant.id}/export", "first-admin")
        answer = _send(client, tenant, kek.public_pem, kek.identifier, who="first-admin")
    assert answer.status_code == 403


def test_another_persons_key_is_not_there(console: Served, tenant: KeyDetail, kek: Kek) -> None:
    console.kit.user("stranger")
    with console.client() as client:
        answer = _send(client, tenant, kek.public_pem, kek.identifier, who="stranger")
    assert answer.status_code == 404


def test_exports_are_listed_from_the_newest_on(page: Page, console: Served, tenant: KeyDetail, kek: Kek) -> None:
    made = console.kit.export(console.kit.sign_in("kim"), tenant.id, kek).export
    come_in(page, "kim")
    page.goto(f"/keys/{tenant.id}")
    page.get_by_role("link", name="All exports of this key").click()
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows.nth(1)).to_contain_text(made.file_sha256[:16])
    require_accessible(page)
    rows.nth(1).get_by_role("link").click()
    expect(page.get_by_role("main")).to_contain_text(made.id)
    require_accessible(page)
    page.goto("/exports")
    expect(page.get_by_role("table")).to_contain_text("tenant")
    require_accessible(page)


def _get(client: httpx2.Client, address: str, who: str) -> str:
    client.post("/sign-in", data={"user_name": who, "password": PASSWORD})
    return client.get(address).text


def _send(client: httpx2.Client, key: KeyDetail, data: bytes, identifier: str, who: str = "kim") -> httpx2.Response:
    """Send the form as a browser would, with the token that the page before it holds."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', _get(client, "/groups", who))
    assert found is not None
    fields = {"csrf": found[1], "destination": "azure", "key_identifier": identifier}
    files = {"public_key": ("kek.pem", data)} if data else {"public_key": ("", b"")}
    return client.post(f"/keys/{key.id}/export", data=fields, files=files)
