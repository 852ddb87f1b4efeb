"""What is done to keys at the console: each act, what it asks, and what it refuses."""

import re
from collections.abc import Callable

import httpx2
import pytest
from playwright.sync_api import Page, expect
from tests.looking import require_accessible
from tests.web.conftest import Served, come_in

from keyferry.clock import DAY, from_rfc3339, now
from keyferry.custody.caller import Caller
from keyferry.custody.lifecycle import RevocationReason, State
from keyferry.testing import PASSWORD, Kek


@pytest.fixture(scope="module")
def kim(console: Served) -> Caller:
    return console.kit.user("kim", groups=("payments", "other"))


@pytest.fixture
def make(console: Served, kim: Caller) -> Callable[..., str]:
    """Makes a key of the group's; its id."""

    def made(name: str | None = None, **more: object) -> str:
        return console.kit.key(kim, "ec-p256", name, group="payments", **more).id

    return made


@pytest.fixture(scope="module")
def taken(console: Served, kim: Caller) -> str:
    """A name that a key of the group has."""
    return console.kit.key(kim, "ec-p256", "taken-name", group="payments").key.name or ""


def state_of(console: Served, key: str, version: int | None = None) -> State:
    return console.kit.custody.keys.show(console.kit.administrator, key, version=version).state


def told(page: Page, text: str) -> None:
    expect(page.get_by_role("status").first).to_contain_text(text)


def test_a_key_is_activated_rotated_and_given_to_another_group(
    page: Page, console: Served, make: Callable[..., str]
) -> None:
    key = make("walked", activated=False)
    come_in(page, "kim")
    page.goto(f"/keys/{key}")
    expect(page.get_by_role("link", name="Export Key")).to_have_count(0)
    expect(page.get_by_role("main")).to_contain_text("Version 1 is pre-active; it has to be active.")
    page.get_by_role("button", name="Activate").first.click()
    told(page, "Version 1 is active.")

    page.get_by_role("link", name="Rotate").click()
    require_accessible(page)
    page.get_by_label("Is pre-active").check()
    page.get_by_role("button", name="Rotate").click()
    told(page, "Version 2 was generated, and is pre-active")
    page.get_by_role("row", name="2 pre-active").get_by_role("button", name="Activate").click()
    page.get_by_role("button", name="Make current").click()
    told(page, "Version 2 is the current one.")

    page.get_by_role("link", name="Give to another owner").click()
    expect(page.get_by_role("radio")).to_have_count(1)  # the group that has it is not offered, nor is any user
    require_accessible(page)
    page.get_by_role("radio", name="other", exact=True).check()
    page.get_by_role("button", name="Give to another owner").click()
    told(page, "The key belongs to other now.")
    detail = console.kit.custody.keys.show(console.kit.administrator, key)
    assert (detail.owner.name, detail.version.number, detail.state) == ("other", 2, State.ACTIVE)


def test_a_deactivation_asks_for_the_keys_name(page: Page, console: Served, make: Callable[..., str]) -> None:
    key = make("put-out")
    come_in(page, "kim")
    page.goto(f"/keys/{key}")
    page.get_by_role("link", name="Deactivate").first.click()
    page.get_by_label("Key Name").fill("put-up")
    page.get_by_role("button", name="Deactivate").click()
    expect(page.locator("#typed-error")).to_contain_text("Type put-out to confirm. Nothing was changed.")
    assert state_of(console, key) is State.ACTIVE
    require_accessible(page)
    page.get_by_label("Key Name").fill("put-out")
    page.get_by_role("button", name="Deactivate").click()
    told(page, "Version 1 is deactivated.")
    assert state_of(console, key) is State.DEACTIVATED


def test_a_compromise_is_told_with_its_reason_and_where_copies_are(
    page: Page, console: Served, kim: Caller, make: Callable[..., str], kek: Kek
) -> None:
    key = make("leaked")
    console.kit.export(kim, key, kek)
    come_in(page, "kim")
    page.goto(f"/keys/{key}")
    page.get_by_role("link", name="Revoke").first.click()
    expect(page.get_by_role("main")).to_contain_text("version 1 left for contoso-kv.vault.azure.net")
    page.get_by_label("Reason").select_option("key-compromise")
    page.get_by_label("What is known about it").fill("found in a log")
    page.get_by_label("Key Name").fill("leaked")
    require_accessible(page)
    page.get_by_role("button", name="Revoke").click()
    told(page, "Version 1 was revoked: it is compromised.")
    expect(page.get_by_role("main")).to_contain_text("key-compromise: found in a log")
    require_accessible(page)


def test_a_key_without_a_name_is_destroyed_by_its_id_and_had_back(
    page: Page, console: Served, make: Callable[..., str]
) -> None:
    key = make(activated=False)
    come_in(page, "kim")
    page.goto(f"/keys/{key}")
    expect(page.get_by_role("heading", name="[blank]", level=1)).to_be_visible()
    page.get_by_role("link", name="Destroy").first.click()
    expect(page.get_by_role("main")).to_contain_text("In 7 days the key material is erased")
    page.get_by_label("Key id").fill("[blank]")
    page.get_by_role("button", name="Destroy").click()
    expect(page.get_by_role("alert")).to_contain_text("What was typed is not the key's id.")
    page.get_by_label("Key id").fill(key)
    page.get_by_role("button", name="Destroy").click()
    told(page, "The key is to be destroyed.")
    expect(page.get_by_text("destruction pending").first).to_be_visible()
    require_accessible(page)
    page.get_by_role("button", name="Cancel destruction").first.click()
    told(page, "The destruction was called off.")
    assert state_of(console, key) is State.PRE_ACTIVE


def test_one_version_is_destroyed_alone(page: Page, console: Served, kim: Caller, make: Callable[..., str]) -> None:
    key = make("turned")
    states = console.kit.custody.states
    states.rotate(kim, key)
    states.revoke(kim, key, RevocationReason.SUPERSEDED, version=1)
    come_in(page, "kim")
    page.goto(f"/keys/{key}")
    page.get_by_role("row", name="1 deactivated").get_by_role("link", name="Destroy").click()
    expect(page.get_by_role("main")).to_contain_text("This version is of no use from now on")
    page.get_by_label("Key Name").fill("turned")
    page.get_by_role("button", name="Destroy").click()
    told(page, "Version 1 is to be destroyed.")
    assert state_of(console, key) is State.ACTIVE


def test_a_key_is_edited(page: Page, console: Served, make: Callable[..., str]) -> None:
    key = make("first-name")
    come_in(page, "kim")
    page.goto(f"/keys/{key}/edit")
    page.get_by_label("Key Name").fill("second-name")
    page.get_by_label("Key Description").fill("Ours")
    page.get_by_label("Deactivation date").fill("2090-01-31T12:00")
    page.get_by_label("Days after activation").fill("90")
    require_accessible(page)
    page.get_by_role("button", name="Save").click()
    told(page, "The key was changed.")
    kept = console.kit.custody.keys.show(console.kit.administrator, key)
    assert (kept.key.name, kept.key.description, (kept.key.rotate_every or 0) // DAY) == ("second-name", "Ours", 90)
    assert kept.version.deactivation_date == from_rfc3339("2090-01-31T12:00:00Z", field="date")

    page.goto(f"/keys/{key}/edit")
    page.get_by_label("Key Name").fill("")
    page.get_by_label("Days after activation").fill("")
    page.get_by_label("Deactivation date").fill("")
    page.get_by_role("button", name="Save").click()
    told(page, "The key was changed.")
    cleared = console.kit.custody.keys.show(console.kit.administrator, key)
    assert (cleared.key.name, cleared.key.rotate_every, cleared.version.deactivation_date) == (None, None, None)


@pytest.mark.parametrize(
    ("fields", "beside"),
    [
        ({"name": "Upper"}, "name-error"),
        ({"name": "taken-name"}, "name-error"),
        ({"deactivation_date": "2001-01-01T00:00"}, "deactivation_date-error"),
        ({"deactivation_date": "soon"}, "deactivation_date-error"),
        ({"activation_date": "2090-01-01T00:00"}, "activation_date-error"),
        ({"rotation_every": "99999"}, "rotation_every-error"),
        ({"rotation_before": "5"}, "rotation_before-error"),
        ({"rotation_every": "often"}, "rotation_every-error"),
    ],
)
def test_an_edit_that_will_not_do_is_said_beside_its_field(
    console: Served, taken: str, make: Callable[..., str], fields: dict[str, str], beside: str
) -> None:
    key = make()
    with console.client() as client:
        answer = send(client, "kim", f"/keys/{key}/edit", **{"name": "", "description": "kept", **fields})
    assert answer.status_code in {409, 422}
    assert f'id="{beside}"' in answer.text
    assert 'value="kept"' in answer.text


def test_an_edit_of_what_somebody_else_has_changed_meanwhile_is_refused(
    console: Served, make: Callable[..., str]
) -> None:
    key = make("contended")
    with console.client() as client:
        send(client, "kim", f"/keys/{key}/edit", name="contended", description="mine", revision="1")
        late = send(client, "kim", f"/keys/{key}/edit", name="contended", description="late", revision="1")
    assert late.status_code == 412
    assert console.kit.custody.keys.show(console.kit.administrator, key).key.description == "mine"


ACTS: dict[str, dict[str, str]] = {
    "activate": {},
    "promote": {"version": "1"},
    "rotate": {"activated": "at-once"},
    "edit": {"name": "other-name"},
    "destroy": {"typed": "theirs"},
    "reassign": {"group": "other"},
}


@pytest.mark.parametrize("act", ACTS)
def test_an_administrator_may_not_and_is_told_so(console: Served, make: Callable[..., str], act: str) -> None:
    key = make(f"theirs-{act}")
    fields = {**ACTS[act], "typed": f"theirs-{act}"}
    with console.client() as client:
        answer = send(client, "first-admin", f"/keys/{key}/{act}", **fields)
    assert answer.status_code == 403
    assert "An Administrator may" in answer.text


@pytest.mark.parametrize("act", [*ACTS, "deactivate", "revoke", "cancel-destruction"])
def test_anothers_key_is_not_there_for_any_act(console: Served, make: Callable[..., str], act: str) -> None:
    key = make(f"hidden-{act}")
    with console.client() as client:
        answer = send(client, stranger(console), f"/keys/{key}/{act}", typed=f"hidden-{act}", version="1")
    assert answer.status_code == 404
    assert f"hidden-{act}" not in answer.text


def test_an_administrator_sees_the_key_and_what_they_may_do(
    page: Page, console: Served, make: Callable[..., str]
) -> None:
    key = make("looked-at", deactivation_date=now() + 10 * DAY)
    come_in(page)
    page.goto(f"/keys/{key}")
    main = page.get_by_role("main")
    expect(main).to_contain_text("An Administrator may not do key.export here.")
    expect(main).to_contain_text("only when its owner is disabled or deleted")
    expect(main.get_by_role("link", name="Deactivate").first).to_be_visible()
    expect(main).to_contain_text("set by first-admin")
    expect(main.get_by_role("link", name="In the audit log")).to_be_visible()
    require_accessible(page)


def stranger(console: Served) -> str:
    """The name of somebody who has nothing to do with the keys."""
    name = "stranger"
    names = {each.user.name for each in console.kit.custody.users.list(console.kit.administrator, size=100).items}
    if name not in names:
        console.kit.user(name)
    return name


def send(client: httpx2.Client, who: str, address: str, **fields: str) -> httpx2.Response:
    """Send a form as a browser would, with the token of the session."""
    client.post("/sign-in", data={"user_name": who, "password": PASSWORD})
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', client.get("/groups").text)
    assert found is not None
    return client.post(address, data={"csrf": found[1], **fields})
