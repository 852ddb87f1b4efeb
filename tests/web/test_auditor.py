"""An Auditor at the console: sees everything but secrets, is offered nothing that changes anything, and cannot."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.routing import Route
from tests.custody.pushing import connect
from tests.looking import require_accessible, window
from tests.web.conftest import Served, serving, sign_in

from keyferry.custody.policy import Role
from keyferry.store.tables import metadata
from keyferry.testing import PASSWORD, Kek, Kit
from keyferry.web.app import _NOUNS

#: what an Auditor may do, as everybody may, with how they sign in themselves
THEIR_OWN = re.compile(r"/(sign-|strength|set-up|account)")
#: rows that come and go with any request
UNTOUCHED = set(metadata.tables) - {"audit_events", "activity", "sign_in_failures", "sign_ins", "counted"}


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, kek: Kek) -> Iterator[Served]:
    """A console with a key, its export, a connection, and an Auditor called iris."""
    kit = Kit.make(Path(tmp_path_factory.mktemp("auditor")) / "home")
    kim = kit.user("kim", groups=("payments",))
    kit.key(kim, "ec-p256", "tenant", group="payments")
    kit.export(kim, "tenant", kek)
    kit.custody.keks.register(
        kit.administrator, "azure", kek.identifier.replace("/KEK/", "/registered/"), kek.public_pem
    )
    connect(kit, "production", groups=("payments",))
    kit.user("iris", Role.AUDITOR)
    kit.background.tick()
    with serving(kit) as served:
        yield served
    kit.close()


def pages_of(kit: Kit) -> list[str]:
    key = key_of(kit)
    return [
        *("/", "/keys", f"/keys/{key}", "/groups", "/groups/payments", "/users", "/users/kim", "/users/first-admin"),
        *("/azure", "/azure/connections/production", "/azure/customer-key", "/exports", "/audit", "/settings"),
        *("/settings/keks", "/account"),
    ]


def key_of(kit: Kit) -> str:
    return kit.custody.keys.list(kit.administrator, size=1).items[0].key.id


def test_an_auditor_is_shown_every_page_and_offered_nothing_that_changes_anything(page: Page, console: Served) -> None:
    sign_in(page, "iris")
    expect(page.get_by_role("banner")).to_contain_text("Auditor")
    expect(page.get_by_role("region", name="Recent refusals")).to_be_visible()
    for path in pages_of(console.kit):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        offered = {form.get_attribute("action") or path for form in page.locator("form[method=post]").all()}
        assert {each for each in offered if not THEIR_OWN.match(each)} == set(), path
        links = {link.get_attribute("href") or "" for link in page.locator("main a.button").all()}
        assert not [each for each in links if re.search(r"/(new|edit|delete|password|register|push)$", each)] or (
            path == "/account"
        ), (path, links)
        require_accessible(page)


def test_it_fits_a_telephone(chromium: Browser, console: Served) -> None:
    with window(chromium, width=360, base_url=console.url, ignore_https_errors=True, color_scheme="dark") as page:
        sign_in(page, "iris")
        for path in ("/", "/users/kim", "/settings/keks"):
            page.goto(path)
            require_accessible(page)


def rows(kit: Kit) -> dict[str, list[tuple[object, ...]]]:
    with kit.installation.store.engine.connect() as connection:
        return {
            name: sorted(map(tuple, connection.execute(metadata.tables[name].select())), key=repr) for name in UNTOUCHED
        }


def test_nothing_that_an_auditor_sends_changes_anything_of_others(console: Served) -> None:
    """Each form of the console is sent, with its token, about something that is there."""
    kit = console.kit
    with console.client() as client:
        assert client.post("/sign-in", data={"user_name": "iris", "password": PASSWORD}).status_code == 303
        token = re.search(r'name="csrf" value="(\w+)"', client.get("/groups").text)
        assert token is not None
        before = rows(kit)
        sent = {path: _sent(client, path, token[1]) for path in _forms(kit)}
        assert rows(kit) == before
        assert len(sent) > 25
        assert {path for path, status in sent.items() if status < 400} == {"/audit/verify"}


def _forms(kit: Kit) -> list[str]:
    """Where forms are sent to, each about what is there."""
    names = {"/users": "kim", "/groups": "payments", "/azure/connections": "production"}
    routes = (route for noun in _NOUNS for route in noun.routes if isinstance(route, Route))
    posts = [route.path for route in routes if "POST" in (route.methods or ()) and not THEIR_OWN.match(route.path)]
    key = key_of(kit)
    named = [next((name for root, name in names.items() if path.startswith(root)), key) for path in posts]
    return [re.sub(r"{\w+(:\w+)?}", name, path) for path, name in zip(posts, named, strict=True)]


def _sent(client: httpx2.Client, path: str, token: str) -> int:
    form = {"csrf": token, "revision": "1", "typed": path.split("/")[2], "id": "made-by-iris", "name": "made-by-iris"}
    form |= {"role": "auditor", "password": PASSWORD, "password_again": PASSWORD, "group": "payments"}
    form |= {"how": "generate", "kind": "symmetric", "symmetric_type": "aes-256", "owned_by": "group", "version": "1"}
    return client.post(path, data=form).status_code
