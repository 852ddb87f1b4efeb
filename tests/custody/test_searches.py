"""Users and groups found by how their names begin, in pages."""

from contextlib import closing

import pytest
from tests.custody.refusing import refused
from tests.statements import sql_of

from keyferry.custody import users
from keyferry.custody.accounts import NewUser, UserEdit
from keyferry.custody.policy import Role
from keyferry.custody.users import UserSearch
from keyferry.testing import ADMINISTRATOR, Kit


def found(kit: Kit, prefix: str = "", role: Role | None = None, disabled: bool | None = None) -> list[str]:
    """The names on all pages, of two users each, in the order in which they came."""
    search, names, after = UserSearch(prefix=prefix, role=role, disabled=disabled), [], ""
    while True:
        page = kit.custody.users.search(kit.administrator, search, size=2, after=after)
        assert len(page.items) <= 2
        names += [each.user.name for each in page.items]
        if page.next is None:
            return names
        after = page.next


def make(kit: Kit, *names: str, role: Role = Role.KEY_ACCESS_USER, disabled: bool = False) -> None:
    for name in names:
        kit.custody.users.create(kit.administrator, NewUser(name=name, role=role, disabled=disabled))


class TestUsers:
    def test_by_how_the_name_begins_whatever_its_case(self, kit: Kit) -> None:
        make(kit, "kim", "Kira", "kurt", "K.", "k@example", "lena")
        assert found(kit, "ki") == ["kim", "Kira"]
        assert found(kit, "KI") == ["kim", "Kira"]
        assert found(kit, "k") == ["K.", "k@example", "kim", "Kira", "kurt"]
        assert found(kit, "kim") == ["kim"]
        assert found(kit, "kimo") == []

    def test_every_page_goes_on_where_the_last_one_ended(self, kit: Kit) -> None:
        names = ["a", "a-b", "a.b", "a_b", "a@b", "ab", "b"]
        make(kit, *reversed(names))
        assert found(kit) == sorted([*names, ADMINISTRATOR])
        assert found(kit, "a") == sorted(name for name in names if name.startswith("a"))

    def test_by_role_and_by_whether_the_account_is_disabled(self, kit: Kit) -> None:
        make(kit, "kim", "kira")
        make(kit, "ada", role=Role.ADMINISTRATOR)
        make(kit, "kurt", disabled=True)
        assert found(kit, role=Role.ADMINISTRATOR) == ["ada", ADMINISTRATOR]
        assert found(kit, disabled=True) == ["kurt"]
        assert found(kit, disabled=False, role=Role.KEY_ACCESS_USER) == ["kim", "kira"]
        kit.custody.users.disable(kit.administrator, "kim")
        kit.custody.users.edit(kit.administrator, "kira", UserEdit(role=Role.ADMINISTRATOR))
        assert found(kit, "k", disabled=True) == ["kim", "kurt"]
        assert found(kit, "k", role=Role.ADMINISTRATOR) == ["kira"]

    def test_by_whether_an_allow_list_is_enforced(self, kit: Kit) -> None:
        make(kit, "kim")
        for name, networks in (("kira", ()), ("kurt", ("10.0.0.0/8",))):
            new = NewUser(name=name, role=Role.KEY_ACCESS_USER, networks=networks)
            kit.custody.users.create(kit.administrator, new)
        page = kit.custody.users.search(kit.administrator, UserSearch(has_networks=True), size=5)
        assert [each.user.name for each in page.items] == ["kira", "kurt"]

    @pytest.mark.parametrize("database_file", ["sqlite"], indirect=True)
    def test_those_with_an_allow_list_are_found_however_many_others_there_are(self, kit: Kit) -> None:
        """Only they are in the index that is walked, whose first page is read in as many steps as ever."""
        asked = {"role": "auditor", "disabled": False, "first": "", "end": "~", "limit": 5}
        engine = kit.installation.store.engine
        sql, values = sql_of(users._NAMES[True], engine.dialect, asked)
        with closing(engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", values)
            plan = [row[3] for row in cursor.fetchall()]
        walked = "(role=? AND disabled=? AND name_folded>? AND name_folded<?)"
        assert plan == [f"SEARCH users USING INDEX ix_users_networks_role_disabled_name_folded {walked}"]

    def test_who_is_deleted_is_not_found(self, kit: Kit) -> None:
        make(kit, "kim")
        kit.custody.users.delete(kit.administrator, "kim")
        assert found(kit, "kim") == []

    def test_what_begins_no_name_finds_nobody(self, kit: Kit) -> None:
        make(kit, "kim")
        for prefix in ("%", "ki%", "k m", "\0", "käthe", "\ud800", "k" * 65):
            assert found(kit, prefix) == []

    def test_what_no_page_ended_with_is_refused(self, kit: Kit) -> None:
        with refused("invalid-input", "after"):
            kit.custody.users.search(kit.administrator, UserSearch(), size=2, after="\0")


class TestGroups:
    def test_an_administrator_searches_them_all(self, kit: Kit) -> None:
        for name in ("payments", "pay-eu", "pay.us", "billing", "p0"):
            kit.group(name)
        search = kit.custody.groups.search
        assert [group.name for group in search(kit.administrator, "pay", size=5).items] == [
            "pay-eu", "pay.us", "payments"
        ]  # fmt: skip
        first = search(kit.administrator, "", size=3)
        assert ([group.name for group in first.items], first.next) == (["billing", "p0", "pay-eu"], "pay-eu")
        second = search(kit.administrator, "", size=3, after="pay-eu")
        assert ([group.name for group in second.items], second.next) == (["pay.us", "payments"], None)

    def test_a_member_searches_their_own(self, kit: Kit) -> None:
        kim = kit.user("kim", groups=("payments", "pay-eu", "billing"))
        kit.group("pay-secret")
        first = kit.custody.groups.search(kim, "pay", size=1)
        assert ([group.name for group in first.items], first.next) == (["pay-eu"], "pay-eu")
        second = kit.custody.groups.search(kim, "pay", size=1, after="pay-eu")
        assert ([group.name for group in second.items], second.next) == (["payments"], None)

    def test_a_deleted_group_is_not_found(self, kit: Kit) -> None:
        kit.group("payments")
        kit.custody.groups.delete(kit.administrator, "payments")
        assert kit.custody.groups.search(kit.administrator, "pay", size=5).items == ()

    def test_what_begins_no_id_finds_none_and_ends_no_page(self, kit: Kit) -> None:
        kit.group("payments")
        assert kit.custody.groups.search(kit.administrator, "pay%", size=5).items == ()
        with refused("invalid-input", "after"):
            kit.custody.groups.search(kit.administrator, "", size=5, after="'")

    def test_who_is_in_a_group(self, kit: Kit) -> None:
        for name in ("kim", "lena", "mia"):
            kit.user(name, groups=("payments",))
        kit.user("nora")
        first = kit.custody.groups.members(kit.administrator, "payments", size=2)
        assert [user.name for user in first.items] == ["kim", "lena"]
        second = kit.custody.groups.members(kit.administrator, "payments", size=2, after=first.next or "")
        assert ([user.name for user in second.items], second.next) == (["mia"], None)
        with refused("not-found", "group"):
            kit.custody.groups.members(kit.administrator, "nowhere", size=2)
