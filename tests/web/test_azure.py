"""Azure at the console: connections, a push into a vault of the emulator, Customer Key requests."""

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.custody.pushing import CONTACTS
from tests.deployments.conftest import connect
from tests.looking import require_accessible, whole, window
from tests.web.conftest import Served, come_in, serving, sign_in

from keyferry.clock import now
from keyferry.clouds.azure.hosts import AllowedHosts
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.custody.customer_key_requests import NewRequest
from keyferry.custody.customer_key_shapes import RequestedKey
from keyferry.custody.deployment_rules import NewDeployment
from keyferry.custody.deployments import LEASE
from keyferry.deployments.server_push import Pushes
from keyferry.emulator.faults import Fault, Kind
from keyferry.emulator.server import Running
from keyferry.testing import ADMINISTRATOR, PASSWORD, Kit

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-aaaaaaaaaaaa"
SECRET = "Zq8~wharf.lantern_Meadow-0042"


@pytest.fixture(scope="module")
def vault_url(emulator: Running) -> str:
    return f"https://{emulator.vaults[0].name.lower()}.vault.azure.net"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, emulator: Running, vault_url: str) -> Iterator[Served]:
    """A console whose server pushes into the emulator's vaults."""
    kit = Kit.make(Path(tmp_path_factory.mktemp("azure")) / "home")
    kit.user("kim", groups=("payments",))
    kit.user("sam", groups=("elsewhere",))
    connect(kit, emulator, vaults=(vault_url,))
    with serving(kit, pushes_by(kit, emulator)) as served:
        yield served
    kit.close()


def pushes_by(kit: Kit, emulator: Running) -> Pushes:
    """What the server does in vaults; every request goes through the emulator's proxy."""
    outgoing = Outgoing(proxy=emulator.proxy_url, ca_file=emulator.ca_file, allowed=AllowedHosts())
    return Pushes(kit.custody, outgoing)


@pytest.fixture
def name() -> str:
    return f"tenant-{secrets.token_hex(4)}"


@contextmanager
def client(console: Served, name: str = ADMINISTRATOR) -> Iterator[httpx2.Client]:
    """Somebody who is signed in."""
    with console.client() as made:
        assert made.post("/sign-in", data={"user_name": name, "password": PASSWORD}).status_code == 303
        yield made


def planned(console: Served, name: str, vault_url: str) -> str:
    """A deployment that nobody has pushed yet; its id."""
    kim = console.kit.sign_in("kim")
    console.kit.key(kim, "rsa-2048", name, group="payments")
    new = NewDeployment(vault=vault_url, name=name, connection="production")
    return console.kit.custody.deployments.plan(kim, name, new).deployment.id


def push(page: Page, name: str, vault_url: str) -> None:
    come_in(page, "kim")
    page.goto("/azure/push")
    page.get_by_label("Key", exact=True).fill(name)
    page.get_by_label("Vault", exact=True).fill(vault_url)
    page.get_by_label("For a Microsoft 365 Customer Key").check()
    require_accessible(page)
    page.get_by_role("button", name="Push").click()
    expect(page.get_by_role("heading", name="Steps")).to_be_visible()


def test_a_key_is_pushed_and_followed_to_its_proof(page: Page, console: Served, name: str, vault_url: str) -> None:
    console.kit.key(console.kit.sign_in("kim"), "rsa-2048", name, group="payments")
    push(page, name, vault_url)
    expect(page.get_by_text("It was proved", exact=True)).to_be_visible(timeout=60_000)
    expect(page.get_by_text("arrived and proved", exact=True)).to_be_visible()
    page.reload()
    require_accessible(page)

    page.get_by_role("button", name="Look into the vault").click()
    expect(page.get_by_role("status").filter(has_text="as it should be")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("in step").first).to_be_visible()

    with page.expect_download(timeout=30_000) as begun:
        page.get_by_role("button", name="Back up, and download").click()
    assert begun.value.suggested_filename == f"{name}.keybackup"
    page.reload()
    expect(page.get_by_text("Backed up", exact=True)).to_be_visible()

    page.goto("/azure")
    expect(page.get_by_role("row").filter(has_text=name)).to_contain_text("in step")
    require_accessible(page)


def test_what_stops_a_push_is_told_and_it_goes_on_from_there(
    page: Page, console: Served, emulator: Running, name: str, vault_url: str
) -> None:
    id_ = planned(console, name, vault_url)
    come_in(page, "kim")
    page.goto(f"/azure/deployments/{id_}")
    emulator.emulator.faults.add(Fault(kind=Kind.FORBIDDEN, operation="import", vault=emulator.vaults[0].name))
    try:
        page.get_by_role("button", name="Push on").click()
        expect(page.get_by_role("heading", name="What stopped it")).to_be_visible(timeout=60_000)
    finally:
        emulator.emulator.faults.clear()
    page.goto(f"/azure/deployments/{id_}")
    expect(page.get_by_text(re.compile("stopped at"))).to_be_visible()
    require_accessible(page)
    page.get_by_role("button", name="Push on").click()
    expect(page.get_by_text("It was proved", exact=True)).to_be_visible(timeout=60_000)


def test_a_push_is_followed_on_the_keys_page_and_on_azures_without_reloading(
    page: Page, console: Served, emulator: Running, name: str, vault_url: str
) -> None:
    key = console.kit.key(console.kit.sign_in("kim"), "rsa-2048", name, group="payments").key.id
    emulator.emulator.faults.add(
        Fault(kind=Kind.THROTTLE, operation="import", vault=emulator.vaults[0].name, retry_after=4)
    )
    push(page, name, vault_url)
    page.goto(f"/keys/{key}")
    row = page.locator("#deployed").get_by_role("row").filter(has_text=name)
    expect(row).to_contain_text("being pushed")
    expect(page.get_by_role("link", name="look again")).to_be_visible()
    require_accessible(page)
    expect(row).to_contain_text("arrived and proved", timeout=60_000)
    expect(page.locator("#said")).to_contain_text(f"{name}: arrived and proved. It was proved.")
    expect(page.locator("#deployed")).not_to_have_attribute("data-hx-get", re.compile("."))
    require_accessible(page)


def test_a_push_that_is_refused_when_nobody_waits_any_more_is_told_on_both_pages(
    console: Served, name: str, vault_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keyferry.web.pushing._AT_ONCE", 0)
    id_ = planned(console, name, vault_url)
    deployments, kim = console.kit.custody.deployments, console.kit.sign_in("kim")
    key = deployments.show(kim, id_).key.id
    console.kit.custody.states.rotate(kim, key)
    with client(console, "kim") as browser:
        token = browser.get(f"/azure/deployments/{id_}").text.partition('name="csrf" value="')[2].partition('"')[0]
        assert browser.post(f"/azure/deployments/{id_}/run", data={"csrf": token}).status_code == 303
        for _ in range(100):
            if deployments.show(kim, id_).deployment.problem:
                break
            time.sleep(0.05)
        for page in (f"/azure/deployments/{id_}", f"/keys/{key}", "/azure"):
            text = unescape(browser.get(page).text)
            assert "version 1 is no longer its current one" in text, page
            assert "Plan a new deployment, of the key's current version." in text, page
            assert "stopped at planned" in text, page


def test_a_push_whose_server_was_stopped_says_so(console: Served, name: str, vault_url: str) -> None:
    id_ = planned(console, name, vault_url)
    kim = console.kit.sign_in("kim")
    console.kit.custody.deployments.lease(kim, id_)
    with client(console, "kim") as browser:
        assert "being pushed" in browser.get(f"/azure/deployments/{id_}").text
        unchanged = browser.get(f"/azure/deployments/{id_}?seen=planned.running", headers={"hx-request": "true"})
        assert unchanged.status_code == 204
        ahead = now() + 2 * LEASE
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("keyferry.web.deployment_words.clock_now", lambda: ahead)
            text = browser.get(f"/azure/deployments/{id_}?seen=planned.running", headers={"hx-request": "true"}).text
    assert "its server was stopped" in text
    assert 'data-hx-trigger="every' not in text


def test_a_push_that_cannot_be_is_refused_beside_the_field(page: Page, console: Served, vault_url: str) -> None:
    sign_in(page, "kim")
    for given, field in ((("no-such-key", vault_url), "Key"), (("", "contoso"), "Vault")):
        key, vault = given
        page.goto("/azure/push")
        if not key:
            key = f"k{secrets.token_hex(4)}"
            console.kit.key(console.kit.sign_in("kim"), "ec-p256", key, group="payments")
        page.get_by_label("Key", exact=True).fill(key)
        page.get_by_label("Vault", exact=True).fill(vault)
        page.get_by_role("button", name="Push").click()
        if field == "Vault":
            expect(page.get_by_label("Vault", exact=True)).to_have_attribute("aria-invalid", "true")
            expect(page.get_by_label("Key", exact=True)).to_have_value(key)
        else:
            expect(page.get_by_text("There is no key")).to_be_visible()


def test_a_key_encryption_key_has_a_name_that_vaults_take(console: Served, name: str, vault_url: str) -> None:
    id_ = planned(console, name, vault_url)
    with client(console, "kim") as kim:
        token = kim.get(f"/azure/deployments/{id_}").text.partition('name="csrf" value="')[2].partition('"')[0]
        answer = kim.post(f"/azure/deployments/{id_}/run", data={"csrf": token, "kek_name": "../secrets/x"})
    assert answer.status_code == 422
    assert 'id="kek_name-error"' in answer.text
    kim_ = console.kit.sign_in("kim")
    assert console.kit.custody.deployments.show(kim_, id_).step == "planned"


def test_a_deployment_is_abandoned(page: Page, console: Served, name: str, vault_url: str) -> None:
    id_ = planned(console, name, vault_url)
    come_in(page, "kim")
    page.goto(f"/azure/deployments/{id_}")
    page.get_by_role("button", name="Abandon").click()
    expect(page.get_by_text("The deployment was abandoned.")).to_be_visible()
    expect(page.get_by_role("button", name="Push on")).to_have_count(0)


def test_another_groups_deployment_is_not_there(console: Served, name: str, vault_url: str) -> None:
    id_ = planned(console, name, vault_url)
    with client(console, "sam") as sam:
        assert sam.get(f"/azure/deployments/{id_}").status_code == 404
        assert name not in sam.get("/azure").text
    with client(console) as administrator:
        text = administrator.get(f"/azure/deployments/{id_}").text
        assert name in text
        assert "Push on" not in text


def test_a_connection_is_made_and_changed_and_its_credential_is_never_shown(page: Page, vault_url: str) -> None:
    come_in(page)
    page.goto("/azure")
    page.get_by_role("link", name="Add connection").click()
    require_accessible(page)
    page.get_by_label("Name", exact=True).fill("staging")
    page.get_by_label("Directory (tenant) ID").fill("nonsense")
    page.get_by_label("Application (client) ID").fill(CLIENT)
    page.get_by_label("Client secret").fill(SECRET)
    page.get_by_label("Vaults that it may reach").fill(vault_url)
    page.get_by_label("payments").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Directory (tenant) ID")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Client secret")).to_have_value("")
    assert SECRET not in whole(page)

    page.get_by_label("Directory (tenant) ID").fill(TENANT)
    page.get_by_label("Client secret").fill(SECRET)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The connection staging was created.")).to_be_visible()
    expect(page.get_by_text("client secret, set")).to_be_visible()
    assert SECRET not in whole(page)
    require_accessible(page)

    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Disabled").check()
    require_accessible(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("disabled", exact=True)).to_be_visible()

    page.get_by_role("link", name="Delete").click()
    page.get_by_label("Name").fill("production")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Name").fill("staging")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The connection staging was deleted.")).to_be_visible()


def test_a_connection_that_is_not_granted_is_not_there(console: Served) -> None:
    with client(console, "sam") as sam:
        assert sam.get("/azure/connections/production").status_code == 404
    with client(console, "kim") as kim:
        assert kim.get("/azure/connections/production").status_code == 200


def test_a_customer_key_request_is_drafted_and_followed(page: Page, console: Served, vault_url: str) -> None:
    names = [f"ck-{secrets.token_hex(4)}" for _ in range(2)]
    for each in names:
        planned(console, each, vault_url)
    come_in(page, "kim")
    page.goto("/azure/customer-key/new")
    require_accessible(page)
    page.get_by_label("Microsoft 365 tenant ID").fill(TENANT)
    for number, each in enumerate(names, 1):
        label = f"{each}: {each} at {vault_url}"
        page.get_by_label(f"Where key {number} is deployed").select_option(label=label)
        page.get_by_label(f"Subscription ID of key {number}").fill(f"00000000-0000-0000-0000-00000000000{number}")
    page.get_by_label("Organization").fill("Contoso")
    for who in ("Primary contact", "Authorized officer"):
        page.get_by_label(f"{who}: name", exact=True).fill("Kim")
        page.get_by_label(f"{who}: e-mail", exact=True).fill("kim@example.org")
        page.get_by_label(f"{who}: telephone", exact=True).fill("none" if who.startswith("A") else "+44 20 7946 0000")
    page.get_by_role("button", name="Save draft").click()
    telephone = page.get_by_label("Authorized officer: telephone", exact=True)
    expect(telephone).to_have_attribute("aria-invalid", "true")
    telephone.fill("+44 20 7946 0001")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("The request was drafted.")).to_be_visible()
    expect(page.get_by_text("not in its vault yet").first).to_be_visible()
    require_accessible(page)

    page.get_by_role("button", name="Record that it validates").click()
    expect(page.get_by_role("alert")).to_contain_text("is not in its vault yet")

    page.get_by_role("link", name="Edit").click()
    require_accessible(page)
    expect(telephone).to_have_value("+44 20 7946 0001")
    page.get_by_label("Organization", exact=True).fill("Fabrikam")
    page.get_by_label("Subscription ID of key 2").fill("none")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Subscription ID of key 2")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Subscription ID of key 2").fill("00000000-0000-0000-0000-000000000009")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The request was changed.")).to_be_visible()
    for text in ("Fabrikam", "00000000-0000-0000-0000-000000000009"):
        expect(page.get_by_text(text).first).to_be_visible()

    page.goto("/azure/customer-key")
    expect(page.get_by_role("row").filter(has_text=TENANT)).to_contain_text("draft")
    require_accessible(page)


def test_the_server_checks_a_requests_keys_where_they_are(
    page: Page, console: Served, emulator: Running, vault_url: str
) -> None:
    kim, pushes = console.kit.sign_in("kim"), pushes_by(console.kit, emulator)
    keys = []
    for number in (1, 2):
        id_ = planned(console, f"ck-{secrets.token_hex(4)}", vault_url)
        pushes.run(kim, id_)
        keys.append(RequestedKey(deployment=id_, subscription_id=f"00000000-0000-0000-0000-00000000000{number}"))
    new = NewRequest(organization_id=TENANT, keys=(keys[0], keys[1]), contacts=CONTACTS, workloads=("exchange",))
    made = console.kit.custody.customer_key_requests.draft(kim, new).request.id
    come_in(page, "kim")
    page.goto(f"/azure/customer-key/{made}")
    require_accessible(page)
    page.get_by_text("Where Microsoft Graph shows no service principals").click()
    page.get_by_label("Service principals").fill("exchange=nobody")
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_label("Service principals")).to_have_attribute("aria-invalid", "true")
    require_accessible(page)
    page.get_by_label("Service principals").fill("")
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_role("status").filter(has_text="Not all is as it has to be")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("fails").first).to_be_visible()
    expect(page.get_by_text("As found at")).to_contain_text("by the server")
    require_accessible(page)

    page.get_by_role("button", name="Record that it validates").click()
    word = page.get_by_label("I checked it in Exchange Online PowerShell myself")
    expect(word).to_have_attribute("aria-invalid", "true")
    word.check()
    page.get_by_role("button", name="Record that it validates").click()
    expect(page.get_by_label("Note")).to_have_attribute("aria-invalid", "true")
    require_accessible(page)
    page.get_by_label("Note").fill("The cmdlet answered Success")
    page.get_by_role("button", name="Record that it validates").click()
    expect(page.get_by_text("The request is validated now.")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="vouched for")).to_contain_text("The cmdlet answered Success")


def test_a_server_without_the_sdk_says_what_to_install(chromium: Browser, tmp_path: Path) -> None:
    kit = Kit.make(tmp_path / "home")
    kit.user("kim", groups=("payments",))
    with serving(kit) as served, window(chromium, width=360, base_url=served.url, ignore_https_errors=True) as page:
        come_in(page, "kim")
        page.goto("/azure")
        expect(page.get_by_text("pip install 'keyferry[azure]'")).to_be_visible()
        require_accessible(page)
        page.goto("/azure/push")
        expect(page.get_by_text("pip install 'keyferry[azure]'")).to_be_visible()
        require_accessible(page)
    kit.close()
