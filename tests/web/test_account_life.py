"""First sign-ins at a browser: a temporary password, an invitation, and what an Administrator does about them."""

import re

from playwright.sync_api import Browser, Page, expect
from tests.looking import require_accessible, window
from tests.web.conftest import Served, come_in, sign_in

from keyferry.custody.accounts import NewUser
from keyferry.custody.policy import Role
from keyferry.testing import ADMINISTRATOR, PASSWORD

MINE = "lantern-over-the-harbour-9"
SIGNED_IN = re.compile(r"/$")


def fill_new_user(page: Page, name: str) -> None:
    page.goto("/users/new")
    page.get_by_label("Username").fill(name)


def set_password(page: Page, password: str, again: str | None = None) -> None:
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_label("Confirm Password").fill(again or password)
    page.get_by_role("button", name="Set password").click()


def test_a_password_that_was_given_is_good_for_setting_ones_own(page: Page, console: Served) -> None:
    sign_in(page)
    fill_new_user(page, "life-kim")
    expect(page.get_by_label("Temporary password")).to_be_checked()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Confirm Password").fill(PASSWORD)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("The user life-kim was created.")
    expect(page.get_by_text("temporary", exact=True)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()

    page.get_by_label("Username").fill("life-kim")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Set your password")).to_be_visible()
    require_accessible(page)
    page.get_by_label("Password", exact=True).fill("harbour")
    expect(page.locator("#strength")).not_to_be_empty()
    set_password(page, PASSWORD)
    expect(page.get_by_role("alert")).to_contain_text("You have this password")
    require_accessible(page)
    set_password(page, MINE, "something else 42")
    expect(page.get_by_role("alert")).to_contain_text("not the same")
    set_password(page, MINE)
    expect(page).to_have_url(SIGNED_IN)


def test_an_invitation_sets_the_password_once(page: Page, console: Served, chromium: Browser) -> None:
    sign_in(page)
    fill_new_user(page, "life-lena")
    page.get_by_label("Invite instead of a password").check()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Leave one of them out")
    require_accessible(page)
    page.get_by_label("Invite instead of a password").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Invitation for life-lena")).to_be_visible()
    require_accessible(page)
    link = page.locator("#link").inner_text()
    with window(chromium, ignore_https_errors=True, width=360, height=800) as guest:
        guest.goto(link)
        expect(guest.get_by_text("Signing in as life-lena")).to_be_visible()
        require_accessible(guest)
        set_password(guest, MINE)
        expect(guest.get_by_role("banner")).to_contain_text("life-lena")
    with window(chromium, ignore_https_errors=True) as late:
        late.goto(link)
        expect(late.get_by_role("alert")).to_contain_text("there is no such ticket, or it was used")
        expect(late.get_by_text("life-lena")).to_have_count(0)
        require_accessible(late)


def test_a_user_without_a_password_is_invited_later(page: Page, console: Served) -> None:
    kit = console.kit
    kit.custody.users.create(kit.administrator, NewUser(name="life-mia", role=Role.AUDITOR))
    come_in(page)
    page.goto("/users/life-mia")
    page.get_by_role("link", name="Invite").click()
    require_accessible(page)
    page.get_by_role("button", name="Make the link").click()
    expect(page.locator("#link")).to_contain_text("/invitation?ticket=kt_")
    kit.user("life-nele")
    page.goto("/users/life-nele")
    expect(page.get_by_role("link", name="Invite")).to_have_count(0)
    page.get_by_role("button", name="Unlock").click()
    expect(page.get_by_role("status")).to_contain_text("Failed sign-ins of life-nele are forgotten")


def test_anothers_second_factors_are_reset(page: Page, console: Served) -> None:
    kit = console.kit
    kit.set_up_app(kit.user("life-olga"))
    come_in(page, ADMINISTRATOR)
    page.goto("/users/life-olga")
    page.get_by_role("link", name="Reset").click()
    require_accessible(page)
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_role("status")).to_contain_text("The second factors of life-olga were taken away")
