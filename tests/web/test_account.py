"""One's own account, at the console."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.looking import require_accessible, whole, window
from tests.web.conftest import Served, come_in, sign_in

from keyferry.errors import NotAuthenticated
from keyferry.testing import ADDRESS, PASSWORD

ANOTHER = "other-lantern-harbour-7"


def test_the_page_shows_who_one_is_and_marks_the_present_session(page: Page, console: Served) -> None:
    console.kit.user("acc-lena", groups=("acc-payments",))
    sign_in(page, "acc-lena")
    page.get_by_role("link", name="acc-lena").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    expect(page.get_by_role("link", name="acc-payments")).to_be_visible()
    expect(page.get_by_text("this session")).to_have_count(1)
    expect(page.get_by_role("rowheader", name="console")).to_have_count(1)
    require_accessible(page)


def test_another_session_of_ones_own_is_ended(page: Page, console: Served, chromium: Browser) -> None:
    console.kit.user("acc-kim")
    with window(chromium, base_url=console.url, ignore_https_errors=True) as elsewhere:
        sign_in(elsewhere, "acc-kim")
        come_in(page, "acc-kim")
        page.goto("/account")
        other = page.get_by_role("row").filter(has_text="console").filter(has_not_text="this session")
        other.get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("status")).to_contain_text("console was revoked")
        elsewhere.goto("/account")
        expect(elsewhere).to_have_url(re.compile("/sign-in"))


def test_with_the_present_session_one_is_signed_out(page: Page, console: Served) -> None:
    console.kit.user("acc-nele")
    come_in(page, "acc-nele")
    page.goto("/account")
    page.get_by_role("row").filter(has_text="this session").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def test_an_api_token_is_shown_once_and_works(page: Page, console: Served) -> None:
    console.kit.user("acc-mia")
    come_in(page, "acc-mia")
    page.goto("/account")
    page.get_by_role("link", name="Make an API token").click()
    require_accessible(page)
    page.get_by_label("Name").fill("nightly")
    page.get_by_label("Days until it ends").fill("400")
    page.get_by_role("button", name="Make token").click()
    expect(page.get_by_role("alert")).to_contain_text("between a minute and 366 days")
    require_accessible(page)
    page.get_by_label("Days until it ends").fill("7")
    page.get_by_role("button", name="Make token").click()
    text = page.locator("#token").inner_text()
    require_accessible(page)
    with console.client() as client:
        answer = client.get("/api/v1/tokens", headers={"Authorization": f"Bearer {text}"})
        assert answer.status_code == 200
    page.goto("/account")
    expect(page.get_by_role("rowheader", name="nightly")).to_be_visible()
    assert text not in whole(page)


def test_a_new_password_ends_every_other_session_and_keeps_this_browser_in(page: Page, console: Served) -> None:
    kit = console.kit
    kit.user("acc-olga")
    token = kit.token("acc-olga")
    sign_in(page, "acc-olga")
    before = page.context.cookies()
    page.goto("/account/password")
    require_accessible(page)
    page.get_by_label("Current password").fill("not the current one")
    page.get_by_label("Password", exact=True).fill(ANOTHER)
    page.get_by_label("Confirm Password").fill(ANOTHER)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_label("Current password")).to_have_attribute("aria-invalid", "true")
    require_accessible(page)
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("Password", exact=True).fill(ANOTHER)
    expect(page.get_by_text("Strength:")).to_be_visible()
    page.get_by_label("Confirm Password").fill(ANOTHER)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("status")).to_contain_text("Your password was changed.")
    expect(page.get_by_text("this session")).to_be_visible()
    assert page.context.cookies() != before
    with pytest.raises(NotAuthenticated):
        kit.custody.keys.list(kit.installation.authenticator.authenticate(token, ADDRESS), size=1)
    kit.sign_in("acc-olga", ANOTHER)


def test_nobody_ends_somebody_elses_session_by_its_id(console: Served) -> None:
    kit = console.kit
    kit.user("acc-petra")
    kit.user("acc-rosa")
    theirs = kit.sign_in("acc-rosa")
    with console.client() as client:
        client.post("/sign-in", data={"user_name": "acc-petra", "password": PASSWORD})
        form = re.search(r'name="csrf" value="(\w+)"', client.get("/account").text)
        assert form is not None
        refused = client.post("/account/revoke", data={"csrf": form[1], "token": theirs.token_id or ""})
        assert refused.status_code == 404
    assert kit.custody.tokens.in_force(theirs, size=5).items


def test_a_token_is_narrowed_on_its_form(page: Page, console: Served) -> None:
    kit = console.kit
    kim = kit.user("acc-narrow", groups=("acc-group",))
    kit.key(kim, "aes-256", "acc-key", group="acc-group")
    come_in(page, "acc-narrow")
    page.goto("/account/tokens/new")
    page.locator("#name").fill("narrow bot")
    page.get_by_text("Narrow it", exact=True).click()
    page.get_by_label("Use: encrypt").check()
    page.locator("#keys").fill("nothing")
    page.get_by_role("button", name="Make token").click()
    expect(page.locator("#keys")).to_have_attribute("aria-invalid", "true")
    require_accessible(page)
    page.locator("#keys").fill("acc-group/acc-key")
    page.locator("#networks").fill("127.0.0.0/8")
    page.get_by_role("button", name="Make token").click()
    expect(page.get_by_text("Copy the token now")).to_be_visible()
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text("for use; keys acc-key (")).to_be_visible()
    expect(page.get_by_text("from 127.0.0.0/8")).to_be_visible()
    require_accessible(page)
