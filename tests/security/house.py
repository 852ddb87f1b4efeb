"""An installation with people of every standing, and fresh objects for them.

`column` says who will ask: for the Administrator, the Auditor, the owner and the stranger an object is the owner's, for
the member one of the group's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.certificates import own
from tests.custody.pushing import FIRST, SECOND, Walk, connect, new_request, plan, walk
from tests.custody.vouching import arrival, own_key, vouched
from tests.security.standings import ADMITTED, GROUP, Session, people_of, session
from tests.security.the_table import COLUMNS, LET_IN, OK, READ, Way

from keyferry.custody.accounts import NewUser
from keyferry.custody.approval_policy import ApprovalWish
from keyferry.custody.caller import Caller
from keyferry.custody.custody import Custody
from keyferry.custody.customer_key_shapes import RequestedKey
from keyferry.custody.deployment_steps import Step
from keyferry.custody.identity_binding import NewIdentity
from keyferry.custody.keys import KeyEdit
from keyferry.custody.policy import Role
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.custody.trusted_issuers import NewIssuer
from keyferry.custody.workloads import NewWorkload
from keyferry.errors import ApprovalRequired
from keyferry.identity.flows import Flow, Purpose
from keyferry.identity.provider_sign_in import Trial
from keyferry.ids import new_id
from keyferry.material.secret import Secret
from keyferry.testing import ADMINISTRATOR, PASSWORD, VAULT, Kek, Kit

PROVIDER = "idp"
#: of what was made, by its id: its name, the test of a sign-in through it, what it has encrypted
NAMES: dict[str, str] = {}
TRIALS: dict[str, str] = {}
CIPHERTEXTS: dict[str, bytes] = {}
ONE_MINUTE = 60_000_000
EXPORT_KEK = Kek.make(name="export")


@dataclass
class House:
    """One installation, its people, and an endless supply of fresh objects."""

    kit: Kit
    people: dict[str, Session]
    keks: Iterator[Kek]
    kept: dict[tuple[Callable[..., str], bool], str] = field(default_factory=dict)

    @classmethod
    def of(cls, kit: Kit) -> "House":
        """With an identity provider called PROVIDER, and a server that admits the networks ADMITTED alone."""
        made = cls(kit, people_of(kit), _keks())
        vouched(kit, PROVIDER)
        kit.custody.server_policy.edit(kit.administrator, ServerPolicyEdit(networks=ADMITTED))
        return made

    @property
    def custody(self) -> Custody:
        return self.kit.custody

    @property
    def owner(self) -> Caller:
        return self.people["owner"].caller

    def named(self, name: str, id_: str) -> str:
        """The id, of what has to be named before it is destroyed."""
        NAMES[id_] = name
        return id_

    def object_for(self, way: Way, column: str) -> str:
        """The reference of what is asked for: a fresh one where it may change, else one that others ask for as well."""
        if way.expected[COLUMNS.index(column)] in {OK, LET_IN} and not way.operation.endswith(READ):
            return way.makes(self, column)
        return self.kept_for(way, column)

    def kept_for(self, way: Way, column: str) -> str:
        """The reference of one that nobody changes."""
        kept = (way.makes, column == "member")
        if kept not in self.kept:
            self.kept[kept] = way.makes(self, column)
        return self.kept[kept]

    def session_for(self, way: Way, column: str, reference: str) -> Session:
        """Who asks: the column's person, or where the object is the owner's account itself, its holder."""
        if way.itself and column == "owner":
            return session(self.kit, NAMES[reference])
        if way.apart:
            return session(self.kit, ADMINISTRATOR if column == "administrator" else column)
        return self.people[column]

    def key(self, column: str, algorithm: str = "ec-p256", **more: object) -> str:
        of_group = {"group": GROUP} if column == "member" else {"owner": "owner"}
        name = fresh_name("k")
        return self.named(name, self.kit.key(self.owner, algorithm, name, **of_group, **more).key.id)

    def user(self, **more: Any) -> str:
        """A new user of the group."""
        name = fresh_name("u.")
        password = None if more.pop("without_password", False) else Secret(PASSWORD.encode())
        new = NewUser(name=name, role=Role.KEY_ACCESS_USER, password=password, groups=(GROUP,), **more)
        return self.named(name, self.custody.users.create(self.kit.administrator, new).user.id)

    def user_with_factor(self) -> tuple[str, str]:
        """A user and their second factor."""
        user = self.user()
        return user, self.kit.set_up_app(self.kit.sign_in(NAMES[user])).factor_id

    def export(self, column: str) -> str:
        return self.kit.export(self.owner, self.key(column), next(self.keks)).export.id

    def token(self) -> str:
        return self.custody.tokens.create(self.owner, "script", ONE_MINUTE).token.id

    def certificate(self) -> str:
        return self.custody.certificates.upload(self.owner, "card", own(new_id()).pem).id

    def empty_group(self) -> str:
        name = fresh_name("g")
        return self.named(name, self.custody.groups.create(self.kit.administrator, name).id)

    def registered_kek(self) -> str:
        kek = next(self.keks)
        return self.custody.keks.register(self.kit.administrator, "azure", kek.identifier, kek.public_pem).id

    def connection(self) -> str:
        name = fresh_name("c")
        return self.named(name, connect(self.kit, name, groups=(GROUP,)).connection.id)

    def issuer(self) -> str:
        new = new_issuer()
        return self.named(new.name, self.custody.trusted_issuers.create(self.kit.administrator, new).id)

    def workload(self) -> str:
        new = new_workload(self.issuer(), "owner")
        return self.custody.workloads.create(self.kit.administrator, new).workload.id

    def deployment(self, column: str, to: Step = Step.PLANNED) -> str:
        return walk(self.kit, self.owner, self.key(column), EXPORT_KEK, to).id

    def deployment_through(self, column: str, to: Step = Step.PLANNED) -> str:
        """Through a connection that both members may use."""
        detail = plan(self.kit, self.owner, self.key(column), connection=self.connection())
        if to is not Step.PLANNED:
            lease = self.custody.deployments.lease(self.owner, detail.deployment.id).lease
            Walk(self.kit, self.owner, detail, EXPORT_KEK, lease).to(to)
            self.custody.deployments.release(self.owner, detail.deployment.id, lease)
        return detail.deployment.id

    def provider(self) -> str:
        name = fresh_name("p")
        return self.named(name, vouched(self.kit, name, enabled=False).provider.id)

    def provider_with_a_next_key(self) -> str:
        provider = self.provider()
        self.custody.provider_keys.prepare(self.kit.administrator, provider, credential=own_key())
        return provider

    def provider_with_an_earlier_key(self) -> str:
        provider = self.provider_with_a_next_key()
        self.custody.provider_keys.promote(self.kit.administrator, provider)
        return provider

    def earlier_authority(self) -> str:
        """An authority of client certificates that issues no more, and is not retired."""
        made = self.custody.client_authorities.rotate(self.kit.administrator)
        self.custody.client_authorities.rotate(self.kit.administrator)
        return self.named(made.name, made.authority.id)

    def trial(self) -> str:
        """A provider that the Administrator has tested a sign-in through."""
        detail = vouched(self.kit, fresh_name("p"), enabled=False)
        flow = Flow(provider_id=detail.provider.id, purpose=Purpose.TEST, user_id=self.kit.administrator.user_id)
        trial = self.kit.installation.provider_sign_in.arrive(arrival(self.kit, detail), flow, None)
        assert isinstance(trial, Trial)
        TRIALS[detail.provider.id] = trial.test_id
        return detail.provider.id

    def identity(self) -> tuple[str, str]:
        """A user, and the identity that is bound to them."""
        user, new = self.user(), NewIdentity(provider=self.provider(), subject=new_id())
        return user, self.custody.identities.bind(self.kit.administrator, user, new).identity.id

    def customer_key_request(self, column: str, **more: Any) -> str:
        new = new_request(group=GROUP if column == "member" else None, **more)
        return self.custody.customer_key_requests.draft(self.owner, new).request.id

    def request_of_deployments(self, column: str) -> str:
        """One whose keys are where the server has brought them."""
        deployments = (self.deployment_through(column, Step.IMPORTED) for _ in range(2))
        keys = tuple(
            RequestedKey(deployment=deployment, subscription_id=subscription)
            for deployment, subscription in zip(deployments, (FIRST, SECOND), strict=True)
        )
        return self.customer_key_request(column, keys=keys)

    def approval(self, column: str) -> str:
        """A request of the owner's that the member is asked to approve."""
        key = self.key(column)
        wish = ApprovalWish(("export",), 1, ("member",))
        self.custody.keys.edit(self.owner, key, KeyEdit(approvals=wish))
        with pytest.raises(ApprovalRequired) as refusal:
            self.kit.export(self.owner, key, next(self.keks))
        return str(refusal.value.approval_request)


def fresh_name(kind: str) -> str:
    """A name that nothing has yet."""
    return f"{kind}{new_id()[-12:]}"


def _keks() -> Iterator[Kek]:
    private = EXPORT_KEK.private
    for number in range(1, 10_000):
        yield Kek(private, f"{VAULT}/keys/fresh/{number:032x}")


def new_issuer() -> NewIssuer:
    name = fresh_name("i")
    return NewIssuer(name=name, issuer=f"https://login.microsoftonline.com/{name}", audience="keyferry")


def new_workload(issuer: str, user: str) -> NewWorkload:
    return NewWorkload(name="deploy", issuer=issuer, subject="pipeline", user=user)
