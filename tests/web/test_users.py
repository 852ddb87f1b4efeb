"""Users, at the console: an Administrator finds, makes, changes, disables and deletes them."""

import re

import pytest
from playwright.sync_api import Page, expect
from tests.looking import require_accessible
from tests.web.conftest import Served, come_in, sign_in

from keyferry.custody.accounts import NewUser
from keyferry.custody.policy import Role
from keyferry.errors import NotAuthenticated
from keyferry.testing import PASSWORD, Kit

ANOTHER = "other-lantern-harbour-7"


def add(console: Served, name: str, role: Role = Role.KEY_ACCESS_USER, **more: object) -> None:
    new = NewUser(name=name, role=role, **more)  # type: ignore[arg-type]  # as NewUser's fields
    console.kit.custody.users.create(console.kit.administrator, new)


def save(page: Page) -> None:
    page.get_by_role("button", name="Save").click()


def type_password(page: Page, password: str, again: str | None = None) -> None:
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_label("Confirm Password").fill(password if again is None else again)


class TestAddUser:
    def test_every_field_is_kept(self, page: Page, console: Served) -> None:
        for group in ("add-payments", "add-billing"):
            console.kit.group(group)
        sign_in(page)
        page.get_by_role("link", name="Users").click()
        page.get_by_role("link", name="Add User").click()
        page.get_by_label("Username").fill("Lena.Add")
        page.get_by_label("Key Access User").check()
        page.get_by_label("Display Name").fill("Lena")
        page.get_by_label("add-payments").check()
        page.get_by_label("add-billing").check()
        page.get_by_label("Default Group").select_option("add-billing")
        page.get_by_label("Email").fill("lena@example.org")
        type_password(page, ANOTHER)
        expect(page.get_by_label("Allowed addresses")).to_be_hidden()
        page.get_by_label("Enforce IP Whitelist").check()
        page.get_by_label("Allowed addresses").fill("127.0.0.1\n10.0.0.0/8")
        page.get_by_label("Account Disabled").check()
        require_accessible(page)
        save(page)

        expect(page.get_by_role("status")).to_contain_text("The user Lena.Add was created.")
        require_accessible(page)
        made = console.kit.custody.users.show(console.kit.administrator, "lena.add")
        assert (made.groups, made.default_group) == (("add-billing", "add-payments"), "add-billing")
        assert (made.user.role, made.user.display_name, made.user.email, made.user.networks, made.user.disabled) == (
            ("key-access-user", "Lena", "lena@example.org", '["127.0.0.1", "10.0.0.0/8"]', True)
        )

    def test_an_administrator_is_offered_no_groups_but_a_default_one(self, page: Page, console: Served) -> None:
        console.kit.group("admins-default")
        come_in(page)
        page.goto("/users/new")
        page.get_by_label("Username").fill("ada")
        page.get_by_label("admins-default").check()
        page.get_by_label("Administrator").check()
        expect(page.get_by_label("admins-default")).to_be_hidden()
        page.get_by_label("Default Group").select_option("admins-default")
        type_password(page, ANOTHER)
        save(page)
        page.wait_for_url("**/users/ada")
        made = console.kit.custody.users.show(console.kit.administrator, "ada")
        assert (made.user.role, made.groups, made.default_group) == ("administrator", (), "admins-default")

    def test_mistakes_are_told_beside_their_fields_and_what_was_typed_stays(self, page: Page, console: Served) -> None:
        add(console, "taken")
        come_in(page)
        page.goto("/users/new")
        page.get_by_label("Username").fill("Not-Taken")
        page.get_by_label("Email").fill("lena@example.org")
        page.get_by_label("Enforce IP Whitelist").check()
        page.get_by_label("Allowed addresses").fill("10.0.0.1/8")
        type_password(page, ANOTHER)
        save(page)
        expect(page.get_by_label("Allowed addresses")).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_text("Write 10.0.0.0/8 for the network").last).to_be_visible()
        expect(page.get_by_label("Username")).to_have_value("Not-Taken")
        expect(page.get_by_label("Email")).to_have_value("lena@example.org")
        expect(page.get_by_label("Password", exact=True)).to_have_value("")
        require_accessible(page)

        page.get_by_label("Allowed addresses").fill("10.0.0.0/8")
        page.get_by_label("Username").fill("Taken")
        type_password(page, ANOTHER)
        save(page)
        expect(page.get_by_label("Username")).to_have_attribute("aria-invalid", "true")

        page.get_by_label("Username").fill("not-taken")
        type_password(page, ANOTHER, "something-else-entirely-9")
        save(page)
        expect(page.get_by_label("Confirm Password")).to_have_attribute("aria-invalid", "true")

        type_password(page, "password1234")
        save(page)
        expect(page.get_by_label("Password", exact=True)).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_text("too easy to guess").last).to_be_visible()

    def test_how_strong_the_password_is_is_told_while_it_is_typed(self, page: Page) -> None:
        come_in(page)
        page.goto("/users/new")
        page.get_by_label("Username").fill("lantern-keeper")
        field = page.get_by_label("Password", exact=True)
        field.press_sequentially("short")
        expect(page.get_by_text("it needs at least 10")).to_be_visible()
        field.fill("lantern-keeper-lantern")
        expect(page.get_by_text("The password holds the user name.")).to_be_visible()
        field.fill(ANOTHER)
        expect(page.get_by_text(re.compile("Strength: (good|strong)"))).to_be_visible()
        expect(field).to_be_focused()
        require_accessible(page)
        field.fill("")
        expect(page.get_by_text("Strength:")).to_be_hidden()

    def test_a_user_may_be_called_as_the_form_is(self, page: Page, console: Served) -> None:
        add(console, "new", display_name="Nora New")
        come_in(page)
        page.goto("/users?begins=new")
        page.get_by_role("link", name="new", exact=True).click()
        expect(page.get_by_role("heading", name="new", level=1)).to_be_visible()
        expect(page.get_by_text("Nora New").first).to_be_visible()


class TestFinding:
    def test_the_list_follows_what_is_typed(self, page: Page, console: Served) -> None:
        for name in ("find-kim", "find-kira", "find-lena"):
            add(console, name, disabled=name == "find-kira")
        come_in(page)
        page.goto("/users")
        require_accessible(page)
        field = page.get_by_label("Username begins with")
        field.press_sequentially("find-k")
        expect(page.get_by_role("row")).to_have_count(3)
        expect(field).to_be_focused()
        expect(page.locator("#said")).to_have_text("2 shown.")
        page.get_by_label("Account").select_option("disabled")
        expect(page.get_by_role("row")).to_have_count(2)
        expect(page).to_have_url(re.compile(r"begins=find-k.*account=disabled"))
        page.reload()
        expect(page.get_by_role("row")).to_have_count(2)
        expect(page.get_by_label("Account")).to_have_value("disabled")
        page.get_by_label("Username begins with").fill("find-nobody")
        expect(page.get_by_role("heading", name="Nobody found")).to_be_visible()
        require_accessible(page)

    def test_pages_keep_the_search(self, page: Page, console: Served) -> None:
        for number in range(52):
            add(console, f"many-{number:02}")
        come_in(page)
        page.goto("/users?begins=many-&role=key-access-user")
        expect(page.get_by_role("row")).to_have_count(51)
        page.get_by_role("link", name="Next page").click()
        expect(page.get_by_role("row")).to_have_count(3)
        page.get_by_role("link", name="First page").click()
        expect(page.get_by_role("row")).to_have_count(51)


class TestOneUser:
    def test_the_page_shows_groups_keys_and_sessions_and_ends_one(self, page: Page, console: Served) -> None:
        kit = console.kit
        mia = kit.user("mia", groups=("mia-group",))
        kit.key(mia, name="mia-key", owner="mia")
        token = kit.token("mia")
        come_in(page)
        page.goto("/users/mia")
        expect(page.get_by_role("link", name="mia-group")).to_be_visible()
        expect(page.get_by_role("link", name="mia-key")).to_be_visible()
        require_accessible(page)
        before = page.get_by_role("button", name="Revoke").count()
        page.get_by_role("button", name="Revoke").first.click()
        expect(page.get_by_role("status")).to_contain_text("was revoked")
        expect(page.get_by_role("button", name="Revoke")).to_have_count(before - 1)
        with pytest.raises(NotAuthenticated):
            kit.custody.keys.list(kit.installation.authenticator.authenticate(token, "127.0.0.1"), size=1)

    def test_edit_changes_the_account_unless_somebody_else_has(self, page: Page, console: Served) -> None:
        kit = console.kit
        kit.user("nele", groups=("nele-one", "nele-two"))
        come_in(page)
        page.goto("/users/nele/edit")
        require_accessible(page)
        expect(page.get_by_label("nele-one")).to_be_checked()
        page.get_by_label("nele-one").uncheck()
        page.get_by_label("Display Name").fill("Nele of two")
        page.get_by_label("Enforce IP Whitelist").check()
        page.get_by_label("Allowed addresses").fill("127.0.0.1")
        save(page)
        expect(page.get_by_role("status")).to_contain_text("The user nele was changed.")
        changed = kit.custody.users.show(kit.administrator, "nele")
        assert (changed.groups, changed.user.display_name, changed.user.networks) == (
            ("nele-two",), "Nele of two", '["127.0.0.1"]'
        )  # fmt: skip

        page.goto("/users/nele/edit")
        kit.custody.users.disable(kit.administrator, "nele")
        page.get_by_label("Enforce IP Whitelist").uncheck()
        save(page)
        expect(page.get_by_role("alert")).to_contain_text("is at revision")
        assert kit.custody.users.show(kit.administrator, "nele").user.networks is not None

    def test_ones_own_password_is_set_on_the_account_page(self, page: Page) -> None:
        come_in(page)
        page.goto("/users/first-admin")
        expect(page.get_by_text("This is your own account.")).to_be_visible()
        page.goto("/users/first-admin/password")
        expect(page).to_have_url(re.compile("/account"))

    def test_a_password_that_was_set_is_announced_to_the_user(self, page: Page, console: Served) -> None:
        kit = console.kit
        kit.user("olga")
        come_in(page)
        page.goto("/users/olga/password")
        require_accessible(page)
        type_password(page, ANOTHER, "different-entirely-4")
        page.get_by_role("button", name="Set password").click()
        expect(page.get_by_label("Confirm Password")).to_have_attribute("aria-invalid", "true")
        type_password(page, ANOTHER)
        expect(page.get_by_label("Temporary password")).to_be_checked()
        page.get_by_label("Temporary password").uncheck()
        page.get_by_role("button", name="Set password").click()
        expect(page.get_by_role("status")).to_contain_text("The password of olga was set")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Username").fill("olga")
        page.get_by_label("Password").fill(ANOTHER)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("Your password was set by 'first-admin'")).to_be_visible()
        require_accessible(page)

    def test_disable_shuts_out_and_enable_lets_in(self, page: Page, console: Served) -> None:
        kit = console.kit
        kit.user("petra")
        come_in(page)
        page.goto("/users/petra")
        page.get_by_role("button", name="Disable").click()
        expect(page.get_by_role("status")).to_contain_text("The account petra was disabled")
        with pytest.raises(NotAuthenticated):
            kit.sign_in("petra")
        page.get_by_role("button", name="Enable").click()
        expect(page.get_by_role("status")).to_contain_text("The account petra was enabled")
        kit.sign_in("petra")

    def test_delete_asks_for_the_name_and_for_keys_to_be_given_away(self, page: Page, console: Served) -> None:
        kit = console.kit
        quinn = kit.user("quinn")
        kit.key(quinn, name="quinns", owner="quinn")
        kit.user("rosa")
        come_in(page)
        page.goto("/users/rosa")
        page.get_by_role("link", name="Delete").click()
        page.get_by_label("Username").fill("quinn")
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_label("Username")).to_have_attribute("aria-invalid", "true")
        require_accessible(page)
        page.get_by_label("Username").fill("rosa")
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("status")).to_contain_text("The user rosa was deleted.")
        page.goto("/users/quinn/delete")
        page.get_by_label("Username").fill("quinn")
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("alert")).to_contain_text("owns keys")


def test_the_last_administrator_is_neither_disabled_nor_deleted(console: Served) -> None:
    kit: Kit = console.kit
    with console.client() as client:
        client.post("/sign-in", data={"user_name": "first-admin", "password": PASSWORD})
        for other in kit.custody.users.list(kit.administrator, size=200).items:
            if other.user.role == "administrator" and other.user.name != "first-admin" and not other.user.disabled:
                kit.custody.users.disable(kit.administrator, other.user.id)
        form = re.search(r'name="csrf" value="(\w+)"', client.get("/users/first-admin").text)
        assert form is not None
        refused = client.post("/users/first-admin/disable", data={"csrf": form[1]})
        assert refused.status_code == 409
        assert "last enabled Administrator" in refused.text
        refused = client.post("/users/first-admin/delete", data={"csrf": form[1], "typed": "first-admin"})
        assert refused.status_code == 409


def test_a_role_that_there_is_not_and_a_user_that_there_is_not(console: Served) -> None:
    with console.client() as client:
        client.post("/sign-in", data={"user_name": "first-admin", "password": PASSWORD})
        form = re.search(r'name="csrf" value="(\w+)"', client.get("/users/new").text)
        assert form is not None
        passwords = {"password": ANOTHER, "password_again": ANOTHER}
        refused = client.post("/users/new", data={"csrf": form[1], "name": "x", "role": "king", **passwords})
        assert refused.status_code == 422
        assert "There is no such role." in refused.text
        assert client.get("/users/nobody-of-that-name").status_code == 404
        assert client.get("/users?after=%25").status_code == 422
