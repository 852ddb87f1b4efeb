"""A refusal changes nothing but the audit log: every other table is the same before and after."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.custody.pushing import client_secret, connect, named, new_connection, new_request, plan
from tests.integrity.conftest import Scene

from keyferry.custody.accounts import NewUser, UserEdit
from keyferry.custody.customer_key_states import RequestState
from keyferry.custody.deployment_steps import Step
from keyferry.custody.export_rules import Request
from keyferry.custody.groups import GroupEdit
from keyferry.custody.keys import KeyEdit, NewKey
from keyferry.custody.lifecycle import RevocationReason
from keyferry.custody.once import Once
from keyferry.custody.policy import Role
from keyferry.errors import KeyferryError
from keyferry.material.secret import Secret
from keyferry.testing import ADMINISTRATOR, VAULT, Kek

PASSWORD = Secret(b"quiet-orchard-ladder-77")
NOWHERE = "0190a8a0-0000-7000-8000-000000000001"
OTHER_KEK = Kek.make()


def user(**more: object) -> NewUser:
    return NewUser(**({"name": "new", "role": Role.KEY_ACCESS_USER, "password": PASSWORD} | more))  # type: ignore[arg-type]  # its fields


def export(identifier: str | None = None, public_key: bytes | None = None) -> Callable[[Scene], object]:
    def operate(scene: Scene) -> object:
        request = Request("azure", identifier or scene.kek.identifier, public_key or scene.kek.public_pem)
        return scene.kit.custody.exports.export(scene.kim, scene.key_id, request)

    return operate


def other_kek_under_a_bound_identifier(scene: Scene) -> object:
    return export(public_key=OTHER_KEK.public_pem)(scene)


def same_idempotency_key_for_another_request(scene: Scene) -> object:
    other = replace(ONCE, request=b'{"type":"aes-256"}')
    return scene.kit.custody.keys.generate(scene.kim, NewKey(algorithm="aes-256"), once=other)


def deployment(scene: Scene) -> str:
    return scene.behind.only_id("deployments")


ONCE = Once("4f1c", "POST /api/v1/keys", b"{}")

#: what is refused -> (its code, how it is asked for)
REFUSED: dict[str, tuple[str, Callable[[Scene], object]]] = {
    "a user makes a user": ("not-permitted", lambda s: s.kit.custody.users.create(s.kim, user())),
    "a user makes a group": ("not-permitted", lambda s: s.kit.custody.groups.create(s.kim, "mine")),
    "a user names a KEK theirs": (
        "not-permitted",
        lambda s: s.kit.custody.keks.register(s.kim, "azure", s.kek.identifier, s.kek.public_pem),
    ),
    "a user reads the audit log": ("not-permitted", lambda s: s.kit.custody.audit.list(s.kim, size=5)),
    "an Administrator destroys": ("not-permitted", lambda s: s.kit.custody.states.destroy(s.admin, s.key_id)),
    "an Administrator exports": (
        "not-permitted",
        lambda s: s.kit.custody.exports.export(s.admin, s.key_id, s.kek.request),
    ),
    "an Administrator rotates": ("not-permitted", lambda s: s.kit.custody.states.rotate(s.admin, s.key_id)),
    "another's key is read": ("not-found", lambda s: s.kit.custody.keys.show(s.mallory, s.key_id)),
    "another's key is exported": (
        "not-found",
        lambda s: s.kit.custody.exports.export(s.mallory, s.key_id, s.kek.request),
    ),
    "another's key is revoked": (
        "not-found",
        lambda s: s.kit.custody.states.revoke(s.mallory, s.key_id, RevocationReason.UNSPECIFIED),
    ),
    "no such key is edited": ("not-found", lambda s: s.kit.custody.keys.edit(s.kim, NOWHERE, KeyEdit(name="x"))),
    "a weak password": (
        "password-refused",
        lambda s: s.kit.custody.users.create(s.admin, user(password=Secret(b"short"))),
    ),
    "a user's name again": ("name-taken", lambda s: s.kit.custody.users.create(s.admin, user(name="KIM"))),
    "an Administrator in a group": (
        "role-rule",
        lambda s: s.kit.custody.users.create(s.admin, user(role=Role.ADMINISTRATOR, groups=("payments",))),
    ),
    "a user in one group that is there and one that is not": (
        "invalid-input",
        lambda s: s.kit.custody.users.edit(s.admin, "mallory", UserEdit(groups=("payments", "nowhere"))),
    ),
    "the last Administrator is disabled": (
        "last-administrator",
        lambda s: s.kit.custody.users.disable(s.admin, ADMINISTRATOR),
    ),
    "the owner of keys is deleted": ("still-owns-keys", lambda s: s.kit.custody.users.delete(s.admin, "mallory")),
    "a group with keys is deleted": ("still-owns-keys", lambda s: s.kit.custody.groups.delete(s.admin, "payments")),
    "a group's policy that is none": (
        "invalid-input",
        lambda s: s.kit.custody.groups.edit(s.admin, "payments", GroupEdit(kek_policy="none")),
    ),
    "a key's name again": (
        "name-taken",
        lambda s: s.kit.custody.keys.generate(s.kim, NewKey(algorithm="aes-128", name="tenant", group="payments")),
    ),
    "a key for a group of others": (
        "invalid-input",
        lambda s: s.kit.custody.keys.generate(s.mallory, NewKey(algorithm="aes-128", group="payments")),
    ),
    "a key of no type": ("invalid-input", lambda s: s.kit.custody.keys.generate(s.kim, NewKey(algorithm="des"))),
    "material that is none": (
        "material-refused",
        lambda s: s.kit.custody.keys.import_(s.kim, NewKey(algorithm="rsa-2048"), b"not a key"),
    ),
    "an older revision is edited": (
        "revision-conflict",
        lambda s: s.kit.custody.keys.edit(s.kim, s.key_id, KeyEdit(description="x"), revision=7),
    ),
    "an active key is destroyed": (
        "state-transition-refused",
        lambda s: s.kit.custody.states.destroy(s.kim, s.key_id),
    ),
    "an active key is activated": (
        "state-transition-refused",
        lambda s: s.kit.custody.states.activate(s.kim, s.key_id),
    ),
    "no destruction is called off": (
        "state-transition-refused",
        lambda s: s.kit.custody.states.cancel_destruction(s.kim, s.key_id),
    ),
    "an identifier without a version": (
        "identifier-no-version",
        export(identifier="https://contoso-kv.vault.azure.net/keys/KEK"),
    ),
    "a KEK that is none": ("kek-unreadable", export(public_key=b"not a key")),
    "another KEK under a bound identifier": ("kek-mismatch", other_kek_under_a_bound_identifier),
    "an idempotency key for another request": ("idempotency-key-reused", same_idempotency_key_for_another_request),
    "a token for too long": ("invalid-input", lambda s: s.kit.custody.tokens.create(s.kim, "robot", 10**18)),
    "a token that is none is revoked": ("not-found", lambda s: s.kit.custody.tokens.revoke(s.admin, NOWHERE)),
    "a user makes a connection": ("not-permitted", lambda s: s.kit.custody.connections.create(s.kim, new_connection())),
    "a connection's name again": ("name-taken", lambda s: connect(s.kit)),
    "a client secret that is none": (
        "credential-refused",
        lambda s: connect(s.kit, "new", credential=client_secret("a b")),
    ),
    "an Administrator uses a connection": (
        "not-permitted",
        lambda s: s.kit.custody.connections.open(s.admin, "production", VAULT),
    ),
    "another uses a connection": (
        "not-found",
        lambda s: s.kit.custody.connections.open(s.mallory, "production", VAULT),
    ),
    "a vault that is none of a connection's": (
        "vault-not-allowed",
        lambda s: s.kit.custody.connections.open(s.kim, "production", "https://other-kv.vault.azure.net"),
    ),
    "another's key is deployed": ("not-found", lambda s: plan(s.kit, s.mallory, s.key_id)),
    "an Administrator deploys": ("not-permitted", lambda s: plan(s.kit, s.admin, s.key_id)),
    "a key is deployed as no such key can be used": (
        "invalid-input",
        lambda s: plan(s.kit, s.kim, s.key_id, operations=("wrapKey",)),
    ),
    "a deployment that is under way": ("deployment-exists", lambda s: plan(s.kit, s.kim, s.key_id, name="exchange")),
    "a step out of turn": (
        "deployment-step-refused",
        lambda s: s.kit.custody.deployments.record(s.kim, deployment(s), Step.IMPORTED, {}),
    ),
    "a KEK of another vault": (
        "invalid-input",
        lambda s: s.kit.custody.deployments.record(
            s.kim,
            deployment(s),
            Step.KEK_READY,
            {"identifier": f"https://other-kv.vault.azure.net/keys/kek/{0:032x}", "public_key": "x"},
        ),
    ),
    "the server pushes what a client pushes": (
        "deployment-pushed-otherwise",
        lambda s: s.kit.custody.deployments.lease(s.kim, deployment(s)),
    ),
    "a request about one key": (
        "invalid-input",
        lambda s: s.kit.custody.customer_key_requests.draft(s.kim, new_request(keys=(named(1),))),
    ),
    "a request that is accepted before it is sent": (
        "state-transition-refused",
        lambda s: s.kit.custody.customer_key_requests.set_state(
            s.kim, s.behind.only_id("customer_key_requests"), RequestState.ACCEPTED
        ),
    ),
    "a wrong current password": (
        "password-refused",
        lambda s: s.kit.custody.users.set_password(s.kim, "kim", PASSWORD, current=Secret(b"no-idea-at-all")),
    ),
}


@pytest.fixture
def staged(scene: Scene) -> Scene:
    """With an identifier that is bound, an idempotency key that is used, and one of all that has to do with clouds."""
    connect(scene.kit)
    plan(scene.kit, scene.kim, scene.key_id, name="exchange")
    scene.kit.custody.customer_key_requests.draft(scene.kim, new_request())
    scene.kit.export(scene.kim, scene.key_id, scene.kek)
    scene.kit.custody.keys.generate(scene.kim, NewKey(algorithm="aes-128"), once=ONCE)
    return scene


def test_a_refusal_changes_nothing_but_the_audit_log(staged: Scene) -> None:
    before = but_counters(staged)
    for what, (code, operate) in REFUSED.items():
        log = staged.behind.rows("audit_events")
        with pytest.raises(KeyferryError) as refused:
            operate(staged)
        assert refused.value.code == code, f"{what}: {refused.value!r}"
        assert but_counters(staged) == before, what
        after = staged.behind.rows("audit_events")
        assert after[: len(log)] == log, what
        assert all(row["outcome"] == "refused" for row in after[len(log) :]), what
        assert all(row["object_revision"] is None and row["version_revision"] is None for row in after[len(log) :]), (
            what
        )


def but_counters(scene: Scene) -> dict[str, object]:
    """Every row of every table but the audit log's and the counters of wrong passwords."""
    return {table: rows for table, rows in scene.behind.everything().items() if table != "sign_in_failures"}


def test_a_refusal_by_the_rules_is_audited_with_its_code(staged: Scene) -> None:
    """What is refused before anybody is asked (an unknown key type, an unreadable lifetime) may leave no event."""
    silent = set()
    for what, (code, operate) in REFUSED.items():
        log = len(staged.behind.rows("audit_events"))
        with pytest.raises(KeyferryError):
            operate(staged)
        written = staged.behind.rows("audit_events")[log:]
        assert [row["code"] for row in written] in ([], [code]), what
        if not written:
            silent.add(what)
    assert silent == SILENT


#: input that is read before the operation begins
SILENT = {
    "a key of no type",
    "a token for too long",
}


def test_a_refused_sign_in_changes_only_its_own_counters(staged: Scene) -> None:
    before = staged.behind.everything()
    with pytest.raises(KeyferryError):
        staged.kit.sign_in("kim", "wrong-horse-battery-1")
    after = staged.behind.everything()
    assert after.pop("sign_in_failures") != before.pop("sign_in_failures")
    assert after == before
