"""Accounts: what they may be called, belong to and become, and what is left of them."""

from collections.abc import Callable

import pytest
from tests.custody.reading import details_of, events_of, rows
from tests.custody.refusing import refused

from keyferry.custody.accounts import NewUser, UserEdit
from keyferry.custody.caller import Caller
from keyferry.custody.policy import Role
from keyferry.custody.users import UserDetail
from keyferry.errors import NotAuthenticated
from keyferry.ids import new_id
from keyferry.material.secret import Secret
from keyferry.testing import ADMINISTRATOR, PASSWORD, Kit

ANOTHER = "other-lantern-harbour-7"
KEY_ACCESS = Role.KEY_ACCESS_USER


def create(kit: Kit, name: str, role: Role = KEY_ACCESS, password: str | None = PASSWORD, **more: object) -> UserDetail:
    secret = None if password is None else Secret(password.encode())
    new = NewUser(name=name, role=role, password=secret, **more)  # type: ignore[arg-type]  # as NewUser's fields
    return kit.custody.users.create(kit.administrator, new)


def edit(kit: Kit, name: str, **changes: object) -> UserDetail:
    return kit.custody.users.edit(kit.administrator, name, UserEdit(**changes))  # type: ignore[arg-type]  # as its fields


class TestNames:
    def test_names_are_unique_without_regard_to_case(self, kit: Kit) -> None:
        create(kit, "Kim")
        for name in ("Kim", "kim", "KIM"):
            with refused("name-taken", "name"):
                create(kit, name)
        assert kit.custody.users.show(kit.administrator, "kIm").user.name == "Kim"
        assert kit.sign_in("KIM").user_id == kit.sign_in("kim").user_id

    def test_the_name_of_a_deleted_user_is_not_used_again(self, kit: Kit) -> None:
        user = create(kit, "kim").user
        kit.custody.users.delete(kit.administrator, "kim")
        with refused("not-found", "user"):
            kit.custody.users.show(kit.administrator, "kim")
        with refused("not-found", "user"):
            kit.custody.users.show(kit.administrator, user.id)
        with refused("name-taken", "name"):
            create(kit, "KIM")

    @pytest.mark.parametrize("name", ["", "kim lee", "käthe", "a" * 65, "kim\n"])
    def test_what_is_no_name(self, kit: Kit, name: str) -> None:
        with refused("name-refused", "name"):
            create(kit, name)

    def test_a_name_is_not_a_uuid(self, kit: Kit) -> None:
        with refused("name-refused", "name"):
            create(kit, new_id())

    @pytest.mark.parametrize("reference", ["a\0b", "\ud800", "x" * 100_000, "", "'; --", "%"])
    def test_what_could_be_nobodys_name_names_nobody(self, kit: Kit, reference: str) -> None:
        with refused("not-found", "user"):
            kit.custody.users.show(kit.administrator, reference)


class TestGroups:
    def test_a_user_may_belong_to_groups_and_have_one_by_default(self, kit: Kit) -> None:
        kit.group("payments")
        kit.group("billing")
        made = create(kit, "kim", groups=("payments", "billing", "payments"), default_group="billing")
        assert (made.groups, made.default_group) == (("billing", "payments"), "billing")

    def test_the_default_group_is_one_of_the_users(self, kit: Kit) -> None:
        kit.group("payments")
        kit.group("billing")
        with refused("invalid-input", "default_group"):
            create(kit, "kim", groups=("payments",), default_group="billing")
        create(kit, "kim", groups=("payments",))
        with refused("invalid-input", "default_group"):
            edit(kit, "kim", default_group="billing")
        assert edit(kit, "kim", default_group="payments").default_group == "payments"

    def test_who_leaves_the_default_group_has_none(self, kit: Kit) -> None:
        kit.group("payments")
        kit.group("billing")
        create(kit, "kim", groups=("payments", "billing"), default_group="billing")
        left = edit(kit, "kim", groups=("payments",))
        assert (left.groups, left.default_group) == (("payments",), None)

    def test_a_default_group_is_cleared(self, kit: Kit) -> None:
        kit.group("payments")
        create(kit, "kim", groups=("payments",), default_group="payments")
        assert edit(kit, "kim", default_group="").default_group is None

    def test_an_administrator_belongs_to_no_group_but_may_have_one_by_default(self, kit: Kit) -> None:
        kit.group("payments")
        with refused("role-rule", "groups"):
            create(kit, "ada", Role.ADMINISTRATOR, groups=("payments",))
        made = create(kit, "ada", Role.ADMINISTRATOR, default_group="payments")
        assert (made.groups, made.default_group) == ((), "payments")
        with refused("role-rule", "groups"):
            edit(kit, "ada", groups=("payments",))

    def test_a_group_that_there_is_not(self, kit: Kit) -> None:
        with refused("invalid-input", "groups"):
            create(kit, "kim", groups=("nowhere",))
        with refused("invalid-input", "default_group"):
            create(kit, "ada", Role.ADMINISTRATOR, default_group="nowhere")
        with refused("not-found", "user"):
            kit.custody.users.show(kit.administrator, "kim")

    def test_who_joins_sees_the_groups_keys_at_once_and_who_leaves_does_not(self, kit: Kit) -> None:
        member, kim = kit.user("member", groups=("payments",)), kit.user("kim")
        key = kit.key(member, group="payments").key.id
        with refused("not-found", "key"):
            kit.custody.keys.show(kim, key)
        edit(kit, "kim", groups=("payments",))
        assert kit.custody.keys.show(kim, key).key.id == key
        edit(kit, "kim", groups=())
        with refused("not-found", "key"):
            kit.custody.keys.show(kim, key)


class TestRoles:
    def test_a_new_role_drops_all_memberships(self, kit: Kit) -> None:
        kit.group("payments")
        create(kit, "kim", groups=("payments",), default_group="payments")
        promoted = edit(kit, "kim", role=Role.ADMINISTRATOR)
        assert (promoted.user.role, promoted.groups) == ("administrator", ())
        assert rows(kit, "memberships") == []
        assert promoted.default_group == "payments", "an Administrator may have one"
        demoted = edit(kit, "kim", role=KEY_ACCESS)
        assert (demoted.groups, demoted.default_group) == ((), None)

    def test_a_new_role_counts_at_once_for_tokens_that_are_out(self, kit: Kit) -> None:
        kim = kit.user("kim")
        with refused("not-permitted"):
            kit.custody.users.list(kim, size=5)
        edit(kit, "kim", role=Role.ADMINISTRATOR)
        assert kit.custody.users.list(kim, size=5).items
        edit(kit, "kim", role=KEY_ACCESS)
        with refused("not-permitted"):
            kit.custody.users.list(kim, size=5)

    def test_who_owns_keys_does_not_become_an_administrator(self, kit: Kit) -> None:
        kit.key(kit.user("kim"))
        with refused("still-owns-keys"):
            edit(kit, "kim", role=Role.ADMINISTRATOR)

    def test_groups_and_a_role_are_given_together(self, kit: Kit) -> None:
        kit.group("payments")
        create(kit, "ada", Role.ADMINISTRATOR)
        assert edit(kit, "ada", role=KEY_ACCESS, groups=("payments",)).groups == ("payments",)
        with refused("role-rule", "groups"):
            edit(kit, "ada", role=Role.ADMINISTRATOR, groups=("payments",))


class TestAuditors:
    def test_an_auditor_belongs_to_no_group_and_has_none_by_default(self, kit: Kit) -> None:
        kit.group("payments")
        with refused("role-rule", "groups") as refusal:
            create(kit, "iris", Role.AUDITOR, groups=("payments",))
        assert refusal.error.detail == "An Auditor is no member of groups."
        with refused("invalid-input", "default_group"):
            create(kit, "iris", Role.AUDITOR, default_group="payments")
        assert create(kit, "iris", Role.AUDITOR).groups == ()

    def test_who_becomes_one_leaves_every_group_and_owns_no_keys(self, kit: Kit) -> None:
        kim = kit.user("kim", groups=("payments",))
        edit(kit, "kim", default_group="payments")
        mine = kit.key(kim, owner="kim").key.id
        with refused("still-owns-keys"):
            edit(kit, "kim", role=Role.AUDITOR)
        kit.custody.keys.reassign(kim, mine, group="payments")
        made = edit(kit, "kim", role=Role.AUDITOR)
        assert (made.user.role, made.groups, made.default_group) == ("auditor", (), None)
        assert kit.custody.keys.show(kim, mine).key.id == mine, "sees everything"
        with refused("not-permitted"):
            kit.custody.uses.encrypt(kim, mine, Secret(b"text"))

    def test_an_administrator_with_a_default_group_loses_it_on_becoming_one(self, kit: Kit) -> None:
        kit.group("payments")
        create(kit, "ada", Role.ADMINISTRATOR, default_group="payments")
        assert edit(kit, "ada", role=Role.AUDITOR).default_group is None

    def test_no_key_is_made_for_or_given_to_one(self, kit: Kit) -> None:
        kit.user("iris", Role.AUDITOR)
        with refused("role-rule", "owner") as refusal:
            kit.key(kit.administrator, owner="iris")
        assert refusal.error.detail == "'iris' is an Auditor, who may not use keys."

    def test_the_last_administrator_does_not_become_one(self, kit: Kit) -> None:
        with refused("last-administrator"):
            edit(kit, ADMINISTRATOR, role=Role.AUDITOR)

    def test_an_auditor_signs_in_reads_the_log_and_sees_to_their_own_password_and_tokens(self, kit: Kit) -> None:
        iris = kit.user("iris", Role.AUDITOR)
        assert "user.create" in {event.operation for event in kit.custody.audit.list(iris, size=50).items}
        assert kit.custody.audit.verify(iris).findings == ()
        token = kit.custody.tokens.create(iris, "siem", 3600 * 1_000_000).token
        assert kit.custody.tokens.revoke(iris, token.id).revoked_at is not None
        kit.custody.users.set_password(iris, "iris", Secret(ANOTHER.encode()), current=Secret(PASSWORD.encode()))
        assert kit.sign_in("iris", ANOTHER).user_id == iris.user_id
        with refused("not-permitted"):
            kit.custody.users.set_password(kit.sign_in("iris", ANOTHER), ADMINISTRATOR, Secret(ANOTHER.encode()))


class TestTheLastAdministrator:
    def test_cannot_be_disabled_deleted_or_demoted(self, kit: Kit) -> None:
        create(kit, "kim")
        create(kit, "off", Role.ADMINISTRATOR, disabled=True)
        create(kit, "gone", Role.ADMINISTRATOR)
        kit.custody.users.delete(kit.administrator, "gone")
        users, me = kit.custody.users, kit.administrator
        asks: list[Callable[[], object]] = [
            lambda: users.disable(me, ADMINISTRATOR),
            lambda: users.delete(me, ADMINISTRATOR),
            lambda: edit(kit, ADMINISTRATOR, role=KEY_ACCESS),
        ]
        for ask in asks:
            with refused("last-administrator"):
                ask()
        assert users.show(me, ADMINISTRATOR).user.role == "administrator"

    def test_can_go_once_there_is_another(self, kit: Kit) -> None:
        create(kit, "ada", Role.ADMINISTRATOR)
        ada = kit.sign_in("ada")
        kit.custody.users.disable(ada, ADMINISTRATOR)
        for ask in (kit.custody.users.disable, kit.custody.users.delete):
            with refused("last-administrator"):
                ask(ada, "ada")
        kit.custody.users.delete(ada, ADMINISTRATOR)


class TestDeletion:
    def test_who_owns_keys_stays_also_when_they_are_destroyed(self, make_kit: Callable[..., Kit]) -> None:
        kit = make_kit(destruction_pending="0s")
        kim = kit.user("kim")
        key = kit.key(kim, activated=False).key.id
        kit.custody.states.destroy(kim, key)
        kit.custody.jobs.run()
        with refused("still-owns-keys"):
            kit.custody.users.delete(kit.administrator, "kim")
        assert kit.custody.users.show(kit.administrator, "kim").user.deleted_at is None

    def test_nothing_of_the_account_is_left_that_lets_anyone_in(self, kit: Kit) -> None:
        kim = kit.user("kim", groups=("payments",))
        kit.custody.users.delete(kit.administrator, "kim")
        (row,) = [row for row in rows(kit, "users") if row["name"] == "kim"]
        assert (row["password_hash"], row["disabled"]) == (None, True)
        assert rows(kit, "memberships") == []
        with pytest.raises(NotAuthenticated):
            kit.custody.keys.list(kim, size=5)
        with pytest.raises(NotAuthenticated):
            kit.sign_in("kim")
        names = [each.user.name for each in kit.custody.users.list(kit.administrator, size=5).items]
        assert names == [ADMINISTRATOR]


class TestWaysIn:
    def test_disabling_ends_every_session_and_token_and_enabling_brings_none_back(self, kit: Kit) -> None:
        kim = kit.user("kim")
        issued = kit.custody.tokens.create(kim, "script", 3600 * 1_000_000)
        script = kit.installation.authenticator.authenticate(issued.text.reveal().decode(), "127.0.0.1")
        kit.custody.users.disable(kit.administrator, "kim")
        for caller in (kim, script):
            with pytest.raises(NotAuthenticated):
                kit.custody.keys.list(caller, size=5)
        kit.custody.users.enable(kit.administrator, "kim")
        for caller in (kim, script):
            with pytest.raises(NotAuthenticated):
                kit.custody.keys.list(caller, size=5)
        assert kit.custody.keys.list(kit.sign_in("kim"), size=5).items == ()

    def test_a_user_may_be_made_disabled(self, kit: Kit) -> None:
        assert create(kit, "kim", disabled=True).user.disabled
        with pytest.raises(NotAuthenticated):
            kit.sign_in("kim")

    def test_a_new_password_ends_every_session_and_token(self, kit: Kit) -> None:
        kim, elsewhere = kit.user("kim"), kit.sign_in("kim")
        kit.custody.users.set_password(kim, "kim", Secret(ANOTHER.encode()), current=Secret(PASSWORD.encode()))
        for caller in (kim, elsewhere):
            with pytest.raises(NotAuthenticated):
                kit.custody.keys.list(caller, size=5)
        with pytest.raises(NotAuthenticated):
            kit.sign_in("kim")
        assert kit.sign_in("kim", ANOTHER).user_id

    @pytest.mark.parametrize(("current", "code"), [(None, "invalid-input"), ("wrong-harbour-77", "password-refused")])
    def test_ones_own_password_needs_the_current_one(self, kit: Kit, current: str | None, code: str) -> None:
        for caller, name in ((kit.user("kim"), "kim"), (kit.administrator, ADMINISTRATOR)):
            given = None if current is None else Secret(current.encode())
            with refused(code, "current_password"):
                kit.custody.users.set_password(caller, name, Secret(ANOTHER.encode()), current=given)
            assert kit.sign_in(name).user_id == caller.user_id

    @pytest.mark.parametrize("password", ["short-777", "password12", "kim.ferryman1", "harbour\nlantern-42"])
    def test_passwords_that_are_refused(self, kit: Kit, password: str) -> None:
        with refused("password-refused", "password") as refusal:
            create(kit, "kim.ferryman", password=password)
        assert password not in refusal.error.detail
        kim = kit.user("kim.ferryman")
        with refused("password-refused", "password"):
            kit.custody.users.set_password(kit.administrator, kim.user_id, Secret(password.encode()))

    def test_an_account_without_a_password_waits_for_one(self, kit: Kit) -> None:
        create(kit, "kim", password=None)
        with pytest.raises(NotAuthenticated):
            kit.sign_in("kim")
        kit.custody.users.set_password(kit.administrator, "kim", Secret(ANOTHER.encode()))
        assert kit.sign_in("kim", ANOTHER).user_id

    def test_the_audit_log_says_when_another_set_a_password(self, kit: Kit) -> None:
        kim = kit.user("kim")
        kit.custody.users.set_password(kim, "kim", Secret(ANOTHER.encode()), current=Secret(PASSWORD.encode()))
        kit.custody.users.set_password(kit.administrator, "kim", Secret(PASSWORD.encode()))
        own, others = events_of(kit, "user.password")
        assert (own.actor_name, details_of(own)) == ("kim", {})
        assert (others.actor_name, details_of(others)) == (ADMINISTRATOR, {"by_another": True})


class TestNetworks:
    LIST = ("192.0.2.0/24", "2001:db8::/32")

    @pytest.mark.parametrize("address", ["192.0.2.77", "::ffff:192.0.2.77", "2001:db8::1"])
    def test_from_inside(self, kit: Kit, address: str) -> None:
        create(kit, "kim", networks=self.LIST)
        kim = kit.sign_in("kim", address=address)
        assert kit.custody.keys.list(kim, size=5).items == ()

    @pytest.mark.parametrize("address", ["192.0.3.77", "::ffff:192.0.3.77", "2001:db9::1", "testclient"])
    def test_from_outside_also_with_a_token_from_inside(self, kit: Kit, address: str) -> None:
        create(kit, "kim", networks=self.LIST)
        with pytest.raises(NotAuthenticated):
            kit.sign_in("kim", address=address)
        inside = kit.sign_in("kim", address="192.0.2.1")
        carried_off = Caller(inside.user_id, inside.token_id, address)
        with pytest.raises(NotAuthenticated):
            kit.custody.keys.list(carried_off, size=5)
        with pytest.raises(NotAuthenticated):
            kit.key(carried_off)

    def test_a_list_written_in_mapped_form_admits_the_plain_one(self, kit: Kit) -> None:
        made = create(kit, "kim", networks=("::ffff:192.0.2.0/120",))
        assert made.user.networks == '["192.0.2.0/24"]'
        assert kit.sign_in("kim", address="192.0.2.9").user_id

    def test_enforcing_an_empty_list_admits_nobody_and_a_list_is_kept_out_of_force_by_none(self, kit: Kit) -> None:
        kim = kit.user("kim")
        assert edit(kit, "kim", enforce_networks=True).user.networks == "[]"
        with pytest.raises(NotAuthenticated):
            kit.custody.keys.list(kim, size=5)
        assert edit(kit, "kim", enforce_networks=False).user.networks is None
        assert kit.custody.keys.list(kim, size=5).items == ()

    def test_a_list_stays_when_other_things_change(self, kit: Kit) -> None:
        create(kit, "kim", networks=self.LIST)
        kept = edit(kit, "kim", display_name="Kim", enforce_networks=True)
        assert kept.user.networks == '["192.0.2.0/24","2001:db8::/32"]'.replace(",", ", ")

    @pytest.mark.parametrize("entry", ["192.0.2.1/24", "payments.example.org", "10.0.0.0/33", "fe80::1%eth0"])
    def test_what_is_no_network(self, kit: Kit, entry: str) -> None:
        with refused("network-refused", "networks"):
            create(kit, "kim", networks=(entry,))


class TestEditing:
    def test_what_is_not_named_stays_and_an_empty_text_clears(self, kit: Kit) -> None:
        create(kit, "kim", display_name="Kim", email="kim@example.org")
        assert edit(kit, "kim", display_name="K. L.").user.email == "kim@example.org"
        cleared = edit(kit, "kim", email="").user
        assert (cleared.display_name, cleared.email) == ("K. L.", None)

    def test_every_change_needs_the_revision_that_was_read(self, kit: Kit) -> None:
        users, me = kit.custody.users, kit.administrator
        user = create(kit, "kim").user
        changed = users.edit(me, "kim", UserEdit(display_name="Kim"), revision=user.revision).user
        assert changed.revision == user.revision + 1
        asks: list[Callable[[], object]] = [
            lambda: users.edit(me, "kim", UserEdit(display_name="Other"), revision=user.revision),
            lambda: users.disable(me, "kim", revision=user.revision),
            lambda: users.enable(me, "kim", revision=user.revision),
            lambda: users.delete(me, "kim", revision=user.revision),
        ]
        for ask in asks:
            with refused("revision-conflict", "If-Match"):
                ask()
        assert users.show(me, "kim").user == changed
        assert users.disable(me, "kim", revision=changed.revision).user.disabled

    def test_a_refused_edit_changes_nothing(self, kit: Kit) -> None:
        kit.group("payments")
        create(kit, "kim", groups=("payments",))
        before = (rows(kit, "users"), rows(kit, "memberships"))
        with refused("invalid-input", "email"):
            edit(kit, "kim", groups=(), display_name="Kim", email="no address")
        assert (rows(kit, "users"), rows(kit, "memberships")) == before

    def test_accounts_are_listed_a_page_at_a_time_each_once(self, kit: Kit) -> None:
        for number in range(6):
            create(kit, f"user{number}", password=None)
        names, after = [], ""
        while True:
            page = kit.custody.users.list(kit.administrator, size=3, after=after)
            names += [each.user.name for each in page.items]
            if page.next is None:
                break
            after = page.next
        assert names == [ADMINISTRATOR, *(f"user{number}" for number in range(6))]
