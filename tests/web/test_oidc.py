"""Single sign-on with oidc-provider, a real OpenID Connect provider, in a real browser; and its tokens for programs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.looking import require_accessible, whole, window
from tests.web.conftest import Served, come_in, serving
from tests.web.oidc_provider import OidcProvider, free_port, oidc_provider

from keyferry.custody.provider_writing import NewProvider
from keyferry.custody.trusted_issuers import NewIssuer
from keyferry.custody.workloads import NewWorkload
from keyferry.material.secret import Secret
from keyferry.testing import Kit

SECRET = "a-secret-of-the-tests"
ROBOT = "pipeline"


@dataclass(frozen=True)
class Pair:
    """A console and a provider, each known to the other."""

    served: Served
    provider: OidcProvider

    @property
    def kit(self) -> Kit:
        return self.served.kit


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    provider = oidc_provider(Path(tmp_path_factory.mktemp("provider")))
    public_url = f"https://127.0.0.1:{free_port()}"
    for name in ("corporate", "strict", "staff"):
        callback = f"{public_url}/sso/{name}"
        provider.clients.append(
            {
                "client_id": name,
                "client_secret": SECRET,
                "redirect_uris": [f"{callback}/callback"],
                "post_logout_redirect_uris": [f"{public_url}/sign-in"],
                "response_types": ["code"],
                "grant_types": ["authorization_code"],
            }
        )
    provider.clients.append(
        {
            "client_id": ROBOT,
            "client_secret": SECRET,
            "grant_types": ["client_credentials"],
            "redirect_uris": [],
            "response_types": [],
        }
    )
    provider.people |= {
        "alice": {"email": "alice@example.org", "email_verified": True, "name": "Alice A.", "groups": ["payers"]},
        "mallory": {"email": "mallory@example.org", "email_verified": False, "groups": []},
    }
    kit = Kit.make(
        Path(tmp_path_factory.mktemp("console")) / "home",
        public_url=public_url,
        identity_hosts=[provider.host],
        identity_ca_file=str(provider.authority.file),
    )
    kit.custody.groups.create(kit.administrator, "payments")
    with provider.serving(), serving(kit, port=int(public_url.rpartition(":")[2])) as served:
        connect(kit, provider, "corporate", just_in_time=True, configuration={"sign_out": True})
        connect(kit, provider, "strict")
        yield Pair(served, provider)
    kit.close()


def connect(kit: Kit, provider: OidcProvider, name: str, **more: Any) -> None:
    """As an Administrator does."""
    configuration = {
        "issuer": provider.url,
        "client_id": name,
        "scopes": "openid email profile groups",
        "userinfo": True,
        **more.pop("configuration", {}),
    }
    mapping = {
        "user_name": "sub",
        "display_name": "name",
        "email": "email",
        "groups": "groups",
        "group_table": {"payers": "payments"},
    }
    new = NewProvider(
        name=name,
        kind="oidc",
        configuration=configuration,
        credential=Secret(SECRET.encode()),
        mapping=mapping,
        **more,
    )
    kit.custody.providers.create(kit.administrator, new)
    kit.custody.providers.enable(kit.administrator, name, untested=True)


@pytest.fixture
def page(chromium: Browser, pair: Pair) -> Iterator[Page]:
    with window(chromium, base_url=pair.served.url, ignore_https_errors=True) as opened:
        yield opened


def at_the_provider(page: Page, name: str) -> None:
    """The provider's own pages, and back."""
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill("any")
    page.locator("button[type=submit]").click()
    page.get_by_role("button", name="Continue").click()


def test_somebody_signs_in_an_account_is_made_and_the_next_time_found(pair: Pair, page: Page) -> None:
    page.goto("/sign-in?next=/account")
    require_accessible(page)
    page.get_by_role("link", name="Sign in with corporate").click()
    at_the_provider(page, "alice")
    page.wait_for_url("**/account")
    expect(page.get_by_text("Alice A.").first).to_be_visible()
    made = pair.kit.custody.users.show(pair.kit.administrator, "alice")
    assert (made.user.email, made.groups) == ("alice@example.org", ("payments",))
    cookies = {each["name"]: each for each in page.context.cookies()}
    assert cookies["__Host-keyferry-session"]["httpOnly"]
    assert "__Host-keyferry-sso" not in cookies

    page.goto("/sign-out")
    page.locator("#main").get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{pair.provider.url}/**")  # where the person says so, too
    page.get_by_role("button", name="Yes, sign me out").click()
    page.wait_for_url(f"{pair.served.url}/sign-in**")

    page.get_by_role("link", name="Sign in with corporate").click()
    at_the_provider(page, "alice")
    page.wait_for_url(f"{pair.served.url}/**")
    expect(page.get_by_role("navigation").first).to_be_visible()
    again = pair.kit.custody.users.show(pair.kit.administrator, "alice")
    assert again.user.id == made.user.id


def test_whom_nobody_has_bound_is_refused_and_told_no_more(pair: Pair, page: Page) -> None:
    pair.kit.custody.gate.refusals.take()
    page.goto("/sso/strict")
    at_the_provider(page, "mallory")
    expect(page.get_by_text("The sign-in was refused.").first).to_be_visible()
    require_accessible(page)
    assert page.url.startswith(f"{pair.served.url}/sso/strict/callback")
    assert "__Host-keyferry-session" not in {each["name"] for each in page.context.cookies()}
    ((refusal, _),) = pair.kit.custody.gate.refusals.take()
    assert refusal.reason == "strict: no account is bound to the subject, and none is made at the first sign-in"


def test_who_refuses_at_the_provider_is_not_signed_in(pair: Pair, page: Page) -> None:
    page.goto("/sso/corporate")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_text("The sign-in was refused.").first).to_be_visible()


def test_what_was_brought_back_is_of_no_use_again_or_elsewhere(pair: Pair, page: Page, chromium: Browser) -> None:
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url) if "/callback?" in request.url else None)
    page.goto("/sso/corporate")
    at_the_provider(page, "alice")
    page.wait_for_url(lambda url: "/callback" not in url and url.startswith(pair.served.url))
    (brought,) = seen
    page.goto(brought)
    expect(page.get_by_text("The sign-in was refused.").first).to_be_visible()
    with window(chromium, base_url=pair.served.url, ignore_https_errors=True) as other:
        other.goto(brought)
        expect(other.get_by_text("The sign-in was refused.").first).to_be_visible()


def test_a_program_comes_in_with_a_token_that_the_provider_has_issued(pair: Pair) -> None:
    kit, audience = pair.kit, "https://keys.example.org/api"
    kit.user("robot", groups=("payments",))
    new = NewIssuer(name="provider", issuer=pair.provider.url, audience=audience, algorithms=("RS256",))
    kit.custody.trusted_issuers.create(kit.administrator, new)
    bound = NewWorkload(name="pipeline", issuer="provider", subject=ROBOT, user="robot", claims={"client_id": ROBOT})
    kit.custody.workloads.create(kit.administrator, bound)
    with httpx2.Client(verify=False) as client:
        answer = client.post(
            f"{pair.provider.url}/token",
            data={"grant_type": "client_credentials", "resource": audience, "scope": "call"},
            auth=(ROBOT, SECRET),
        )
        assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
    with pair.served.client() as client:
        answer = client.get("/api/v1/sessions/current", headers={"Authorization": f"Bearer {token}"})
        assert (answer.json()["user"]["name"], answer.json()["workload_name"]) == ("robot", "pipeline")
        refused = client.get("/api/v1/sessions/current", headers={"Authorization": f"Bearer {token[:-4]}AAAA"})
        assert refused.status_code == 401
        assert refused.json()["detail"] == "The token is not accepted."
        # in a browser's cookie it opens nothing
        client.cookies.set("__Host-keyferry-session", token)
        assert client.get("/account").status_code == 303


def test_an_administrator_sets_a_provider_up_tests_it_and_switches_it_on(pair: Pair, page: Page) -> None:
    come_in(page)
    page.goto("/settings/sso")
    page.get_by_role("link", name="Add OpenID Connect provider").click()
    require_accessible(page)
    page.get_by_label("Name", exact=True).fill("staff")
    page.get_by_label("Issuer").fill("https://evil.example")
    page.get_by_label("Client ID").fill("staff")
    page.get_by_label("Client secret").fill(SECRET)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Requests to evil.example are not allowed.")
    require_accessible(page)
    expect(page.get_by_label("Client secret")).to_have_value("")  # a secret is never given back
    page.get_by_label("Issuer").fill(pair.provider.url)
    page.get_by_label("Client secret").fill(SECRET)
    page.locator("#map_display_name").fill("name")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("staff was created.")).to_be_visible()
    expect(page.locator("#redirect-uri")).to_have_text(f"{pair.served.url}/sso/staff/callback")
    assert SECRET not in whole(page)
    require_accessible(page)
    page.set_viewport_size({"width": 360, "height": 800})
    require_accessible(page)
    page.set_viewport_size({"width": 1280, "height": 900})

    page.get_by_role("link", name="Edit").click()
    require_accessible(page)
    page.get_by_label("Ask for userinfo").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("staff was changed.")).to_be_visible()

    page.get_by_role("link", name="Test sign-in").click()
    at_the_provider(page, "alice")
    page.wait_for_url("**/settings/sso/staff/tested/**")
    expect(page.get_by_text("Alice A.").first).to_be_visible()
    require_accessible(page)
    page.get_by_role("button", name="This is right").click()
    page.get_by_role("button", name="Enable", exact=True).click()
    expect(page.get_by_text("staff is enabled.")).to_be_visible()
