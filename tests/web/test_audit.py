"""The audit log at the console: looked through, taken along, verified."""

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page, expect
from tests.looking import require_accessible
from tests.web.conftest import Served, come_in, serving, sign_in

from keyferry.custody import audit, audit_search, audit_verification
from keyferry.errors import IntegrityViolation, KeyferryError
from keyferry.testing import ADMINISTRATOR, PASSWORD, Kit
from keyferry.web import audit as web_audit
from keyferry.web.audit_export import csv_lines


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A console whose log has something of each kind."""
    kit = Kit.make(Path(tmp_path_factory.mktemp("audit")) / "home")
    kim = kit.user("kim", groups=("payments",))
    kit.user("sam")
    for number in range(60):
        kit.key(kim, name=f"key-{number}", group="payments")
    with pytest.raises(KeyferryError):
        kit.custody.keys.show(kit.sign_in("sam"), "=1+1")
    kit.background.tick()
    with serving(kit) as served:
        yield served
    kit.close()


@contextmanager
def client(console: Served, name: str = ADMINISTRATOR) -> Iterator[httpx2.Client]:
    """Somebody who is signed in."""
    with console.client() as made:
        assert made.post("/sign-in", data={"user_name": name, "password": PASSWORD}).status_code == 303
        yield made


def test_events_are_looked_for_and_open_to_their_details(page: Page) -> None:
    sign_in(page)
    page.get_by_role("link", name="Audit").click()
    require_accessible(page)
    page.get_by_label("Key (optional)").fill("key-7")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("1 event, from")).to_be_visible()
    event = page.locator(".events > li")
    expect(event).to_contain_text("key.generate")
    event.locator("summary").press("Enter")
    expect(event).to_contain_text('"algorithm": "aes-256"')
    expect(event).to_contain_text("From address")
    assert "key=key-7" in page.url
    require_accessible(page)


def test_a_choice_filters_at_once_and_keeps_the_focus(page: Page) -> None:
    come_in(page)
    page.goto("/audit")
    page.get_by_label("Outcome").focus()
    page.get_by_label("Outcome").select_option("refused")
    expect(page.locator(".events > li").filter(has_text="key.generate")).to_have_count(0)
    expect(page.locator(".events > li").first).to_contain_text("refused")
    expect(page.get_by_label("Outcome")).to_be_focused()


def test_older_events_follow_and_each_shows_once(console: Served) -> None:
    found: list[str] = []
    with client(console) as browser:
        address = "/audit?operation=key.generate"
        while address:
            text = browser.get(address).text
            found += [part.partition("<")[0].strip() for part in text.split('<span class="soft">key</span> ')[1:]]
            following = text.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
            address = following.replace("&amp;", "&") if 'rel="next"' in text else ""
    assert found == [f"key-{number}" for number in reversed(range(60))]


def test_a_search_that_finds_nothing_near_goes_further(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def near(*args: object, **how: object) -> audit_search.Stretch:
        return audit_search.walk(*args, **how, looked_at=30)  # type: ignore[arg-type]  # as they were given

    monkeypatch.setattr(audit, "walk", near)
    come_in(page)
    page.goto("/audit?key=key-1")
    expect(page.get_by_role("heading", name="Nothing so far")).to_be_visible()
    require_accessible(page)
    for _ in range(10):
        page.wait_for_load_state()
        if page.locator(".events > li").count():
            break
        page.get_by_role("link", name="Search further").click()
    expect(page.locator(".events > li")).to_contain_text("key-1")


def test_what_cannot_be_looked_for_is_refused_beside_the_field(page: Page) -> None:
    come_in(page)
    page.goto("/audit?since=yesterday")
    expect(page.get_by_label("Not before")).to_have_attribute("aria-invalid", "true")
    require_accessible(page)


def test_a_key_access_user_sees_none_of_it(console: Served) -> None:
    with client(console, "kim") as browser:
        for path in ("/audit", "/audit?outcome=done", "/audit/export?format=csv", "/audit/export?format=jsonl"):
            answer = browser.get(path)
            assert answer.status_code == 403, path
            assert "key-1" not in answer.text


def test_json_lines_hold_every_event_that_the_filter_finds(console: Served) -> None:
    with client(console) as browser:
        answer = browser.get("/audit/export?format=jsonl&operation=key.generate")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"].startswith('attachment; filename="keyferry-audit-2')
    assert answer.headers["cache-control"] == "no-store"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["object_name"] for line in lines] == [f"key-{number}" for number in range(60)]
    assert [line["number"] for line in lines] == sorted(line["number"] for line in lines)
    rest = console.kit.custody.audit.list(console.kit.administrator, size=1).items[0]
    assert {"id", "at", "actor_name", "details", "head"} <= lines[0].keys()
    assert rest.uid != lines[0]["id"]


def test_csv_holds_no_formula(console: Served) -> None:
    with client(console) as browser:
        answer = browser.get("/audit/export?format=csv&outcome=refused&person=sam")
    (row,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert row["object_name"] == "'=1+1"
    assert (row["actor_name"], row["code"]) == ("sam", "not-found")
    assert answer.headers["content-disposition"].endswith('.csv"')


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_whatever_begins_a_formula_is_put_behind_an_apostrophe(console: Served, begins: str) -> None:
    event = console.kit.custody.audit.list(console.kit.administrator, size=1).items[0]
    (cells,) = csv.reader(io.StringIO(csv_lines([replace(event, actor_name=f"{begins}x")]).decode(), newline=""))
    assert f"'{begins}x" in cells


def test_an_export_is_recorded(console: Served) -> None:
    with client(console) as browser:
        browser.get("/audit/export?format=csv&person=sam")
        text = browser.get("/audit?operation=audit.read&person=first-admin").text
    assert "&#34;export&#34;: &#34;csv&#34;" in text
    assert "&#34;exported&#34;: " in text


def test_an_unknown_format_is_refused(console: Served) -> None:
    with client(console) as browser:
        assert browser.get("/audit/export?format=xls").status_code == 422


def test_the_log_verifies_and_its_head_is_expected_later(page: Page, console: Served) -> None:
    console.kit.background.tick()
    come_in(page)
    page.goto("/audit/verify")
    require_accessible(page)
    page.get_by_role("button", name="Verify the whole log").click()
    expect(page.get_by_role("heading", name="All is well")).to_be_visible()
    require_accessible(page)
    head = page.locator("#head").inner_text()
    page.get_by_label("Expected head").fill(head)
    page.get_by_role("button", name="Verify the whole log").click()
    expect(page.get_by_text("the head that you expected lies on the chain")).to_be_visible()

    page.get_by_label("Expected head").fill(head.replace(":", ":0").strip()[:-1])
    page.get_by_role("button", name="Verify the whole log").click()
    expect(page.get_by_role("heading", name="1 finding")).to_be_visible()
    require_accessible(page)

    page.get_by_label("Expected head").fill("nonsense")
    page.get_by_role("button", name="Verify the whole log").click()
    expect(page.get_by_label("Expected head")).to_have_attribute("aria-invalid", "true")


def verification(browser: httpx2.Client) -> str:
    """The page that answers the button."""
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get("/audit/verify").text)
    assert found is not None
    return browser.post("/audit/verify", data={"csrf": found[1]}).text


def test_a_long_verification_says_how_far_it_has_come(console: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_audit, "_PACE", 0)
    monkeypatch.setattr(audit_verification, "BATCH", 20)
    console.kit.background.tick()  # an event of a minute ago that has no number is a finding
    with client(console) as browser:
        text = verification(browser)
    steps = re.findall(r"<li>([0-9,]+) of ([0-9,]+) events</li>", text)
    assert [done for done, _ in steps][:3] == ["0", "20", "40"]
    assert len({total for _, total in steps}) == 1
    assert text.index("All is well") > text.rindex("</li>")
    assert text.rstrip().endswith("</html>")


def test_what_stops_a_verification_on_its_way_is_said_on_the_page(
    console: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_arguments: object) -> None:
        raise IntegrityViolation("The log's rows cannot be read.")

    monkeypatch.setattr(audit, "verify_log", stopped)
    with client(console) as browser:
        text = verification(browser)
    assert "It was not finished" in text
    assert "cannot be read" in text
    assert "All is well" not in text


def test_a_verification_is_for_those_who_may_read_the_log(console: Served) -> None:
    with client(console, "kim") as browser:
        assert browser.get("/audit/verify").status_code == 403
