"""Groups: their names, their rules, and when they may go."""

from collections.abc import Callable

import pytest
from tests.custody.reading import details_of, events_of, rows
from tests.custody.refusing import refused

from keyferry.custody.accounts import NewUser, UserEdit
from keyferry.custody.groups import GroupEdit
from keyferry.custody.policy import Role
from keyferry.ids import new_id
from keyferry.testing import Kit


class TestNames:
    @pytest.mark.parametrize("name", ["", "Payments", "pay ments", "-pay", "a" * 65, "a\0b", "\ud800"])
    def test_what_is_no_name_is_refused_and_not_folded(self, kit: Kit, name: str) -> None:
        with refused("name-refused", "id"):
            kit.custody.groups.create(kit.administrator, name)
        with refused("not-found", "group"):
            kit.custody.groups.show(kit.administrator, name)
        assert rows(kit, "groups") == []

    def test_a_name_is_not_a_uuid(self, kit: Kit) -> None:
        with refused("name-refused", "id"):
            kit.custody.groups.create(kit.administrator, new_id())

    def test_a_name_is_used_once_and_never_again(self, kit: Kit) -> None:
        groups, me = kit.custody.groups, kit.administrator
        made = groups.create(me, "payments", description="Card payments")
        with refused("name-taken", "id"):
            groups.create(me, "payments")
        groups.delete(me, "payments")
        for reference in ("payments", made.id):
            with refused("not-found", "group"):
                groups.show(me, reference)
        with refused("name-taken", "id"):
            groups.create(me, "payments")


class TestDeletion:
    def test_a_group_that_owns_keys_stays_also_when_they_are_destroyed(self, make_kit: Callable[..., Kit]) -> None:
        kit = make_kit(destruction_pending="0s")
        kim = kit.user("kim", groups=("payments",))
        key = kit.key(kim, group="payments", activated=False).key.id
        kit.custody.states.destroy(kim, key)
        kit.custody.jobs.run()
        with refused("still-owns-keys"):
            kit.custody.groups.delete(kit.administrator, "payments")
        assert kit.custody.groups.show(kim, "payments").deleted_at is None

    def test_a_default_group_stays(self, kit: Kit) -> None:
        kit.group("payments")
        new = NewUser(name="ada", role=Role.ADMINISTRATOR, default_group="payments")
        kit.custody.users.create(kit.administrator, new)
        with refused("conflict"):
            kit.custody.groups.delete(kit.administrator, "payments")
        kit.custody.users.edit(kit.administrator, "ada", UserEdit(default_group=""))
        kit.custody.groups.delete(kit.administrator, "payments")

    def test_its_memberships_end_with_it(self, kit: Kit) -> None:
        kim = kit.user("kim", groups=("payments", "billing"))
        kit.custody.groups.delete(kit.administrator, "payments")
        assert kit.custody.users.show(kim, "kim").groups == ("billing",)
        assert [group.name for group in kit.custody.groups.list(kim, size=5).items] == ["billing"]
        with refused("invalid-input", "group"):
            kit.key(kim, group="payments")


class TestEditing:
    def test_what_is_not_named_stays_and_an_empty_text_clears(self, kit: Kit) -> None:
        groups, me = kit.custody.groups, kit.administrator
        groups.create(me, "payments", description="Card payments", kek_policy="registered")
        assert groups.edit(me, "payments", GroupEdit()).description == "Card payments"
        edited = groups.edit(me, "payments", GroupEdit(description="", kek_policy="inherit"))
        assert (edited.description, edited.kek_policy) == (None, None)
        assert details_of(events_of(kit, "group.edit")[-1]) == {"kek_policy": "inherit"}

    def test_a_policy_that_there_is_not(self, kit: Kit) -> None:
        with refused("invalid-input", "kek_policy"):
            kit.custody.groups.create(kit.administrator, "payments", kek_policy="all")
        kit.group("payments")
        with refused("invalid-input", "kek_policy"):
            kit.custody.groups.edit(kit.administrator, "payments", GroupEdit(kek_policy="none"))

    def test_changes_need_the_revision_that_was_read(self, kit: Kit) -> None:
        groups, me = kit.custody.groups, kit.administrator
        first = groups.create(me, "payments").revision
        second = groups.edit(me, "payments", GroupEdit(description="A"), revision=first).revision
        with refused("revision-conflict", "If-Match"):
            groups.edit(me, "payments", GroupEdit(description="B"), revision=first)
        with refused("revision-conflict", "If-Match"):
            groups.delete(me, "payments", revision=first)
        assert groups.show(me, "payments").description == "A"
        groups.delete(me, "payments", revision=second)


def test_lists_go_on_where_the_page_before_ended(kit: Kit) -> None:
    names = [f"group{number}" for number in range(5)]
    kim = kit.user("kim", groups=tuple(names[:4]))
    kit.group(names[4])
    for caller, expected in ((kit.administrator, names), (kim, names[:4])):
        seen, after = [], ""
        for _ in range(10):
            page = kit.custody.groups.list(caller, size=2, after=after)
            assert len(page.items) <= 2
            seen += [group.name for group in page.items]
            if page.next is None:
                break
            after = page.next
        assert seen == expected
