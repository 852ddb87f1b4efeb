"""Settings, at the console: what the installation is, and whose key encryption keys are welcome."""

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.looking import require_accessible, whole, window
from tests.web.conftest import Served, come_in, sign_in

from keyferry.custody.accounts import NewUser
from keyferry.custody.policy import Role
from keyferry.testing import ADMINISTRATOR, PASSWORD, Kek


def test_the_page_tells_what_the_installation_is_and_no_secret(page: Page, console: Served) -> None:
    kit = console.kit
    new = NewUser(name="set-limited", role=Role.KEY_ACCESS_USER, networks=("10.0.0.0/8",))
    kit.custody.users.create(kit.administrator, new)
    kit.background.runs.ran("rotation", next_in=60, fault=OSError("no words of this"))
    kit.background.runs.flush()
    sign_in(page)
    page.get_by_role("link", name="Settings").click()
    for words in ("a key in a file", "file:root.key", "There never was a backup.", "SQLite", "30 minutes", "7 days"):
        expect(page.get_by_text(words).first).to_be_visible()
    expect(page.get_by_role("link", name="set-limited")).to_be_visible()
    expect(page.get_by_role("rowheader", name="rotation")).to_be_visible()
    expect(page.get_by_text("OSError")).to_be_visible()
    shown = whole(page)
    assert "no words of this" not in shown
    assert (kit.installation.settings.home / "root.key").read_text().strip() not in shown
    require_accessible(page)


def test_accounts_with_an_allow_list_come_in_pages(console: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyferry.web.settings.MOST_SHOWN", 2)
    kit = console.kit
    for number in range(3):
        kit.custody.users.create(
            kit.administrator, NewUser(name=f"a-limited-{number}", role=Role.KEY_ACCESS_USER, networks=())
        )
    with console.client() as client:
        client.post("/sign-in", data={"user_name": ADMINISTRATOR, "password": PASSWORD})
        first = client.get("/settings").text
        assert "a-limited-1" in first
        assert "a-limited-2" not in first
        assert 'href="/settings?after=a-limited-1#whitelists"' in first
        second = client.get("/settings?after=a-limited-1").text
    assert "a-limited-2" in second
    assert "a-limited-1" not in second


@pytest.mark.parametrize("path", ["/settings", "/settings/keks", "/settings/keks/register"])
def test_every_page_fits_a_telephone(chromium: Browser, console: Served, path: str) -> None:
    with window(chromium, width=360, base_url=console.url, ignore_https_errors=True) as page:
        come_in(page, ADMINISTRATOR)
        page.goto(path)
        require_accessible(page)


def test_a_key_encryption_key_is_registered_and_withdrawn(page: Page, console: Served) -> None:
    kek, other = Kek.make(name="set-kek"), Kek.make(name="set-kek")
    come_in(page)
    page.goto("/settings")
    page.get_by_role("link", name="Key encryption keys").click()
    page.get_by_role("link", name="Register").first.click()
    page.get_by_label("Public Key").set_input_files(
        {"name": "kek.pem", "mimeType": "application/x-pem-file", "buffer": kek.public_pem}
    )
    page.get_by_label("Key id").fill("https://nowhere")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_label("Key id")).to_have_attribute("aria-invalid", "true")
    require_accessible(page)
    page.get_by_label("Key id").fill(kek.identifier)
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("alert")).to_contain_text("No public key was given.")
    page.get_by_label("Public Key").set_input_files(
        {"name": "kek.pem", "mimeType": "application/x-pem-file", "buffer": kek.public_pem}
    )
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("status")).to_contain_text(f"Registered: {kek.identifier}")
    require_accessible(page)
    page.get_by_role("button", name=f"Withdraw {kek.identifier}").click()
    expect(page.get_by_role("status")).to_contain_text("No longer registered")

    page.goto("/settings/keks/register")
    page.get_by_label("Public Key").set_input_files(
        {"name": "kek.pem", "mimeType": "application/x-pem-file", "buffer": other.public_pem}
    )
    page.get_by_label("Key id").fill(kek.identifier)
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("alert")).to_contain_text("is bound to the public key")


def test_an_administrator_says_from_where_the_server_may_be_used(page: Page, console: Served) -> None:
    kit = console.kit
    come_in(page)
    page.goto("/settings")
    expect(page.get_by_role("region", name="Who may come in")).to_contain_text("From every address.")
    page.get_by_role("link", name="Edit who may come in").click()
    page.get_by_label("Admit these networks only").check()
    page.get_by_label("Networks (optional)").fill("192.0.2.0/24")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("would turn away this very request, which comes from 127.0.0.1")
    expect(page.get_by_label("Networks (optional)")).to_have_attribute("aria-invalid", "true")
    require_accessible(page)
    page.get_by_label("Networks (optional)").fill("192.0.2.0/24\n127.0.0.0/8")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Who may come in was changed.")
    expect(page.get_by_role("region", name="Who may come in")).to_contain_text("127.0.0.0/8")
    require_accessible(page)
    page.get_by_role("link", name="Edit who may come in").click()
    page.get_by_label("Admit these networks only").uncheck()
    page.get_by_label("Auditors").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("With a second factor: Auditors.")).to_be_visible()
    assert kit.custody.server_policy.show(kit.administrator).second_factor_roles == '["auditor"]'
    page.get_by_role("link", name="Edit who may come in").click()
    expect(page.get_by_label("Auditors")).to_be_checked()
    page.get_by_label("Auditors").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("A second factor is asked of those alone who have set one up.")).to_be_visible()
    expect(page.get_by_role("region", name="Who may come in")).to_contain_text("From every address.")
    assert kit.custody.server_policy.show(kit.administrator).networks is None


def test_the_networks_page_fits_a_telephone(chromium: Browser, console: Served) -> None:
    with window(chromium, width=360, base_url=console.url, ignore_https_errors=True, color_scheme="dark") as page:
        come_in(page, ADMINISTRATOR)
        page.goto("/settings/networks")
        require_accessible(page)
