"""Signing in with a second factor at a browser; passkeys with Chromium's virtual authenticator."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect
from tests.custody.reading import details_of, events_of, rows
from tests.looking import foreign_requests, require_accessible, window
from tests.web.conftest import Served, opened

from keyferry.config.sources import write_settings
from keyferry.custody.policy import Role
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.material.secret import Secret
from keyferry.testing import PASSWORD, App, Kit

SIGNED_IN = re.compile(r"/$")
#: a browser that was told to ask for a PIN or a finger, and has the authenticator sign without
ASKING_FOR_NO_PIN = """
const { get, create } = CredentialsContainer.prototype;
CredentialsContainer.prototype.get = function (options) {
  options.publicKey.userVerification = "discouraged";
  return get.call(this, options);
};
CredentialsContainer.prototype.create = function (options) {
  options.publicKey.authenticatorSelection.userVerification = "discouraged";
  return create.call(this, options);
};
"""


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A console that is known by a name, which passkeys need: localhost."""
    kit = Kit.make(Path(tmp_path_factory.mktemp("steps")) / "home")
    kit.close()
    with opened_at_localhost(kit) as served:
        yield served


@contextmanager
def opened_at_localhost(made: Kit) -> Iterator[Served]:
    """Serve on a free port, and tell the installation that port before it is opened."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = made.installation.settings.home
    write_settings(home, pool=False, public_url=f"https://localhost:{port}")
    kit = Kit.open(home)
    with opened(kit.installation, port=port) as _:
        yield Served(kit, f"https://localhost:{port}")
    kit.close()


@pytest.fixture
def page(chromium: Browser, console: Served) -> Iterator[Page]:
    with window(chromium, base_url=console.url, ignore_https_errors=True) as made:
        yield made


class Authenticator:
    """Chromium's virtual authenticator, in the device of whoever sits before the page."""

    def __init__(self, page: Page) -> None:
        self.cdp: CDPSession = page.context.new_cdp_session(page)
        self.cdp.send("WebAuthn.enable")
        self.id = self._plugged_in(verifies=True)

    def takes_a_touch_alone(self) -> None:
        """Go on as one that has no way to ask for a PIN or a finger, with the passkeys that it has."""
        credentials = self.send("getCredentials")["credentials"]
        self.send("removeVirtualAuthenticator")
        self.id = self._plugged_in(verifies=False)
        for credential in credentials:
            self.send("addCredential", credential=credential)

    def _plugged_in(self, *, verifies: bool) -> str:
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
        verification = {"hasUserVerification": verifies, "isUserVerified": verifies}
        added = self.cdp.send(
            "WebAuthn.addVirtualAuthenticator",
            {"options": {**options, **verification, "automaticPresenceSimulation": True}},
        )
        return str(added["authenticatorId"])

    def send(self, method: str, **parameters: Any) -> Any:
        return self.cdp.send(f"WebAuthn.{method}", {"authenticatorId": self.id, **parameters})

    def credential(self) -> dict[str, Any]:
        (found,) = self.send("getCredentials")["credentials"]
        return dict(found)


@pytest.fixture
def authenticator(page: Page) -> Authenticator:
    return Authenticator(page)


def fill_password(page: Page, name: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def add_passkey(page: Page, name: str) -> None:
    fill_password(page, name)
    expect(page).to_have_url(SIGNED_IN)
    page.goto("/account")
    page.get_by_role("link", name="Add a passkey").click()
    fill_new_passkey(page)
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()


def fill_new_passkey(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("laptop")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Make the passkey").click()


def sign_out(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def wrong_of(app: App) -> str:
    return "000000" if "000000" not in {app.code(-1), app.code(), app.code(1)} else "999999"


class TestApps:
    def test_one_is_set_up_with_a_picture_and_a_key(self, page: Page, console: Served) -> None:
        console.kit.user("app-kim")
        fill_password(page, "app-kim")
        expect(page).to_have_url(SIGNED_IN)
        elsewhere = foreign_requests(page, console.url)
        page.goto("/account")
        require_accessible(page)
        page.get_by_role("link", name="Add an authenticator app").click()
        expect(page.locator("svg.qr")).to_be_visible()
        key = page.locator("#totp-key").inner_text().replace(" ", "")
        app = App("", key, ())
        require_accessible(page)
        page.get_by_label("Name", exact=True).fill("phone")
        page.get_by_label("Code", exact=True).fill(wrong_of(app))
        page.get_by_label("Current password").fill(PASSWORD)
        page.get_by_role("button", name="Set up").click()
        expect(page.get_by_role("alert")).to_contain_text("not right, or was used before")
        assert page.locator("#totp-key").inner_text().replace(" ", "") == key, "the app has this one by now"
        page.get_by_label("Code", exact=True).fill(f"{app.code()[:3]} {app.code()[3:]}")
        page.get_by_label("Current password").fill(PASSWORD)
        page.get_by_role("button", name="Set up").click()
        expect(page.locator("ul.codes li")).to_have_count(10)
        require_accessible(page)
        page.get_by_role("link", name="Done").click()
        expect(page.get_by_text("10 of 10 recovery codes are left")).to_be_visible()
        require_accessible(page)
        assert elsewhere == []

    def test_it_is_asked_for_at_the_next_sign_in(self, page: Page, console: Served) -> None:
        app = console.kit.set_up_app(console.kit.user("app-lena"))
        fill_password(page, "app-lena")
        expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
        require_accessible(page)
        assert page.context.cookies() == [], "nothing stands for a sign-in that is not complete"
        page.get_by_label("Code").fill(wrong_of(app))
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("alert")).to_contain_text("not right, or was used before")
        require_accessible(page)
        page.get_by_label("Code").fill(app.recovery_codes[3])
        page.get_by_role("button", name="Continue").click()
        expect(page).to_have_url(SIGNED_IN)

    def test_it_works_without_a_script(self, chromium: Browser, console: Served) -> None:
        app = console.kit.set_up_app(console.kit.user("app-nele"))
        with window(chromium, base_url=console.url, ignore_https_errors=True, java_script_enabled=False) as page:
            fill_password(page, "app-nele")
            page.get_by_label("Code").fill(app.code(1))
            page.get_by_role("button", name="Continue").click()
            expect(page).to_have_url(SIGNED_IN)
            page.goto("/sign-in/second-factor")
            expect(page.get_by_role("heading")).to_be_visible()

    def test_an_expired_step_leads_back_to_the_first(self, page: Page, console: Served) -> None:
        app = console.kit.set_up_app(console.kit.user("app-mia"))
        fill_password(page, "app-mia")
        console.kit.custody.users.set_password(console.kit.administrator, "app-mia", Secret(b"other-lantern-harbour-7"))
        page.get_by_label("Code").fill(app.code(1))
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("alert")).to_contain_text("Begin the sign-in again")
        expect(page.get_by_label("Username")).to_be_visible()

    def test_one_is_removed_and_codes_are_made_anew(self, page: Page, console: Served) -> None:
        app = console.kit.set_up_app(console.kit.user("app-olga"))
        fill_password(page, "app-olga")
        page.get_by_label("Code").fill(app.recovery_codes[0])
        page.get_by_role("button", name="Continue").click()
        expect(page).to_have_url(SIGNED_IN)
        page.goto("/account/factors/recovery-codes")
        require_accessible(page)
        page.get_by_label("Current password").fill(PASSWORD)
        page.get_by_role("button", name="Make new codes").click()
        expect(page.locator("ul.codes li")).to_have_count(10)
        page.goto(f"/account/factors/{app.factor_id}/remove")
        require_accessible(page)
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_role("alert")).to_contain_text("current password is needed")
        page.get_by_label("Current password").fill(PASSWORD)
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_role("status")).to_contain_text("phone was removed")


class TestPasskeys:
    def test_one_is_good_beside_the_password_and_in_its_place(
        self, page: Page, console: Served, authenticator: Authenticator
    ) -> None:
        console.kit.user("key-kim")
        add_passkey(page, "key-kim")
        sign_out(page)

        fill_password(page, "key-kim")
        require_accessible(page)
        page.get_by_role("button", name="Use your passkey").click()
        expect(page).to_have_url(SIGNED_IN)
        assert newest_token(console, "key-kim")["second_factor"] == "passkey"
        sign_out(page)

        page.goto("/sign-in")
        require_accessible(page)
        page.get_by_role("button", name="Use a passkey").click()
        expect(page).to_have_url(SIGNED_IN)
        expect(page.get_by_role("link", name="key-kim")).to_be_visible()
        token = newest_token(console, "key-kim")
        assert (token["method"], token["second_factor"]) == ("passkey", "passkey")

    def test_without_a_pin_or_a_finger_it_does_not_stand_alone(
        self, page: Page, console: Served, authenticator: Authenticator
    ) -> None:
        console.kit.user("key-lena")
        add_passkey(page, "key-lena")
        sign_out(page)
        authenticator.send("setUserVerified", isUserVerified=False)
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.locator("[data-passkey-said]")).to_contain_text("cancelled, or took too long")
        expect(page).to_have_url(re.compile("/sign-in"))

    def test_beside_a_password_a_touch_is_enough(
        self, page: Page, console: Served, authenticator: Authenticator
    ) -> None:
        console.kit.user("key-pia")
        add_passkey(page, "key-pia")
        sign_out(page)
        authenticator.send("setUserVerified", isUserVerified=False)  # asked for a PIN or a finger, the person fails
        fill_password(page, "key-pia")
        page.get_by_role("button", name="Use your passkey").click()
        expect(page.locator("[data-passkey-said]")).to_contain_text("cancelled, or took too long")
        authenticator.takes_a_touch_alone()
        page.get_by_role("button", name="Use your passkey").click()
        expect(page).to_have_url(SIGNED_IN)
        token = newest_token(console, "key-pia")
        assert (token["method"], token["second_factor"]) == (None, "passkey")

    def test_a_browser_that_asks_for_no_pin_is_not_believed_that_one_was_given(
        self, page: Page, console: Served, authenticator: Authenticator
    ) -> None:
        """The same touch, signed by the passkey, is good beside the password and refused in its place."""
        console.kit.user("key-rosa")
        add_passkey(page, "key-rosa")
        sign_out(page)
        authenticator.send("setUserVerified", isUserVerified=False)
        page.add_init_script(ASKING_FOR_NO_PIN)
        before = newest_token(console, "key-rosa")
        page.goto("/sign-in")
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_role("alert").first).to_contain_text("The sign-in was refused")
        assert newest_token(console, "key-rosa") == before
        console.kit.background.tick()
        refusal = events_of(console.kit, "session.open", "refused")[-1]
        assert details_of(refusal)["detail"] == "The passkey's answer does not verify."
        fill_password(page, "key-rosa")
        page.get_by_role("button", name="Use your passkey").click()
        expect(page).to_have_url(SIGNED_IN)

    def test_one_without_a_pin_or_a_finger_is_not_set_up(
        self, page: Page, console: Served, authenticator: Authenticator
    ) -> None:
        kim = console.kit.user("key-tara")
        authenticator.takes_a_touch_alone()
        fill_password(page, "key-tara")
        expect(page).to_have_url(SIGNED_IN)
        page.goto("/account/factors/passkey")
        fill_new_passkey(page)
        expect(page.locator("[data-passkey-said]")).to_contain_text("cancelled, or took too long")
        page.add_init_script(ASKING_FOR_NO_PIN)
        page.reload()
        fill_new_passkey(page)
        expect(page.get_by_role("alert").first).to_contain_text("That is no answer of a passkey")
        assert console.kit.custody.factors.list(kim).factors == ()

    def test_a_counter_that_goes_back_shows_a_copy(
        self, page: Page, console: Served, authenticator: Authenticator
    ) -> None:
        console.kit.user("key-mia")
        add_passkey(page, "key-mia")
        sign_out(page)
        credential = authenticator.credential()
        page.goto("/sign-in")
        page.get_by_role("button", name="Use a passkey").click()
        expect(page).to_have_url(SIGNED_IN)
        sign_out(page)
        authenticator.send("removeCredential", credentialId=credential["credentialId"])
        authenticator.send("addCredential", credential=credential)  # as it was before
        page.goto("/sign-in")
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_role("alert").first).to_contain_text("The sign-in was refused")
        console.kit.background.tick()
        told = [details_of(event)["detail"] for event in events_of(console.kit, "session.open", "refused")]
        assert "The passkey's counter went back: there may be a copy of it." in told

    def test_cancelling_is_told_and_changes_nothing(
        self, page: Page, console: Served, authenticator: Authenticator
    ) -> None:
        console.kit.user("key-nele")
        add_passkey(page, "key-nele")
        sign_out(page)
        authenticator.send("removeCredential", credentialId=authenticator.credential()["credentialId"])
        fill_password(page, "key-nele")
        page.get_by_role("button", name="Use your passkey").click()
        expect(page.locator("[data-passkey-said]")).to_contain_text("cancelled, or took too long")
        expect(page.get_by_label("Code")).to_be_visible()

    def test_at_another_address_of_the_server_none_is_to_be_had(self, chromium: Browser, console: Served) -> None:
        """The browser keeps a passkey for the name that it was made for."""
        at_address = console.url.replace("localhost", "127.0.0.1")
        with window(chromium, base_url=at_address, ignore_https_errors=True) as page:
            Authenticator(page)
            page.goto("/sign-in")
            page.get_by_role("button", name="Use a passkey").click()
            expect(page.locator("[data-passkey-said]")).to_contain_text("at its public address alone")

    def test_an_answer_is_taken_once(self, page: Page, console: Served, authenticator: Authenticator) -> None:
        """What the browser sent once, sent again, opens nothing: its challenge is spent."""
        console.kit.user("key-olga")
        add_passkey(page, "key-olga")
        sign_out(page)
        page.goto("/sign-in")
        with page.expect_request("**/sign-in/passkey") as sent:
            page.get_by_role("button", name="Use a passkey").click()
        expect(page).to_have_url(SIGNED_IN)
        body = sent.value.post_data or ""
        with console.client() as client:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = client.post("/sign-in/passkey", content=body, headers=headers)
        assert answer.status_code == 401
        assert "keyferry-session" not in str(answer.headers)


class TestRequired:
    def test_a_sign_in_leads_through_the_setting_up(
        self, page: Page, console: Served, authenticator: Authenticator
    ) -> None:
        console.kit.user("req-kim", Role.AUDITOR)
        require(console.kit, Role.AUDITOR)
        try:
            fill_password(page, "req-kim")
            expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
            require_accessible(page)
            page.get_by_role("button", name="Authenticator app").click()
            key = page.locator("#totp-key").inner_text().replace(" ", "")
            require_accessible(page)
            page.get_by_role("button", name="Passkey").click()  # one may change one's mind
            page.get_by_label("Name", exact=True).fill("laptop")
            require_accessible(page)
            page.get_by_role("button", name="Make the passkey").click()
            expect(page.locator("ul.codes li")).to_have_count(10)
            require_accessible(page)
            page.get_by_role("link", name="Continue").click()
            expect(page).to_have_url(SIGNED_IN)
            assert len(key) == 32
        finally:
            require(console.kit)


def require(kit: Kit, *roles: Role) -> None:
    kit.custody.server_policy.edit(kit.administrator, ServerPolicyEdit(second_factor_roles=roles))


def newest_token(console: Served, name: str) -> dict[str, Any]:
    user = console.kit.custody.users.show(console.kit.administrator, name).user
    return [row for row in rows(console.kit, "tokens") if row["user_id"] == user.id][-1]
