"""Groups, at the console."""

from playwright.sync_api import Page, expect
from tests.looking import require_accessible
from tests.web.conftest import sign_in


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
    sign_in(page)
    page.goto("/groups/new")
    page.get_by_label("Group ID").fill("Payments")
    page.get_by_role("button", name="Save").click()

    field = page.get_by_label("Group ID")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("Payments")
    expect(page.get_by_role("alert")).to_be_focused()
    require_accessible(page)
