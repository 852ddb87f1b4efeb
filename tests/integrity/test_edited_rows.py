"""Every column of every sealed row, edited behind Keyferry's back: what depends on the row is refused, and audited."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Column, Text
from tests.custody.approval import session_of
from tests.custody.pushing import connect, leased_walk, new_request, plan
from tests.custody.vouching import arrival, vouched
from tests.integrity.conftest import Scene

from keyferry import clock
from keyferry.clock import SECOND
from keyferry.custody.approval_policy import ApprovalWish
from keyferry.custody.arrival import Arrival, Presented
from keyferry.custody.caller import Caller
from keyferry.custody.certificates import BundleForm, NewCertificate
from keyferry.custody.client_authority import ClientAuthority
from keyferry.custody.customer_key_states import RequestState
from keyferry.custody.deployment_reports import Backup, Problem
from keyferry.custody.deployment_steps import Reporter, Step
from keyferry.custody.factor_rows import Kept, Kind, keep_passkey
from keyferry.custody.groups import GroupEdit
from keyferry.custody.identity_binding import NewIdentity
from keyferry.custody.keys import NewKey
from keyferry.custody.once import Once
from keyferry.custody.passkeys import MadePasskey
from keyferry.custody.policy import Operation, Role
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.custody.tickets import Needs
from keyferry.custody.trusted_issuers import NewIssuer
from keyferry.custody.users import load_user
from keyferry.custody.view import Change
from keyferry.custody.workloads import NewWorkload
from keyferry.errors import ApprovalRequired, InvalidInput, KeyferryError, NotAuthenticated, NotFound
from keyferry.identity.flows import Flow, Purpose
from keyferry.identity.opening import Unfinished
from keyferry.identity.provider_sign_in import Trial
from keyferry.ids import new_id
from keyferry.material.secret import Secret
from keyferry.store.tables import metadata
from keyferry.testing import ADDRESS, PASSWORD, VAULT

Operate = Callable[[Scene], object]


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of row: which one is edited, and what depends on it.

    Attributes:
        removed: what the operation says once the row's id is another, which is as if it had been removed.
        elsewhere: columns by which the row is found; with another value in them, the operation does not meet the row.
        free: columns outside the seal.
    """

    table: str
    find: Callable[[Scene], str]
    operate: Operate
    removed: type[KeyferryError] | None = None
    elsewhere: frozenset[str] = frozenset()
    free: frozenset[str] = frozenset()


def exported(scene: Scene) -> str:
    return scene.kit.export(scene.kim, scene.key_id, scene.kek).export.id


def bound(scene: Scene) -> str:
    scene.kit.export(scene.kim, scene.key_id, scene.kek)
    return scene.behind.only_id("keks")


ONCE = Once("4f1c", "POST /api/v1/keys", b"{}")


def created_once(scene: Scene) -> str:
    scene.kit.custody.keys.generate(scene.kim, NewKey(algorithm="aes-128"), once=ONCE)
    return scene.behind.only_id("idempotency")


def show_export(scene: Scene) -> object:
    return scene.kit.custody.exports.show(scene.kim, scene.behind.only_id("exports"))


def replay(scene: Scene) -> object:
    return scene.kit.custody.gate.replayed(scene.kim, Operation.KEY_GENERATE, ONCE)


def connected(scene: Scene) -> str:
    return connect(scene.kit).connection.id


def open_connection(scene: Scene) -> object:
    """What a push does before it reaches a vault."""
    found = scene.behind.only_id("connections")
    return scene.kit.custody.connections.open(scene.kim, found, VAULT)


def planned(scene: Scene) -> str:
    """A deployment with every column filled."""
    connect(scene.kit)
    walked = leased_walk(scene.kit, scene.kim, scene.key_id, scene.kek).to(Step.IMPORTED)
    deployments = scene.kit.custody.deployments
    deployments.observe(scene.kim, walked.id, {"present": True})
    deployments.backed_up(scene.kim, walked.id, Backup(sha256="0" * 64, size=1, taken_at=1))
    deployments.fail(
        scene.kim,
        walked.id,
        Step.READ_BACK,
        Problem(code="conflict", detail="No."),
        reported_by=Reporter.SERVER,
        lease=walked.lease,
    )
    return walked.id


def show_deployment(scene: Scene) -> object:
    return scene.kit.custody.deployments.show(scene.kim, scene.behind.only_id("deployments"))


def drafted(scene: Scene) -> str:
    new = new_request(group="payments", scenario="EXO")
    made = scene.kit.custody.customer_key_requests.draft(scene.kim, new).request.id
    for state in (RequestState.VALIDATED, RequestState.SUBMITTED):
        vouched, note = (True, "By hand.") if state is RequestState.VALIDATED else (False, None)
        scene.kit.custody.customer_key_requests.set_state(
            scene.kim, made, state, reference="4711", vouched=vouched, note=note
        )
    return made


def show_request(scene: Scene) -> object:
    return scene.kit.custody.customer_key_requests.show(scene.kim, scene.behind.only_id("customer_key_requests"))


def vouched_for(scene: Scene) -> str:
    """A provider with every column filled."""
    kit = scene.kit
    detail = vouched(kit)
    flow = Flow(provider_id=detail.provider.id, purpose=Purpose.TEST, user_id=kit.administrator.user_id)
    trial = kit.installation.provider_sign_in.arrive(arrival(kit, detail), flow, None)
    assert isinstance(trial, Trial)
    kit.custody.providers.confirm_test(kit.administrator, "entra", trial.test_id)
    identity = NewIdentity(provider="entra", subject="s-1", user_name="kim")
    kit.custody.identities.bind(kit.administrator, "kim", identity)
    return detail.provider.id


def identity_of_kim(scene: Scene) -> str:
    vouched_for(scene)
    return scene.behind.only_id("identities")


def come_as_kim(scene: Scene) -> object:
    """As the last step of every protocol does."""
    row = scene.behind.only_id("identity_providers")
    provider = scene.kit.custody.arrivals.provider(row)
    if provider is None:
        raise NotAuthenticated("There is none.")
    presented = (Presented("assertion", new_id(), clock.now() + SECOND),)
    coming = Arrival(provider=provider, subject="s-1", attributes={}, presented=presented)
    return scene.kit.installation.provider_sign_in.arrive(coming, None, "198.51.100.9")


def trusted(scene: Scene) -> str:
    """An issuer, one of whose subjects acts as Kim."""
    kit = scene.kit
    new = NewIssuer(name="gitlab", issuer="https://gitlab.com", audience="keyferry")
    issuer = kit.custody.trusted_issuers.create(kit.administrator, new)
    deploy = NewWorkload(name="deploy", issuer="gitlab", subject="pipeline", user="kim")
    kit.custody.workloads.create(kit.administrator, deploy)
    return issuer.id


def workload_of_kim(scene: Scene) -> str:
    trusted(scene)
    return scene.behind.only_id("workloads")


def act_as_kim(scene: Scene) -> object:
    """As whoever presents the issuer's token does."""
    workload = Caller(scene.kim.user_id, None, "198.51.100.9", workload_id=scene.behind.only_id("workloads"))
    return scene.kit.custody.keys.show(workload, scene.key_id)


def certificate_of_kim(scene: Scene) -> str:
    new = NewCertificate(name="script", form=BundleForm.PEM)
    return scene.kit.custody.certificates.issue(scene.kim, new).certificate.id


def come_with_the_certificate(scene: Scene) -> object:
    row = scene.behind.only_id("certificates")
    return scene.kit.custody.keys.show(Caller(scene.kim.user_id, None, ADDRESS, row), scene.key_id)


def authority(scene: Scene) -> str:
    certificate_of_kim(scene)
    return scene.behind.only_id("certificate_authorities")


def second_authority(scene: Scene) -> str:
    """The one that issues, of two."""
    certificate_of_kim(scene)
    return scene.kit.custody.client_authorities.rotate(scene.kit.administrator).authority.id


def open_authority(scene: Scene) -> object:
    """What issuing a certificate begins with."""
    return ClientAuthority(scene.kit.custody.gate).get(scene.kim, scene.kim.user_id)


def app_of_kim(scene: Scene) -> str:
    return scene.kit.set_up_app(scene.kim).factor_id


def codes_of_kim(scene: Scene) -> str:
    app_of_kim(scene)
    return str(next(row["id"] for row in scene.behind.rows("factors") if row["kind"] == Kind.RECOVERY))


def passkey_of_kim(scene: Scene) -> str:
    made = MadePasskey(b"credential", b"public key", 1)

    def keep(change: Change) -> Kept:
        return keep_passkey(change, load_user(change, scene.kim.user_id), "card", made)

    return scene.kit.custody.gate.write(scene.kim, Operation.FACTOR_ADD, keep).factor.id


def list_factors(scene: Scene) -> object:
    """What is read of them wherever one is proven, added or taken away: all."""
    return scene.kit.custody.factors.list(scene.kim)


def ticket_of_kim(scene: Scene) -> str:
    """Kim has to set a second factor up before there is a session."""
    required = ServerPolicyEdit(second_factor_roles=(Role.KEY_ACCESS_USER,))
    scene.kit.custody.server_policy.edit(scene.admin, required)
    came_to = scene.kit.installation.sign_in.sign_in("kim", Secret(PASSWORD.encode()), ADDRESS)
    assert isinstance(came_to, Unfinished)
    assert came_to.needs is Needs.ENROLMENT
    return scene.behind.only_id("tickets")


def go_on_with_the_ticket(scene: Scene) -> object:
    caller = Caller(scene.kim.user_id, None, ADDRESS, ticket_id=scene.behind.only_id("tickets"))
    return scene.kit.custody.factors.begin_totp(caller)


def password_before(scene: Scene) -> str:
    set_password(scene, NEXT)
    return scene.behind.only_id("earlier_passwords")


def take_the_present_password_again(scene: Scene) -> None:
    """Whether a password may be taken is judged by those before it as well."""
    with pytest.raises(InvalidInput) as caught:
        set_password(scene, NEXT, current=NEXT)
    assert caught.value.code == "password-refused"


def set_password(scene: Scene, password: str, *, current: str = PASSWORD) -> None:
    given, proof = Secret(password.encode()), Secret(current.encode())
    scene.kit.custody.users.set_password(session_of(scene.kit, "kim"), "kim", given, current=proof)


def waiting_export(scene: Scene) -> str:
    wish = ApprovalWish(("export",), 2, ("mallory", "lee"))
    scene.kit.user("lee")
    scene.kit.custody.groups.edit(scene.admin, "payments", GroupEdit(approvals=wish))
    with pytest.raises(ApprovalRequired) as caught:
        scene.kit.export(scene.kim, scene.key_id, scene.kek)
    assert caught.value.approval_request
    scene.kit.custody.approvals.approve(scene.mallory, caught.value.approval_request, note="seen")
    return caught.value.approval_request


def vote_of_mallory(scene: Scene) -> str:
    waiting_export(scene)
    return scene.behind.only_id("approval_votes")


def ask_for_the_export(scene: Scene) -> None:
    """It is found by who asked, and for what: by its id it is whatever these say."""
    scene.kit.custody.approvals.show(scene.kim, scene.behind.only_id("approval_requests"))
    with pytest.raises(ApprovalRequired):
        scene.kit.export(scene.kim, scene.key_id, scene.kek)


NEXT = "another harbour 31"

CASES = (
    Case("server_policy", lambda scene: scene.kit.installation.sealer.store_id, Scene.show),
    Case("users", lambda scene: scene.kim.user_id, Scene.show, NotAuthenticated),
    Case("groups", Scene.group_id, Scene.preview),
    Case("memberships", Scene.membership_id, Scene.show, elsewhere=frozenset({"user_id"})),
    Case("tokens", lambda scene: scene.kim.token_id or "", Scene.show, NotAuthenticated),
    Case("keys", lambda scene: scene.key_id, Scene.show, NotFound),
    Case("key_versions", lambda scene: scene.version_id, Scene.show),
    Case("keks", bound, Scene.preview),
    Case("exports", exported, show_export, free=frozenset({"number"})),
    Case("idempotency", created_once, replay),
    Case("connections", connected, open_connection),
    Case("deployments", planned, show_deployment),
    Case("customer_key_requests", drafted, show_request),
    Case("identity_providers", vouched_for, come_as_kim),
    Case("trusted_issuers", trusted, act_as_kim, NotAuthenticated),
    Case("workloads", workload_of_kim, act_as_kim),
    Case("identities", identity_of_kim, come_as_kim, elsewhere=frozenset({"provider_id", "subject"})),
    Case("certificates", certificate_of_kim, come_with_the_certificate),
    Case("certificate_authorities", authority, open_authority),
    Case("certificate_authorities", second_authority, open_authority),
    Case("factors", app_of_kim, list_factors),
    Case("factors", codes_of_kim, list_factors, elsewhere=frozenset({"user_id"})),
    Case("factors", passkey_of_kim, list_factors),
    Case("tickets", ticket_of_kim, go_on_with_the_ticket),
    Case("earlier_passwords", password_before, take_the_present_password_again, elsewhere=frozenset({"user_id"})),
    Case("approval_requests", waiting_export, ask_for_the_export),
    Case("approval_votes", vote_of_mallory, ask_for_the_export),
)
cases = pytest.mark.parametrize("case", CASES, ids=[f"{case.table}-{case.find.__name__}" for case in CASES])

#: nobody waits for a row of these: what is not sound is dropped (`test_pool.py`)
DROPPED = {"pool_keys"}

#: what an attacker would write, where it is not just anything
WANTED = {
    "role": "administrator",
    "state": "active",
    "kek_policy": "any",
    "source": "administrator",
    "origin": "imported",
    "kind": "api",
    "algorithm": "rsa-4096",
    "cloud": "custom",
    "credential_kind": "managed-identity",
    "vaults": '["https://localhost:8443"]',
    "groups": "[]",
    "step": "proved",
}


def other_values(scene: Scene, column: Column[Any], value: Any) -> Iterator[Any]:
    wanted = WANTED.get(column.name)
    if column.name in {"user_id", "owner_user_id"}:
        wanted = scene.mallory.user_id
    if wanted is not None and wanted != value:
        yield wanted
    if value is not None and column.nullable:
        yield None
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, bytes):
        yield from (value[:-1] + bytes([value[-1] ^ 1]), b"", b"\x02" + value[1:], value[:1] + b"\xff" * 4 + value[5:])
    elif isinstance(value, str):
        yield from (value + "x", "")
    else:
        yield {str: "x", int: 1, bool: True, bytes: b"\x00"}[column.type.python_type]


def test_every_table_of_sealed_rows_is_here() -> None:
    sealed = {name for name, table in metadata.tables.items() if "seal" in table.c}
    assert {case.table for case in CASES} | DROPPED == sealed


@cases
def test_any_column_edited_is_refused(scene: Scene, case: Case) -> None:
    id_ = case.find(scene)
    original = scene.behind.row(case.table, id_)
    edits = 0
    for column in metadata.tables[case.table].c:
        if column.name in case.free | case.elsewhere | {"id"}:
            continue
        for value in other_values(scene, column, original[column.name]):
            if value == original[column.name] or (value is None and not column.nullable):
                continue
            scene.behind.edit(case.table, id_, **{column.name: value})
            edits += 1
            try:
                with scene.behind.refused_as_tampered():
                    case.operate(scene)
            except AssertionError as wrong:
                raise AssertionError(f"{case.table}.{column.name} = {value!r}: {wrong}") from wrong
            scene.behind.put_back(case.table, original)
        case.operate(scene)
    assert edits >= len(metadata.tables[case.table].c) - len(case.free | case.elsewhere) - 1


def test_a_membership_moved_to_another_user_serves_neither(scene: Scene) -> None:
    scene.behind.edit("memberships", scene.membership_id(), user_id=scene.mallory.user_id)
    with pytest.raises(NotFound):
        scene.show()
    for key_id in (scene.key_id, scene.own.key.id):
        with scene.behind.refused_as_tampered():
            scene.kit.custody.keys.show(scene.mallory, key_id)


@cases
def test_a_row_under_another_id_is_gone(scene: Scene, case: Case) -> None:
    id_ = case.find(scene)
    original = scene.behind.row(case.table, id_)
    scene.behind.edit(case.table, id_, id="0190a8a0-0000-7000-8000-000000000000")
    if case.table == "idempotency":  # it is forgotten, and the request a new one
        assert case.operate(scene) is None
    elif case.removed is None:
        with scene.behind.refused_as_tampered():
            case.operate(scene)
    else:
        with pytest.raises(case.removed):
            case.operate(scene)
    scene.behind.edit(case.table, "0190a8a0-0000-7000-8000-000000000000", id=id_)
    assert scene.behind.row(case.table, id_) == original
    case.operate(scene)


@cases
def test_a_column_of_another_type_is_refused(scene: Scene, case: Case) -> None:
    """SQLite keeps what it is given: numbers in texts, texts in numbers, texts that are no UTF-8."""
    if not scene.behind.is_sqlite:
        return
    id_ = case.find(scene)
    original = scene.behind.row(case.table, id_)
    for column in metadata.tables[case.table].c:
        if column.name in case.free | case.elsewhere | {"id"}:
            continue
        for stray in ("x'00ff'", "'x'", "1.5", "CAST(x'ff' AS TEXT)"):
            if stray == "'x'" and isinstance(column.type, Text):
                continue
            scene.behind.run(f"UPDATE {case.table} SET {column.name} = {stray} WHERE id = :id", id=id_)
            try:
                with scene.behind.refused_as_tampered():
                    case.operate(scene)
            except Exception as wrong:
                raise AssertionError(f"{case.table}.{column.name} = {stray}: {wrong!r}") from wrong
            scene.behind.run(f"DELETE FROM {case.table} WHERE id = :id", id=id_)
            scene.behind.add(case.table, original)
    case.operate(scene)


def test_truth_written_in_other_words_is_refused(scene: Scene) -> None:
    """For SQLite, 2 and '' are as good as true and false; for a seal they are not."""
    if not scene.behind.is_sqlite:
        return
    for word in ("2", "''", "'false'"):
        scene.behind.run(f"UPDATE users SET disabled = {word} WHERE id = :id", id=scene.kim.user_id)
        with scene.behind.refused_as_tampered():
            scene.show()


def test_signing_in_to_an_edited_account_is_refused(scene: Scene) -> None:
    other = scene.behind.row("users", scene.mallory.user_id)
    scene.behind.edit("users", scene.kim.user_id, password_hash=other["password_hash"])
    with scene.behind.refused_as_tampered():
        scene.kit.sign_in("kim", PASSWORD)


def test_an_edited_token_is_refused_where_it_is_presented(scene: Scene) -> None:
    text = scene.kit.token("kim")
    caller = scene.kit.installation.authenticator.authenticate(text, None)
    scene.behind.edit("tokens", caller.token_id, expires_at=2**62)
    with scene.behind.refused_as_tampered():
        scene.kit.installation.authenticator.authenticate(text, None)


@pytest.mark.parametrize("change", [{"last_step": 0}, {"secret": b"x"}, {"kind": "recovery"}, {"user_id": None}])
def test_an_edited_factor_proves_nothing(scene: Scene, change: dict[str, Any]) -> None:
    app = scene.kit.set_up_app(scene.kim)
    came_to = scene.kit.installation.sign_in.sign_in("kim", Secret(PASSWORD.encode()), ADDRESS)
    assert isinstance(came_to, Unfinished)
    change = {"user_id": scene.mallory.user_id} if "user_id" in change else change
    scene.behind.edit("factors", app.factor_id, **change)
    with scene.behind.refused_as_tampered():
        scene.kit.installation.sign_in.steps.by_code(
            came_to.ticket.reveal().decode(), Secret(app.code(1).encode()), ADDRESS
        )


def test_a_password_chosen_at_a_sign_in_is_judged_by_those_before_it_as_well(scene: Scene) -> None:
    """With no session yet, it is refused and audited all the same."""
    scene.behind.edit("earlier_passwords", password_before(scene), password_hash="x")  # no password
    scene.kit.custody.users.set_password(scene.admin, "kim", Secret(PASSWORD.encode()), temporary=True)
    steps, came_to = (
        scene.kit.installation.sign_in.steps,
        scene.kit.installation.sign_in.sign_in("kim", Secret(PASSWORD.encode()), ADDRESS),
    )
    assert isinstance(came_to, Unfinished)
    with scene.behind.refused_as_tampered():
        steps.set_password(came_to.ticket.reveal().decode(), Secret(b"third harbour 52"), ADDRESS)


def test_a_provider_that_was_edited_keeps_no_other_from_being_read_anew(scene: Scene) -> None:
    custody = scene.kit.custody
    edited = vouched_for(scene)
    second = vouched(scene.kit, "second").provider.id
    asked: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(custody.refreshing, "_refresh", _noting(custody.refreshing._refresh, asked))
        scene.behind.edit("identity_providers", edited, enabled=False)
        assert custody.refreshing.run() == 0
    assert asked == [edited, second]
    event = scene.behind.newest_event()
    assert (event["object_id"], event["outcome"], event["code"]) == (edited, "failed", "row-tampered")


def _noting(work: Callable[[str], int], noted: list[str]) -> Callable[[str], int]:
    def note(id_: str) -> int:
        noted.append(id_)
        return work(id_)

    return note


def test_an_edited_certificate_is_refused_where_it_is_presented(scene: Scene) -> None:
    id_ = certificate_of_kim(scene)
    presented = scene.behind.row("certificates", id_)["certificate"]
    present = scene.kit.installation.certificates.authenticate
    assert present(presented, ADDRESS).certificate_id == id_
    for change in ({"user_id": scene.mallory.user_id}, {"revoked_at": 1}, {"expires_at": 2**61}):
        original = scene.behind.row("certificates", id_)
        scene.behind.edit("certificates", id_, **change)
        with scene.behind.refused_as_tampered():
            present(presented, ADDRESS)
        scene.behind.put_back("certificates", original)


def test_an_edited_passkey_signs_nobody_in(make_scene: Callable[..., Scene]) -> None:
    """Its row is met before anything that the authenticator has signed is looked at."""
    scene = make_scene(public_url="https://keys.example.org")
    id_ = passkey_of_kim(scene)
    said = base64.urlsafe_b64encode(b'{"type": "webauthn.get", "challenge": "eA", "origin": "x"}').decode()
    raw_id = base64.urlsafe_b64encode(scene.behind.row("factors", id_)["credential_id"]).decode()
    answer = json.dumps({"rawId": raw_id, "response": {"clientDataJSON": said}})
    steps = scene.kit.installation.sign_in.steps
    with pytest.raises(NotAuthenticated):
        steps.with_passkey(answer, ADDRESS)
    for change in ({"public_key": b"another"}, {"user_id": scene.mallory.user_id}, {"sign_count": 0}):
        original = scene.behind.row("factors", id_)
        scene.behind.edit("factors", id_, **change)
        with scene.behind.refused_as_tampered():
            steps.with_passkey(answer, ADDRESS)
        scene.behind.put_back("factors", original)


@pytest.mark.parametrize(
    "change",
    [
        {"owner_user_id": "mallory", "owner_group_id": None},
        {"exportable": False},
        {"usages": "decrypt,encrypt"},
        {"name": "own"},
    ],
    ids=["owner", "exportable", "usages", "name"],
)
def test_nobody_gains_a_key_by_its_row(scene: Scene, change: dict[str, Any]) -> None:
    if change.get("owner_user_id"):
        change = {**change, "owner_user_id": scene.mallory.user_id}
    scene.behind.edit("keys", scene.key_id, **change)
    for caller in (scene.mallory, scene.kim, scene.admin):
        with scene.behind.refused_as_tampered():
            scene.kit.custody.keys.show(caller, scene.key_id)
    with scene.behind.refused_as_tampered():
        scene.kit.export(scene.mallory, scene.key_id, scene.kek)


def test_lists_that_meet_an_edited_row_are_refused(scene: Scene) -> None:
    custody = scene.kit.custody
    deployed = plan(scene.kit, scene.kim, scene.key_id).deployment.id
    lists: dict[tuple[str, str], Callable[[Caller], object]] = {
        ("users", scene.mallory.user_id): lambda caller: custody.users.list(caller, size=10),
        ("groups", scene.group_id()): lambda caller: custody.groups.list(caller, size=10),
        ("keys", scene.key_id): lambda caller: custody.keys.list(caller, size=10),
        ("key_versions", scene.version_id): lambda caller: custody.keys.list(caller, size=10),
        ("keks", bound(scene)): lambda caller: custody.keks.list(caller, size=10),
        ("exports", scene.behind.only_id("exports")): lambda caller: custody.exports.list(caller, size=10),
        ("connections", connected(scene)): lambda caller: custody.connections.list(caller, size=10),
        ("deployments", deployed): lambda caller: custody.deployments.list(caller, size=10),
        ("customer_key_requests", drafted(scene)): lambda caller: custody.customer_key_requests.list(caller, size=10),
        ("certificates", certificate_of_kim(scene)): lambda caller: custody.certificates.list(
            caller, user="kim", size=10
        ),
        ("identity_providers", vouched_for(scene)): lambda caller: custody.providers.list(caller, size=10),
        ("identities", scene.behind.only_id("identities")): lambda caller: custody.identities.list(caller, user="kim"),
        ("trusted_issuers", trusted(scene)): lambda caller: custody.trusted_issuers.list(caller, size=10),
        ("workloads", scene.behind.only_id("workloads")): lambda caller: custody.workloads.list(caller, size=10),
        ("factors", app_of_kim(scene)): lambda caller: custody.factors.list(caller, "kim"),
        ("tokens", scene.mallory.token_id or ""): lambda caller: custody.tokens.list(caller, user="mallory", size=10),
    }
    for (table, id_), read in lists.items():
        original = scene.behind.row(table, id_)
        read(scene.admin)
        scene.behind.edit(table, id_, created_at=original["created_at"] + 1)
        with scene.behind.refused_as_tampered():
            read(scene.admin)
        scene.behind.put_back(table, original)


def test_material_swapped_between_versions_is_refused(scene: Scene) -> None:
    rotated = scene.kit.custody.states.rotate(scene.kim, scene.key_id)
    ids = (scene.version_id, rotated.version.id)
    one, other = (scene.behind.row("key_versions", id_)["material"] for id_ in ids)
    scene.behind.edit("key_versions", ids[0], material=other)
    scene.behind.edit("key_versions", ids[1], material=one)
    for number in (1, 2, None):
        with scene.behind.refused_as_tampered():
            scene.kit.custody.keys.show(scene.kim, scene.key_id, version=number)
    with scene.behind.refused_as_tampered():
        scene.preview()


def test_material_swapped_between_keys_is_refused(scene: Scene) -> None:
    material = scene.behind.row("key_versions", scene.version_id)["material"]
    scene.behind.edit("key_versions", scene.own.version.id, material=material)
    with scene.behind.refused_as_tampered():
        scene.kit.export(scene.mallory, scene.own.key.id, scene.kek)


def test_even_under_a_good_seal_material_belongs_to_its_version(scene: Scene) -> None:
    """The material is bound to what never changes about a version, whatever the row's own seal says."""
    rotated = scene.kit.custody.states.rotate(scene.kim, scene.key_id)
    row = scene.behind.row("key_versions", rotated.version.id)
    row["material"] = scene.behind.row("key_versions", scene.version_id)["material"]
    columns = {name: value for name, value in row.items() if name != "seal"}
    row["seal"] = scene.kit.installation.sealer.mac_row("key_versions", columns)
    scene.behind.put_back("key_versions", row)
    scene.show()
    with scene.behind.refused_as_tampered():
        scene.kit.export(scene.kim, scene.key_id, scene.kek)


@pytest.mark.parametrize("outcome", ["pre-active", "active", "deactivated", "compromised"])
def test_an_edited_state_is_refused(scene: Scene, outcome: str) -> None:
    scene.kit.custody.states.deactivate(scene.kim, scene.key_id)
    scene.behind.edit("key_versions", scene.version_id, state=outcome, origin="imported")
    for operate in (Scene.show, Scene.preview):
        with scene.behind.refused_as_tampered():
            operate(scene)
    for change in (scene.kit.custody.states.activate, scene.kit.custody.states.destroy):
        with scene.behind.refused_as_tampered():
            change(scene.kim, scene.key_id)


def test_a_credential_swapped_between_connections_is_refused(scene: Scene) -> None:
    """Even with seals as Keyferry makes them: a credential is sealed to its connection, and to whom it is for."""
    first, second = connected(scene), connect(scene.kit, "other").connection.id
    blobs = {id_: scene.behind.row("connections", id_)["credential"] for id_ in (first, second)}
    for id_, other in ((first, second), (second, first)):
        reseal(scene, id_, credential=blobs[other])
        with scene.behind.refused_as_tampered():
            scene.kit.custody.connections.open(scene.kim, id_, VAULT)


@pytest.mark.parametrize(
    "change",
    [
        {"tenant_id": "00000000-0000-0000-0000-000000000000"},
        {"client_id": "00000000-0000-0000-0000-000000000000"},
        {"cloud": "custom", "endpoints": '{"authority":"https://elsewhere.example"}'},
        {"credential_kind": "client-certificate"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_credential_cannot_be_sent_where_it_was_not_given_for(scene: Scene, change: dict[str, Any]) -> None:
    id_ = connected(scene)
    reseal(scene, id_, **change)
    with scene.behind.refused_as_tampered():
        open_connection(scene)


def reseal(scene: Scene, id_: str, **values: Any) -> None:
    """A row as somebody would write it who had the key of the seals, and not that of credentials."""
    row = {**scene.behind.row("connections", id_), **values}
    row["seal"] = scene.kit.installation.sealer.mac_row(
        "connections", {name: value for name, value in row.items() if name != "seal"}
    )
    scene.behind.put_back("connections", row)
