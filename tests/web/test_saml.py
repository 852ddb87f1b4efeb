"""Single sign-on with SimpleSAMLphp, a real identity provider, in a real browser."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.looking import require_accessible, window
from tests.web.conftest import Served, serving, sign_in
from tests.web.simplesamlphp import SimpleSamlPhp, running

from keyferry.custody.identity_binding import NewIdentity
from keyferry.custody.provider_writing import NewProvider, ProviderEdit
from keyferry.custody.providers import ProviderDetail
from keyferry.identity.saml.addresses import ServiceProvider
from keyferry.testing import ADMINISTRATOR, PASSWORD, Kit

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


def fill_in(page: Page, label: str, text: str) -> None:
    page.get_by_label(label, exact=False).first.fill(text)


def test_an_administrator_sets_a_provider_up_tests_it_and_switches_it_on(  # noqa: PLR0915  # one story
    pair: Pair, page: Page, tmp_path: Path
) -> None:
    metadata = tmp_path / "idp.xml"
    metadata.write_text(pair.idp.metadata())
    pair.kit.group("payments")
    sign_in(page)
    page.goto("/settings")
    page.get_by_role("link", name="Single sign-on").click()
    require_accessible(page)
    page.get_by_role("link", name="Add SAML provider").click()
    require_accessible(page)
    page.locator("#name").fill("set-up")
    page.locator("#metadata").set_input_files(metadata)
    page.locator("#map_user_name").fill("mail")
    page.locator("#map_groups").fill("groups")
    page.locator("#group_table").fill("pay = payments")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Test a sign-in, then enable it.")).to_be_visible()
    require_accessible(page)
    acs = page.locator("#acs-url").inner_text()
    assert acs == f"{pair.served.url}/sso/set-up/acs"

    page.get_by_role("button", name="Enable", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Sign-in was not tested")

    detail = pair.kit.custody.providers.show(pair.kit.administrator, "set-up")
    sp = ServiceProvider(pair.served.url, "set-up")
    pair.idp.trust(sp.entity_id, sp.acs_url, sp.slo_url, detail.configuration["certificate"])
    page.goto("/settings/sso/set-up")
    page.get_by_role("link", name="Test sign-in").click()
    at_the_idp(page, ALICE)
    expect(page.get_by_role("heading", name="What set-up said")).to_be_visible()
    require_accessible(page)
    for shown in ("alice@example.org", "payments", "pay"):
        expect(page.get_by_text(shown, exact=False).first).to_be_visible()
    page.get_by_role("button", name="This is right").click()
    expect(page.get_by_text("The sign-in was tested")).to_be_visible()
    page.get_by_role("button", name="Enable", exact=True).click()
    expect(page.get_by_text("set-up is enabled.")).to_be_visible()
    users = pair.kit.custody.users.list(pair.kit.administrator, size=100).items
    assert all(each.user.name != "alice@example.org" or each.groups == () for each in users)

    page.get_by_role("link", name="Edit").click()
    require_accessible(page)
    page.locator("#clock_skew").fill("60")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("set-up was changed.")).to_be_visible()
    found = pair.kit.custody.providers.show(pair.kit.administrator, "set-up")
    assert (found.provider.clock_skew, found.provider.enabled) == (60, True)
    assert found.provider.tested_at is not None
    page.get_by_role("link", name="Disable").click()
    expect(page.get_by_text("No session is open that it has opened.")).to_be_visible()
    require_accessible(page)
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_text("set-up is disabled.")).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    require_accessible(page)
    page.get_by_label("Name").fill("set-up")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The identity provider set-up was deleted.")).to_be_visible()


def test_a_sign_in_that_begins_at_the_provider(pair: Pair, page: Page) -> None:
    pair.connect("portal", just_in_time=True, configuration={"idp_initiated": True}, mapping={"user_name": "uid"})
    sp = ServiceProvider(pair.served.url, "portal")
    page.goto(f"{pair.idp.url}/saml2/idp/SSOService.php?spentityid={sp.entity_id}&RelayState=/keys")
    at_the_idp(page, BOB)
    page.wait_for_url(f"{pair.served.url}/**")
    page.goto("/account")
    expect(page.get_by_text("bob").first).to_be_visible()


def test_it_is_refused_where_that_is_not_allowed(pair: Pair, page: Page) -> None:
    pair.connect("strict", just_in_time=True)
    sp = ServiceProvider(pair.served.url, "strict")
    page.goto(f"{pair.idp.url}/saml2/idp/SSOService.php?spentityid={sp.entity_id}")
    at_the_idp(page, BOB)
    expect(page.get_by_role("heading", name="Sign-in refused")).to_be_visible()
    require_accessible(page)
    page.goto("/account")
    page.wait_for_url("**/sign-in?**")


def test_an_assertion_is_encrypted_and_requests_are_signed(pair: Pair, page: Page) -> None:
    """This provider knows AES-CBC alone, which is taken once an Administrator says so."""
    there = {"assertion.encryption": True, "validate.authnrequest": True, "redirect.validate": True}
    pair.connect("sealed", just_in_time=True, there=there, configuration={"require_encryption": True})
    pair.kit.custody.identities.bind(
        pair.kit.administrator, ADMINISTRATOR, NewIdentity(provider="sealed", user_name="bob@example.org")
    )
    page.goto("/sso/sealed?next=/account")
    at_the_idp(page, BOB)
    expect(page.get_by_role("heading", name="Sign-in refused")).to_be_visible()
    edit = ProviderEdit(configuration={"allow_cbc": True}, untested=True)
    pair.kit.custody.providers.edit(pair.kit.administrator, "sealed", edit)
    page.goto("/sso/sealed?next=/account")  # the provider knows the person by now
    page.wait_for_url("**/account")
    expect(page.get_by_text(ADMINISTRATOR).first).to_be_visible()


def test_signing_out_here_signs_out_there(pair: Pair, page: Page) -> None:
    pair.connect("both-ways", just_in_time=True, mapping={"user_name": "uid"})
    page.goto("/sso/both-ways")
    at_the_idp(page, ALICE)
    page.wait_for_url(f"{pair.served.url}/")
    page.goto("/sign-out")
    page.locator("#main").get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in?notice=signed-out-everywhere")
    expect(page.get_by_role("status")).to_contain_text("here and at your identity provider")
    page.goto("/sso/both-ways")
    expect(page.locator("#password")).to_be_visible()  # the provider asks again


def test_a_session_that_a_code_has_completed_is_signed_out_there_and_ends_with_the_provider(
    pair: Pair, page: Page, chromium: Browser
) -> None:
    kit = pair.kit
    detail = pair.connect("with-a-code", mapping={"user_name": "mail", "subject": "mail"})
    app = kit.set_up_app(kit.user("coded"))
    identity = NewIdentity(provider="with-a-code", subject="alice@example.org")
    kit.custody.identities.bind(kit.administrator, "coded", identity)

    def come(code: str) -> None:
        page.goto("/sso/with-a-code")
        at_the_idp(page, ALICE)
        page.locator("#code").fill(code)
        page.locator("#code").press("Enter")
        page.wait_for_url(f"{pair.served.url}/")

    come(app.recovery_codes[0])
    page.goto("/sign-out")
    page.locator("#main").get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in?notice=signed-out-everywhere")
    come(app.recovery_codes[1])
    assert kit.custody.providers.show(kit.administrator, "with-a-code").opened.sessions == 1
    with window(chromium, base_url=pair.served.url, ignore_https_errors=True) as other:
        sign_in(other)
        other.goto(f"/settings/sso/{detail.provider.name}/disable")
        expect(other.get_by_text("1 session that it has opened ends at once")).to_be_visible()
        require_accessible(other)
        other.get_by_role("button", name="Disable").click()
        expect(other.get_by_text("with-a-code is disabled. 1 session ended.")).to_be_visible()
    page.goto("/account")
    page.wait_for_url("**/sign-in?**")


def test_signing_out_there_signs_out_here(pair: Pair, page: Page) -> None:
    pair.connect("there", just_in_time=True, mapping={"user_name": "mail", "subject": "mail"})
    page.goto("/sso/there")
    at_the_idp(page, ALICE if _is_free(pair, "alice@example.org") else BOB)
    page.wait_for_url(f"{pair.served.url}/")
    page.goto(f"{pair.idp.url}/saml2/idp/SingleLogoutService.php?ReturnTo={pair.idp.url}/logout.php")
    page.wait_for_timeout(500)
    page.goto("/account")
    page.wait_for_url("**/sign-in?**")


def _is_free(pair: Pair, name: str) -> bool:
    users = pair.kit.custody.users.list(pair.kit.administrator, size=100).items
    return all(each.user.name != name for each in users)


def test_a_user_is_added_who_authenticates_via_sso(pair: Pair, page: Page) -> None:
    pair.connect("for-users", mapping={"user_name": "mail", "subject": "mail"})
    sign_in(page)
    page.goto("/users/new")
    page.locator("#name").fill("bobby")
    page.get_by_label("Authenticate via SSO").check()
    page.get_by_label("Identity provider").select_option("for-users")
    page.get_by_label("Username there").fill("Bob@Example.org")
    require_accessible(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The user bobby was created.")).to_be_visible()
    expect(page.get_by_text("nobody has come yet")).to_be_visible()
    require_accessible(page)
    page.goto("/sign-out")
    page.locator("#main").get_by_role("button", name="Sign out").click()
    page.goto("/sso/for-users?next=/account")
    at_the_idp(page, BOB)
    page.wait_for_url("**/account")
    expect(page.get_by_text("bobby").first).to_be_visible()
    user = pair.kit.custody.users.show(pair.kit.administrator, "bobby").user
    assert user.password_hash is None
    (bound,) = pair.kit.custody.identities.list(pair.kit.administrator, user="bobby")
    assert bound.identity.subject == "bob@example.org"


def test_the_form_says_nothing_of_sso_where_no_provider_is_enabled(console: Served) -> None:
    with console.client() as client:
        client.post("/sign-in", data={"user_name": ADMINISTRATOR, "password": PASSWORD})
        assert "Authenticate via SSO" not in client.get("/users/new").text
