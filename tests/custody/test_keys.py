"""Keys: whose they are, what they are called, what they are for, and how they are found."""

import pytest
from tests.custody.reading import details_of, events_of, rows
from tests.custody.refusing import refused

from keyferry.custody.accounts import NewUser, UserEdit
from keyferry.custody.caller import Caller
from keyferry.custody.keys import KeyEdit, NewKey
from keyferry.custody.policy import Role
from keyferry.ids import new_id
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.secret import Secret
from keyferry.testing import PASSWORD, Kek, Kit


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim", groups=("payments",))


def with_default(kit: Kit, name: str, role: Role, group: str, groups: tuple[str, ...] = ()) -> Caller:
    new = NewUser(name=name, role=role, password=Secret(PASSWORD.encode()), groups=groups, default_group=group)
    kit.custody.users.create(kit.administrator, new)
    return kit.sign_in(name)


class TestOwners:
    def test_a_key_lands_with_the_group_or_user_named_else_with_the_default_group_else_with_the_caller(
        self, kit: Kit, kim: Caller
    ) -> None:
        kit.group("billing")
        assert kit.key(kim).owner.name == "kim"
        assert kit.key(kim, group="payments").owner.name == "payments"
        lee = with_default(kit, "lee", Role.KEY_ACCESS_USER, "billing", ("payments", "billing"))
        assert kit.key(lee).owner.name == "billing"
        assert kit.key(lee, owner="lee").owner.name == "lee"
        assert kit.key(lee, group="payments").owner.name == "payments"

    def test_an_administrator_makes_keys_for_others(self, kit: Kit, kim: Caller) -> None:
        made = kit.key(kit.administrator, owner="KIM")
        assert (made.owner.user_id, made.key.created_by) == (kim.user_id, kit.administrator.user_id)
        assert kit.key(kit.administrator, group="payments").owner.name == "payments"
        ada = with_default(kit, "ada", Role.ADMINISTRATOR, "payments")
        assert kit.key(ada).owner.name == "payments"

    def test_an_administrator_with_neither_is_told_both_ways(self, kit: Kit) -> None:
        with refused("invalid-input", "owner") as refusal:
            kit.key(kit.administrator)
        assert "group" in refusal.error.advice
        assert "user" in refusal.error.advice

    def test_an_administrator_owns_none(self, kit: Kit) -> None:
        with refused("role-rule", "owner"):
            kit.key(kit.administrator, owner="first-admin")

    def test_a_key_access_user_makes_keys_for_no_one_else(self, kit: Kit, kim: Caller) -> None:
        kit.user("lee", groups=("billing",))
        told = []
        for field, name in (("group", "billing"), ("group", "nowhere"), ("owner", "lee"), ("owner", "nobody")):
            with refused("invalid-input", field) as refusal:
                kit.key(kim, **{field: name})
            told.append(refusal.error.detail.replace(name, "X"))
        assert told[0] == told[1]
        assert told[2] == told[3]
        assert rows(kit, "keys") == []

    def test_a_key_has_one_owner(self, kit: Kit, kim: Caller) -> None:
        with refused("invalid-input", "owner"):
            kit.key(kim, group="payments", owner="kim")


class TestNames:
    def test_a_name_is_unique_within_its_owner(self, kit: Kit, kim: Caller) -> None:
        lee = kit.user("lee")
        kit.key(kim, name="tenant")
        kit.key(kim, name="tenant", group="payments")
        kit.key(lee, name="tenant")
        for owner in ({}, {"group": "payments"}):
            with refused("name-taken", "name"):
                kit.key(kim, name="tenant", **owner)
        assert len(rows(kit, "keys")) == 3

    def test_a_name_that_is_not_unique_is_told_apart_by_its_group(self, kit: Kit, kim: Caller) -> None:
        own, shared = kit.key(kim, name="tenant").key.id, kit.key(kim, name="tenant", group="payments").key.id
        show = kit.custody.keys.show
        with refused("conflict", "key") as refusal:
            show(kim, "tenant")
        assert "GROUP/NAME" in refusal.error.advice
        assert show(kim, "payments/tenant").key.id == shared
        assert show(kim, own).key.id == own

    def test_a_name_is_ambiguous_only_among_what_one_may_see(self, kit: Kit, kim: Caller) -> None:
        lee = kit.user("lee")
        own = kit.key(kim, name="tenant").key.id
        kit.key(lee, name="tenant")
        assert kit.custody.keys.show(kim, "tenant").key.id == own
        with refused("conflict", "key"):
            kit.custody.keys.show(kit.administrator, "tenant")

    @pytest.mark.parametrize("name", ["", "Tenant", "1st", "ten ant", "a" * 65, "ä", "pay/tenant", "a\0", "\ud800"])
    def test_what_is_no_name(self, kit: Kit, kim: Caller, name: str) -> None:
        with refused("name-refused", "name"):
            kit.key(kim, name=name)
        with refused("not-found", "key"):
            kit.custody.keys.show(kim, name)
        with refused("not-found", "key"):
            kit.custody.keys.show(kim, f"payments/{name}")

    def test_a_name_is_not_a_uuid(self, kit: Kit, kim: Caller) -> None:
        with refused("name-refused", "name"):
            kit.key(kim, name="a" + new_id()[1:])

    def test_keys_without_a_name_are_any_number_and_are_found_by_id(self, kit: Kit, kim: Caller) -> None:
        first, second = kit.key(kim).key, kit.key(kim).key
        assert (first.name, second.name) == (None, None)
        assert kit.custody.keys.show(kim, first.id).key == first

    def test_a_name_is_given_changed_and_taken_away(self, kit: Kit, kim: Caller) -> None:
        edit = kit.custody.keys.edit
        key = kit.key(kim).key.id
        kit.key(kim, name="tenant")
        with refused("name-taken", "name"):
            edit(kim, key, KeyEdit(name="tenant"))
        assert edit(kim, key, KeyEdit(name="spare", description="For a rainy day")).key.name == "spare"
        assert edit(kim, key, KeyEdit(name="spare")).key.description == "For a rainy day"
        assert edit(kim, key, KeyEdit(name="", description="")).key.name is None
        with refused("name-refused", "name"):
            edit(kim, key, KeyEdit(name="Spare"))

    def test_an_edit_needs_the_revision_that_was_read(self, kit: Kit, kim: Caller) -> None:
        key = kit.key(kim, name="tenant").key
        kit.custody.keys.edit(kim, key.id, KeyEdit(description="A"), revision=key.revision)
        with refused("revision-conflict", "If-Match"):
            kit.custody.keys.edit(kim, key.id, KeyEdit(description="B"), revision=key.revision)
        assert kit.custody.keys.show(kim, key.id).key.description == "A"


class TestTypesAndUsages:
    def test_a_key_of_every_type(self, kit: Kit, kim: Caller) -> None:
        for algorithm in ALGORITHMS.values():
            if algorithm.bits <= 2048:  # larger ones differ in the time that they take alone
                made = kit.key(kim, algorithm.name)
                assert made.key.usages == ",".join(sorted(algorithm.usages))
                assert (made.version.public_key is None) is algorithm.symmetric
                assert (made.version.check_value is not None) is algorithm.symmetric

    def test_a_type_that_there_is_not(self, kit: Kit, kim: Caller) -> None:
        with refused("invalid-input", "type") as refusal:
            kit.key(kim, "rsa-1024")
        assert "rsa-2048" in refusal.error.advice

    def test_fewer_usages_than_the_type_can_do(self, kit: Kit, kim: Caller) -> None:
        assert kit.key(kim, usages=("wrap", "unwrap")).key.usages == "unwrap,wrap"

    @pytest.mark.parametrize("usages", [(), ("sign",), ("encrypt", "fly")])
    def test_usages_that_the_type_has_not(self, kit: Kit, kim: Caller, usages: tuple[str, ...]) -> None:
        with refused("invalid-input", "usages"):
            kit.key(kim, usages=usages)

    def test_a_key_that_is_not_exportable_stays_so(self, kit: Kit, kim: Caller, kek: Kek) -> None:
        key = kit.key(kim, "ec-p256", exportable=False).key.id
        kit.custody.states.rotate(kim, key)
        with refused("key-not-exportable", "key"):
            kit.export(kim, key, kek)
        assert rows(kit, "exports") == rows(kit, "keks") == []


class TestReassigning:
    def test_a_key_access_user_gives_a_key_to_a_group_of_theirs(self, kit: Kit, kim: Caller) -> None:
        kit.group("billing")
        member = kit.user("member", groups=("payments",))
        key = kit.key(kim, name="tenant").key.id
        assert kit.custody.keys.reassign(kim, key, group="payments").owner.name == "payments"
        assert kit.custody.keys.show(member, "payments/tenant").key.id == key
        with refused("invalid-input", "group"):
            kit.custody.keys.reassign(kim, key, group="billing")
        with refused("not-permitted", "owner"):
            kit.custody.keys.reassign(kim, key, owner="kim")
        with refused("invalid-input", "owner"):
            kit.custody.keys.reassign(kim, key, owner="member")
        with refused("invalid-input", "owner"):
            kit.custody.keys.reassign(kim, key)

    def test_an_administrator_does_so_only_when_the_owner_is_gone(self, kit: Kit, kim: Caller) -> None:
        keys, me = kit.custody.keys, kit.administrator
        own, shared = kit.key(kim).key.id, kit.key(kim, group="payments").key.id
        lee = kit.user("lee")
        for key in (own, shared):
            with refused("not-permitted"):
                keys.reassign(me, key, owner="lee")
        kit.custody.users.disable(me, "kim")
        with refused("not-permitted"):
            keys.reassign(me, shared, owner="lee")
        with refused("role-rule", "owner"):
            keys.reassign(me, own, owner="first-admin")
        assert keys.reassign(me, own, owner="lee").owner.user_id == lee.user_id
        assert keys.show(lee, own).key.id == own
        assert details_of(events_of(kit, "key.reassign")[-1])["owner_user"] == lee.user_id

    def test_names_stay_unique_at_the_new_owner(self, kit: Kit, kim: Caller) -> None:
        key = kit.key(kim, name="tenant").key.id
        kit.key(kim, name="tenant", group="payments")
        with refused("name-taken", "name"):
            kit.custody.keys.reassign(kim, key, group="payments")
        kit.custody.keys.edit(kim, key, KeyEdit(name="tenant-2"))
        assert kit.custody.keys.reassign(kim, key, group="payments").owner.name == "payments"

    def test_to_the_owner_that_it_has(self, kit: Kit, kim: Caller) -> None:
        key = kit.key(kim, name="tenant", group="payments").key.id
        assert kit.custody.keys.reassign(kim, key, group="payments").owner.name == "payments"

    def test_who_leaves_the_group_loses_its_keys_also_those_that_they_made(self, kit: Kit, kim: Caller) -> None:
        key = kit.key(kim, group="payments").key.id
        kit.custody.users.edit(kit.administrator, "kim", UserEdit(groups=()))
        with refused("not-found", "key"):
            kit.custody.keys.show(kim, key)


class TestLists:
    def walk(self, kit: Kit, caller: Caller, **filters: str) -> list[str]:
        seen: list[str] = []
        after = ""
        for _ in range(100):
            page = kit.custody.keys.list(caller, size=3, after=after, **filters)
            assert len(page.items) <= 3
            seen += [detail.key.id for detail in page.items]
            if page.next is None:
                return seen
            after = page.next
        raise AssertionError("the pages do not end")

    @pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
    def test_a_walk_finds_every_key_once_in_the_order_in_which_they_were_made(
        self, kit: Kit, kim: Caller, count: int
    ) -> None:
        lee = kit.user("lee")
        made = [kit.key(kim, group="payments" if number % 2 else None).key.id for number in range(count)]
        others = kit.key(lee).key.id
        assert self.walk(kit, kim) == made == sorted(made)
        assert self.walk(kit, kit.administrator) == [*made, others]

    def test_keys_of_an_owner_or_of_a_name(self, kit: Kit, kim: Caller) -> None:
        lee = kit.user("lee")
        own, shared = kit.key(kim, name="tenant").key.id, kit.key(kim, name="tenant", group="payments").key.id
        kit.key(kim, name="spare")
        theirs = kit.key(lee, name="tenant").key.id
        everyone = kit.administrator
        assert self.walk(kit, kim, group="payments") == [shared]
        assert self.walk(kit, everyone, owner="lee") == [theirs]
        assert self.walk(kit, kim, name="tenant") == [own, shared]
        assert self.walk(kit, everyone, name="tenant") == [own, shared, theirs]
        assert self.walk(kit, everyone, name="tenant", owner="kim") == [own]
        assert self.walk(kit, everyone, name="nothing") == []
        assert self.walk(kit, kim, name="no\0name") == []
        with refused("invalid-input", "owner"):
            self.walk(kit, kim, owner="lee")
        with refused("invalid-input", "group"):
            self.walk(kit, lee, group="payments")


def test_the_text_of_a_description_is_one_line(kit: Kit, kim: Caller) -> None:
    with refused("invalid-input", "description"):
        kit.custody.keys.generate(kim, NewKey(algorithm="aes-128", description="one\ntwo"))
    with refused("invalid-input", "description"):
        kit.key(kim, description="x" * 1025)
    assert rows(kit, "keys") == []


def test_a_refused_key_costs_no_generation(kit: Kit, kim: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.key(kim, name="tenant")

    def generate(algorithm: object) -> None:
        raise AssertionError("generated for nothing")

    monkeypatch.setattr("keyferry.custody.generation.generate", generate)
    with refused("name-taken", "name"):
        kit.key(kim, "rsa-4096", "tenant")
