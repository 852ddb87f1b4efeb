"""Single sign-on with SimpleSAMLphp, a real identity provider, in a real browser."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.looking import require_accessible, window
from tests.web.conftest import Served, serving
from tests.web.simplesamlphp import SimpleSamlPhp, running

from keyferry.custody.provider_writing import NewProvider
from keyferry.custody.providers import ProviderDetail
from keyferry.identity.saml.addresses import ServiceProvider
from keyferry.testing import Kit

ALICE = ("alice", "alice-at-the-idp")
BOB = ("bob", "bob-at-the-idp")


@dataclass(frozen=True)
class Pair:
    """A console and an identity provider, and how one is made known to the other."""

    served: Served
    idp: SimpleSamlPhp

    @property
    def kit(self) -> Kit:
        return self.served.kit

    def connect(
        self, name: str, *, enabled: bool = True, there: dict[str, Any] | None = None, **more: Any
    ) -> ProviderDetail:
        """As an Administrator does on this side, and whoever runs the provider on the other."""
        configuration = {"metadata": self.idp.metadata(), **more.pop("configuration", {})}
        mapping = more.pop("mapping", {"user_name": "mail"})
        new = NewProvider(name=name, kind="saml", configuration=configuration, mapping=mapping, **more)
        providers, administrator = self.kit.custody.providers, self.kit.administrator
        made = providers.create(administrator, new)
        sp = ServiceProvider(self.served.url, name)
        self.idp.trust(sp.entity_id, sp.acs_url, sp.slo_url, made.configuration["certificate"], **(there or {}))
        return providers.enable(administrator, name, untested=True) if enabled else made


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    kit = Kit.make(Path(tmp_path_factory.mktemp("console")) / "home", public_url=f"https://127.0.0.1:{port}")
    with running(tmp_path_factory.mktemp("simplesamlphp")) as idp, serving(kit, port=port) as served:
        yield Pair(served, idp)
    kit.close()


@pytest.fixture
def page(chromium: Browser, pair: Pair) -> Iterator[Page]:
    with window(chromium, base_url=pair.served.url, ignore_https_errors=True) as opened:
        yield opened


def at_the_idp(page: Page, person: tuple[str, str]) -> None:
    """The provider's own page, and back."""
    page.locator("#username").fill(person[0])
    page.locator("#password").fill(person[1])
    page.locator("#password").press("Enter")


def test_somebody_signs_in_through_the_provider_and_an_account_is_made(pair: Pair, page: Page) -> None:
    pair.connect("corporate", just_in_time=True)
    page.goto("/sign-in?next=/account")
    require_accessible(page)
    page.get_by_role("link", name="Sign in with corporate").click()
    at_the_idp(page, ALICE)
    page.wait_for_url("**/account")
    expect(page.get_by_text("alice@example.org").first).to_be_visible()
