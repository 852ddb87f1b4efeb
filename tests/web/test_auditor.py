"""An Auditor at the console: sees everything but secrets, and is offered nothing that changes anything.

What an Auditor sends all the same, `tests/security/test_every_door.py` tries.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.custody.pushing import connect
from tests.looking import require_accessible, window
from tests.web.conftest import Served, serving, sign_in

from keyferry.custody.policy import Role
from keyferry.testing import Kek, Kit

#: what an Auditor may do, as everybody may, with how they sign in themselves
THEIR_OWN = re.compile(r"/(sign-|strength|set-up|account)")


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
