"""A key is given to another owner: who is offered, who is searched for, who is refused."""

import re
from collections.abc import Callable, Iterator

import httpx2
import pytest
from playwright.sync_api import Page, expect
from tests.looking import require_accessible
from tests.web.conftest import Served, come_in

from keyferry.custody.policy import Role
from keyferry.testing import ADMINISTRATOR, PASSWORD
from keyferry.web.key_reassign import MOST_OFFERED


@pytest.fixture(scope="module")
def orphan(console: Served) -> Callable[[], str]:
    """Makes a key whose owner is gone: an Administrator may give it away. Its id."""
    kit = console.kit
    gone = kit.user("gone")
    kit.user("lee")
    kit.user("aud", Role.AUDITOR)
    kit.user("away", groups=("heirs",))
    kit.custody.users.disable(kit.administrator, "away")
    keys = [kit.key(gone, "ec-p256").key.id for _ in range(4)]
    kit.custody.users.disable(kit.administrator, "gone")
    return keys.pop


@pytest.fixture
def administrator(console: Served) -> Iterator[httpx2.Client]:
    with console.client() as made:
        assert made.post("/sign-in", data={"user_name": ADMINISTRATOR, "password": PASSWORD}).status_code == 303
        yield made


def offered(text: str) -> set[str]:
    return set(re.findall(r'name="new_owner" value="([^"]+)"', text))


def give(client: httpx2.Client, key: str, **fields: str) -> httpx2.Response:
    page = client.get(f"/keys/{key}/reassign").text
    token = page.partition('name="csrf" value="')[2].partition('"')[0]
    return client.post(f"/keys/{key}/reassign", data={"csrf": token, **fields})


def test_those_who_may_have_it_are_offered_and_nobody_else(
    administrator: httpx2.Client, orphan: Callable[[], str]
) -> None:
    found = offered(administrator.get(f"/keys/{orphan()}/reassign").text)
    assert {"group:heirs", "user:lee"} <= found
    assert not found & {"user:gone", "user:aud", "user:away", f"user:{ADMINISTRATOR}"}


def test_a_choice_that_is_none_of_theirs_is_refused_beside_the_field(
    administrator: httpx2.Client, orphan: Callable[[], str]
) -> None:
    key = orphan()
    for chosen in ("user:aud", "group:none", "lee", ""):
        answer = give(administrator, key, new_owner=chosen)
        assert answer.status_code in {409, 422}
        assert 'id="owner-error"' in answer.text


def test_among_many_one_searches_without_a_script_and_with_one(
    page: Page, console: Served, administrator: httpx2.Client, orphan: Callable[[], str]
) -> None:
    for number in range(MOST_OFFERED + 1):
        console.kit.group(f"many-{number:02}")
    key = orphan()
    whole = administrator.get(f"/keys/{key}/reassign").text
    assert "search for others" in whole
    assert "group:many-20" not in offered(whole)
    answer = administrator.get(f"/keys/{key}/reassign", params={"begins": "many-20"}).text
    assert offered(answer) == {"group:many-20"}
    assert "<html" in answer

    come_in(page)
    page.goto(f"/keys/{key}/reassign")
    require_accessible(page)
    search = page.get_by_role("searchbox")
    search.press_sequentially("le")
    expect(page.get_by_role("radio")).to_have_count(1)
    expect(search).to_be_focused()
    expect(page.locator("#said")).to_have_text("1 offered.")
    require_accessible(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("radio", name="lee")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The key belongs to lee now.")).to_be_visible()
