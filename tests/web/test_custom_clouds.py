"""A cloud whose addresses are given by hand: a connection to it is made at the console, and a key pushed through it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.looking import require_accessible, whole
from tests.web.conftest import Served, come_in, serving, sign_in

from keyferry.clouds.azure.hosts import AllowedHosts
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.deployments.server_push import Pushes
from keyferry.emulator.server import Running
from keyferry.testing import Kit


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, emulator: Running) -> Iterator[Served]:
    """A console whose server may send requests to the emulator at its own address."""
    kit = Kit.make(Path(tmp_path_factory.mktemp("custom")) / "home")
    kit.user("kim", groups=("payments",))
    allowed = AllowedHosts.adding([emulator.url.removeprefix("https://")])
    with serving(kit, Pushes(kit.custody, Outgoing(ca_file=emulator.ca_file, allowed=allowed))) as served:
        yield served
    kit.close()


def fill(page: Page, emulator: Running, name: str) -> None:
    """Everything but the cloud."""
    page.goto("/azure/connections/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Directory (tenant) ID").fill(emulator.tenant_id)
    page.get_by_label("Application (client) ID").fill(emulator.client_id)
    page.get_by_label("Client secret").fill(emulator.client_secret_file.read_text().strip())
    page.get_by_label("Vaults that it may reach").fill(emulator.url)
    page.get_by_label("payments").check()


def test_a_connection_to_a_custom_cloud_is_made_at_the_console_and_a_key_pushed_through_it(
    page: Page, console: Served, emulator: Running
) -> None:
    sign_in(page)
    fill(page, emulator, "stack")
    authority = page.get_by_label("Sign-in address", exact=True)
    expect(authority).not_to_be_visible()
    page.get_by_text("Another cloud: addresses given by hand").click()
    expect(page.get_by_text("Whoever answers at these addresses is given the credential")).to_be_visible()
    require_accessible(page)
    page.get_by_label("Use the addresses below").check()
    authority.fill(emulator.url.replace("https:", "http:"))
    page.get_by_label("Resource Manager address").fill(emulator.url)
    page.get_by_label("Vault suffix", exact=True).fill(".vaults.example.net")
    page.get_by_label("Require that a vault's challenge names its host").uncheck()
    page.get_by_role("button", name="Save").click()

    expect(authority).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Require that a vault's challenge names its host")).not_to_be_checked()
    require_accessible(page)
    authority.fill(emulator.url)
    page.get_by_label("Client secret").fill(emulator.client_secret_file.read_text().strip())
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The connection stack was created.")).to_be_visible()
    expect(page.get_by_text("may name another resource than its host")).to_be_visible()
    require_accessible(page)
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_text("another, at addresses of its own")).to_be_visible()
    page.get_by_label("Description").fill("The emulator, at its own address")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The connection was changed.")).to_be_visible()
    kept = console.kit.custody.connections.show(console.kit.administrator, "stack").connection
    assert kept.cloud == "custom"

    console.kit.key(console.kit.sign_in("kim"), "ec-p256", "by-hand", group="payments")
    page.context.clear_cookies()
    come_in(page, "kim")
    page.goto("/azure/push")
    page.get_by_label("Key", exact=True).fill("by-hand")
    page.get_by_label("Vault", exact=True).fill(emulator.url)
    page.get_by_role("button", name="Push").click()
    expect(page.get_by_text("It was proved", exact=True)).to_be_visible(timeout=60_000)


def test_addresses_that_were_typed_and_not_chosen_are_not_let_fall_in_silence(
    page: Page, console: Served, emulator: Running
) -> None:
    sign_in(page)
    fill(page, emulator, "half")
    page.get_by_text("Another cloud: addresses given by hand").click()
    page.get_by_label("Sign-in address", exact=True).fill(emulator.url)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Use the addresses below")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Sign-in address", exact=True)).to_have_value(emulator.url)
    assert emulator.client_secret_file.read_text().strip() not in whole(page)
    made = console.kit.custody.connections.list(console.kit.administrator, size=10).items
    assert "half" not in [each.connection.name for each in made]
