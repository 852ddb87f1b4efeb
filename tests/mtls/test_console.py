"""Signing in to the console with a certificate, in a real browser that comes with one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.looking import require_accessible, window
from tests.mtls.conftest import Served, given
from tests.web.conftest import sign_in

from keyferry.custody.caller import Caller
from keyferry.ids import new_id


@pytest.fixture
def kim(served: Served) -> Caller:
    return served.kit.user(f"kim.{new_id()[-12:]}")


@contextmanager
def browser_with(chromium: Browser, served: Served, file: Path) -> Iterator[Page]:
    """A window whose browser comes with a certificate."""
    certificate = {"origin": served.mutual_url, "certPath": str(file), "keyPath": str(file)}
    with window(
        chromium,
        base_url=served.mutual_url,
        ignore_https_errors=True,
        client_certificates=[certificate],
    ) as page:
        yield page


def test_signing_in_with_a_certificate_until_it_is_revoked(served: Served, kim: Caller, chromium: Browser) -> None:
    row, file = given(served, kim, name="laptop")
    name = served.kit.custody.users.show(served.kit.administrator, kim.user_id).user.name
    with browser_with(chromium, served, file) as page:
        page.goto("/account")
        expect(page.get_by_text(f"It stands for {name}.")).to_be_visible()
        require_accessible(page)
        page.get_by_role("button", name="Sign in with your certificate").click()
        expect(page.get_by_text("A client certificate 'laptop' was added for you by yourself")).to_be_visible()
        page.get_by_role("link", name="Continue").click()
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()
        expect(page.get_by_role("row").filter(has_text="laptop")).to_be_visible()
        (token,) = [
            each.token
            for each in served.kit.custody.tokens.list(served.kit.administrator, user=name, size=9).items
            if each.token.certificate_id == row.id
        ]
        assert (token.kind, token.method, token.name) == ("session", "certificate", "console")
        page.goto("/account/certificates/new")
        page.get_by_label("Certificate Name").fill("another")
        page.get_by_label(re.compile("^PEM")).check()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_contain_text("Neither a token nor a certificate")
        served.kit.custody.certificates.revoke(served.kit.administrator, row.id)
        page.goto("/account")
        expect(page).to_have_url(re.compile("/sign-in"))
        page.get_by_role("button", name="Sign in with your certificate").click()
        expect(page.get_by_role("alert")).to_contain_text("This certificate was revoked.")
        require_accessible(page)


def test_an_administrator_has_another_authority_made_and_retires_the_earlier_one(
    served: Served, kim: Caller, chromium: Browser
) -> None:
    row, _ = given(served, kim)
    with window(chromium, base_url=served.url, ignore_https_errors=True) as page:
        sign_in(page)
        page.goto("/settings")
        page.get_by_role("link", name="Client certificates").click()
        page.get_by_role("button", name="Make another authority").click()
        expect(page.get_by_text(re.compile("Keyferry client authority [0-9]+ issues from now on."))).to_be_visible()
        require_accessible(page)
        page.get_by_role("link", name=re.compile("^Retire Keyferry client authority")).first.click()
        expect(page.get_by_text("at once, on every node")).to_be_visible()
        require_accessible(page)
        page.get_by_label("Name").fill("another")
        page.get_by_role("button", name="Retire").click()
        expect(page.get_by_role("alert")).to_contain_text("the authority's name")
        name = page.get_by_role("heading", level=1).inner_text().removeprefix("Retire ")
        page.get_by_label("Name").fill(name)
        page.get_by_role("button", name="Retire").click()
        expect(page.get_by_text(f"{name} is retired.")).to_be_visible()
        expect(page.get_by_role("row").filter(has_text="retired")).to_be_visible()
    shown = served.kit.custody.certificates.show(served.kit.administrator, row.id)
    assert shown.certificate.revoked_at is not None


def test_a_certificate_of_nobodys(served: Served, kim: Caller, chromium: Browser) -> None:
    """It passes TLS, for its authority is Keyferry's own; it was bound to somebody, and its row was taken away."""
    row, file = given(served, kim)
    with served.kit.installation.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM certificates WHERE id = ?", (row.id,))
    with browser_with(chromium, served, file) as page:
        page.goto("/sign-in")
        expect(page.get_by_text("stands for nobody here")).to_be_visible()
        expect(page.get_by_role("button", name="Sign in with your certificate")).to_have_count(0)
        require_accessible(page)


def test_the_usual_address_leads_to_the_other(served: Served, chromium: Browser) -> None:
    with window(chromium, base_url=served.url, ignore_https_errors=True) as page:
        page.goto("/sign-in?next=/account")
        link = page.get_by_role("link", name="Sign in with a certificate")
        expect(link).to_have_attribute("href", f"{served.mutual_url}/sign-in?next=/account")
        require_accessible(page)


def test_without_a_certificate_people_sign_in_as_ever(served: Served, kim: Caller, chromium: Browser) -> None:
    name = served.kit.custody.users.show(served.kit.administrator, kim.user_id).user.name
    with window(chromium, base_url=served.mutual_url, ignore_https_errors=True) as page:
        sign_in(page, name)
        expect(page.get_by_role("link", name=name)).to_be_visible()


def test_another_sites_page_signs_nobody_in(served: Served, kim: Caller) -> None:
    _, file = given(served, kim)
    for said in ("cross-site", "same-site", "none"):
        told = served.curl("/sign-in/certificate", "-X", "POST", "-H", f"Sec-Fetch-Site: {said}", certificate=file)
        assert told.status == 403
    told = served.curl("/sign-in/certificate", "-X", "POST", certificate=file)
    assert told.status == 403


def test_without_a_certificate_there_is_no_session(served: Served) -> None:
    for url in (served.url, served.mutual_url):
        with httpx2.Client(base_url=url, verify=False, headers={"Sec-Fetch-Site": "same-origin"}) as client:
            answer = client.post("/sign-in/certificate", data={"next": "/"}, headers={"Client-Cert": ":AAAA:"})
            assert (answer.status_code, "came without a certificate" in answer.text) == (401, True)
            assert not client.cookies


def test_a_page_of_the_console_is_no_door_for_a_certificate_alone(served: Served, kim: Caller) -> None:
    _, file = given(served, kim)
    assert served.curl("/account", certificate=file).status == 303
