"""The list of keys, and adding one, at the console."""

import pytest
from playwright.sync_api import Page, expect
from tests.looking import require_accessible
from tests.web.conftest import Served, sign_in

from keyferry import clock
from keyferry.clock import DAY
from keyferry.custody.caller import Caller


@pytest.fixture(scope="module")
def kim(console: Served) -> Caller:
    """A member of a group that has keys, so many that they fill more than a page."""
    kim = console.kit.user("kim", groups=("payments",))
    for number in range(58):
        console.kit.key(kim, name=f"stock-{number:02}", group="payments")
    console.kit.key(kim, "ec-p256", "signer", group="payments", activated=False)
    console.kit.key(kim, name="ending", owner="kim", deactivation_date=clock.now() + 5 * DAY)
    console.kit.key(kim, group="payments")
    console.kit.background.tick()
    return kim


@pytest.fixture
def keys(page: Page, kim: Caller) -> Page:
    """The list as the member sees it."""
    sign_in(page, "kim")
    page.get_by_role("link", name="Keys", exact=True).click()
    return page


def rows(page: Page) -> list[str]:
    return [each.strip() for each in page.locator("tbody th a").all_text_contents()]


def test_a_key_is_added_and_a_message_says_so(keys: Page) -> None:
    keys.get_by_role("link", name="+Add Key").click()
    expect(keys.get_by_role("heading", name="Add or import new key")).to_be_visible()
    require_accessible(keys)
    keys.get_by_label("Symmetric", exact=False).and_(keys.locator("[value=symmetric]")).check()
    keys.get_by_role("combobox", name="Key Type").select_option("aes-128")
    keys.get_by_label("Key Name").fill("made-here")
    keys.get_by_role("combobox", name="Key Group").select_option("payments")
    keys.get_by_role("button", name="Add Key").click()

    expect(keys.get_by_role("status").first).to_contain_text("The key made-here was created.")


def test_the_newest_are_first_and_pages_lead_on_and_back(keys: Page) -> None:
    first = rows(keys)
    assert len(first) == 50
    keys.get_by_role("link", name="Next page").click()
    second = rows(keys)
    assert not set(first) & set(second) - {"[blank]"}
    require_accessible(keys)
    keys.get_by_role("link", name="Previous page").click()
    assert rows(keys) == first
