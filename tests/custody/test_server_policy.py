"""From where the server may be used at all, for everybody, over every door; and the way back in."""

import pytest
from tests.custody.reading import details_of, events_of
from tests.custody.refusing import refused

from keyferry.custody.accounts import UserEdit
from keyferry.custody.caller import Caller
from keyferry.custody.policy import Role
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.custody.server_policy_row import recover_server_policy
from keyferry.errors import NotAuthenticated
from keyferry.testing import ADMINISTRATOR, Kit

INSIDE = ("127.0.0.0/8", "192.0.2.0/24", "2001:db8::/32")


def edit(kit: Kit, by: Caller | None = None, **changes: object) -> object:
    wanted = ServerPolicyEdit(**changes)  # type: ignore[arg-type]  # as its fields
    return kit.custody.server_policy.edit(by or kit.administrator, wanted)


def from_(caller: Caller, address: str | None) -> Caller:
    return Caller(caller.user_id, caller.token_id, address)


def test_a_new_store_restricts_nothing_and_says_so_in_a_row(kit: Kit) -> None:
    policy = kit.custody.server_policy.show(kit.administrator)
    assert (policy.id, policy.networks, policy.second_factor_roles, policy.revision) == (
        kit.installation.sealer.store_id,
        None,
        "[]",
        1,
    )
    (event,) = events_of(kit, "server-policy.edit")
    assert (event.actor_name, event.object_id, event.object_revision) == ("keyferry", policy.id, 1)


class TestNetworks:
    @pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.77", "::ffff:192.0.2.77", "2001:db8::1", None])
    def test_from_inside(self, kit: Kit, address: str | None) -> None:
        kim = kit.user("kim")
        edit(kit, networks=INSIDE)
        assert kit.custody.keys.list(from_(kim, address), size=5).items == ()
        assert kit.sign_in("kim", address=address).user_id == kim.user_id

    @pytest.mark.parametrize(
        "address",
        [
            "192.0.3.77",
            "::ffff:192.0.3.77",
            "::ffff:c000:34d",
            "0:0:0:0:0:ffff:192.0.3.77",
            "::192.0.2.77",
            "64:ff9b::192.0.2.77",
            "2002:c000:24d::",
            "2001:db9::1",
            "unknown",
            "",
        ],
    )
    def test_from_outside_nobody_signs_in_and_no_token_is_of_use(self, kit: Kit, address: str) -> None:
        kim = kit.user("kim")
        edit(kit, networks=INSIDE)
        for who in (kim, kit.administrator):
            with pytest.raises(NotAuthenticated):
                kit.custody.keys.list(from_(who, address), size=5)
            with pytest.raises(NotAuthenticated):
                kit.custody.tokens.create(from_(who, address), "script", 3600 * 1_000_000)
        for name in ("kim", ADMINISTRATOR, "nobody"):
            with refused("sign-in-refused"):
                kit.sign_in(name, address=address)

    def test_an_ipv6_network_never_admits_an_ipv4_address_nor_the_other_way_round(self, kit: Kit) -> None:
        kim = kit.user("kim")
        edit(kit, networks=("::/0",), even_if_locked_out=True)
        with pytest.raises(NotAuthenticated):
            kit.custody.keys.list(from_(kim, "::ffff:192.0.2.1"), size=5)
        assert kit.custody.keys.list(from_(kim, "2001:db8::1"), size=5).items == ()
        edit(kit, from_(kit.administrator, "2001:db8::1"), networks=("0.0.0.0/0",), even_if_locked_out=True)
        with pytest.raises(NotAuthenticated):
            kit.custody.keys.list(from_(kim, "2001:db8::1"), size=5)
        assert kit.custody.keys.list(from_(kim, "::ffff:192.0.2.1"), size=5).items == ()

    def test_the_accounts_own_list_holds_beside_it(self, kit: Kit) -> None:
        kim = kit.user("kim")
        kit.custody.users.edit(kit.administrator, "kim", UserEdit(networks=("198.51.100.0/24",)))
        edit(kit, networks=INSIDE)
        for address in ("192.0.2.1", "198.51.100.1"):
            with pytest.raises(NotAuthenticated):
                kit.custody.keys.list(from_(kim, address), size=5)

    def test_sign_ins_from_outside_are_in_the_audit_log_with_the_reason(self, kit: Kit) -> None:
        edit(kit, networks=INSIDE)
        with refused("sign-in-refused"):
            kit.sign_in(ADMINISTRATOR, address="203.0.113.9")
        kit.installation.custody.gate.write_refusals()
        event = events_of(kit, "session.open", outcome="refused")[-1]
        assert (event.address, details_of(event)["detail"]) == ("203.0.113.9", "network not allowed")


class TestEditing:
    def test_what_would_turn_its_author_away_is_refused_unless_it_is_meant(self, kit: Kit) -> None:
        for networks in (("192.0.2.0/24",), ()):
            with refused("locks-out", "networks"):
                edit(kit, networks=networks)
        with refused("locks-out", "networks"):
            edit(kit, enforce_networks=True)
        assert kit.custody.server_policy.show(kit.administrator).revision == 1
        edit(kit, networks=("192.0.2.0/24",), even_if_locked_out=True)
        with pytest.raises(NotAuthenticated):
            kit.custody.server_policy.show(kit.administrator)
        assert kit.custody.server_policy.show(from_(kit.administrator, "192.0.2.1")).revision == 2

    def test_networks_are_kept_in_normal_form_and_what_is_none_is_refused(self, kit: Kit) -> None:
        edit(kit, networks=("::ffff:127.0.0.0/104", "127.0.0.0/8"))
        assert kit.custody.server_policy.show(kit.administrator).networks == '["127.0.0.0/8"]'
        with refused("network-refused", "networks"):
            edit(kit, networks=("127.0.0.1/8",))
        edit(kit, enforce_networks=False)
        assert kit.custody.server_policy.show(kit.administrator).networks is None

    def test_what_is_not_mentioned_stays_and_the_log_says_what_changed(self, kit: Kit) -> None:
        edit(kit, networks=("127.0.0.0/8",))
        edit(kit, second_factor_roles=(Role.KEY_ACCESS_USER, Role.AUDITOR, Role.AUDITOR))
        edit(kit, second_factor_roles=())
        policy = kit.custody.server_policy.show(kit.administrator)
        assert (policy.networks, policy.second_factor_roles) == ('["127.0.0.0/8"]', "[]")
        assert [details_of(event) for event in events_of(kit, "server-policy.edit")] == [
            {},
            {"networks": ["127.0.0.0/8"]},
            {"second_factor_roles": ["auditor", "key-access-user"]},
            {"second_factor_roles": []},
        ]

    def test_an_edit_of_an_older_state_is_refused(self, kit: Kit) -> None:
        edit(kit, networks=("127.0.0.0/8",))
        with refused("revision-conflict"):
            kit.custody.server_policy.edit(kit.administrator, ServerPolicyEdit(enforce_networks=False), revision=1)


class TestRecovery:
    def test_the_servers_own_command_line_lets_people_in_again_and_the_log_says_so(self, kit: Kit) -> None:
        made = kit.installation
        edit(kit, networks=(), even_if_locked_out=True)
        with pytest.raises(NotAuthenticated):
            kit.sign_in(ADMINISTRATOR)
        recover_server_policy(made.store, made.sealer, None, second_factors=True)
        assert kit.sign_in(ADMINISTRATOR).user_id == kit.administrator.user_id
        event = events_of(kit, "server-policy.edit")[-1]
        assert (event.actor_name, event.address, details_of(event)) == (
            "keyferry server-policy recover",
            None,
            {"networks": "any"},
        )

    def test_from_chosen_networks_alone(self, kit: Kit) -> None:
        made = kit.installation
        edit(kit, networks=("192.0.2.0/24",), even_if_locked_out=True)
        policy = recover_server_policy(made.store, made.sealer, ("127.0.0.1",), second_factors=False)
        assert (policy.networks, policy.second_factor_roles) == ('["127.0.0.1"]', "[]")
        with refused("network-refused", "networks"):
            recover_server_policy(made.store, made.sealer, ("localhost",), second_factors=True)


def test_a_change_holds_at_once_for_who_is_signed_in(kit: Kit) -> None:
    kim = kit.user("kim")
    there = from_(kim, "192.0.2.9")
    assert kit.custody.keys.list(there, size=5).items == ()
    edit(kit, networks=("127.0.0.0/8",))
    with pytest.raises(NotAuthenticated):
        kit.custody.keys.list(there, size=5)
    with pytest.raises(NotAuthenticated):
        kit.key(there)
    edit(kit, networks=("127.0.0.0/8", "192.0.2.9"))
    assert kit.key(there).key.id
