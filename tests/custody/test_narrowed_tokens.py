"""Tokens that are for a part of what their user may: operations, keys, groups, networks; and the ways round that."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from tests.custody.pushing import new_request, place
from tests.custody.reading import details_of, events_of, rows
from tests.custody.refusing import refused

from keyferry.custody.accounts import NewUser, UserEdit
from keyferry.custody.caller import Caller
from keyferry.custody.certificates import NewCertificate
from keyferry.custody.finding import Wanted
from keyferry.custody.keys import KeyEdit, NewKey
from keyferry.custody.narrowing import BUNDLES, WAYS_IN, in_words
from keyferry.custody.policy import Operation, Role
from keyferry.custody.token_scopes import TokenScope
from keyferry.errors import NotAuthenticated
from keyferry.material.secret import Secret
from keyferry.testing import ADDRESS, PASSWORD, Kek, Kit

HOUR = 3600 * 1_000_000


@dataclass(frozen=True)
class Scene:
    """Kim's keys: one in each of two groups, and one of kim's own; and a key of somebody else's."""

    kit: Kit
    kim: Caller
    tenant: str
    billing: str
    own: str
    others: str

    def token(self, **scope: tuple[str, ...]) -> Caller:
        """The caller of a token of kim's that is narrowed so."""
        return self.token_of(self.kim, **scope)

    def token_of(self, by: Caller, **scope: tuple[str, ...]) -> Caller:
        """The caller of a token of somebody's that is narrowed so."""
        issued = self.kit.custody.tokens.create(by, "narrow", HOUR, scope=TokenScope(**scope))
        return self.kit.installation.authenticator.authenticate(issued.text.reveal().decode(), ADDRESS)


@pytest.fixture
def scene(kit: Kit) -> Scene:
    kim = kit.user("kim", groups=("payments", "billing"))
    stranger = kit.user("stranger", groups=("elsewhere",))
    return Scene(
        kit,
        kim,
        kit.key(kim, name="tenant", group="payments").key.id,
        kit.key(kim, name="invoices", group="billing").key.id,
        kit.key(kim, "ec-p256", "mine", owner="kim").key.id,
        kit.key(stranger, name="theirs", group="elsewhere").key.id,
    )


class TestOperations:
    def test_it_does_what_it_is_for_and_nothing_else(self, scene: Scene, kek: Kek) -> None:
        custody, caller = scene.kit.custody, scene.token(operations=("key.use",))
        assert custody.uses.encrypt(caller, scene.tenant, Secret(b"text")).ciphertext
        for ask in (
            lambda: custody.keys.show(caller, scene.tenant),
            lambda: custody.keys.list(caller, size=5),
            lambda: custody.exports.export(caller, scene.tenant, kek.request),
            lambda: custody.states.deactivate(caller, scene.tenant),
            lambda: custody.keys.generate(caller, NewKey(algorithm="aes-128", group="payments")),
        ):
            with refused("not-permitted") as refusal:
                ask()
            assert refusal.error.detail.startswith("This token is narrowed, and not for key.")

    def test_a_bundle_is_settled_when_the_token_is_made(self, scene: Scene) -> None:
        caller = scene.token(operations=("read", "key.export"))
        (row,) = [row for row in rows(scene.kit, "tokens") if row["id"] == caller.token_id]
        assert '"key.read"' in row["operations"]
        assert '"key.export"' in row["operations"]
        assert '"key.use"' not in row["operations"]
        shown = scene.kit.custody.tokens.show(scene.kim, str(caller.token_id))
        assert shown.scope == TokenScope(operations=("export", "read"))  # what the two come to
        assert scene.kit.custody.keys.list(caller, size=5).items

    def test_it_is_for_no_more_than_its_user_may(self, scene: Scene) -> None:
        caller = scene.token(operations=("user.create", "audit.read", "key.use"))
        for ask in (
            lambda: scene.kit.custody.audit.list(caller, size=5),
            lambda: scene.kit.custody.users.create(caller, NewUser(name="x", role=Role.ADMINISTRATOR)),
        ):
            with refused("not-permitted"):
                ask()
        with refused("not-found"):
            scene.kit.custody.uses.encrypt(caller, scene.others, Secret(b"text"))

    @pytest.mark.parametrize("name", ["key.steal", "KEY.USE", "", "key.*", "everything"])
    def test_what_is_no_operation(self, scene: Scene, name: str) -> None:
        with refused("invalid-input", "operations"):
            scene.token(operations=(name,))

    @pytest.mark.parametrize("operation", sorted(WAYS_IN))
    def test_no_narrowed_token_is_for_a_way_in(self, scene: Scene, operation: Operation) -> None:
        with refused("invalid-input", "operations"):
            scene.token(operations=(operation.value,))

    def test_bundles_hold_no_way_in_and_are_told_by_their_names(self) -> None:
        for name, bundle in BUNDLES.items():
            assert not bundle & WAYS_IN, name
            assert in_words(operation.value for operation in bundle) == [name]


class TestKeysAndGroups:
    def test_it_reaches_the_keys_that_it_names(self, scene: Scene, kek: Kek) -> None:
        custody, caller = scene.kit.custody, scene.token(keys=(scene.tenant,))
        assert custody.keys.show(caller, "tenant").key.id == scene.tenant
        assert custody.keys.show(caller, "payments/tenant").key.id == scene.tenant
        assert custody.uses.encrypt(caller, scene.tenant, Secret(b"text")).ciphertext
        assert custody.keys.edit(caller, scene.tenant, KeyEdit(description="A")).key.description == "A"
        assert custody.exports.list(caller, size=5, key=scene.tenant).items == ()
        assert custody.deployments.list(caller, size=5, key=scene.tenant).items == ()
        planned = custody.deployments.plan(scene.kim, scene.own, place())
        for other in (scene.billing, scene.own, scene.others, "invoices", "billing/invoices", "mine"):
            for ask in (
                lambda other=other: custody.keys.show(caller, other),
                lambda other=other: custody.uses.encrypt(caller, other, Secret(b"text")),
                lambda other=other: custody.states.deactivate(caller, other),
                lambda other=other: custody.exports.export(caller, other, kek.request),
                lambda other=other: custody.exports.list(caller, size=5, key=other),
                lambda other=other: custody.key_access.list(caller, other),
                lambda other=other: custody.deployments.plan(caller, other, place()),
            ):
                with refused("not-found"):
                    ask()
        with refused("not-found"):
            custody.deployments.show(caller, planned.deployment.id)

    def test_it_reaches_the_groups_that_it_names_and_their_keys(self, scene: Scene) -> None:
        custody, caller = scene.kit.custody, scene.token(groups=("payments",))
        assert custody.keys.show(caller, scene.tenant).key.id == scene.tenant
        assert custody.groups.show(caller, "payments").name == "payments"
        made = custody.keys.generate(caller, NewKey(algorithm="aes-128", group="payments")).key
        assert custody.uses.encrypt(caller, made.id, Secret(b"text")).ciphertext
        for reference in (scene.billing, scene.own, scene.others):
            with refused("not-found"):
                custody.keys.show(caller, reference)
        with refused("not-found"):
            custody.groups.show(caller, "billing")
        for group in ("billing", "elsewhere"):
            with refused("invalid-input", "group"):
                custody.keys.generate(caller, NewKey(algorithm="aes-128", group=group))
        with refused("not-permitted"):
            custody.keys.generate(caller, NewKey(algorithm="aes-128", owner="kim"))
        with refused("invalid-input", "group"):
            custody.keys.reassign(caller, scene.tenant, group="billing")
        with refused("invalid-input", "group"):
            custody.customer_key_requests.draft(caller, new_request(group="billing"))

    def test_a_key_that_goes_to_another_group_is_out_of_its_reach_at_once(self, scene: Scene) -> None:
        caller = scene.token(groups=("payments",))
        scene.kit.custody.keys.reassign(scene.kim, scene.tenant, group="billing")
        with refused("not-found"):
            scene.kit.custody.keys.show(caller, scene.tenant)

    def test_no_list_is_shown_that_is_not_about_one_of_them(self, scene: Scene) -> None:
        custody, caller = scene.kit.custody, scene.token(keys=(scene.tenant,), groups=("billing",))
        for ask in (
            lambda: custody.keys.list(caller, size=5),
            lambda: custody.keys.list(caller, size=5, group="payments"),
            lambda: custody.finding.find(caller, Wanted(), size=5),
            lambda: custody.finding.total(caller),
            lambda: custody.exports.list(caller, size=5),
            lambda: custody.exports.newest(caller, size=5),
            lambda: custody.deployments.list(caller, size=5),
            lambda: custody.customer_key_requests.list(caller, size=5),
            lambda: custody.reminders.list(caller, size=5),
            lambda: custody.groups.list(caller, size=5),
            lambda: custody.groups.search(caller, "", size=5),
            lambda: custody.connections.list(caller, size=5),
            lambda: custody.keks.list(caller, size=5),
            lambda: custody.metrics.show(caller),
            lambda: custody.metrics.places(caller),
            lambda: custody.tokens.list(caller, size=5),
            lambda: custody.approvals.list(caller, size=5),
        ):
            with refused("not-permitted"):
                ask()

    def test_an_administrators_reaches_nothing_else_though_they_see_everything(self, scene: Scene) -> None:
        custody, me = scene.kit.custody, scene.kit.administrator
        caller = scene.token_of(me, groups=("payments",))
        assert custody.keys.show(caller, scene.tenant).key.id == scene.tenant
        with refused("not-found"):
            custody.keys.show(caller, scene.billing)
        for ask in (
            lambda: custody.users.list(caller, size=5),
            lambda: custody.users.show(caller, "kim"),
            lambda: custody.users.edit(caller, "kim", UserEdit(groups=())),
            lambda: custody.users.create(caller, NewUser(name="eve", role=Role.ADMINISTRATOR)),
            lambda: custody.groups.create(caller, "mine"),
            lambda: custody.audit.list(caller, size=5),
            lambda: custody.server_policy.show(caller),
            lambda: custody.keys.generate(caller, NewKey(algorithm="aes-128", group="billing")),
        ):
            with refused("not-permitted"):
                ask()

    def test_what_it_names_has_to_be_in_sight_of_who_makes_it(self, scene: Scene) -> None:
        for scope in ({"keys": (scene.others,)}, {"keys": ("nothing",)}, {"keys": ()}):
            with refused("invalid-input", "keys"):
                scene.token(**scope)
        for scope in ({"groups": ("elsewhere",)}, {"groups": ("nothing",)}, {"groups": ()}):
            with refused("invalid-input", "groups"):
                scene.token(**scope)

    def test_leaving_the_group_ends_what_the_token_could_do_with_its_keys(self, scene: Scene) -> None:
        caller = scene.token(groups=("payments",))
        scene.kit.custody.users.edit(scene.kit.administrator, "kim", UserEdit(groups=("billing",)))
        with refused("not-found"):
            scene.kit.custody.keys.show(caller, scene.tenant)


class TestNetworks:
    @pytest.mark.parametrize("address", ["192.0.2.7", "::ffff:192.0.2.7"])
    def test_from_inside(self, scene: Scene, address: str) -> None:
        caller = scene.token(networks=("192.0.2.0/24", "127.0.0.0/8"))
        assert scene.kit.custody.keys.list(Caller(caller.user_id, caller.token_id, address), size=5).items

    @pytest.mark.parametrize("address", ["192.0.3.7", "::ffff:192.0.3.7", "2001:db8::1", "unknown"])
    def test_from_outside(self, scene: Scene, address: str) -> None:
        caller = scene.token(networks=("192.0.2.0/24", "127.0.0.0/8"))
        with pytest.raises(NotAuthenticated):
            scene.kit.custody.keys.list(Caller(caller.user_id, caller.token_id, address), size=5)

    def test_what_is_no_network(self, scene: Scene) -> None:
        with refused("network-refused", "networks"):
            scene.token(networks=("localhost",))


SCOPES: list[Callable[[Scene], dict[str, tuple[str, ...]]]] = [
    lambda _: {"operations": tuple(BUNDLES)},
    lambda scene: {"keys": (scene.tenant,)},
    lambda _: {"groups": ("payments",)},
    lambda _: {"networks": ("127.0.0.0/8",)},
]


@pytest.mark.parametrize("scope", SCOPES, ids=["operations", "keys", "groups", "networks"])
class TestWiderAgain:
    def test_it_makes_no_token_no_session_and_no_other_way_in(
        self, scene: Scene, scope: Callable[[Scene], dict[str, tuple[str, ...]]]
    ) -> None:
        custody, caller = scene.kit.custody, scene.token(**scope(scene))
        current, password = Secret(PASSWORD.encode()), Secret(b"other-lantern-harbour-7")
        before = rows(scene.kit, "tokens"), rows(scene.kit, "users"), rows(scene.kit, "certificates")
        for ask in (
            lambda: custody.tokens.create(caller, "wider", HOUR),
            lambda: custody.tokens.create(caller, "as wide", HOUR, scope=TokenScope(**scope(scene))),
            lambda: custody.tokens.open_session(caller, epoch=1),
            lambda: custody.users.set_password(caller, "kim", password, current=current),
            lambda: custody.certificates.issue(caller, NewCertificate(name="laptop")),
        ):
            with refused("not-permitted"):
                ask()
        assert (rows(scene.kit, "tokens"), rows(scene.kit, "users"), rows(scene.kit, "certificates")) == before

    def test_its_bearer_may_know_whose_it_is_and_what_for(
        self, scene: Scene, scope: Callable[[Scene], dict[str, tuple[str, ...]]]
    ) -> None:
        custody, caller = scene.kit.custody, scene.token(**scope(scene))
        assert custody.users.show(caller, caller.user_id).user.name == "kim"
        assert custody.tokens.show(caller, str(caller.token_id)).scope is not None


def test_the_audit_log_says_what_a_token_was_made_for(scene: Scene) -> None:
    scene.token(operations=("use",), keys=("tenant",), groups=("billing",), networks=("192.0.2.1",))
    billing = scene.kit.custody.groups.show(scene.kim, "billing").id
    assert details_of(events_of(scene.kit, "token.create")[-1]) == {
        "operations": ["key.use"],
        "keys": [scene.tenant],
        "groups": [billing],
        "networks": ["192.0.2.1"],
    }


def test_a_token_that_is_not_narrowed_is_as_it_was(scene: Scene) -> None:
    caller = scene.token()
    assert len(scene.kit.custody.keys.list(caller, size=5).items) == 3
    assert scene.kit.custody.tokens.create(caller, "another", HOUR).token.operations is None
