"""Groups, at the console."""

from playwright.sync_api import Page, expect
from tests.looking import require_accessible, whole
from tests.web.conftest import Served, come_in, sign_in


def test_a_group_is_added_and_a_message_says_so(page: Page) -> None:
    sign_in(page)
    page.get_by_role("link", name="Groups").click()
    page.get_by_role("link", name="+Add Group").first.click()
    page.get_by_label("Group ID").fill("payments")
    page.get_by_label("Description").fill("Keys of the payment service")
    require_accessible(page)
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("status")).to_contain_text("The group payments was created.")
    expect(page.get_by_role("heading", name="payments")).to_be_visible()
    require_accessible(page)


def test_an_upper_case_group_id_is_refused_beside_the_field(page: Page) -> None:
    come_in(page)
    page.goto("/groups/new")
    page.get_by_label("Group ID").fill("Payments")
    page.get_by_role("button", name="Save").click()

    field = page.get_by_label("Group ID")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("Payments")
    expect(page.get_by_role("alert")).to_be_focused()
    require_accessible(page)


def test_the_list_follows_what_is_typed(page: Page, console: Served) -> None:
    for group in ("find-one", "find-two", "other"):
        console.kit.group(group)
    come_in(page)
    page.goto("/groups")
    page.get_by_label("Group ID begins with").press_sequentially("find-")
    expect(page.get_by_role("row")).to_have_count(3)
    expect(page.get_by_label("Group ID begins with")).to_be_focused()
    page.get_by_label("Group ID begins with").fill("nowhere")
    expect(page.get_by_role("heading", name="No group found")).to_be_visible()
    require_accessible(page)


def test_an_administrator_sees_a_groups_users_and_keys(page: Page, console: Served) -> None:
    kit = console.kit
    member = kit.user("grp-kim", groups=("grp-full",))
    kit.key(member, name="grp-key", group="grp-full")
    come_in(page)
    page.goto("/groups/grp-full")
    expect(page.get_by_role("link", name="grp-kim")).to_be_visible()
    expect(page.get_by_role("link", name="grp-key")).to_be_visible()
    expect(page.get_by_role("link", name="All keys of grp-full")).to_have_attribute("href", "/keys?group=grp-full")
    require_accessible(page)
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Those that an Administrator has registered").check()
    page.get_by_role("button", name="Save").click()
    expect(
        page.get_by_text("leave only under key encryption keys that an Administrator has registered")
    ).to_be_visible()


def test_a_member_sees_the_keys_and_not_who_else_is_there(page: Page, console: Served) -> None:
    kit = console.kit
    member = kit.user("grp-lena", groups=("grp-shared",))
    kit.user("grp-mia", groups=("grp-shared",))
    kit.key(member, name="grp-ours", group="grp-shared")
    kit.group("grp-hidden")
    come_in(page, "grp-lena")
    page.goto("/groups")
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("link", name="grp-shared").click()
    expect(page.get_by_role("link", name="grp-ours")).to_be_visible()
    assert "grp-mia" not in whole(page)
    expect(page.get_by_role("link", name="Edit")).to_have_count(0)
    require_accessible(page)
    page.goto("/groups/grp-hidden")
    expect(page.get_by_text("or none that you may see")).to_be_visible()


def test_a_group_is_deleted_when_its_id_is_typed(page: Page, console: Served) -> None:
    console.kit.group("grp-gone")
    come_in(page)
    page.goto("/groups/grp-gone/delete")
    page.get_by_label("Group ID").fill("grp")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_label("Group ID")).to_have_attribute("aria-invalid", "true")
    require_accessible(page)
    page.get_by_label("Group ID").fill("grp-gone")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_contain_text("The group grp-gone was deleted.")
