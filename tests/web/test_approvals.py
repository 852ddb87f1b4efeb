"""Approvals at the console: a policy is set, an export waits for it, two people meet, and the key leaves once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from httpx2 import Response
from playwright.sync_api import Browser, Page, expect
from tests.looking import require_accessible, window
from tests.web.conftest import Served, sign_in

from keyferry.custody.accounts import UserEdit
from keyferry.custody.approval_policy import ApprovalWish
from keyferry.custody.caller import Caller
from keyferry.custody.groups import GroupEdit
from keyferry.custody.policy import Role
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.errors import ApprovalRequired
from keyferry.testing import ADMINISTRATOR, PASSWORD, Kek

GROUP = "apv-payments"
Opens = Callable[[str], Page]


@pytest.fixture(scope="module")
def kim(console: Served) -> Caller:
    console.kit.user("apv-lee")
    console.kit.user("apv-sam")
    return console.kit.user("apv-kim", groups=(GROUP,))


@pytest.fixture
def opens(chromium: Browser, console: Served, kim: Caller) -> Iterator[Opens]:
    """A window of its own for each person."""
    with ExitStack() as windows:

        def opened(name: str, width: int = 1280) -> Page:
            made = windows.enter_context(window(chromium, width=width, base_url=console.url, ignore_https_errors=True))
            return sign_in(made, name)

        yield opened


def cover(console: Served, *operations: str) -> None:
    """Have lee alone approve these, whatever the group's policy was."""
    wish = ApprovalWish(operations, 1, ("apv-lee", "apv-sam"))
    console.kit.custody.groups.edit(console.kit.administrator, GROUP, GroupEdit(approvals=wish))


def fill_export(page: Page, key: str, kek: Kek) -> None:
    page.goto(f"/keys/{key}/export")
    page.get_by_label("Public Key").set_input_files(
        {"name": "kek.pem", "mimeType": "application/x-pem-file", "buffer": kek.public_pem}
    )
    page.get_by_label("Key id").fill(kek.identifier)


def look_and_approve(page: Page, name: str, told: tuple[str, ...]) -> None:
    page.get_by_role("link", name="Approvals 1 waiting for you").click()
    require_accessible(page)
    page.get_by_role("link", name="Export a key").click()
    for each in told:
        expect(page.get_by_role("main")).to_contain_text(each)
    require_accessible(page)
    page.get_by_label("Note").fill(f"{name} has compared the fingerprint")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("status")).to_contain_text("You have approved the request.")
    expect(page.get_by_text("waiting for you")).to_have_count(0)
    require_accessible(page)


def test_an_export_waits_for_two_people_and_is_done_once(console: Served, kim: Caller, opens: Opens, kek: Kek) -> None:
    key = console.kit.key(kim, "ec-p256", "apv-tenant", group=GROUP).key.id
    admin = opens("first-admin")
    admin.goto(f"/groups/{GROUP}/edit")
    for label in ("Export", "Give to another owner"):
        admin.get_by_label(label, exact=True).check()
    admin.get_by_label("Approvers").fill("apv-lee\napv-sam\nnobody")
    admin.get_by_label("Approvals needed").fill("2")
    admin.get_by_role("button", name="Save").click()
    expect(admin.get_by_label("Approvers")).to_have_attribute("aria-invalid", "true")
    require_accessible(admin)
    admin.get_by_label("Approvers").fill("apv-lee\napv-sam")
    admin.get_by_role("button", name="Save").click()
    expect(admin.get_by_role("main")).to_contain_text("2 of apv-lee, apv-sam approve these before they happen")
    admin.get_by_text("What it leaves open").click()
    expect(admin.get_by_role("main")).to_contain_text("take this policy off alone")
    require_accessible(admin)

    owner = opens("apv-kim")
    fill_export(owner, key, kek)
    expect(owner.get_by_role("main")).to_contain_text("2 of apv-lee, apv-sam approve an export before it happens")
    owner.get_by_role("button", name="Export", exact=True).click()
    expect(owner.get_by_role("alert")).to_contain_text("waits for 2 approvals")
    expect(owner.get_by_role("alert")).to_contain_text("come back to this page and do the same again")
    require_accessible(owner)
    owner.get_by_role("link", name="See the request").click()
    expect(owner.get_by_role("main")).to_contain_text("It waits for others")
    expect(owner.get_by_role("button", name="Approve")).to_have_count(0)
    require_accessible(owner)

    for name in ("apv-lee", "apv-sam"):
        look_and_approve(opens(name), name, ("apv-tenant", key, kek.identifier.lower(), "apv-kim", "azure"))

    owner.reload()
    expect(owner.get_by_role("main")).to_contain_text("It is approved.")
    fill_export(owner, key, kek)
    with owner.expect_download() as started:
        owner.get_by_role("button", name="Export", exact=True).click()
    assert started.value.suggested_filename == "apv-tenant.byok"
    fill_export(owner, key, kek)
    owner.get_by_role("button", name="Export", exact=True).click()
    expect(owner.get_by_role("alert")).to_contain_text("waits for 2 approvals")
    owner.get_by_role("link", name="See the request").click()
    owner.get_by_role("button", name="Withdraw the request").click()
    expect(owner.get_by_role("status")).to_contain_text("withdrawn")
    owner.goto("/approvals?which=mine")
    expect(owner.get_by_role("row")).to_have_count(3)
    require_accessible(owner)


def test_a_rejection_and_a_policy_of_a_key(console: Served, kim: Caller, opens: Opens) -> None:
    cover(console, "membership")
    key = console.kit.key(kim, "ec-p256", "apv-own", group=GROUP, activated=False).key.id
    owner = opens("apv-kim")
    owner.goto(f"/keys/{key}/edit")
    for label in ("Destroy", "Change this policy"):
        owner.get_by_label(label, exact=True).check()
    owner.get_by_label("Approvers").fill("apv-lee")
    require_accessible(owner)
    owner.get_by_role("button", name="Save").click()
    expect(owner.get_by_role("heading", name="this key")).to_be_visible()
    require_accessible(owner)

    owner.goto(f"/keys/{key}/destroy")
    owner.get_by_label("name").fill("apv-own")
    owner.get_by_role("button", name="Destroy").click()
    expect(owner.get_by_role("alert")).to_contain_text("apv-lee")
    approver = opens("apv-lee")
    approver.goto("/approvals")
    approver.get_by_role("link", name="Destroy a key").click()
    approver.get_by_role("button", name="Reject").click()
    expect(approver.get_by_role("status")).to_contain_text("rejected")
    require_accessible(approver)

    owner.goto(f"/keys/{key}/edit")
    owner.get_by_label("Destroy", exact=True).uncheck()
    owner.get_by_label("Change this policy", exact=True).uncheck()
    owner.get_by_role("button", name="Save").click()
    expect(owner.get_by_role("alert")).to_contain_text("needs the approval of others")
    owner.goto(f"/keys/{key}/edit")
    owner.get_by_label("Key Description").fill("still covered")
    owner.get_by_role("button", name="Save").click()
    expect(owner.get_by_role("status")).to_contain_text("The key was changed.")


def test_the_server_and_an_account_are_opened_further_once_that_is_approved(console: Served, kim: Caller) -> None:
    custody, admin = console.kit.custody, console.kit.administrator
    custody.server_policy.edit(admin, ServerPolicyEdit(second_factor_roles=(Role.AUDITOR,)))
    custody.users.edit(admin, "apv-kim", UserEdit(networks=()))
    cover(console, "server-policy", "account-networks")
    lee = console.kit.sign_in("apv-lee")
    pages = {
        "/settings/networks": ("Change who may come in to the server", {"networks": ""}),
        "/users/apv-kim/edit": ("Let somebody in from further networks", {"groups": GROUP, "role": "key-access-user"}),
    }
    with console.client() as client, console.client() as approver:
        for who, name in ((client, ADMINISTRATOR), (approver, "apv-lee")):
            assert who.post("/sign-in", data={"user_name": name, "password": PASSWORD}).status_code == 303
        for path, (heading, fields) in pages.items():

            def send(path: str = path, fields: dict[str, str] = fields) -> Response:
                shown = client.get(path).text
                hidden = {name: _value(shown, name) for name in ("csrf", "revision")}
                return client.post(path, data={**hidden, **fields})

            answer = send()
            assert answer.status_code == 409, answer.text
            request = answer.text.partition('href="/approvals/')[2].partition('"')[0]
            shown = approver.get(f"/approvals/{request}").text
            assert heading in shown
            assert "from then on" in shown
            custody.approvals.approve(lee, request)
            assert send().status_code == 303
    assert custody.server_policy.show(admin).second_factor_roles == "[]"
    assert custody.users.show(admin, "apv-kim").user.networks is None
    cover(console, "membership")


def _value(page: str, name: str) -> str:
    return page.partition(f'name="{name}" value="')[2].partition('"')[0]


def test_who_is_not_asked_decides_nothing_and_sees_nothing(console: Served, kim: Caller, opens: Opens) -> None:
    cover(console, "membership")
    with console.client() as client:
        answer = client.get("/approvals")
        assert answer.status_code == 303
        assert "/sign-in" in answer.headers["location"]
    admin = opens("first-admin")
    admin.goto("/approvals?which=all")
    require_accessible(admin)
    console.kit.user("apv-stranger")
    other = opens("apv-stranger")
    other.goto("/approvals?which=all")
    expect(other.get_by_role("heading", name="There are no requests")).to_be_visible()
    require_accessible(other)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_window_shows_all_of_it(
    chromium: Browser, console: Served, kim: Caller, scheme: str, kek: Kek
) -> None:
    cover(console, "export")
    key = console.kit.key(kim, "ec-p256", f"apv-narrow-{scheme}", group=GROUP).key.id
    with pytest.raises(ApprovalRequired) as refusal:
        console.kit.export(kim, key, kek)
    options: dict[str, Any] = {"base_url": console.url, "ignore_https_errors": True, "color_scheme": scheme}
    with window(chromium, width=360, height=800, **options) as page:
        sign_in(page, "apv-lee")
        for place in ("/approvals", f"/approvals/{refusal.value.approval_request}"):
            page.goto(place)
            require_accessible(page)
