"""Every operation of custody, asked for by a caller of every standing.

The table says what each gets: `ok`, or the code of the refusal. `asks` gets a reference to a fresh object: for the
Administrator, the Auditor, the owner and the stranger one of the owner's, for the member one of the group's.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.certificates import own
from tests.conftest import DATABASES, PostgreSql
from tests.custody.people import ADMITTED, GROUP, People, fresh_user, shut_out, sign_in
from tests.custody.pushing import LINE, connect, new_connection, new_request, place, plan, walk
from tests.custody.vouching import arrival, new_provider, own_key, vouched

from keyferry.custody.accounts import NewUser, UserEdit
from keyferry.custody.approval_policy import ApprovalWish
from keyferry.custody.caller import Caller, Origin
from keyferry.custody.certificates import BundleForm, NewCertificate
from keyferry.custody.connection_writing import ConnectionEdit
from keyferry.custody.custody import Custody
from keyferry.custody.customer_key_requests import RequestEdit
from keyferry.custody.customer_key_states import RequestState
from keyferry.custody.deployment_reports import Backup, Problem
from keyferry.custody.deployment_steps import Step
from keyferry.custody.export_batches import Passed
from keyferry.custody.factors import Again
from keyferry.custody.finding import Wanted
from keyferry.custody.groups import GroupEdit
from keyferry.custody.identity_binding import NewIdentity
from keyferry.custody.key_batches import WantedKey
from keyferry.custody.keys import KeyEdit, NewKey
from keyferry.custody.lifecycle import RevocationReason
from keyferry.custody.policy import Role
from keyferry.custody.provider_writing import ProviderEdit
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.custody.server_policy_row import recover_server_policy
from keyferry.custody.token_scopes import TokenScope
from keyferry.custody.trusted_issuers import IssuerEdit, NewIssuer
from keyferry.custody.use_values import Ciphertext, Payload
from keyferry.custody.users import UserSearch
from keyferry.custody.workloads import NewWorkload
from keyferry.errors import ApprovalRequired, KeyferryError, NotAuthenticated, NotFound
from keyferry.identity.flows import Flow, Purpose
from keyferry.identity.provider_sign_in import Trial
from keyferry.ids import new_id
from keyferry.material.secret import Secret
from keyferry.store.tables import metadata
from keyferry.testing import PASSWORD, VAULT, Kek, Kit

OK, DENIED, HIDDEN = "ok", "not-permitted", "not-found"
COLUMNS = ("administrator", "owner", "member", "stranger", "auditor")
ONE_MINUTE = 60_000_000
AGAIN = Again(password=Secret(PASSWORD.encode()))
REFUSED = "invalid-input"
NEW_PASSWORD = Secret(b"lantern-over-the-harbour-9")


@dataclass
class House:
    """One installation, its people, and an endless supply of fresh objects."""

    kit: Kit
    people: People
    keks: Iterator[Kek]
    shut_out: dict[Role, dict[str, Caller]] = field(default_factory=dict)

    def key(self, column: str, algorithm: str = "ec-p256", **more: object) -> str:
        of_group = {"group": GROUP} if column == "member" else {"owner": "owner"}
        return self.kit.key(self.people.owner, algorithm, f"k{new_id()[-12:]}", **of_group, **more).key.id

    def key_with(self, column: str, change: Callable[[Caller, str], object]) -> str:
        key = self.key(column)
        change(self.people.owner, key)
        return key

    def export(self, column: str) -> str:
        return self.kit.export(self.people.owner, self.key(column), next(self.keks)).export.id

    def token(self) -> str:
        return self.kit.custody.tokens.create(self.people.owner, "script", ONE_MINUTE).token.id

    def certificate(self) -> str:
        return self.kit.custody.certificates.upload(self.people.owner, "card", own(new_id()).pem).id

    def empty_group(self) -> str:
        return self.kit.custody.groups.create(self.kit.administrator, f"g{new_id()[-12:]}").id

    def registered_kek(self) -> str:
        kek = next(self.keks)
        return self.kit.custody.keks.register(self.kit.administrator, "azure", kek.identifier, kek.public_pem).id

    def connection(self) -> str:
        return connect(self.kit, f"c{new_id()[-12:]}", groups=(GROUP,)).connection.id

    def issuer(self) -> str:
        return self.kit.custody.trusted_issuers.create(self.kit.administrator, new_issuer()).id

    def workload(self) -> str:
        new = new_workload(self.issuer(), "owner")
        return self.kit.custody.workloads.create(self.kit.administrator, new).workload.id

    def deployment(self, column: str, to: Step = Step.PLANNED) -> str:
        return walk(self.kit, self.people.owner, self.key(column), EXPORT_KEK, to).id

    def deployment_through(self, column: str) -> str:
        connection = self.connection()
        return plan(self.kit, self.people.owner, self.key(column), connection=connection).deployment.id

    def provider(self) -> str:
        return vouched(self.kit, f"p{new_id()[-12:]}", enabled=False).provider.id

    def trial(self) -> str:
        """A provider that the Administrator has tested a sign-in through."""
        detail = vouched(self.kit, f"p{new_id()[-12:]}", enabled=False)
        flow = Flow(provider_id=detail.provider.id, purpose=Purpose.TEST, user_id=self.people.administrator.user_id)
        trial = self.kit.installation.provider_sign_in.arrive(arrival(self.kit, detail), flow, None)
        assert isinstance(trial, Trial)
        TRIALS[detail.provider.id] = trial.test_id
        return detail.provider.id

    def identity(self, column: str) -> str:
        provider = self.provider()
        user = fresh_user(self.kit)
        new = NewIdentity(provider=provider, subject=new_id())
        return self.kit.custody.identities.bind(self.kit.administrator, user, new).identity.id

    def customer_key_request(self, column: str) -> str:
        new = new_request(group=GROUP if column == "member" else None)
        return self.kit.custody.customer_key_requests.draft(self.people.owner, new).request.id

    def approval(self, column: str) -> str:
        """A request of the owner's that the member is asked to approve."""
        key = self.key(column)
        wish = ApprovalWish(("export",), 1, ("member",))
        self.kit.custody.keys.edit(self.people.owner, key, KeyEdit(approvals=wish))
        with pytest.raises(ApprovalRequired) as refusal:
            self.kit.export(self.people.owner, key, next(self.keks))
        return str(refusal.value.approval_request)

    def disabled_users_key(self) -> str:
        user = sign_in(self.kit, fresh_user(self.kit))
        key = self.kit.key(user, owner=user.user_id).key.id
        self.kit.custody.users.disable(self.kit.administrator, user.user_id)
        return key


def new_issuer() -> NewIssuer:
    name = f"i{new_id()[-12:]}"
    return NewIssuer(name=name, issuer=f"https://login.microsoftonline.com/{name}", audience="keyferry")


def new_workload(issuer: str, user: str) -> NewWorkload:
    return NewWorkload(name="deploy", issuer=issuer, subject="pipeline", user=user)


Makes = Callable[[House, str], str]
Asks = Callable[[Custody, Caller, str], object]


def _nothing(_house: House, _column: str) -> str:
    return ""


def _key(house: House, column: str) -> str:
    return house.key(column)


def _aes(house: House, column: str) -> str:
    return house.key(column, algorithm="aes-128")


PROVIDER = "idp"
TRIALS: dict[str, str] = {}
CIPHERTEXTS: dict[str, bytes] = {}


def _encrypted(house: House, column: str) -> str:
    key = _aes(house, column)
    CIPHERTEXTS[key] = house.kit.custody.uses.encrypt(house.people.owner, key, Secret(b"text")).ciphertext
    return key


def _wrapped(house: House, column: str) -> str:
    key = _aes(house, column)
    CIPHERTEXTS[key] = house.kit.custody.uses.wrap(house.people.owner, key, Secret(bytes(16))).ciphertext
    return key


def _ciphertext(key: str) -> Ciphertext:
    return Ciphertext(data=CIPHERTEXTS.get(key, b""))


def _pre_active(house: House, column: str) -> str:
    return house.key(column, activated=False)


def _rotated(house: House, column: str) -> str:
    return house.key_with(column, house.kit.custody.states.rotate)


def _pending(house: House, column: str) -> str:
    key = house.key(column, activated=False)
    house.kit.custody.states.destroy(house.people.owner, key)
    return key


def _user(house: House, _column: str) -> str:
    return fresh_user(house.kit)


def _user_without_password(house: House, _column: str) -> str:
    new = NewUser(name=f"w.{new_id()[-12:]}", role=Role.KEY_ACCESS_USER)
    return house.kit.custody.users.create(house.kit.administrator, new).user.id


def _user_with_factor(house: House, _column: str) -> str:
    user = sign_in(house.kit, fresh_user(house.kit))
    house.kit.set_up_app(user)
    return user.user_id


def _factor(house: House, _column: str) -> str:
    return house.kit.set_up_app(sign_in(house.kit, fresh_user(house.kit))).factor_id


def _disabled_user(house: House, _column: str) -> str:
    user = fresh_user(house.kit)
    house.kit.custody.users.disable(house.kit.administrator, user)
    return user


def _kek_text(house: House, _column: str) -> str:
    return next(house.keks).identifier


def _connection(house: House, _column: str) -> str:
    return house.connection()


def _issuer(house: House, _column: str) -> str:
    return house.issuer()


def _workload(house: House, _column: str) -> str:
    return house.workload()


def _deployment(house: House, column: str) -> str:
    return house.deployment(column)


def _imported(house: House, column: str) -> str:
    return house.deployment(column, Step.IMPORTED)


def _request(house: House, column: str) -> str:
    return house.customer_key_request(column)


def _provider(house: House, _column: str) -> str:
    return house.provider()


def _rolling(house: House, _column: str) -> str:
    """A provider that has a next key."""
    provider = house.provider()
    house.kit.custody.provider_keys.prepare(house.kit.administrator, provider, credential=own_key())
    return provider


def _rolled(house: House, column: str) -> str:
    """One whose next key is in use."""
    provider = _rolling(house, column)
    house.kit.custody.provider_keys.promote(house.kit.administrator, provider)
    return provider


def _trial(house: House, _column: str) -> str:
    return house.trial()


def _identity(house: House, column: str) -> str:
    return house.identity(column)


def _group(_house: House, _column: str) -> str:
    return GROUP


@dataclass(frozen=True)
class Row:
    """One operation: on what, how it is asked for, and what the five get.

    `itself`: the object is an account, and the owner of it is the account itself.
    """

    makes: Makes
    asks: Asks
    answers: tuple[str, str, str, str, str]
    itself: bool = False


PUBLIC_PEM = Kek.make().public_pem
EXPORT_KEK = Kek.make(name="export")
KEK_READY = {"identifier": EXPORT_KEK.identifier, "public_key": EXPORT_KEK.public_pem.decode()}


def _new_user(custody: Custody, caller: Caller, _: str) -> object:
    new = NewUser(name=f"n.{new_id()[-12:]}", role=Role.KEY_ACCESS_USER, password=Secret(PASSWORD.encode()))
    return custody.users.create(caller, new)


TABLE: dict[str, Row] = {
    "server_policy.show": Row(_nothing, lambda it, by, _: it.server_policy.show(by), (OK, DENIED, DENIED, DENIED, OK)),
    "server_policy.edit": Row(
        _nothing,
        lambda it, by, _: it.server_policy.edit(by, ServerPolicyEdit(networks=ADMITTED)),
        (OK, DENIED, DENIED, DENIED, DENIED),
    ),
    "users.create": Row(_nothing, _new_user, (OK, DENIED, DENIED, DENIED, DENIED)),
    "users.show": Row(_user, lambda it, by, ref: it.users.show(by, ref), (OK, OK, HIDDEN, HIDDEN, OK), itself=True),
    "users.list": Row(_nothing, lambda it, by, _: it.users.list(by, size=5), (OK, DENIED, DENIED, DENIED, OK)),
    "users.search": Row(
        _nothing,
        lambda it, by, _: it.users.search(by, UserSearch(prefix="o"), size=5),
        (OK, DENIED, DENIED, DENIED, OK),
    ),
    "users.edit": Row(
        _user,
        lambda it, by, ref: it.users.edit(by, ref, UserEdit(display_name="A")),
        (OK, DENIED, HIDDEN, HIDDEN, DENIED),
        itself=True,
    ),
    "users.set_password": Row(
        _user,
        lambda it, by, ref: it.users.set_password(by, ref, NEW_PASSWORD, current=Secret(PASSWORD.encode())),
        (OK, OK, HIDDEN, HIDDEN, DENIED),
        itself=True,
    ),
    # one's own alone, whoever asks: nobody else is named
    "users.renew_hash": Row(
        _nothing, lambda it, by, _: it.users.renew_hash(by, "another", "$argon2id$"), (OK, OK, OK, OK, OK)
    ),
    "users.disable": Row(
        _user, lambda it, by, ref: it.users.disable(by, ref), (OK, DENIED, HIDDEN, HIDDEN, DENIED), itself=True
    ),
    "users.enable": Row(
        _disabled_user, lambda it, by, ref: it.users.enable(by, ref), (OK, HIDDEN, HIDDEN, HIDDEN, DENIED)
    ),
    "users.unlock": Row(
        _user, lambda it, by, ref: it.users.unlock(by, ref), (OK, DENIED, HIDDEN, HIDDEN, DENIED), itself=True
    ),
    "invitations.create": Row(
        _user_without_password,
        lambda it, by, ref: it.invitations.create(by, ref),
        (OK, HIDDEN, HIDDEN, HIDDEN, DENIED),
    ),
    "users.delete": Row(
        _user, lambda it, by, ref: it.users.delete(by, ref), (OK, DENIED, HIDDEN, HIDDEN, DENIED), itself=True
    ),
    "groups.create": Row(
        _nothing, lambda it, by, _: it.groups.create(by, f"g{new_id()[-12:]}"), (OK, DENIED, DENIED, DENIED, DENIED)
    ),
    "groups.show": Row(
        lambda _house, _column: GROUP, lambda it, by, ref: it.groups.show(by, ref), (OK, OK, OK, HIDDEN, OK)
    ),
    "groups.list": Row(_nothing, lambda it, by, _: it.groups.list(by, size=5), (OK, OK, OK, OK, OK)),
    "groups.search": Row(_nothing, lambda it, by, _: it.groups.search(by, "", size=5), (OK, OK, OK, OK, OK)),
    "groups.members": Row(
        lambda _house, _column: GROUP,
        lambda it, by, ref: it.groups.members(by, ref, size=5),
        (OK, DENIED, DENIED, DENIED, OK),
    ),
    "groups.edit": Row(
        lambda _house, _column: GROUP,
        lambda it, by, ref: it.groups.edit(by, ref, GroupEdit(description="ours")),
        (OK, DENIED, DENIED, HIDDEN, DENIED),
    ),
    "groups.delete": Row(
        lambda house, _column: house.empty_group(),
        lambda it, by, ref: it.groups.delete(by, ref),
        (OK, HIDDEN, HIDDEN, HIDDEN, DENIED),
    ),
    "tokens.open_session": Row(_nothing, lambda it, by, _: it.tokens.open_session(by, epoch=1), (OK, OK, OK, OK, OK)),
    "tokens.create": Row(_nothing, lambda it, by, _: it.tokens.create(by, "script", ONE_MINUTE), (OK, OK, OK, OK, OK)),
    "tokens.list": Row(
        lambda house, _column: house.people.owner.user_id,
        lambda it, by, ref: it.tokens.list(by, user=ref, size=5),
        (OK, OK, HIDDEN, HIDDEN, OK),
    ),
    "tokens.in_force": Row(
        lambda house, _column: house.people.owner.user_id,
        lambda it, by, ref: it.tokens.in_force(by, user=ref, size=5),
        (OK, OK, HIDDEN, HIDDEN, OK),
    ),
    "tokens.show": Row(
        lambda house, _column: house.token(), lambda it, by, ref: it.tokens.show(by, ref), (OK, OK, HIDDEN, HIDDEN, OK)
    ),
    "tokens.revoke": Row(
        lambda house, _column: house.token(),
        lambda it, by, ref: it.tokens.revoke(by, ref),
        (OK, OK, HIDDEN, HIDDEN, DENIED),
    ),
    "certificates.issue": Row(
        lambda house, _column: house.people.owner.user_id,
        lambda it, by, ref: it.certificates.issue(by, NewCertificate(name="n", form=BundleForm.PEM), user=ref),
        (OK, OK, HIDDEN, HIDDEN, DENIED),
    ),
    "certificates.upload": Row(
        lambda house, _column: house.people.owner.user_id,
        lambda it, by, ref: it.certificates.upload(by, "n", own(new_id()).pem, user=ref),
        (OK, OK, HIDDEN, HIDDEN, DENIED),
    ),
    "certificates.list": Row(
        lambda house, _column: house.people.owner.user_id,
        lambda it, by, ref: it.certificates.list(by, user=ref, size=5),
        (OK, OK, HIDDEN, HIDDEN, OK),
    ),
    "certificates.in_force": Row(
        lambda house, _column: house.people.owner.user_id,
        lambda it, by, ref: it.certificates.in_force(by, user=ref),
        (OK, OK, HIDDEN, HIDDEN, OK),
    ),
    "certificates.show": Row(
        lambda house, _column: house.certificate(),
        lambda it, by, ref: it.certificates.show(by, ref),
        (OK, OK, HIDDEN, HIDDEN, OK),
    ),
    "certificates.revoke": Row(
        lambda house, _column: house.certificate(),
        lambda it, by, ref: it.certificates.revoke(by, ref),
        (OK, OK, HIDDEN, HIDDEN, DENIED),
    ),
    "factors.list": Row(_user, lambda it, by, ref: it.factors.list(by, ref), (OK, OK, HIDDEN, HIDDEN, OK), itself=True),
    # of one's own account alone, whoever asks: nobody else is named
    "factors.begin_totp": Row(_nothing, lambda it, by, _: it.factors.begin_totp(by), (OK, OK, OK, OK, OK)),
    "factors.again_totp": Row(
        _nothing, lambda it, by, _: it.factors.again_totp(by, it.factors.begin_totp(by).enrolment), (OK, OK, OK, OK, OK)
    ),
    "factors.add_totp": Row(
        _nothing, lambda it, by, _: it.factors.add_totp(by, "x", "phone", Secret(b"1"), AGAIN), (REFUSED,) * 5
    ),
    "factors.begin_passkey": Row(_nothing, lambda it, by, _: it.factors.begin_passkey(by), (OK, OK, OK, OK, OK)),
    "factors.add_passkey": Row(
        _nothing, lambda it, by, _: it.factors.add_passkey(by, "{}", "key", AGAIN), ("second-factor-refused",) * 5
    ),
    "factors.remove": Row(
        _factor, lambda it, by, ref: it.factors.remove(by, ref, AGAIN), (HIDDEN, HIDDEN, HIDDEN, HIDDEN, HIDDEN)
    ),
    "factors.recovery_codes": Row(_nothing, lambda it, by, _: it.factors.recovery_codes(by, AGAIN), ("conflict",) * 5),
    "factors.reset": Row(
        _user_with_factor, lambda it, by, ref: it.factors.reset(by, ref), (OK, HIDDEN, HIDDEN, HIDDEN, DENIED)
    ),
    "keys.generate": Row(
        lambda _house, _column: GROUP,
        lambda it, by, ref: it.keys.generate(by, NewKey(algorithm="aes-128", group=ref)),
        (OK, OK, OK, "invalid-input", DENIED),
    ),
    "key_batches.generate": Row(
        lambda _house, _column: GROUP,
        lambda it, by, ref: _only(it.key_batches.generate(by, [WantedKey(NewKey(algorithm="aes-128", group=ref))])),
        (OK, OK, OK, "invalid-input", DENIED),
    ),
    "keys.import_": Row(
        lambda _house, _column: GROUP,
        lambda it, by, ref: it.keys.import_(
            by, NewKey(algorithm="aes-128", group=ref), bytes(range(16)).hex().encode()
        ),
        (DENIED, OK, OK, "invalid-input", DENIED),
    ),
    "keys.show": Row(_key, lambda it, by, ref: it.keys.show(by, ref), (OK, OK, OK, HIDDEN, OK)),
    "keys.versions": Row(_key, lambda it, by, ref: it.keys.versions(by, ref), (OK, OK, OK, HIDDEN, OK)),
    "key_access.list": Row(_key, lambda it, by, ref: it.key_access.list(by, ref), (OK, OK, OK, HIDDEN, OK)),
    "key_choices.show": Row(_key, lambda it, by, ref: it.key_choices.show(by, ref), (OK, OK, OK, HIDDEN, OK)),
    "key_life.show": Row(_key, lambda it, by, ref: it.key_life.show(by, ref), (OK, OK, OK, HIDDEN, OK)),
    "keys.list": Row(_nothing, lambda it, by, _: it.keys.list(by, size=5), (OK, OK, OK, OK, OK)),
    "finding.find": Row(_nothing, lambda it, by, _: it.finding.find(by, Wanted(), size=5), (OK, OK, OK, OK, OK)),
    "finding.total": Row(_nothing, lambda it, by, _: it.finding.total(by), (OK, OK, OK, OK, OK)),
    "keys.edit": Row(
        _key, lambda it, by, ref: it.keys.edit(by, ref, KeyEdit(description="A")), (DENIED, OK, OK, HIDDEN, DENIED)
    ),
    # the owner is neither disabled nor deleted: the Administrator may not
    "keys.reassign": Row(
        _key, lambda it, by, ref: it.keys.reassign(by, ref, group=GROUP), (DENIED, OK, OK, HIDDEN, DENIED)
    ),
    "states.activate": Row(
        _pre_active, lambda it, by, ref: it.states.activate(by, ref), (DENIED, OK, OK, HIDDEN, DENIED)
    ),
    "states.deactivate": Row(_key, lambda it, by, ref: it.states.deactivate(by, ref), (OK, OK, OK, HIDDEN, DENIED)),
    "states.revoke": Row(
        _key, lambda it, by, ref: it.states.revoke(by, ref, RevocationReason.SUPERSEDED), (OK, OK, OK, HIDDEN, DENIED)
    ),
    "states.rotate": Row(_key, lambda it, by, ref: it.states.rotate(by, ref), (DENIED, OK, OK, HIDDEN, DENIED)),
    "states.promote": Row(
        _rotated, lambda it, by, ref: it.states.promote(by, ref, version=1), (DENIED, OK, OK, HIDDEN, DENIED)
    ),
    "states.destroy": Row(
        _pre_active, lambda it, by, ref: it.states.destroy(by, ref), (DENIED, OK, OK, HIDDEN, DENIED)
    ),
    "states.cancel_destruction": Row(
        _pending, lambda it, by, ref: it.states.cancel_destruction(by, ref), (OK, OK, OK, HIDDEN, DENIED)
    ),
    "uses.encrypt": Row(
        _aes, lambda it, by, ref: it.uses.encrypt(by, ref, Secret(b"text")), (DENIED, OK, OK, HIDDEN, DENIED)
    ),
    "uses.wrap": Row(
        _aes, lambda it, by, ref: it.uses.wrap(by, ref, Secret(bytes(16))), (DENIED, OK, OK, HIDDEN, DENIED)
    ),
    "uses.decrypt": Row(
        _encrypted,
        lambda it, by, ref: it.uses.decrypt(by, ref, _ciphertext(ref)),
        (DENIED, OK, OK, HIDDEN, DENIED),
    ),
    "uses.unwrap": Row(
        _wrapped,
        lambda it, by, ref: it.uses.unwrap(by, ref, _ciphertext(ref)),
        (DENIED, OK, OK, HIDDEN, DENIED),
    ),
    "uses.sign": Row(
        _key, lambda it, by, ref: it.uses.sign(by, ref, Payload(message=b"text")), (DENIED, OK, OK, HIDDEN, DENIED)
    ),
    "uses.verify": Row(
        _key,
        lambda it, by, ref: it.uses.verify(by, ref, Payload(message=b"text"), bytes(64)),
        (DENIED, OK, OK, HIDDEN, DENIED),
    ),
    "keks.register": Row(
        _kek_text,
        lambda it, by, ref: it.keks.register(by, "azure", ref, PUBLIC_PEM),
        (OK, DENIED, DENIED, DENIED, DENIED),
    ),
    "keks.unregister": Row(
        lambda house, _column: house.registered_kek(),
        lambda it, by, ref: it.keks.unregister(by, ref),
        (OK, DENIED, DENIED, DENIED, DENIED),
    ),
    "keks.list": Row(_nothing, lambda it, by, _: it.keks.list(by, size=5), (OK, OK, OK, OK, OK)),
    "exports.preview": Row(
        _key, lambda it, by, ref: it.exports.preview(by, ref, EXPORT_KEK.request), (DENIED, OK, OK, HIDDEN, DENIED)
    ),
    "exports.export": Row(
        _key, lambda it, by, ref: it.exports.export(by, ref, EXPORT_KEK.request), (DENIED, OK, OK, HIDDEN, DENIED)
    ),
    "export_batches.export": Row(
        _key,
        lambda it, by, ref: _only(it.export_batches.export(by, [ref], EXPORT_KEK.request, Passed())),
        (DENIED, OK, OK, HIDDEN, DENIED),
    ),
    "exports.show": Row(
        lambda house, column: house.export(column),
        lambda it, by, ref: it.exports.show(by, ref),
        (OK, OK, OK, HIDDEN, OK),
    ),
    "exports.list": Row(_key, lambda it, by, ref: it.exports.list(by, size=5, key=ref), (OK, OK, OK, HIDDEN, OK)),
    "exports.newest": Row(_key, lambda it, by, ref: it.exports.newest(by, size=5, key=ref), (OK, OK, OK, HIDDEN, OK)),
    "connections.create": Row(
        _nothing,
        lambda it, by, _: it.connections.create(by, new_connection(f"c{new_id()[-12:]}", groups=(GROUP,))),
        (OK, DENIED, DENIED, DENIED, DENIED),
    ),
    "connections.show": Row(_connection, lambda it, by, ref: it.connections.show(by, ref), (OK, OK, OK, HIDDEN, OK)),
    "connections.list": Row(_nothing, lambda it, by, _: it.connections.list(by, size=5), (OK, OK, OK, OK, OK)),
    "connections.edit": Row(
        _connection,
        lambda it, by, ref: it.connections.edit(by, ref, ConnectionEdit(description="A")),
        (OK, DENIED, DENIED, HIDDEN, DENIED),
    ),
    "connections.delete": Row(
        _connection, lambda it, by, ref: it.connections.delete(by, ref), (OK, DENIED, DENIED, HIDDEN, DENIED)
    ),
    # an Administrator makes a connection, and uses none
    "connections.open": Row(
        _connection, lambda it, by, ref: it.connections.open(by, ref, VAULT), (DENIED, OK, OK, HIDDEN, DENIED)
    ),
    "deployments.plan": Row(
        _key, lambda it, by, ref: it.deployments.plan(by, ref, place()), (DENIED, OK, OK, HIDDEN, DENIED)
    ),
    "deployments.show": Row(_deployment, lambda it, by, ref: it.deployments.show(by, ref), (OK, OK, OK, HIDDEN, OK)),
    "deployments.list": Row(
        _key, lambda it, by, ref: it.deployments.list(by, size=5, key=ref), (OK, OK, OK, HIDDEN, OK)
    ),
    "providers.create": Row(
        _nothing,
        lambda it, by, _: it.providers.create(by, new_provider(f"p{new_id()[-12:]}")),
        (OK, DENIED, DENIED, DENIED, DENIED),
    ),
    "providers.show": Row(_provider, lambda it, by, ref: it.providers.show(by, ref), (OK, HIDDEN, HIDDEN, HIDDEN, OK)),
    "providers.list": Row(_nothing, lambda it, by, _: it.providers.list(by, size=5), (OK, DENIED, DENIED, DENIED, OK)),
    "providers.edit": Row(
        _provider,
        lambda it, by, ref: it.providers.edit(by, ref, ProviderEdit(clock_skew=60)),
        (OK, HIDDEN, HIDDEN, HIDDEN, DENIED),
    ),
    "providers.refresh": Row(
        _provider, lambda it, by, ref: it.providers.refresh(by, ref), (OK, HIDDEN, HIDDEN, HIDDEN, DENIED)
    ),
    "provider_keys.prepare": Row(
        _provider,
        lambda it, by, ref: it.provider_keys.prepare(by, ref, credential=own_key()),
        (OK, HIDDEN, HIDDEN, HIDDEN, DENIED),
    ),
    "provider_keys.discard": Row(
        _rolling, lambda it, by, ref: it.provider_keys.discard(by, ref), (OK, HIDDEN, HIDDEN, HIDDEN, DENIED)
    ),
    "provider_keys.promote": Row(
        _rolling, lambda it, by, ref: it.provider_keys.promote(by, ref), (OK, HIDDEN, HIDDEN, HIDDEN, DENIED)
    ),
    "provider_keys.retire": Row(
        _rolled, lambda it, by, ref: it.provider_keys.retire(by, ref), (OK, HIDDEN, HIDDEN, HIDDEN, DENIED)
    ),
    "providers.begin_test": Row(
        _provider, lambda it, by, ref: it.providers.begin_test(by, ref), (OK, HIDDEN, HIDDEN, HIDDEN, DENIED)
    ),
    "providers.tested": Row(
        _trial,
        lambda it, by, ref: it.providers.tested(by, ref, TRIALS.get(ref, "")),
        (OK, HIDDEN, HIDDEN, HIDDEN, DENIED),
    ),
    "providers.confirm_test": Row(
        _trial,
        lambda it, by, ref: it.providers.confirm_test(by, ref, TRIALS.get(ref, "")),
        (OK, HIDDEN, HIDDEN, HIDDEN, DENIED),
    ),
    "providers.enable": Row(
        _provider, lambda it, by, ref: it.providers.enable(by, ref, untested=True), (OK, HIDDEN, HIDDEN, HIDDEN, DENIED)
    ),
    "providers.disable": Row(
        _provider, lambda it, by, ref: it.providers.disable(by, ref), (OK, HIDDEN, HIDDEN, HIDDEN, DENIED)
    ),
    "providers.delete": Row(
        _provider, lambda it, by, ref: it.providers.delete(by, ref), (OK, HIDDEN, HIDDEN, HIDDEN, DENIED)
    ),
    "identities.bind": Row(
        _user,
        lambda it, by, ref: it.identities.bind(by, ref, NewIdentity(provider=PROVIDER, subject=new_id())),
        (OK, DENIED, HIDDEN, HIDDEN, DENIED),
        itself=True,
    ),
    "identities.list": Row(
        _user, lambda it, by, ref: it.identities.list(by, user=ref), (OK, OK, HIDDEN, HIDDEN, OK), itself=True
    ),
    "identities.unbind": Row(
        _identity, lambda it, by, ref: it.identities.unbind(by, ref), (OK, HIDDEN, HIDDEN, HIDDEN, DENIED)
    ),
    "deployments.record": Row(
        _deployment,
        lambda it, by, ref: it.deployments.record(by, ref, Step.KEK_READY, KEK_READY),
        (DENIED, OK, OK, HIDDEN, DENIED),
    ),
    "deployments.fail": Row(
        _deployment,
        lambda it, by, ref: it.deployments.fail(by, ref, Step.KEK_READY, Problem(code="conflict", detail="No.")),
        (DENIED, OK, OK, HIDDEN, DENIED),
    ),
    "deployments.note_refusal": Row(
        _deployment,
        lambda it, by, ref: it.deployments.note_refusal(by, ref, Problem(code="conflict", detail="No."), since=0),
        (DENIED, OK, OK, HIDDEN, DENIED),
    ),
    "deployments.abandon": Row(
        _deployment, lambda it, by, ref: it.deployments.abandon(by, ref), (DENIED, OK, OK, HIDDEN, DENIED)
    ),
    "deployments.lease": Row(
        lambda house, column: house.deployment_through(column),
        lambda it, by, ref: it.deployments.lease(by, ref),
        (DENIED, OK, OK, HIDDEN, DENIED),
    ),
    "deployments.release": Row(
        _deployment, lambda it, by, ref: it.deployments.release(by, ref, "x"), (DENIED, OK, OK, HIDDEN, DENIED)
    ),
    "deployments.observe": Row(
        _deployment,
        lambda it, by, ref: it.deployments.observe(by, ref, {"present": False}),
        (DENIED, OK, OK, HIDDEN, DENIED),
    ),
    "deployments.backed_up": Row(
        _imported,
        lambda it, by, ref: it.deployments.backed_up(by, ref, Backup(sha256="0" * 64, size=1, taken_at=1)),
        (DENIED, OK, OK, HIDDEN, DENIED),
    ),
    "trusted_issuers.create": Row(
        _nothing,
        lambda it, by, _: it.trusted_issuers.create(by, new_issuer()),
        (OK, DENIED, DENIED, DENIED, DENIED),
    ),
    "trusted_issuers.show": Row(
        _issuer, lambda it, by, ref: it.trusted_issuers.show(by, ref), (OK, HIDDEN, HIDDEN, HIDDEN, OK)
    ),
    "trusted_issuers.list": Row(
        _nothing, lambda it, by, _: it.trusted_issuers.list(by, size=5), (OK, DENIED, DENIED, DENIED, OK)
    ),
    "trusted_issuers.edit": Row(
        _issuer,
        lambda it, by, ref: it.trusted_issuers.edit(by, ref, IssuerEdit(disabled=True)),
        (OK, HIDDEN, HIDDEN, HIDDEN, DENIED),
    ),
    "trusted_issuers.delete": Row(
        _issuer, lambda it, by, ref: it.trusted_issuers.delete(by, ref), (OK, HIDDEN, HIDDEN, HIDDEN, DENIED)
    ),
    "workloads.create": Row(
        _issuer,
        lambda it, by, ref: it.workloads.create(by, new_workload(ref, "owner")),
        (OK, DENIED, DENIED, DENIED, DENIED),
    ),
    # the owner's own
    "workloads.show": Row(_workload, lambda it, by, ref: it.workloads.show(by, ref), (OK, OK, HIDDEN, HIDDEN, OK)),
    "workloads.list": Row(_nothing, lambda it, by, _: it.workloads.list(by, size=5), (OK, OK, OK, OK, OK)),
    "workloads.revoke": Row(
        _workload, lambda it, by, ref: it.workloads.revoke(by, ref), (OK, OK, HIDDEN, HIDDEN, DENIED)
    ),
    "customer_key_requests.draft": Row(
        _group,
        lambda it, by, ref: it.customer_key_requests.draft(by, new_request(group=ref)),
        (DENIED, OK, OK, "invalid-input", DENIED),
    ),
    "customer_key_requests.show": Row(
        _request, lambda it, by, ref: it.customer_key_requests.show(by, ref), (OK, OK, OK, HIDDEN, OK)
    ),
    "customer_key_requests.list": Row(
        _nothing, lambda it, by, _: it.customer_key_requests.list(by, size=5), (OK, OK, OK, OK, OK)
    ),
    "customer_key_requests.edit": Row(
        _request,
        lambda it, by, ref: it.customer_key_requests.edit(by, ref, RequestEdit(scenario="EXO")),
        (DENIED, OK, OK, HIDDEN, DENIED),
    ),
    "customer_key_requests.record_checks": Row(
        _request,
        lambda it, by, ref: it.customer_key_requests.record_checks(by, ref, [LINE]),
        (DENIED, OK, OK, HIDDEN, DENIED),
    ),
    "customer_key_requests.set_state": Row(
        _request,
        lambda it, by, ref: it.customer_key_requests.set_state(
            by, ref, RequestState.VALIDATED, vouched=True, note="By hand."
        ),
        (DENIED, OK, OK, HIDDEN, DENIED),
    ),
    "metrics.show": Row(_nothing, lambda it, by, _: it.metrics.show(by), (OK, OK, OK, OK, OK)),
    "metrics.places": Row(_nothing, lambda it, by, _: it.metrics.places(by), (OK, OK, OK, OK, OK)),
    "metrics.scrape": Row(_nothing, lambda it, by, _: it.metrics.scrape(by), (OK, DENIED, DENIED, DENIED, OK)),
    "metrics.overall": Row(
        _nothing, lambda it, by, _: it.metrics.overall(Origin(by.address)), (OK, OK, OK, OK, OK)
    ),  # counts without names; the door gives them to the server's own machine alone
    "reminders.list": Row(_nothing, lambda it, by, _: it.reminders.list(by, size=5), (OK, OK, OK, OK, OK)),
    "job_runs.list": Row(_nothing, lambda it, by, _: it.job_runs.list(by), (OK, DENIED, DENIED, DENIED, OK)),
    "approvals.show": Row(
        lambda house, column: house.approval(column),
        lambda it, by, ref: it.approvals.show(by, ref),
        (OK, OK, OK, HIDDEN, OK),
    ),
    "approvals.list": Row(_nothing, lambda it, by, _: it.approvals.list(by, size=5), (OK, OK, OK, OK, OK)),
    "approvals.waiting": Row(_nothing, lambda it, by, _: it.approvals.waiting(by), (OK, OK, OK, OK, OK)),
    # the owner asks, the member is named
    "approvals.approve": Row(
        lambda house, column: house.approval(column),
        lambda it, by, ref: it.approvals.approve(by, ref),
        (DENIED, DENIED, OK, HIDDEN, DENIED),
    ),
    "approvals.reject": Row(
        lambda house, column: house.approval(column),
        lambda it, by, ref: it.approvals.reject(by, ref),
        (DENIED, DENIED, OK, HIDDEN, DENIED),
    ),
    "approvals.withdraw": Row(
        lambda house, column: house.approval(column),
        lambda it, by, ref: it.approvals.withdraw(by, ref),
        (DENIED, OK, DENIED, HIDDEN, DENIED),
    ),
    "approvals.policy_of_group": Row(
        _group, lambda it, by, ref: it.approvals.policy_of_group(by, ref), (OK, OK, OK, HIDDEN, OK)
    ),
    "approvals.policy_of_key": Row(
        _key, lambda it, by, ref: it.approvals.policy_of_key(by, ref), (OK, OK, OK, HIDDEN, OK)
    ),
    "audit.list": Row(_nothing, lambda it, by, _: it.audit.list(by, size=5), (OK, DENIED, DENIED, DENIED, OK)),
    "audit.export": Row(
        _nothing, lambda it, by, _: list(it.audit.export(by, form="csv")), (OK, DENIED, DENIED, DENIED, OK)
    ),
    "audit.verify": Row(_nothing, lambda it, by, _: it.audit.verify(by), (OK, DENIED, DENIED, DENIED, OK)),
}

#: what is no operation of a caller's
NOT_OPERATIONS = {
    "arrivals",
    "refreshing",
    "gate",
    "generation",
    "pool",
    "jobs",
    "rotation",
    "reminding",
    "activity",
    "trusted_certificates",
    "key_cache",
}


def _only(chunks: Iterator[list[Any]]) -> object:
    """What became of the one item of a batch."""
    ((outcome,),) = chunks
    if isinstance(outcome, KeyferryError):
        raise outcome
    return outcome


def _keks() -> Iterator[Kek]:
    private = rsa.generate_private_key(65537, 2048)
    for number in range(1, 10_000):
        yield Kek(private, f"https://contoso-kv.vault.azure.net/keys/fresh/{number:032x}")


@pytest.fixture(scope="module", params=DATABASES)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("every-operation")
    database_file: Path | None = None
    if request.param == "postgresql":
        server: PostgreSql = request.getfixturevalue("postgresql")
        database_file = home.with_suffix(".url")
        database_file.write_text(server.migrated())
        database_file.chmod(0o600)
    kit = Kit.make(home, database_file=database_file)
    made = House(kit, People.of(kit), _keks())
    vouched(kit, PROVIDER)
    made.shut_out = {role: shut_out(kit, role) for role in Role}
    kit.custody.server_policy.edit(kit.administrator, ServerPolicyEdit(networks=ADMITTED))
    yield made
    kit.close()


def _caller_for(house: House, row: Row, column: str, reference: str) -> Caller:
    if row.itself and column == "owner":
        return sign_in(house.kit, reference)
    caller: Caller = getattr(house.people, column)
    return caller


def _rows(kit: Kit) -> dict[str, list[tuple[object, ...]]]:
    """All that is in the database but audit events and counts of failures."""
    untouched = set(metadata.tables) - {"audit_events", "sign_in_failures", "sign_ins"}
    with kit.installation.store.engine.connect() as connection:
        return {
            name: sorted(map(tuple, connection.execute(metadata.tables[name].select())), key=repr) for name in untouched
        }


def _asked(ask: Callable[[], object]) -> str:
    try:
        ask()
    except KeyferryError as refusal:
        return refusal.code
    return OK


def test_the_table_has_every_public_operation_of_custody(house: House) -> None:
    nouns = {name: part for name, part in vars(house.kit.custody).items() if name not in NOT_OPERATIONS}
    operations = {
        f"{noun}.{name}"
        for noun, part in nouns.items()
        for name, _ in inspect.getmembers(part, inspect.isroutine)
        if not name.startswith("_")
    }
    assert operations == set(TABLE)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("operation", TABLE)
def test_a_caller_gets_what_the_table_says(house: House, operation: str, column: str) -> None:
    row = TABLE[operation]
    reference = row.makes(house, column)
    caller = _caller_for(house, row, column, reference)
    before = _rows(house.kit)
    expected = row.answers[COLUMNS.index(column)]
    assert _asked(lambda: row.asks(house.kit.custody, caller, reference)) == expected
    if expected != OK:
        assert _rows(house.kit) == before, "a refusal changes nothing but audit events"


#: asked by nobody in particular: the door answers it on the server's own machine
WITHOUT_A_CALLER = {"metrics.overall"}


@pytest.mark.parametrize("operation", sorted(set(TABLE) - WITHOUT_A_CALLER))
def test_who_is_shut_out_gets_nothing_whatever_their_role(house: House, operation: str) -> None:
    row = TABLE[operation]
    reference = row.makes(house, "member")
    before = _rows(house.kit)
    for role, callers in house.shut_out.items():
        for what, caller in callers.items():
            with pytest.raises(NotAuthenticated):
                row.asks(house.kit.custody, caller, reference)
                pytest.fail(f"{role} {what} was let in")
    assert _rows(house.kit) == before


ASKED_BY_SOMEBODY = sorted(set(TABLE) - WITHOUT_A_CALLER)


def narrowed(house: House, by: Caller, **scope: tuple[str, ...]) -> Caller:
    token = house.kit.custody.tokens.create(by, "narrow", ONE_MINUTE * 60, scope=TokenScope(**scope)).token
    return Caller(by.user_id, token.id, by.address)


@pytest.mark.parametrize("column", ["administrator", "owner", "auditor"])
def test_a_token_that_is_for_something_else_is_for_nothing_else(house: House, column: str) -> None:
    """Every operation, with a token for one that nobody asks for, and with one for another key."""
    by: Caller = getattr(house.people, column)
    found = [(name, TABLE[name].makes(house, "owner")) for name in ASKED_BY_SOMEBODY]
    callers = {"operation": narrowed(house, by, operations=("key.remind",))}
    callers["key"] = narrowed(house, by, keys=(house.key("owner"),))
    before = _rows(house.kit)
    let_through = {
        (what, name, outcome)
        for what, caller in callers.items()
        for name, reference in found
        if (outcome := _asked(lambda: TABLE[name].asks(house.kit.custody, caller, reference)))  # noqa: B023  # asked at once
        not in {DENIED, HIDDEN, REFUSED}
    }
    # what a member's keys are pushed by goes with the keys
    pushing = {("key", "connections.show", OK), ("key", "connections.open", OK)} if column == "owner" else set()
    assert let_through == pushing
    assert _rows(house.kit) == before


def test_without_the_second_factor_that_the_role_needs_nobody_does_anything(house: House) -> None:
    found = [(name, TABLE[name].makes(house, "owner")) for name in ASKED_BY_SOMEBODY]
    made, policies = house.kit.installation, house.kit.custody.server_policy
    policies.edit(house.kit.administrator, ServerPolicyEdit(second_factor_roles=tuple(Role)))
    try:
        before = _rows(house.kit)
        for column in COLUMNS:
            caller: Caller = getattr(house.people, column)
            for name, reference in found:
                with pytest.raises(NotAuthenticated) as caught:
                    TABLE[name].asks(house.kit.custody, caller, reference)
                    pytest.fail(f"{column} was let in to {name}")
                assert caught.value.code == "second-factor-required", name
        assert _rows(house.kit) == before
    finally:
        recover_server_policy(made.store, made.sealer, ADMITTED, second_factors=False)


HIDING = [name for name, row in TABLE.items() if HIDDEN in row.answers]


@pytest.mark.parametrize("operation", HIDING)
def test_what_may_not_be_seen_is_refused_in_the_words_for_what_is_not_there(house: House, operation: str) -> None:
    row = TABLE[operation]
    there = row.makes(house, "stranger")
    missing = new_id() if len(there) == 36 else "no-such-thing"

    def shape(reference: str) -> tuple[str, ...]:
        with pytest.raises(NotFound) as caught:
            row.asks(house.kit.custody, house.people.stranger, reference)
        refusal = caught.value
        detail, count = re.subn(re.escape(repr(reference)), "REFERENCE", refusal.detail)
        assert count == 1, refusal.detail
        return detail, refusal.code, refusal.title, str(refusal.field), refusal.advice

    assert shape(there) == shape(missing)


def test_a_name_that_only_others_use_is_as_unknown_as_any(house: House) -> None:
    detail = house.kit.custody.keys.show(house.people.owner, house.key("owner"))
    in_group = house.kit.custody.keys.show(house.people.owner, house.key("member"))
    for reference in (str(detail.key.name), f"{GROUP}/{in_group.key.name}", "owner/x", f"{GROUP}/nothing"):
        with pytest.raises(NotFound) as caught:
            house.kit.custody.keys.show(house.people.stranger, reference)
        assert caught.value.detail == f"There is no key {reference!r}, or none that you may see."


def test_the_audit_log_knows_what_the_refusal_did_not_tell(house: House) -> None:
    key = house.kit.custody.keys.show(house.people.owner, house.key("owner")).key
    with pytest.raises(NotFound):
        house.kit.custody.keys.show(house.people.stranger, key.id)
    events = house.kit.custody.audit.list(house.kit.administrator, size=100_000).items
    refusal = [event for event in events if event.outcome == "refused"][-1]
    assert (refusal.actor_id, refusal.operation, refusal.code) == (house.people.stranger.user_id, "key.read", HIDDEN)
    assert (refusal.object_type, refusal.object_id, refusal.object_name) == ("key", key.id, key.name)


def test_an_administrator_reassigns_a_key_once_its_owner_is_disabled(house: House) -> None:
    moved = house.kit.custody.keys.reassign(house.people.administrator, house.disabled_users_key(), group=GROUP)
    assert moved.owner.name == GROUP
