"""Complete rows of earlier, sealed by Keyferry itself, put back behind its back; and rows that were removed.

The row's seal is sound: it is its revision that the newest audit event about it gives the lie to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.custody.pushing import FIRST, client_secret, connect, named, new_request, plan
from tests.integrity.behind import Behind
from tests.integrity.conftest import Scene
from tests.integrity.test_edited_rows import come_as_kim, vouched_for

from keyferry.custody.accounts import NewUser, UserEdit
from keyferry.custody.caller import Caller
from keyferry.custody.connection_writing import ConnectionEdit
from keyferry.custody.customer_key_shapes import RequestedKey
from keyferry.custody.customer_key_states import RequestState
from keyferry.custody.deployment_steps import Step
from keyferry.custody.groups import GroupEdit
from keyferry.custody.keys import KeyEdit
from keyferry.custody.lifecycle import RevocationReason
from keyferry.custody.policy import Role
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.errors import CannotStart, KeyferryError, NotAuthenticated, NotFound
from keyferry.material.secret import Secret
from keyferry.store.sealed import MEMBERSHIPS
from keyferry.testing import PASSWORD, VAULT, Kek, Kit

NEW_PASSWORD = Secret(b"quiet-orchard-ladder-77")
OTHER_KEK = Kek.make()


@dataclass(frozen=True, slots=True)
class Replay:
    """A row that is put back after `change`, and what that would open."""

    table: str
    find: Callable[[Scene], str]
    change: Callable[[Scene], object]
    operate: Callable[[Scene], object]
    prepare: Callable[[Scene], object] = lambda _: None


def kim_id(scene: Scene) -> str:
    return scene.kim.user_id


def sign_in_as_kim(scene: Scene) -> Caller:
    return scene.kit.sign_in("kim", PASSWORD, "198.51.100.9")


def export(scene: Scene) -> object:
    return scene.kit.export(scene.kim, scene.key_id, scene.kek)


def edit_user(edit: UserEdit, name: str = "kim") -> Callable[[Scene], object]:
    return lambda scene: scene.kit.custody.users.edit(scene.admin, name, edit)


def edit_group(policy: str) -> Callable[[Scene], object]:
    return lambda scene: scene.kit.custody.groups.edit(scene.admin, "payments", GroupEdit(kek_policy=policy))


def revoke(scene: Scene) -> object:
    return scene.kit.custody.states.revoke(scene.kim, scene.key_id, RevocationReason.KEY_COMPROMISE)


def deactivate(scene: Scene) -> object:
    return scene.kit.custody.states.deactivate(scene.kim, scene.key_id)


def destroy(scene: Scene) -> object:
    deactivate(scene)
    return scene.kit.custody.states.destroy(scene.kim, scene.key_id)


def give_to_payments(scene: Scene) -> object:
    scene.kit.custody.users.edit(scene.admin, "mallory", UserEdit(groups=("payments",)))
    scene.kit.custody.keys.reassign(scene.mallory, scene.own.key.id, group="payments")
    return scene.kit.custody.users.edit(scene.admin, "mallory", UserEdit(groups=()))


def register(scene: Scene) -> object:
    return scene.kit.custody.keks.register(scene.admin, "azure", scene.kek.identifier, scene.kek.public_pem)


def kek_row_id(scene: Scene) -> str:
    return scene.behind.only_id("keks")


def second_admin_id(scene: Scene) -> str:
    return scene.kit.custody.users.show(scene.admin, "second").user.id


def make_second_admin(scene: Scene) -> object:
    new = NewUser(name="second", role=Role.ADMINISTRATOR, password=Secret(PASSWORD.encode()))
    return scene.kit.custody.users.create(scene.admin, new)


def list_users_as_second(scene: Scene) -> object:
    return scene.kit.custody.users.list(scene.kit.sign_in("second"), size=10)


def connection_id(scene: Scene) -> str:
    return scene.behind.only_id("connections")


def edit_connection(**changes: Any) -> Callable[[Scene], object]:
    return lambda scene: scene.kit.custody.connections.edit(scene.admin, "production", ConnectionEdit(**changes))


def open_connection(scene: Scene) -> object:
    return scene.kit.custody.connections.open(scene.kim, connection_id(scene), VAULT)


def make_connection(scene: Scene) -> object:
    return connect(scene.kit)


def provider_id(scene: Scene) -> str:
    return scene.behind.only_id("identity_providers")


def disable_provider(scene: Scene) -> object:
    return scene.kit.custody.providers.disable(scene.admin, provider_id(scene))


def identity_id(scene: Scene) -> str:
    return scene.behind.only_id("identities")


def unbind(scene: Scene) -> object:
    return scene.kit.custody.identities.unbind(scene.admin, identity_id(scene))


def deployment_id(scene: Scene) -> str:
    return scene.behind.only_id("deployments")


def plan_through_connection(scene: Scene) -> object:
    connect(scene.kit)
    return plan(scene.kit, scene.kim, scene.key_id, connection="production")


def lease(scene: Scene) -> object:
    return scene.kit.custody.deployments.lease(scene.kim, deployment_id(scene))


def draft(scene: Scene) -> object:
    return scene.kit.custody.customer_key_requests.draft(scene.kim, new_request())


def validate(scene: Scene) -> object:
    return scene.kit.custody.customer_key_requests.set_state(
        scene.kim, request_id(scene), RequestState.VALIDATED, vouched=True, note="By hand."
    )


def request_id(scene: Scene) -> str:
    return scene.behind.only_id("customer_key_requests")


REPLAYS: dict[str, Replay] = {
    "a disabled user enabled": Replay(
        "users", kim_id, lambda scene: scene.kit.custody.users.disable(scene.admin, "kim"), Scene.show
    ),
    "a disabled user signs in": Replay(
        "users", kim_id, lambda scene: scene.kit.custody.users.disable(scene.admin, "kim"), sign_in_as_kim
    ),
    "a password that was changed": Replay(
        "users",
        kim_id,
        lambda scene: scene.kit.custody.users.set_password(scene.admin, "kim", NEW_PASSWORD),
        sign_in_as_kim,
    ),
    "networks before they were narrowed": Replay(
        "users", kim_id, edit_user(UserEdit(networks=("203.0.113.0/24",))), sign_in_as_kim
    ),
    "a role that was taken away": Replay(
        "users",
        second_admin_id,
        edit_user(UserEdit(role=Role.KEY_ACCESS_USER), "second"),
        list_users_as_second,
        prepare=make_second_admin,
    ),
    "a token that was revoked": Replay(
        "tokens",
        lambda scene: scene.kim.token_id or "",
        lambda scene: scene.kit.custody.tokens.revoke(scene.admin, scene.kim.token_id or ""),
        Scene.show,
    ),
    "a laxer policy of a group": Replay("groups", Scene.group_id, edit_group("registered"), export, edit_group("any")),
    "a group's policy inherited": Replay("groups", Scene.group_id, edit_group("registered"), export),
    "a membership that ended": Replay("memberships", Scene.membership_id, edit_user(UserEdit(groups=())), Scene.show),
    "a version that was revoked": Replay("key_versions", lambda scene: scene.version_id, revoke, export),
    "a version that was deactivated": Replay("key_versions", lambda scene: scene.version_id, deactivate, export),
    "a version to be destroyed": Replay("key_versions", lambda scene: scene.version_id, destroy, export),
    "a key with its former owner": Replay(
        "keys",
        lambda scene: scene.own.key.id,
        give_to_payments,
        lambda scene: scene.kit.export(scene.mallory, scene.own.key.id, scene.kek),
    ),
    "a key before it was rotated": Replay(
        "keys",
        lambda scene: scene.key_id,
        lambda scene: scene.kit.custody.states.rotate(scene.kim, scene.key_id),
        export,
    ),
    "a key before it was described": Replay(
        "keys",
        lambda scene: scene.key_id,
        lambda scene: scene.kit.custody.keys.edit(scene.kim, scene.key_id, KeyEdit(description="for the vault")),
        Scene.show,
    ),
    "a registration that was withdrawn": Replay(
        "keks",
        kek_row_id,
        lambda scene: scene.kit.custody.keks.unregister(scene.admin, scene.kek.identifier),
        export,
        register,
    ),
    "a connection that was disabled": Replay(
        "connections", connection_id, edit_connection(disabled=True), open_connection, make_connection
    ),
    "a connection granted to more": Replay(
        "connections", connection_id, edit_connection(groups=()), open_connection, make_connection
    ),
    "a connection that reached more": Replay(
        "connections", connection_id, edit_connection(vaults=()), open_connection, make_connection
    ),
    "a credential that was renewed": Replay(
        "connections",
        connection_id,
        edit_connection(credential=client_secret("another-secret-0043")),
        open_connection,
        make_connection,
    ),
    "a connection that was deleted": Replay(
        "connections",
        connection_id,
        lambda scene: scene.kit.custody.connections.delete(scene.admin, "production"),
        open_connection,
        make_connection,
    ),
    "a deployment that nobody held": Replay("deployments", deployment_id, lease, lease, plan_through_connection),
    "a deployment that was given up": Replay(
        "deployments",
        deployment_id,
        lambda scene: scene.kit.custody.deployments.abandon(scene.kim, deployment_id(scene)),
        lease,
        plan_through_connection,
    ),
    "a request before it was validated": Replay("customer_key_requests", request_id, validate, validate, draft),
    "a provider that was disabled": Replay(
        "identity_providers", provider_id, disable_provider, come_as_kim, vouched_for
    ),
    "an identity that was unbound": Replay("identities", identity_id, unbind, come_as_kim, vouched_for),
    "a server that admitted everybody": Replay(
        "server_policy",
        lambda scene: scene.kit.installation.sealer.store_id,
        lambda scene: scene.kit.custody.server_policy.edit(scene.admin, ServerPolicyEdit(networks=("127.0.0.0/8",))),
        Scene.show,
    ),
    "a user who was deleted": Replay(
        "users",
        lambda scene: scene.kit.custody.users.show(scene.admin, "second").user.id,
        lambda scene: scene.kit.custody.users.delete(scene.admin, "second"),
        lambda scene: scene.kit.sign_in("second"),
        make_second_admin,
    ),
    "a group that was deleted": Replay(
        "groups",
        lambda scene: scene.kit.custody.groups.show(scene.admin, "empty").id,
        lambda scene: scene.kit.custody.groups.delete(scene.admin, "empty"),
        lambda scene: scene.kit.custody.groups.show(scene.admin, "empty"),
        lambda scene: scene.kit.group("empty"),
    ),
}


@pytest.mark.parametrize("name", REPLAYS)
def test_an_old_row_put_back_is_refused(scene: Scene, name: str) -> None:
    replay = REPLAYS[name]
    replay.prepare(scene)
    old = scene.behind.row(replay.table, replay.find(scene))
    replay.change(scene)
    scene.behind.put_back(replay.table, old)
    assert scene.behind.row(replay.table, old["id"]) == old
    with scene.behind.refused_as_tampered():
        replay.operate(scene)


def test_material_that_was_erased_is_not_taken_back(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(destruction_pending="0s")
    old = scene.behind.row("key_versions", scene.version_id)
    destroy(scene)
    assert scene.kit.custody.jobs.run() == 1
    scene.behind.put_back("key_versions", old)
    for operate in (export, Scene.show, deactivate):
        with scene.behind.refused_as_tampered():
            operate(scene)


def test_a_version_put_back_with_the_same_revision_number_is_an_edited_one(scene: Scene) -> None:
    old = scene.behind.row("key_versions", scene.version_id)
    revoke(scene)
    scene.behind.put_back("key_versions", {**old, "revision": old["revision"] + 1})
    with scene.behind.refused_as_tampered():
        export(scene)


class TestRemovedRows:
    """Nothing that restricts is said by a row's being there."""

    def test_without_a_users_row_nobody_is_known(self, scene: Scene) -> None:
        scene.behind.remove("users", scene.kim.user_id)
        with pytest.raises(NotAuthenticated):
            scene.show()
        with pytest.raises(NotAuthenticated):
            sign_in_as_kim(scene)

    def test_without_a_token_nobody_is_known(self, scene: Scene) -> None:
        scene.behind.remove("tokens", scene.kim.token_id)
        with pytest.raises(NotAuthenticated):
            scene.show()

    def test_without_a_membership_nobody_is_a_member(self, scene: Scene) -> None:
        scene.behind.remove("memberships", scene.membership_id())
        for caller in (scene.kim, scene.mallory):
            with pytest.raises(NotFound):
                scene.kit.custody.keys.show(caller, scene.key_id)

    def test_without_a_key_there_is_none(self, scene: Scene) -> None:
        scene.behind.remove("keys", scene.key_id)
        with pytest.raises(NotFound):
            export(scene)

    def test_a_version_is_missed(self, scene: Scene) -> None:
        scene.kit.custody.states.rotate(scene.kim, scene.key_id)
        scene.behind.remove("key_versions", scene.version_id)
        for read in (
            lambda: scene.kit.custody.keys.show(scene.kim, scene.key_id, version=1),
            lambda: scene.kit.custody.keys.versions(scene.kim, scene.key_id),
            lambda: scene.kit.custody.states.destroy(scene.kim, scene.key_id),
        ):
            with scene.behind.refused_as_tampered():
                read()

    def test_the_current_version_is_missed(self, scene: Scene) -> None:
        scene.behind.remove("key_versions", scene.version_id)
        for operate in (Scene.show, export):
            with scene.behind.refused_as_tampered():
                operate(scene)

    def test_a_binding_is_missed(self, scene: Scene) -> None:
        """The first export bound the identifier; with its row gone, another key under it is as wrong as before."""
        export(scene)
        scene.behind.remove("keks", kek_row_id(scene))
        other = Kek(OTHER_KEK.private, scene.kek.identifier)
        for kek in (other, scene.kek):
            with scene.behind.refused_as_tampered():
                scene.kit.export(scene.kim, scene.key_id, kek)
        with scene.behind.refused_as_tampered():
            scene.kit.custody.keks.register(scene.admin, "azure", scene.kek.identifier, other.public_pem)

    def test_a_group_takes_no_restriction_with_it(self, scene: Scene) -> None:
        edit_group("registered")(scene)
        scene.behind.remove("groups", scene.group_id())
        with scene.behind.refused_as_tampered():
            export(scene)

    def test_an_export_is_still_in_the_audit_log(self, scene: Scene) -> None:
        made = scene.kit.export(scene.kim, scene.key_id, scene.kek).export
        scene.behind.remove("exports", made.id)
        with pytest.raises(NotFound):
            scene.kit.custody.exports.show(scene.kim, made.id)
        events = scene.kit.custody.audit.list(scene.admin, size=100).items
        assert [made.file_sha256 in event.details for event in events].count(True) == 1

    @pytest.mark.parametrize("table", ["data_keys", "stores"])
    def test_without_its_foundation_a_store_does_not_open(self, scene: Scene, table: str) -> None:
        scene.behind.run(f"DELETE FROM {table}")
        with pytest.raises(CannotStart):
            Kit.open(scene.kit.installation.settings.home)

    def test_without_its_connection_a_deployment_is_pushed_by_nobody(self, scene: Scene) -> None:
        plan_through_connection(scene)
        scene.behind.remove("connections", connection_id(scene))
        for operate in (
            lease,
            lambda scene: scene.kit.custody.deployments.record(scene.kim, deployment_id(scene), Step.KEK_READY, {}),
        ):
            with scene.behind.refused_as_tampered():
                operate(scene)

    def test_without_its_row_there_is_no_connection(self, scene: Scene) -> None:
        make_connection(scene)
        found = connection_id(scene)
        scene.behind.remove("connections", found)
        with pytest.raises(NotFound):
            scene.kit.custody.connections.open(scene.kim, found, VAULT)

    def test_a_deployment_that_a_request_names_is_missed(self, scene: Scene) -> None:
        deployed = plan(scene.kit, scene.kim, scene.key_id).deployment.id
        keys = (RequestedKey(deployment=deployed, subscription_id=FIRST), named(2))
        scene.kit.custody.customer_key_requests.draft(scene.kim, new_request(keys=keys))
        scene.behind.remove("deployments", deployed)
        with scene.behind.refused_as_tampered():
            scene.kit.custody.customer_key_requests.show(scene.kim, request_id(scene))


class TestForgedRows:
    """Rows that Keyferry never wrote."""

    def forged(self, scene: Scene, table: str, model: str, **changes: object) -> None:
        row = scene.behind.row(table, model)
        scene.behind.add(table, {**row, "id": "0190a8a0-0000-7000-8000-000000000001", **changes})

    @pytest.mark.parametrize(
        "seal", [b"", b"\x01\x00\x00\x00\x01" + bytes(32), None], ids=["none", "zeros", "another's"]
    )
    def test_a_membership(self, scene: Scene, seal: bytes | None) -> None:
        changes = {} if seal is None else {"seal": seal}
        self.forged(scene, "memberships", scene.membership_id(), user_id=scene.mallory.user_id, **changes)
        for key_id in (scene.key_id, scene.own.key.id):
            with scene.behind.refused_as_tampered():
                scene.kit.custody.keys.show(scene.mallory, key_id)

    def test_a_membership_that_was_sealed_but_never_recorded(self, scene: Scene) -> None:
        """Even with a good seal: no audit event knows of it."""
        row = scene.behind.row("memberships", scene.membership_id())
        id_ = "0190a8a0-0000-7000-8000-000000000001"
        row |= {"id": id_, "user_id": scene.mallory.user_id}
        columns = {name: value for name, value in row.items() if name != "seal"}
        seal = scene.kit.installation.sealer.mac_row(MEMBERSHIPS.kind, columns)
        scene.behind.add("memberships", {**row, "seal": seal})
        with scene.behind.refused_as_tampered():
            scene.kit.custody.keys.show(scene.mallory, scene.key_id)

    def test_a_token(self, scene: Scene) -> None:
        self.forged(scene, "tokens", scene.mallory.token_id or "", user_id=scene.admin.user_id)
        forged = Caller(scene.admin.user_id, "0190a8a0-0000-7000-8000-000000000001", None)
        with scene.behind.refused_as_tampered():
            scene.kit.custody.users.list(forged, size=10)

    def test_an_administrator(self, scene: Scene) -> None:
        self.forged(scene, "users", scene.mallory.user_id, name="root", name_folded="root", role="administrator")
        with scene.behind.refused_as_tampered():
            scene.kit.sign_in("root")

    def test_a_registered_kek(self, scene: Scene) -> None:
        edit_group("registered")(scene)
        first, second = Kek.make(name="first"), Kek.make(name="second")
        scene.kit.custody.keks.register(scene.admin, "azure", first.identifier, first.public_pem)
        row = scene.behind.row("keks", kek_row_id(scene))
        with pytest.raises(KeyferryError) as refused:
            scene.kit.export(scene.kim, scene.key_id, second)
        assert refused.value.code == "kek-not-registered"
        scene.behind.put_back("keks", {**row, "identifier": second.identifier})
        with scene.behind.refused_as_tampered():
            scene.kit.export(scene.kim, scene.key_id, first)

    def test_a_key(self, scene: Scene) -> None:
        owner = {"owner_user_id": scene.mallory.user_id, "owner_group_id": None}
        self.forged(scene, "keys", scene.key_id, name="mine", **owner)
        with scene.behind.refused_as_tampered():
            scene.kit.export(scene.mallory, "mine", scene.kek)

    def test_a_connection(self, scene: Scene) -> None:
        make_connection(scene)
        self.forged(scene, "connections", connection_id(scene), name="another")
        with scene.behind.refused_as_tampered():
            scene.kit.custody.connections.open(scene.kim, "another", VAULT)

    def test_a_version(self, scene: Scene) -> None:
        self.forged(scene, "key_versions", scene.version_id, number=2)
        with scene.behind.refused_as_tampered():
            scene.kit.custody.keys.versions(scene.kim, scene.key_id)
        with pytest.raises(NotFound):  # the key's own row says how many there are
            scene.kit.custody.keys.show(scene.kim, scene.key_id, version=2)


class TestTheNewestEvent:
    """The event that gives an old row the lie, edited or removed together with putting the row back.

    What the row's own event then says decides: an event that does not verify refuses at once; an event that is gone, or
    that no longer speaks of the row, is found by `audit verify`.
    """

    def put_back_with(self, scene: Scene, behind: Behind, sql: str) -> None:
        old = behind.row("key_versions", scene.version_id)
        revoke(scene)
        scene.kit.background.tick()
        assert scene.kit.custody.audit.verify(scene.admin).findings == ()
        scene.kit.background.tick()
        newest = "(SELECT max(id) FROM audit_events WHERE version_id = :version AND version_revision IS NOT NULL)"
        behind.run(f"{sql} WHERE id = {newest}", version=scene.version_id)
        behind.put_back("key_versions", old)

    @pytest.mark.parametrize(
        "change", ["details = '{}'", "outcome = 'refused'", "actor_id = NULL", "version_revision = 9"]
    )
    def test_an_edited_event_is_refused_at_once(self, scene: Scene, change: str) -> None:
        self.put_back_with(scene, scene.behind, f"UPDATE audit_events SET {change}")
        with scene.behind.refused_as_tampered():
            export(scene)

    @pytest.mark.parametrize(
        "sql",
        [
            "DELETE FROM audit_events",
            "UPDATE audit_events SET version_revision = NULL",
            "UPDATE audit_events SET version_id = 'x'",
        ],
    )
    def test_an_event_that_is_gone_is_found_by_verifying_the_log(self, scene: Scene, sql: str) -> None:
        self.put_back_with(scene, scene.behind, sql)
        assert scene.kit.custody.audit.verify(scene.admin).findings
