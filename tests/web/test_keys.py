"""The list of keys at the console: searched, narrowed, sorted, page by page."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.looking import foreign_requests, require_accessible, window
from tests.web.conftest import Served, come_in, sign_in

from keyferry import clock
from keyferry.clock import DAY
from keyferry.custody import key_walks
from keyferry.custody.caller import Caller
from keyferry.testing import PASSWORD


@pytest.fixture(scope="module")
def kim(console: Served) -> Caller:
    """A member of a group that has keys, so many that they fill more than a page."""
    kit = console.kit
    kim = kit.user("kim", groups=("payments", "stores"))
    for number in range(52):
        kit.key(kim, name=f"stock-{number:02}", group="stores")
    kit.key(kim, "ec-p256", "signer", group="payments", activated=False, description="For receipts")
    kit.key(kim, name="ending", owner="kim", deactivation_date=clock.now() + 5 * DAY)
    kit.key(kim, "aes-128", group="payments")
    kit.user("lee")
    kit.background.tick()
    return kim


@pytest.fixture
def keys(page: Page, kim: Caller) -> Page:
    """The list as the member sees it."""
    sign_in(page, "kim")
    page.get_by_role("link", name="Keys", exact=True).click()
    return page


@pytest.fixture
def plain(chromium: Browser, console: Served, kim: Caller) -> Iterator[Page]:
    """The list in a browser that runs no scripts."""
    with window(chromium, base_url=console.url, ignore_https_errors=True, java_script_enabled=False) as opened:
        come_in(opened, "kim")
        opened.goto("/keys")
        yield opened


def names(page: Page) -> list[str]:
    page.wait_for_load_state()
    return [each.strip() for each in page.locator("tbody th a").all_text_contents()]


def test_the_newest_are_first_and_pages_lead_on_and_back(keys: Page) -> None:
    first = names(keys)
    assert len(first) == 50
    assert first[:3] == ["[blank]", "ending", "signer"]
    expect(keys.get_by_text("55 keys of yours")).to_be_visible()
    keys.get_by_role("link", name="Next page").click()
    assert names(keys) == [f"stock-{number:02}" for number in (4, 3, 2, 1, 0)]
    require_accessible(keys)
    keys.get_by_role("link", name="Previous page").click()
    assert names(keys) == first


def test_a_row_says_what_the_key_is(keys: Page) -> None:
    row = keys.get_by_role("row", name="signer")
    for text in ("For receipts", "pre-active", "ec-p256", "payments"):
        expect(row).to_contain_text(text)
    expect(keys.get_by_role("row", name="ending")).to_contain_text("soon")
    expect(keys.get_by_role("row", name="signer")).not_to_contain_text("soon")


def test_the_search_follows_what_is_typed_and_keeps_the_focus(keys: Page, console: Served) -> None:
    foreign = foreign_requests(keys, console.url)
    field = keys.get_by_label("Name begins with")
    field.press_sequentially("stock-1")
    expect(keys.locator("tbody tr")).to_have_count(10)
    expect(field).to_be_focused()
    expect(keys.locator("#said")).to_have_text("10 keys found.")
    expect(keys).to_have_url(re.compile(r"/keys\?search=stock-1$"))

    keys.get_by_label("State").select_option("pre-active")
    expect(keys.get_by_role("heading", name="Nothing found")).to_be_visible()
    require_accessible(keys)
    keys.reload()
    expect(keys.get_by_role("heading", name="Nothing found")).to_be_visible()
    keys.get_by_role("link", name="Show all keys").click()
    assert len(names(keys)) == 50
    assert foreign == []


@pytest.mark.parametrize(
    ("label", "choice", "expected"),
    [
        ("State", "pre-active", ["signer"]),
        ("Key Type", "aes-128", ["[blank]"]),
        ("Deactivation", "7", ["ending"]),
        ("Key Group", "payments", ["[blank]", "signer"]),
    ],
)
def test_keys_are_narrowed(keys: Page, label: str, choice: str, expected: list[str]) -> None:
    keys.get_by_role("combobox", name=label).select_option(choice)
    expect(keys.locator("tbody tr")).to_have_count(len(expected))
    assert names(keys) == expected


def test_columns_are_sorted_both_ways(keys: Page) -> None:
    keys.get_by_label("Name begins with").fill("s")
    expect(keys.locator("tbody tr").first).to_contain_text("signer")
    head = keys.get_by_role("columnheader", name="Key Name")
    head.get_by_role("link").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert names(keys)[:2] == ["signer", "stock-00"]
    head.get_by_role("link").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert names(keys)[0] == "stock-51"
    keys.get_by_role("columnheader", name="Deactivation").get_by_role("link").click()
    expect(keys).to_have_url(re.compile(r"\?(?=.*sort=deactivation_date)(?=.*search=s)"))


def test_it_works_without_scripts(plain: Page) -> None:
    plain.get_by_label("Name begins with").fill("sig")
    plain.get_by_label("State").select_option("pre-active")
    plain.get_by_role("button", name="Search").click()
    assert names(plain) == ["signer"]
    plain.get_by_role("columnheader", name="Key Name").get_by_role("link").click()
    assert names(plain) == ["signer"]


def test_who_has_no_keys_is_told_what_to_do(page: Page, kim: Caller) -> None:
    come_in(page, "lee")
    page.goto("/keys")
    expect(page.get_by_role("heading", name="No keys yet")).to_be_visible()
    expect(page.get_by_role("link", name="+Add Key")).to_have_count(2)
    require_accessible(page)


def test_an_administrator_sees_everybodys_and_asks_for_an_owners(page: Page, kim: Caller) -> None:
    come_in(page)
    page.goto("/keys")
    page.get_by_label("Key Owner").fill("kim")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_label("Key Owner").fill("nobody")
    expect(page.get_by_role("heading", name="There is no user 'nobody'")).to_be_visible()
    page.get_by_role("button", name="Search").click()
    page.reload()
    expect(page.get_by_label("Key Owner")).to_have_attribute("aria-invalid", "true")
    require_accessible(page)


@pytest.mark.parametrize("width", [360, 1920])
def test_it_fits_every_window(chromium: Browser, console: Served, kim: Caller, width: int) -> None:
    with window(chromium, width=width, base_url=console.url, ignore_https_errors=True, color_scheme="dark") as page:
        come_in(page, "kim")
        page.goto("/keys")
        require_accessible(page)


def test_a_search_that_went_only_so_far_leads_further(
    console: Served, kim: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_walks, "FARTHEST", 10)
    monkeypatch.setattr(key_walks, "FEW", -1)
    with console.client() as client:
        client.post("/sign-in", data={"user_name": "kim", "password": PASSWORD})
        page = client.get("/keys?state=pre-active&sort=created").text
        assert "Search further" in page
        address = page.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
        assert "signer" in client.get(address).text


@pytest.mark.parametrize(
    "query",
    ["state=lost", "sort=colour", "type=des", "expiring=x", "expiring=0", "after=x", "before=a~b", "group=ours"],
)
def test_what_no_choice_of_the_page_gives_is_refused(console: Served, kim: Caller, query: str) -> None:
    with console.client() as client:
        client.post("/sign-in", data={"user_name": "kim", "password": PASSWORD})
        for headers in ({}, {"hx-request": "true"}):
            answer = client.get(f"/keys?{query}", headers=headers)
            assert answer.status_code == 422
            assert "stock-" not in answer.text
        assert client.get("/keys?search=%3Cscript%3E").status_code == 200


def test_nobody_sees_anothers_keys(console: Served, kim: Caller) -> None:
    with console.client() as client:
        client.post("/sign-in", data={"user_name": "lee", "password": PASSWORD})
        for query in ("", "?search=stock", "?state=active", "?sort=name", "?expiring=7", "?type=aes-256&sort=-name"):
            assert "stock-" not in client.get(f"/keys{query}").text
        assert client.get("/keys?group=stores").status_code == 422
        assert client.get("/keys?owner=kim").status_code == 422
