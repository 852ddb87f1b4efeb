"""Workloads in the console: an issuer is trusted, a program bound, and neither any more."""

import json

import pytest
from playwright.sync_api import Page, expect
from tests.identity.minting import AUDIENCE, SUBJECT, Issuer
from tests.looking import require_accessible
from tests.web.conftest import Served, come_in, sign_in

from keyferry.custody.issuer_facts import NewKeys
from keyferry.custody.trusted_issuers import NewIssuer
from keyferry.custody.workloads import NewWorkload

GITHUB = "https://token.actions.githubusercontent.com"


def may_call(console: Served, token: str) -> bool:
    with console.client() as client:
        answer = client.get("/api/v1/sessions/current", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in {200, 401}
    return answer.status_code == 200


def test_an_administrator_trusts_an_issuer_and_binds_a_program(console: Served, page: Page) -> None:
    console.kit.user("deployer", groups=("deploying",))
    issuer = Issuer(GITHUB)
    come_in(page)
    page.goto("/settings")
    page.get_by_role("link", name="Workloads").click()
    require_accessible(page)
    page.get_by_role("link", name="Trust an issuer").first.click()
    require_accessible(page)
    page.get_by_label("Name", exact=True).fill("github")
    page.get_by_label("Issuer", exact=True).fill(GITHUB)
    page.get_by_label("Audience").fill(AUDIENCE)
    page.get_by_label("As given here").check()
    page.get_by_label("Keys", exact=False).last.fill(json.dumps(issuer.key_set))
    page.get_by_role("button", name="Trust").click()
    expect(page.get_by_text("The issuer github is trusted.")).to_be_visible()
    require_accessible(page)

    page.get_by_role("link", name="Bind a workload").click()
    require_accessible(page)
    page.get_by_label("Name", exact=True).fill("deploy")
    page.get_by_label("Subject").fill(SUBJECT)
    page.get_by_label("Further claims").fill("environment=production\nrun_attempt:=1")
    page.get_by_label("User").fill("deployer")
    page.get_by_role("button", name="Bind").click()
    expect(page.get_by_text("The workload deploy now acts as deployer.")).to_be_visible()
    expect(page.get_by_text("environment = production")).to_be_visible()
    require_accessible(page)
    page.set_viewport_size({"width": 360, "height": 800})
    require_accessible(page)
    page.set_viewport_size({"width": 1280, "height": 900})
    token = issuer.mint(environment="production", run_attempt=1)
    assert may_call(console, token)

    page.get_by_role("button", name="Revoke deploy").click()
    expect(page.get_by_text("The workload deploy comes in no more.")).to_be_visible()
    assert not may_call(console, token)

    page.get_by_role("link", name="github").click()
    page.get_by_role("link", name="Edit").click()
    require_accessible(page)
    page.get_by_label("Disabled").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The issuer was changed.")).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    require_accessible(page)
    page.get_by_label("Name of the issuer").fill("gitlab")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("alert")).to_contain_text("What was typed is not the issuer's name.")
    page.get_by_label("Name of the issuer").fill("github")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The issuer github is trusted no longer.")).to_be_visible()


def test_a_person_sees_and_ends_what_acts_as_them(console: Served, page: Page) -> None:
    kit = console.kit
    kit.user("acted-for", groups=("deploying",))
    given = NewKeys(document=json.dumps(Issuer("https://gitlab.com").key_set))
    new = NewIssuer(name="gitlab", issuer="https://gitlab.com", audience=AUDIENCE, keys=given)
    kit.custody.trusted_issuers.create(kit.administrator, new)
    bound = NewWorkload(name="nightly", issuer="gitlab", subject=SUBJECT, user="acted-for")
    kit.custody.workloads.create(kit.administrator, bound)
    token = Issuer("https://gitlab.com").mint()
    assert may_call(console, token)
    come_in(page, "acted-for")
    page.goto("/account")
    expect(page.get_by_role("cell", name=SUBJECT)).to_be_visible()
    require_accessible(page)
    page.get_by_role("button", name="Revoke nightly").click()
    expect(page.get_by_text("The workload nightly comes in no more.")).to_be_visible()
    expect(page.get_by_role("button", name="Revoke nightly")).to_have_count(0)
    assert not may_call(console, token)


def test_what_was_refused_stands_beside_its_field(console: Served, page: Page) -> None:
    come_in(page)
    page.goto("/settings/workloads/issuers/new")
    page.get_by_label("Name", exact=True).fill("evil")
    page.get_by_label("Issuer", exact=True).fill("https://evil.example")
    page.get_by_label("Audience").fill("a")
    page.get_by_role("button", name="Trust").click()
    expect(page.locator("#issuer-error")).to_contain_text("Requests to evil.example are not allowed.")
    expect(page.get_by_label("Issuer", exact=True)).to_have_value("https://evil.example")
    require_accessible(page)
    page.get_by_label("Issuer", exact=True).fill("https://gitlab.com")
    page.get_by_label("At an address").check()
    page.get_by_role("button", name="Trust").click()
    expect(page.locator("#jwks_url-error")).to_contain_text("The keys are missing.")


@pytest.mark.parametrize("path", ["", "/new", "/issuers/new"])
def test_a_key_access_user_has_no_such_page(console: Served, page: Page, path: str) -> None:
    name = f"reader{path.replace('/', '-')}"
    console.kit.user(name)
    sign_in(page, name)
    answer = page.goto(f"/settings/workloads{path}")
    assert answer is not None
    assert answer.status == 403
