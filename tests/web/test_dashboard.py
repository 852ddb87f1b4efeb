"""The dashboard: an Administrator sees all keys' figures, a Key Access User theirs; a new installation, what to do."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from playwright.sync_api import Browser, Page, expect
from tests.looking import require_accessible, window
from tests.web.conftest import Served, serving, sign_in

from keyferry import clock
from keyferry.clock import DAY, SECOND
from keyferry.custody.keys import KeyEdit
from keyferry.errors import KeyferryError
from keyferry.testing import Kek, Kit


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, kek: Kek) -> Iterator[Served]:
    """A console whose people have made, exported and refused a few things."""
    kit = Kit.make(Path(tmp_path_factory.mktemp("dashboard")) / "home")
    kim = kit.user("kim", groups=("payments",))
    kit.user("sam")
    soon = clock.now() + 5 * DAY
    with time_machine.travel((clock.now() - 40 * DAY) / SECOND):
        kit.key(kit.sign_in("kim"), "aes-256", "soon", group="payments", deactivation_date=soon)
    kit.key(kim, "ec-p256", "tenant", group="payments")
    kit.key(kim, "aes-256", "idle", group="payments", activated=False)
    kit.export(kim, "tenant", kek)
    with pytest.raises(KeyferryError):
        kit.custody.keys.show(kit.sign_in("sam"), "tenant")
    with pytest.raises(KeyferryError):
        kit.custody.keys.edit(kim, "tenant", KeyEdit(name="no/name"))
    kit.background.work()
    kit.background.tick()
    with serving(kit) as served:
        yield served
    kit.close()


def test_an_administrator_sees_everybodys_keys_and_what_was_refused(page: Page) -> None:
    sign_in(page)
    glance = page.get_by_label("At a glance")
    expect(glance).to_contain_text("3 keys")
    expect(glance.get_by_role("link", name="expire within 30 days")).to_have_attribute("href", "/keys?expiring=30")
    for link in glance.get_by_role("link").all():
        assert page.request.get(link.get_attribute("href") or "").status == 200
    expect(page.get_by_role("img", name="Keys by state: pre-active 1, active 2")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Keys by type: aes-256 2, ec-p256 1"))).to_be_visible()
    expect(page.get_by_role("region", name="Vaults and hosts")).to_contain_text("contoso-kv.vault.azure.net")
    refused = page.get_by_role("row").filter(has_text="key.read")
    expect(refused.first).to_contain_text("sam, 127.0.0.1")
    require_accessible(page)


def test_a_chart_has_its_table(page: Page) -> None:
    sign_in(page)
    section = page.get_by_role("region", name="Keys by state")
    section.get_by_text("Show as a table").click()
    expect(section.get_by_role("row", name="active 2", exact=True)).to_be_visible()
    expect(section.get_by_role("link", name="active", exact=True)).to_have_attribute("href", "/keys?state=active")
    require_accessible(page)


def test_the_days_are_chosen(page: Page) -> None:
    sign_in(page)
    expect(page.get_by_role("heading", name="Over the last 30 days")).to_be_visible()
    page.get_by_role("link", name="7 days", exact=True).click()
    expect(page.get_by_role("heading", name="Over the last 7 days")).to_be_visible()
    page.get_by_text("Show as a table: Created").click()
    rows = page.get_by_role("region", name="Created, rotated and exported, by day").get_by_role("row")
    expect(rows).to_have_count(8)
    expect(rows.nth(1)).to_contain_text(re.compile(r"\d{4}-\d{2}-\d{2}\s*2\s*0\s*1"))


def test_a_key_access_user_sees_their_own(page: Page) -> None:
    sign_in(page, "kim")
    expect(page.get_by_label("At a glance")).to_contain_text("3 keys")
    reminders = page.get_by_role("region", name="Reminders")
    expect(reminders).to_contain_text("soon (payments)")
    expect(page.get_by_role("heading", name="Recent refusals")).to_have_count(0)
    refused = page.get_by_role("region", name="Recently refused to you")
    expect(refused).to_contain_text("key.edit")
    expect(refused).not_to_contain_text("key.read")  # that was sam's
    require_accessible(page)


def test_somebody_without_keys_is_told_how_to_make_one(page: Page) -> None:
    sign_in(page, "sam")
    expect(page.get_by_role("heading", name="No keys yet")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("link", name="+Add Key")).to_have_attribute("href", "/keys/new")
    expect(page.get_by_text("tenant")).to_have_count(0)
    require_accessible(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_telephone(chromium: Browser, console: Served, scheme: str) -> None:
    with window(chromium, width=360, base_url=console.url, ignore_https_errors=True, color_scheme=scheme) as telephone:
        sign_in(telephone)
        require_accessible(telephone)
        size = telephone.locator(".chart text").first.evaluate("each => each.getBoundingClientRect().height")
        assert size >= 10, "a chart's words are too small to read"


def test_a_new_installation_says_what_to_do_first(chromium: Browser, tmp_path: Path) -> None:
    kit = Kit.make(tmp_path / "home")
    with serving(kit) as served, window(chromium, base_url=served.url, ignore_https_errors=True) as page:
        sign_in(page)
        expect(page.get_by_role("heading", name="A new installation")).to_be_visible()
        expect(page.get_by_role("link", name="+Add Group")).to_have_attribute("href", "/groups/new")
        require_accessible(page)
        kit.group("payments")
        page.reload()
        expect(page.get_by_role("listitem").filter(has_text="There is a group.")).to_be_visible()
    kit.close()
