"""What an attacker would try at the console, as a whole. `docs/threat-model.md` names the test that holds each."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx2
import pytest
import time_machine
from playwright.sync_api import Browser, Page, expect
from tests.looking import foreign_requests, whole, window
from tests.web.conftest import Served, sign_in

from keyferry.custody.accounts import UserEdit
from keyferry.testing import ADMINISTRATOR, PASSWORD

COOKIE = "__Host-keyferry-session"


@contextmanager
def signed_in(console: Served, name: str = ADMINISTRATOR, password: str = PASSWORD) -> Iterator[httpx2.Client]:
    with console.client() as client:
        answer = client.post("/sign-in", data={"user_name": name, "password": password})
        assert answer.status_code == 303, answer.text
        yield client


def form_token(client: httpx2.Client, path: str = "/groups") -> str:
    found = re.search(r'name="csrf" value="(\w+)"', client.get(path).text)
    assert found is not None
    return found[1]


@pytest.fixture
def client(console: Served) -> Iterator[httpx2.Client]:
    with signed_in(console) as made:
        yield made


class TestWhoIsNotSignedIn:
    """`tests/security/test_who_is_shut_out.py` tries every page and form."""

    @pytest.mark.parametrize(("method", "status"), [("GET", 303), ("POST", 401)])
    def test_is_asked_to_sign_in(self, console: Served, method: str, status: int) -> None:
        with console.client() as client:
            answer = client.request(method, "/groups/new")
            assert answer.status_code == status
            assert answer.headers.get("location", "/sign-in").partition("?")[0] == "/sign-in"
            assert "Sign out" not in answer.text

    def test_nor_does_who_was_until_the_account_was_kept_to_another_network_get_in(self, console: Served) -> None:
        kit = console.kit
        kit.user("sec-moved")
        with signed_in(console, "sec-moved") as client:
            assert client.get("/groups").status_code == 200
            kit.custody.users.edit(kit.administrator, "sec-moved", UserEdit(networks=("192.0.2.0/24",)))
            assert client.get("/groups").status_code == 303

    @pytest.mark.parametrize("cookie", ["", "x", "kf_", "a" * 5000, "kft1.abc.def"])
    def test_nor_does_who_has_a_cookie_that_is_no_sessions(self, console: Served, cookie: str) -> None:
        with console.client() as client:
            assert client.get("/groups", headers={"Cookie": f"{COOKIE}={cookie}"}).status_code == 303


class TestForgedRequests:
    def test_a_form_without_its_token_changes_nothing(self, client: httpx2.Client) -> None:
        for sent in ({}, {"csrf": ""}, {"csrf": "0" * 64}):
            answer = client.post("/groups/new", data={"id": "sec-forged", **sent})
            assert (answer.status_code, "another session" in answer.text) == (422, True)
        assert client.get("/groups/sec-forged").status_code == 404

    def test_nor_with_another_sessions(self, console: Served, client: httpx2.Client) -> None:
        with signed_in(console) as other:
            answer = client.post("/groups/new", data={"id": "sec-forged", "csrf": form_token(other)})
        assert answer.status_code == 422
        assert client.get("/groups/sec-forged").status_code == 404

    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "none"},
            {"Sec-Fetch-Site": "", "Origin": "https://attacker.example"},
            {"Sec-Fetch-Site": "", "Origin": "null"},
            {"Sec-Fetch-Site": ""},
        ],
        ids=str,
    )
    def test_nor_from_another_sites_page_though_it_has_the_token(
        self, client: httpx2.Client, headers: dict[str, str]
    ) -> None:
        token = form_token(client)
        if not headers["Sec-Fetch-Site"]:
            del client.headers["Sec-Fetch-Site"]
            headers = {name: value for name, value in headers.items() if value}
        for path in ("/groups/new", "/sign-in", "/sign-out", "/strength"):
            assert client.post(path, data={"id": "sec-cross", "csrf": token}, headers=headers).status_code == 403
        assert client.get("/groups/sec-cross").status_code == 404

    def test_what_is_only_looked_at_changes_nothing(self, client: httpx2.Client) -> None:
        """Links are followed from anywhere: no page does anything when it is asked for with GET."""
        assert client.get("/sign-out").status_code == 200
        for path in ("/users/first-admin/disable", "/account/revoke", "/strength"):
            assert client.get(path).status_code in {404, 405}
        assert client.get("/groups").status_code == 200


class TestHeaders:
    @pytest.mark.parametrize("path", ["/groups", "/account", "/users/new", "/settings", "/nowhere", "/groups/nobodys"])
    def test_pages_are_framed_by_nobody_kept_nowhere_and_run_only_our_scripts(
        self, client: httpx2.Client, path: str
    ) -> None:
        headers = client.get(path).headers
        policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
        assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
        assert (policy["frame-ancestors"], policy["base-uri"], policy["form-action"]) == ("'none'", "'none'", "'self'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] in {"no-referrer", "same-origin"}
        assert headers["cross-origin-opener-policy"] == "same-origin"

    def test_so_is_the_sign_in_page(self, console: Served) -> None:
        with console.client() as nobody:
            headers = nobody.get("/sign-in").headers
        assert (headers["cache-control"], headers["x-frame-options"]) == ("no-store", "DENY")

    def test_the_cookie_is_for_this_host_over_tls_and_for_no_script(self, console: Served) -> None:
        with console.client() as client:
            answer = client.post("/sign-in", data={"user_name": ADMINISTRATOR, "password": PASSWORD})
        (cookie,) = answer.headers.get_list("set-cookie")
        flags = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert cookie.startswith(f"{COOKIE}=")
        assert {"httponly", "secure", "samesite=lax", "path=/"} <= flags
        assert not any(flag.startswith(("domain", "expires", "max-age")) for flag in flags)


class TestSessions:
    def test_signing_in_gives_a_new_session_and_ends_the_one_before(self, console: Served) -> None:
        with signed_in(console) as client:
            planted = client.cookies[COOKIE]
            client.post("/sign-in", data={"user_name": ADMINISTRATOR, "password": PASSWORD})
            assert client.cookies[COOKIE] != planted
        with console.client() as attacker:
            assert attacker.get("/groups", headers={"Cookie": f"{COOKIE}={planted}"}).status_code == 303

    def test_a_cookie_that_was_made_up_before_is_worth_nothing_after(self, console: Served) -> None:
        with console.client() as client:
            client.cookies.set(COOKIE, "planted")
            client.post("/sign-in", data={"user_name": ADMINISTRATOR, "password": PASSWORD})
        with console.client() as attacker:
            assert attacker.get("/groups", headers={"Cookie": f"{COOKIE}=planted"}).status_code == 303

    def test_signing_out_ends_the_session_wherever_its_token_is(self, console: Served) -> None:
        with signed_in(console) as client:
            token = client.cookies[COOKIE]
            client.post("/sign-out", data={"csrf": form_token(client)})
            assert COOKIE not in client.cookies
        with console.client() as thief:
            assert thief.get("/groups", headers={"Cookie": f"{COOKIE}={token}"}).status_code == 303
            assert thief.get("/api/v1/groups", headers={"Authorization": f"Bearer {token}"}).status_code == 401

    def test_a_session_that_lies_idle_ends(self, console: Served) -> None:
        idle = timedelta(seconds=console.kit.installation.settings.session_idle)
        with time_machine.travel("2031-01-01T12:00:00Z", tick=False) as time, signed_in(console) as client:
            time.shift(idle - timedelta(seconds=1))
            assert client.get("/groups").status_code == 200
            time.shift(idle - timedelta(seconds=1))
            assert client.get("/groups").status_code == 200
            time.shift(idle + timedelta(seconds=1))
            assert client.get("/groups").status_code == 303

    def test_a_disabled_users_session_dies_at_once(self, console: Served) -> None:
        kit = console.kit
        kit.user("sec-kim")
        with signed_in(console, "sec-kim") as client:
            assert client.get("/groups").status_code == 200
            kit.custody.users.disable(kit.administrator, "sec-kim")
            assert client.get("/groups").status_code == 303
            kit.custody.users.enable(kit.administrator, "sec-kim")
            assert client.get("/groups").status_code == 303

    def test_rest_takes_no_cookie(self, client: httpx2.Client) -> None:
        assert client.get("/api/v1/groups").status_code == 401

    @pytest.mark.parametrize(
        "wanted",
        [
            "https://attacker.example/",
            "//attacker.example/",
            "/\\attacker.example/",
            "\\\\attacker.example",
            "javascript:alert(1)",
            "/ok\r\nSet-Cookie: a=b",
            "/%0d%0aSet-Cookie: a=b/../..//attacker.example\t",
            "///attacker.example",
        ],
    )
    def test_nobody_is_led_to_another_site(self, console: Served, wanted: str) -> None:
        with console.client() as client:
            form = {"user_name": ADMINISTRATOR, "password": PASSWORD, "next": wanted}
            answer = client.post("/sign-in", data=form)
            assert answer.headers["location"] == "/" or answer.headers["location"].startswith("/%")
            assert "a" not in client.cookies


class TestAFormThatIsInterrupted:
    def test_comes_back_after_the_sign_in_without_its_secrets(self, page: Page, console: Served) -> None:
        kit = console.kit
        sign_in(page)
        page.goto("/users/new")
        page.get_by_label("Username").fill("sec-lena")
        page.get_by_label("Display Name").fill("Lena of security")
        page.get_by_label("Password", exact=True).fill("secret-of-the-form-77")
        page.get_by_label("Confirm Password").fill("secret-of-the-form-77")
        end_sessions_of(console, ADMINISTRATOR)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Your session has ended")).to_be_visible()
        assert "secret-of-the-form-77" not in whole(page)
        page.get_by_label("Username").fill(ADMINISTRATOR)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Continue with your form").click()
        expect(page.get_by_label("Display Name")).to_have_value("Lena of security")
        expect(page.get_by_label("Password", exact=True)).to_have_value("")
        kit.administrator = kit.sign_in(ADMINISTRATOR)
        found = kit.custody.users.list(kit.administrator, size=500)
        assert "sec-lena" not in [user.user.name for user in found.items]

    def test_another_person_who_signs_in_does_not_get_it(self, page: Page, console: Served) -> None:
        console.kit.user("sec-mia")
        sign_in(page)
        page.goto("/groups/new")
        page.get_by_label("Group ID").fill("sec-confidential")
        end_sessions_of(console, ADMINISTRATOR)
        page.get_by_role("button", name="Save").click()
        page.get_by_label("Username").fill("sec-mia")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        assert "sec-confidential" not in whole(page)
        console.kit.administrator = console.kit.sign_in(ADMINISTRATOR)


def test_everything_works_by_keyboard_alone(page: Page, console: Served) -> None:
    page.goto("/sign-in")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type(ADMINISTRATOR)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{console.url}/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    _tab_to(page, "Groups")
    page.keyboard.press("Enter")
    page.wait_for_url("**/groups")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    _tab_to(page, "+Add Group")
    page.keyboard.press("Enter")
    page.wait_for_url("**/groups/new")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    while page.evaluate("document.activeElement.id") != "id":
        page.keyboard.press("Tab")
    page.keyboard.type("sec-keyboard")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The group sec-keyboard was created.")


def test_everything_works_without_a_script(chromium: Browser, console: Served) -> None:
    with window(chromium, base_url=console.url, ignore_https_errors=True, java_script_enabled=False) as page:
        sign_in(page)
        page.goto("/users/new")
        page.get_by_label("Username").fill("sec-plain")
        page.get_by_label("Password", exact=True).fill("password1234")
        page.get_by_label("Confirm Password").fill("password1234")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("too easy to guess").last).to_be_visible()
        page.get_by_label("Password", exact=True).fill("other-lantern-harbour-7")
        page.get_by_label("Confirm Password").fill("other-lantern-harbour-7")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text("The user sec-plain was created.")
        page.goto("/users")
        page.get_by_label("Username begins with").fill("sec-pl")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("row")).to_have_count(2)
        page.get_by_role("link", name="sec-plain").click()
        page.get_by_role("button", name="Disable").click()
        expect(page.get_by_role("status")).to_contain_text("was disabled")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()


def test_no_page_asks_another_site_for_anything(page: Page, console: Served) -> None:
    left = foreign_requests(page, console.url)
    sign_in(page)
    for path in ("/", "/users", "/users/new", "/groups", "/account", "/settings"):
        page.goto(path)
    assert left == []


def end_sessions_of(console: Served, name: str) -> None:
    """As if they had lain idle: every session of the console that this person has."""
    kit = console.kit
    caller = kit.sign_in(name)
    for each in kit.custody.tokens.in_force(caller, size=200).items:
        if each.token.name == "console":
            kit.custody.tokens.revoke(caller, each.token.id)


def _tab_to(page: Page, words: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == words:
            return
    raise AssertionError(f"no way to {words} by keyboard")
