"""The set-up page: from the link that `keyferry serve` prints to the first Administrator, signed in."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.looking import require_accessible, window
from tests.web.conftest import opened

from keyferry.config.sources import load_settings, write_settings
from keyferry.custody.caller import Caller
from keyferry.identity.opening import SignedIn
from keyferry.installation import Installation, initialise, open_installation
from keyferry.material.secret import Secret
from keyferry.server import offer_set_up
from keyferry.testing import CHEAP, PASSWORD


@dataclass(frozen=True)
class Fresh:
    """A server without users, and the link that it printed."""

    made: Installation
    url: str
    link: str

    @property
    def token(self) -> str:
        return self.link.partition("token=")[2]

    def send(self, **changes: str) -> httpx2.Response:
        """The form, sent as the page sends it."""
        fields = {"token": self.token, "name": "ada", "password": PASSWORD, "password_again": PASSWORD, **changes}
        with httpx2.Client(base_url=self.url, verify=False, headers={"Sec-Fetch-Site": "same-origin"}) as client:
            return client.post("/set-up", data=fields)


@pytest.fixture
def fresh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Fresh]:
    home = tmp_path / "home"
    initialise(home, cost=CHEAP)
    write_settings(home, pool=False)
    made = open_installation(load_settings(home, environ={}), cost=CHEAP)
    with opened(made) as url:
        offer_set_up(made, int(url.rpartition(":")[2]))
        (link,) = [line.strip() for line in capsys.readouterr().out.splitlines() if "/set-up?token=" in line]
        yield Fresh(made, url, link)
    made.close()


@pytest.fixture
def page(chromium: Browser, fresh: Fresh) -> Iterator[Page]:
    with window(chromium, base_url=fresh.url, ignore_https_errors=True) as opened_page:
        yield opened_page


def test_the_link_leads_to_the_first_administrator_signed_in(page: Page, fresh: Fresh) -> None:
    page.goto("/")
    expect(page.get_by_text("This server has no Administrator yet.")).to_be_visible()
    require_accessible(page)
    assert fresh.link.startswith(f"{fresh.url}/set-up?token=")
    page.goto(fresh.link)
    require_accessible(page)
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password", exact=True).press_sequentially("password1")
    expect(page.get_by_text("it needs at least 10")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    expect(page.get_by_text("Strength:")).to_be_visible()
    page.get_by_label("Confirm Password").fill("something else 123")
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_label("Confirm Password")).to_have_attribute("aria-invalid", "true")
    require_accessible(page)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Confirm Password").fill(PASSWORD)
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("status")).to_contain_text("You are signed in as ada")
    page.get_by_role("link", name="Users").click()
    expect(page.get_by_role("link", name="ada").last).to_be_visible()
    page.goto(fresh.link)
    expect(page.get_by_role("heading", name="Set-up refused")).to_be_visible()
    require_accessible(page)


def test_the_link_is_of_no_use_a_second_time_nor_when_it_is_wrong(fresh: Fresh) -> None:
    wrong = fresh.send(token=fresh.token[:-1] + ("a" if fresh.token[-1] != "a" else "b"))
    assert (wrong.status_code, "not, or no longer, good" in wrong.text) == (403, True)
    assert fresh.send(name="no name").status_code == 422
    assert fresh.send().status_code == 303
    again = fresh.send(name="eve")
    assert (again.status_code, "not, or no longer, good" in again.text) == (403, True)
    names = [user.user.name for user in fresh.made.custody.users.list(_ada(fresh), size=10).items]
    assert names == ["ada"]


def test_nothing_of_set_up_is_open_without_the_link(fresh: Fresh) -> None:
    with httpx2.Client(base_url=fresh.url, verify=False, headers={"Sec-Fetch-Site": "same-origin"}) as client:
        assert client.get("/set-up").status_code == 403
        assert client.get("/set-up?token=%ff").status_code == 403
        assert client.post("/set-up/strength", data={"password": "x"}).status_code == 403
        assert client.post("/set-up/strength", data={"password": "x", "token": fresh.token}).status_code == 200
        cross = {"Sec-Fetch-Site": "cross-site"}
        assert client.post("/set-up", data={"token": fresh.token}, headers=cross).status_code == 403


def test_a_store_with_users_offers_no_link(fresh: Fresh, capsys: pytest.CaptureFixture[str]) -> None:
    fresh.send()
    offer_set_up(fresh.made, 1)
    assert capsys.readouterr().out.count("?token=") == 0


def _ada(fresh: Fresh) -> Caller:
    signed_in = fresh.made.sign_in.sign_in("ada", Secret(PASSWORD.encode()), "127.0.0.1")
    assert isinstance(signed_in, SignedIn)
    return fresh.made.authenticator.authenticate(signed_in.issued.text.reveal().decode(), "127.0.0.1")
