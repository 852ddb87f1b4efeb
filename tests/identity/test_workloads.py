"""Programs that present a trusted issuer's token: who is let in as whom, and everyone who is not."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.conftest import Founded
from tests.custody.reading import details_of, events_of
from tests.identity.minting import AUDIENCE, EC_KEY, RSA_KEY, SUBJECT, Issuer, part, public, seconds
from tests.identity.provider import Authority, Provider, Said, asking, providing, publishes, trusting

from keyferry.clock import SECOND
from keyferry.custody.accounts import UserEdit
from keyferry.custody.caller import Caller
from keyferry.custody.issuer_facts import NewKeys
from keyferry.custody.keys import NewKey
from keyferry.custody.trusted_issuers import IssuerEdit, NewIssuer
from keyferry.custody.workloads import NewWorkload, WorkloadDetail
from keyferry.errors import Conflict, InvalidInput, KeyferryError, NotAuthenticated, NotPermitted
from keyferry.identity import key_sets, workload_sign_in
from keyferry.material.secret import Secret
from keyferry.testing import Kit

ADDRESS = "127.0.0.1"
STRANGE_KEY = rsa.generate_private_key(65537, 2048)
FOREIGN = {"keys": [public(STRANGE_KEY, "first")]}


@pytest.fixture(scope="module")
def provider(authority: Authority) -> Iterator[Provider]:
    with providing(authority) as found:
        yield found


@dataclass
class Scene:
    """An installation that trusts an issuer, whose one subject acts as `robot`, a member of the group `payments`."""

    kit: Kit
    provider: Provider
    issuer: Issuer
    robot: str
    workload: WorkloadDetail
    refusals: list[str] = field(default_factory=list)

    @property
    def administrator(self) -> Caller:
        return self.kit.administrator

    def comes_in(self, token: str, address: str | None = ADDRESS) -> Caller:
        """Who a token stands for; they do something."""
        caller = self.kit.installation.authenticator.authenticate_program(token, address)
        self.kit.custody.keys.list(caller, size=1)
        return caller

    def refused(self, token: str, address: str | None = ADDRESS) -> str:
        """Why a token is refused, as the audit log says it; whoever presents it hears nothing of that."""
        with pytest.raises(NotAuthenticated) as caught:
            self.kit.installation.authenticator.authenticate_program(token, address)
        assert caught.value.detail == "The token is not accepted."
        begins = "a workload's token is refused: "
        taken = [refusal.reason for refusal, _ in self.kit.custody.gate.refusals.take()]
        (reason,) = [each for each in taken if each.startswith(begins)]
        return reason.removeprefix(begins)

    def bind(self, name: str, **more: Any) -> WorkloadDetail:
        new = {"issuer": "pipelines", "subject": SUBJECT, "user": "robot", **more}
        return self.kit.custody.workloads.create(self.administrator, NewWorkload(name=name, **new))

    def edit(self, **edit: Any) -> None:
        self.kit.custody.trusted_issuers.edit(self.administrator, "pipelines", IssuerEdit(**edit))


def published(provider: Provider, issuer: Issuer, keys: dict[str, Any] | None = None) -> None:
    """The issuer's metadata, and its keys or others."""
    publishes(provider, issuer.url, keys or issuer.key_set)


def staged(kit: Kit, provider: Provider) -> Scene:
    provider.asked.clear()
    provider.says.clear()
    issuer = Issuer(provider.url)
    published(provider, issuer)
    robot = kit.user("robot", groups=("payments",)).user_id
    kit.custody.trusted_issuers.create(
        kit.administrator, NewIssuer(name="pipelines", issuer=issuer.url, audience=AUDIENCE)
    )
    new = NewWorkload(name="deploy", issuer="pipelines", subject=SUBJECT, user="robot")
    return Scene(kit, provider, issuer, robot, kit.custody.workloads.create(kit.administrator, new))


@pytest.fixture
def scene(authority: Authority, provider: Provider, founded: Founded, tmp_path: Path) -> Iterator[Scene]:
    kit = founded.copy(tmp_path / "home", **trusting(authority, provider))
    yield staged(kit, provider)
    kit.close()


@pytest.fixture(scope="module")
def lasting(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """For what changes nothing."""
    with asking(authority, tmp_path_factory.mktemp("lasting") / "home") as (kit, provider):
        yield staged(kit, provider)


def test_on_both_databases(authority: Authority, provider: Provider, make_kit: Callable[..., Kit]) -> None:
    scene = staged(make_kit(**trusting(authority, provider)), provider)
    token = scene.issuer.mint()
    assert scene.comes_in(token).user_id == scene.robot
    assert scene.refused(scene.issuer.mint(sub=SUBJECT.upper())) == "its subject is bound to no user (issuer pipelines)"
    caller = scene.comes_in(token)
    made = scene.kit.custody.keys.generate(caller, NewKey(algorithm="aes-128", name="made", group="payments"))
    assert made.key.created_by == scene.robot
    scene.edit(audience="another")
    assert scene.refused(token) == f"{FOR_ANOTHER} (issuer pipelines)"
    scene.edit(audience=AUDIENCE)
    scene.kit.custody.workloads.revoke(scene.administrator, scene.workload.workload.id)
    with pytest.raises(NotAuthenticated, match="revoked"):
        scene.kit.custody.keys.list(caller, size=1)
    scene.kit.custody.trusted_issuers.delete(scene.administrator, "pipelines")
    again = NewIssuer(name="second", issuer=scene.issuer.url, audience=AUDIENCE)
    assert scene.kit.custody.trusted_issuers.create(scene.administrator, again).name == "second"


class TestComingIn:
    def test_a_token_stands_for_the_user_whom_its_subject_is_bound_to(self, scene: Scene) -> None:
        caller = scene.comes_in(scene.issuer.mint())

        assert caller == Caller(scene.robot, None, ADDRESS, workload_id=scene.workload.workload.id)
        made = scene.kit.custody.keys.generate(caller, NewKey(algorithm="aes-128", name="made", group="payments"))
        assert made.key.created_by == scene.robot

    def test_the_audit_log_names_the_binding(self, scene: Scene) -> None:
        caller = scene.comes_in(scene.issuer.mint())
        scene.kit.custody.keys.generate(caller, NewKey(algorithm="aes-128", name="made", group="payments"))
        (event,) = events_of(scene.kit, "key.generate")
        assert event.actor_name == "robot"
        assert event.token_id is None
        assert details_of(event)["workload"] == scene.workload.workload.id

    def test_keys_are_fetched_once(self, scene: Scene) -> None:
        for number in range(5):
            scene.comes_in(scene.issuer.mint(jti=str(number)))
        assert scene.provider.asked == ["/.well-known/openid-configuration", "/keys"]

    @pytest.mark.parametrize(
        ("algorithm", "curve", "bits"),
        [
            ("RS256", None, 2048),
            ("RS512", None, 2048),
            ("PS256", None, 2048),
            ("PS384", None, 3072),
            ("ES256", ec.SECP256R1(), 0),
            ("ES384", ec.SECP384R1(), 0),
            ("ES512", ec.SECP521R1(), 0),
        ],
    )
    def test_every_algorithm_that_may_be_allowed(
        self, scene: Scene, algorithm: str, curve: ec.EllipticCurve | None, bits: int
    ) -> None:
        key = ec.generate_private_key(curve) if curve else rsa.generate_private_key(65537, bits)
        document = json.dumps({"keys": [public(key, "only")]})
        scene.edit(keys=NewKeys(document=document), algorithms=(algorithm,))

        scene.comes_in(scene.issuer.mint(key=key, algorithm=algorithm, headers={"kid": "only"}))
        assert scene.provider.asked == []

    def test_keys_at_an_address(self, scene: Scene) -> None:
        scene.edit(keys=NewKeys(url=f"{scene.provider.url}/keys"))
        scene.comes_in(scene.issuer.mint(key=EC_KEY, algorithm="ES256", headers={"kid": "second"}))
        assert scene.provider.asked == ["/keys"]

    def test_headers_and_claims_that_mean_nothing_here_are_passed_over(self, scene: Scene) -> None:
        headers = {"typ": "at+jwt", "x5t": "ab", "nonce": "x", "x5c": ["A" * 2000]}
        scene.comes_in(scene.issuer.mint(headers=headers, aud=[AUDIENCE], groups=["administrators"], role="x"))

    def test_the_users_own_networks_hold_as_well(self, scene: Scene) -> None:
        token = scene.issuer.mint()
        scene.kit.custody.users.edit(scene.administrator, "robot", UserEdit(networks=("192.0.2.0/24",)))
        scene.comes_in(token, "192.0.2.7")
        with pytest.raises(NotAuthenticated):
            scene.comes_in(token, ADDRESS)
        with pytest.raises(NotAuthenticated):
            scene.comes_in(token, f"::ffff:{ADDRESS}")

    def test_further_claims_must_say_what_the_binding_asks_for(self, scene: Scene) -> None:
        asked: dict[str, Any] = {"environment": "production", "run": 7, "protected": True}
        scene.bind("strict", subject="another", claims=asked)
        scene.comes_in(scene.issuer.mint(sub="another", **asked))
        for name, value in (
            ("environment", "Production"),
            ("environment", "production "),
            ("environment", ["production"]),
            ("environment", None),
            ("run", "7"),
            ("run", 7.0),
            ("run", True),
            ("protected", 1),
            ("protected", "true"),
        ):
            changed: dict[str, Any] = {**asked, name: value}
            token = scene.issuer.mint(sub="another", **changed)
            assert scene.refused(token) == "it lacks a claim that its binding asks for (issuer pipelines)"

    def test_of_two_bindings_of_a_subject_the_claims_tell_which(self, scene: Scene) -> None:
        other = scene.kit.user("other", groups=("payments",)).user_id
        for user, stage in (("robot", "test"), ("other", "live")):
            scene.bind(stage, subject="shared", claims={"stage": stage}, user=user)
        assert scene.comes_in(scene.issuer.mint(sub="shared", stage="live")).user_id == other
        assert scene.comes_in(scene.issuer.mint(sub="shared", stage="test")).user_id == scene.robot
        scene.bind("both", subject="shared", claims={"region": "eu"})
        token = scene.issuer.mint(sub="shared", stage="live", region="eu")
        assert scene.refused(token) == "it fulfils the claims of more than one binding (issuer pipelines)"


class TestItEndsAtOnce:
    """Bug class A: what was checked and is remembered opens nothing that the rows do not."""

    @pytest.fixture
    def token(self, scene: Scene) -> str:
        token = scene.issuer.mint()
        scene.comes_in(token)
        return token

    def test_when_the_binding_is_revoked(self, scene: Scene, token: str) -> None:
        caller = scene.comes_in(token)
        scene.kit.custody.workloads.revoke(scene.administrator, scene.workload.workload.id)
        with pytest.raises(NotAuthenticated, match="revoked"):
            scene.kit.custody.keys.list(caller, size=1)
        assert scene.refused(token) == "its subject is bound to no user (issuer pipelines)"

    def test_when_the_issuer_is_disabled(self, scene: Scene, token: str) -> None:
        caller = scene.comes_in(token)
        scene.edit(disabled=True)
        with pytest.raises(NotAuthenticated, match="not trusted"):
            scene.kit.custody.keys.generate(caller, NewKey(algorithm="aes-128"))
        assert scene.refused(token) == "its issuer, pipelines, is disabled"
        scene.edit(disabled=False)
        scene.comes_in(token)

    def test_when_the_issuer_is_deleted(self, scene: Scene, token: str) -> None:
        caller = scene.comes_in(token)
        scene.kit.custody.trusted_issuers.delete(scene.administrator, "pipelines")
        with pytest.raises(NotAuthenticated, match="not trusted"):
            scene.kit.custody.keys.list(caller, size=1)
        assert scene.refused(token) == "its issuer is not trusted"

    def test_when_the_account_is_disabled_and_it_stays_so(self, scene: Scene, token: str) -> None:
        caller = scene.comes_in(token)
        scene.kit.custody.users.disable(scene.administrator, "robot")
        with pytest.raises(NotAuthenticated):
            scene.kit.custody.keys.list(caller, size=1)
        assert scene.refused(token) == "The workload's account is disabled or gone (issuer pipelines)"
        scene.kit.custody.users.enable(scene.administrator, "robot")
        assert scene.refused(token) == "The workload's binding was revoked (issuer pipelines)"

    def test_when_the_accounts_password_is_set(self, scene: Scene, token: str) -> None:
        scene.kit.custody.users.set_password(scene.administrator, "robot", Secret(b"other-lantern-harbour-7"))
        assert scene.refused(token) == "The workload's binding was revoked (issuer pipelines)"

    def test_when_the_binding_expires(self, scene: Scene) -> None:
        end = datetime.now(UTC) + timedelta(minutes=5)
        scene.bind("short", subject="short", expires_at=int(end.timestamp()) * SECOND)
        token = scene.issuer.mint(sub="short")
        caller = scene.comes_in(token)
        with time_machine.travel(end + timedelta(seconds=1)):
            with pytest.raises(NotAuthenticated, match="expired"):
                scene.kit.custody.keys.list(caller, size=1)
            assert scene.refused(token) == "The workload's binding has expired (issuer pipelines)"

    def test_when_the_token_expires(self, scene: Scene, token: str) -> None:
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=655)):
            scene.comes_in(token)  # within the skew that is granted
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=661)):
            assert scene.refused(token) == "it has expired (issuer pipelines)"

    @pytest.mark.parametrize(
        ("edit", "reason"),
        [
            ({"audience": "another"}, "it is for another audience, or for others too"),
            ({"algorithms": ("PS256",)}, "it is signed with an algorithm that is not allowed, or not signed at all"),
            ({"longest_lifetime": 60 * SECOND}, "it lasts longer than its issuer's tokens may"),
            ({"keys": NewKeys(document=json.dumps(FOREIGN))}, "its signature is not valid"),
        ],
        ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
    )
    def test_when_the_issuer_is_edited(self, scene: Scene, token: str, edit: dict[str, Any], reason: str) -> None:
        scene.edit(**edit)
        assert scene.refused(token) == f"{reason} (issuer pipelines)"

    def test_when_the_network_is_another(self, scene: Scene) -> None:
        scene.bind("inside", subject="inside", networks=("192.0.2.0/24",))
        token = scene.issuer.mint(sub="inside")
        caller = scene.comes_in(token, "192.0.2.9")
        scene.comes_in(token, "::ffff:192.0.2.9")
        for elsewhere in (ADDRESS, f"::ffff:{ADDRESS}", "2001:db8::1"):
            assert scene.refused(token, elsewhere) == "The workload may not call from this address (issuer pipelines)"
            with pytest.raises(NotAuthenticated, match="may not call from this address"):
                scene.kit.custody.keys.list(
                    Caller(caller.user_id, None, elsewhere, workload_id=caller.workload_id), size=1
                )

    def test_a_callers_binding_is_that_users_own(self, scene: Scene) -> None:
        caller = scene.comes_in(scene.issuer.mint())
        thief = scene.kit.user("thief")
        for user, workload in ((thief.user_id, caller.workload_id), (caller.user_id, thief.user_id)):
            with pytest.raises(NotAuthenticated, match="not known"):
                scene.kit.custody.keys.list(Caller(user, None, ADDRESS, workload_id=workload), size=1)

    def test_a_workload_makes_no_token_that_would_outlast_its_own(self, scene: Scene) -> None:
        caller = scene.comes_in(scene.issuer.mint())
        with pytest.raises(NotPermitted, match="may not make a token"):
            scene.kit.custody.tokens.create(caller, "for later", 3600 * SECOND)


def forged(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    return f"{part(header)}.{part(claims)}.{part(signature) if signature else ''}"


Attack = Callable[[Issuer], str]
PUBLIC_PEM = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
ALGORITHM, SIGNATURE = (
    "it is signed with an algorithm that is not allowed, or not signed at all",
    "its signature is not valid",
)
KEY, FORM = "it names a key that its issuer does not have for it", "it is no signed token"
FOR_ANOTHER = "it is for another audience, or for others too"


def hmac_with_the_public_key(issuer: Issuer, secret: bytes) -> str:
    import hashlib
    import hmac

    signed = f"{part({'alg': 'HS256', 'kid': 'first'})}.{part(issuer.claims())}"
    return f"{signed}.{part(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def renamed(token: str, **header: Any) -> str:
    """A token with another header over the same signature."""
    _, claims, signature = token.split(".")
    return f"{part(header)}.{claims}.{signature}"


ATTACKS: dict[str, tuple[Attack, str]] = {
    # the algorithm
    "none": (lambda it: forged({"alg": "none", "kid": "first"}, it.claims(), b"x"), ALGORITHM),
    "none-without-signature": (lambda it: forged({"alg": "none", "kid": "first"}, it.claims()), FORM),
    "None": (lambda it: forged({"alg": "None", "kid": "first"}, it.claims(), b"x"), ALGORITHM),
    "no-algorithm": (lambda it: forged({"kid": "first"}, it.claims(), b"x"), ALGORITHM),
    "algorithm-of-another-type": (lambda it: forged({"alg": ["RS256"], "kid": "first"}, it.claims(), b"x"), ALGORITHM),
    "hs256-with-the-public-key": (lambda it: hmac_with_the_public_key(it, PUBLIC_PEM), ALGORITHM),
    "hs256-with-nothing": (lambda it: hmac_with_the_public_key(it, b""), ALGORITHM),
    "algorithm-not-allowed": (lambda it: it.mint(algorithm="PS256"), ALGORITHM),
    "rs256-header-on-ps256": (lambda it: renamed(it.mint(algorithm="PS256"), alg="RS256", kid="first"), SIGNATURE),
    "es256-with-an-rsa-key": (lambda it: renamed(it.mint(), alg="ES256", kid="first"), KEY),
    # the key
    "another-key-of-that-name": (lambda it: it.mint(key=STRANGE_KEY), SIGNATURE),
    "no-key-id": (lambda it: renamed(it.mint(), alg="RS256"), "it does not say which key has signed it"),
    "unknown-key-id": (lambda it: it.mint(headers={"kid": "third"}), KEY),
    "key-id-in-another-case": (lambda it: it.mint(headers={"kid": "First"}), KEY),
    "key-id-that-is-a-path": (lambda it: it.mint(headers={"kid": "../../../../dev/null"}), KEY),
    "key-id-that-is-sql": (lambda it: it.mint(headers={"kid": "first' OR '1'='1"}), KEY),
    "key-id-that-is-no-text": (
        lambda it: renamed(it.mint(), alg="RS256", kid=["first"]),
        "it does not say which key has signed it",
    ),
    "key-in-the-header": (
        lambda it: it.mint(key=STRANGE_KEY, headers={"jwk": public(STRANGE_KEY, "first")}),
        SIGNATURE,
    ),
    "key-at-an-address-in-the-header": (
        lambda it: it.mint(key=STRANGE_KEY, headers={"jku": f"{it.url}/theirs", "x5u": f"{it.url}/theirs"}),
        SIGNATURE,
    ),
    "extensions-that-must-be-understood": (
        lambda it: it.mint(headers={"crit": ["exp"]}),
        "its header asks for what is not understood here",
    ),
    "unencoded-payload": (
        lambda it: renamed(it.mint(), alg="RS256", kid="first", b64=False, crit=["b64"]),
        "its header asks for what is not understood here",
    ),
    # for whom, from whom, about whom
    "another-issuer": (lambda it: it.mint(iss="https://evil.example"), "its issuer is not trusted"),
    "issuer-with-a-slash": (lambda it: it.mint(iss=f"{it.url}/"), "its issuer is not trusted"),
    "issuer-in-capitals": (lambda it: it.mint(iss=it.url.upper()), "its issuer is not trusted"),
    "no-issuer": (lambda it: it.mint(iss=None), "it does not say iss"),
    "another-audience": (lambda it: it.mint(aud="https://keys.example.com"), FOR_ANOTHER),
    "audience-with-a-slash": (lambda it: it.mint(aud=f"{AUDIENCE}/"), FOR_ANOTHER),
    "audience-among-others": (lambda it: it.mint(aud=[AUDIENCE, "https://evil.example"]), FOR_ANOTHER),
    "no-audience": (lambda it: it.mint(aud=None), FOR_ANOTHER),
    "empty-audience": (lambda it: it.mint(aud=[]), FOR_ANOTHER),
    "another-subject": (lambda it: it.mint(sub="repo:example/other"), "its subject is bound to no user"),
    "subject-in-another-case": (lambda it: it.mint(sub=SUBJECT.upper()), "its subject is bound to no user"),
    "subject-with-a-blank": (lambda it: it.mint(sub=f"{SUBJECT} "), "its subject is bound to no user"),
    "subject-with-a-line-end": (lambda it: it.mint(sub=f"{SUBJECT}\n"), "it does not say sub"),
    "subject-with-a-nul": (lambda it: it.mint(sub=f"{SUBJECT}\0"), "it does not say sub"),
    "subject-that-begins-so": (lambda it: it.mint(sub=SUBJECT[:-1]), "its subject is bound to no user"),
    "subject-with-a-pattern": (lambda it: it.mint(sub="repo:example/%"), "its subject is bound to no user"),
    "no-subject": (lambda it: it.mint(sub=None), "it does not say sub"),
    "subject-that-is-no-text": (
        lambda it: forged({"alg": "RS256"}, it.claims(sub=[SUBJECT]), b"x"),
        "it does not say sub",
    ),
    # when
    "expired": (lambda it: it.mint(exp=seconds() - 61), "it has expired"),
    "no-end": (lambda it: it.mint(exp=None), "it does not say exp"),
    "endless": (lambda it: it.mint(exp=2**60), "it does not say exp"),
    "end-that-is-text": (lambda it: it.mint(exp=str(seconds() + 60)), "it does not say exp"),
    "not-yet": (lambda it: it.mint(nbf=seconds() + 120), "it is not valid yet"),
    "issued-in-the-future": (lambda it: it.mint(iat=seconds() + 120, nbf=None), "it is not valid yet"),
    "not-said-when-issued": (lambda it: it.mint(iat=None), "it does not say iat"),
    "too-long-lived": (lambda it: it.mint(exp=seconds() + 3700), "it lasts longer than its issuer's tokens may"),
    # what it is
    "logout-token": (lambda it: it.mint(headers={"typ": "logout+jwt"}), "it is a token of another kind"),
    "proof-of-possession": (lambda it: it.mint(headers={"typ": "dpop+jwt"}), "it is a token of another kind"),
    "bound-to-a-key": (
        lambda it: it.mint(cnf={"jkt": "x"}),
        "it is bound to a key whose possession is not proved here",
    ),
    # how it is written
    "too-large": (lambda it: it.mint(padding="x" * 16_384), "it is too large"),
    "giant-header": (lambda it: it.mint(headers={"x5c": ["A" * 9000]}), "its header is too large"),
    "standard-base64": (lambda _: "eyJhbGciOiJSUzI1NiJ9.e30+.e30", FORM),
    "padded": (lambda it: it.mint().replace(".", "=.", 1), FORM),
    "loose-bits": (lambda _: f"{part({'alg': 'RS256'})}.e31.AA", "it is not written as it must be"),
    "encrypted": (lambda _: "eyJ.AA.AA.AA.AA", "five parts"),
    "a-claim-twice": (
        lambda _: f'{part({"alg": "RS256"})}.{part(b"""{"iss": "a", "iss": "b"}""")}.AA',
        "a member stands twice in it",
    ),
    "a-header-twice": (
        lambda it: f'{part(b"""{"alg": "RS256", "alg": "none"}""")}.{part(it.claims())}.AA',
        "a member stands twice in it",
    ),
    "not-a-number": (
        lambda _: f'{part({"alg": "RS256"})}.{part(b"""{"exp": NaN}""")}.AA',
        "it holds a number that is none",
    ),
    "deep": (lambda _: f"{part({'alg': 'RS256'})}.{part(b'[' * 8000)}.AA", "it holds something other than JSON"),
    "no-object": (lambda _: f"{part({'alg': 'RS256'})}.{part([1])}.AA", "it holds something other than claims"),
    "no-json": (lambda _: f"eyJ4.{part(b'x')}.AA", "it holds something other than JSON"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_and_only_the_audit_log_says_why(lasting: Scene, name: str) -> None:
    scene = lasting
    attack, reason = ATTACKS[name]
    token = attack(scene.issuer)
    if name == "encrypted":  # five parts: to whoever looks, no signed token at all, and none of Keyferry's either
        with pytest.raises(NotAuthenticated, match="not a token of Keyferry"):
            scene.kit.installation.authenticator.authenticate_program(token, ADDRESS)
        return
    assert scene.refused(token).removesuffix(" (issuer pipelines)") == reason
    assert "/theirs" not in scene.provider.asked
    scene.comes_in(scene.issuer.mint())


def test_a_tampered_token_is_refused_though_the_whole_one_is_remembered(lasting: Scene) -> None:
    scene = lasting
    token = scene.issuer.mint()
    scene.comes_in(token)
    header, claims, signature = token.split(".")
    changed = jwt.decode(token, options={"verify_signature": False}) | {"sub": "x"}
    for other in (f"{header}.{part(changed)}.{signature}", f"{header}.{claims}.{signature[:-4]}AAAA"):
        assert scene.refused(other)


def test_a_browsers_session_is_none_of_a_workload(lasting: Scene) -> None:
    with pytest.raises(NotAuthenticated):
        lasting.kit.installation.authenticator.authenticate(lasting.issuer.mint(), ADDRESS)


class TestKeysOfAnIssuer:
    """Bug class E: without keys nobody comes in; there is no way round the check."""

    @pytest.fixture
    def time(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        now = [1000.0]
        monkeypatch.setattr(key_sets, "monotonic", lambda: now[0])
        monkeypatch.setattr(workload_sign_in, "FRESH", 0)  # nothing is remembered: each token is checked
        return now

    NO_KEYS = "its issuer's keys cannot be had (issuer pipelines)"

    def test_a_new_key_is_fetched_when_a_token_names_it(self, scene: Scene, time: list[float]) -> None:
        scene.comes_in(scene.issuer.mint())
        published(scene.provider, scene.issuer, {"keys": [public(STRANGE_KEY, "third")]})
        token = scene.issuer.mint(key=STRANGE_KEY, headers={"kid": "third"})
        assert scene.refused(token) == f"{KEY} (issuer pipelines)"  # too soon after the last time
        time[0] += key_sets.PAUSE
        scene.comes_in(token)
        assert scene.refused(scene.issuer.mint()) == f"{KEY} (issuer pipelines)"  # the old one is withdrawn

    def test_invented_key_ids_make_no_traffic(self, scene: Scene, time: list[float]) -> None:
        for number in range(20):
            scene.refused(scene.issuer.mint(headers={"kid": f"k{number}"}))
        assert scene.provider.times("/keys") == 1
        time[0] += key_sets.PAUSE
        for number in range(20):
            scene.refused(scene.issuer.mint(headers={"kid": f"k{number}"}))
        assert scene.provider.times("/keys") == 2

    def test_keys_go_on_being_used_for_a_while_when_the_issuer_is_away(self, scene: Scene, time: list[float]) -> None:
        scene.comes_in(scene.issuer.mint())
        scene.provider.says.clear()
        time[0] += key_sets.FRESH
        scene.comes_in(scene.issuer.mint(jti="1"))
        assert scene.refused(scene.issuer.mint(key=STRANGE_KEY)) == f"{SIGNATURE} (issuer pipelines)"
        time[0] += key_sets.STALE
        assert scene.refused(scene.issuer.mint(jti="2")) == self.NO_KEYS
        published(scene.provider, scene.issuer)
        time[0] += key_sets.PAUSE
        scene.comes_in(scene.issuer.mint(jti="3"))

    @pytest.mark.parametrize(
        "answer",
        [
            Said(b"", 302, headers={"Location": "https://127.0.0.1:1/keys"}),
            Said(b"", 500),
            Said(b"no json"),
            Said(b'{"keys": []}'),
            Said(b'{"keys": {}}'),
            Said(b"[]"),
            Said(b" " * (2 * 1024 * 1024)),
            Said(json.dumps({"keys": [{"kty": "oct", "kid": "first", "k": "AAAA"}]}).encode()),
            Said(json.dumps({"keys": [{**public(RSA_KEY, "first"), "d": "AAAA"}]}).encode()),
            Said(json.dumps({"keys": [public(RSA_KEY, "first", use="enc")]}).encode()),
            Said(json.dumps({"keys": [public(RSA_KEY, "first", key_ops=["sign"])]}).encode()),
            Said(json.dumps({"keys": [public(RSA_KEY, "first", alg="HS256")]}).encode()),
        ],
        ids=[
            *("redirect", "fault", "no-json", "empty", "no-list", "no-object", "giant"),
            *("shared", "private", "encryption", "signing", "hmac"),
        ],
    )
    def test_an_answer_that_holds_no_keys_opens_nothing(self, scene: Scene, answer: Said) -> None:
        scene.provider.says["/keys"] = answer
        assert scene.refused(scene.issuer.mint()) == self.NO_KEYS

    @pytest.mark.parametrize(
        "key",
        [
            public(RSA_KEY, "first", alg="PS256"),
            public(ec.generate_private_key(ec.SECP384R1()), "first"),
        ],
        ids=["of-another-algorithm", "of-another-type"],
    )
    def test_a_key_for_something_else_checks_nothing(self, scene: Scene, key: dict[str, Any]) -> None:
        published(scene.provider, scene.issuer, {"keys": [key]})
        assert scene.refused(scene.issuer.mint()) == f"{KEY} (issuer pipelines)"

    def test_a_key_of_another_curve(self, scene: Scene) -> None:
        key = ec.generate_private_key(ec.SECP384R1())
        published(scene.provider, scene.issuer, {"keys": [public(key, "first")]})
        token = renamed(scene.issuer.mint(key=key, algorithm="ES384"), alg="ES256", kid="first")
        assert scene.refused(token) == "its key is not for its algorithm (issuer pipelines)"

    def test_two_keys_of_one_id_check_nothing(self, scene: Scene) -> None:
        published(scene.provider, scene.issuer, {"keys": [public(RSA_KEY, "first"), public(STRANGE_KEY, "first")]})
        assert scene.refused(scene.issuer.mint()) == f"{KEY} (issuer pipelines)"

    def test_a_short_key_checks_nothing(self, scene: Scene) -> None:
        short = rsa.generate_private_key(65537, 1024)
        published(scene.provider, scene.issuer, {"keys": [public(short, "first")]})
        with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
            token = scene.issuer.mint(key=short)
        assert scene.refused(token) == "its key is too short, or too long (issuer pipelines)"

    @pytest.mark.parametrize(
        "told",
        [
            {"issuer": "https://evil.example", "jwks_uri": "{url}/keys"},
            {"issuer": "{url}/", "jwks_uri": "{url}/keys"},
            {"issuer": "{url}"},
            {"jwks_uri": "{url}/keys"},
            {"issuer": "{url}", "jwks_uri": "http://127.0.0.1:{port}/keys"},
            {"issuer": "{url}", "jwks_uri": "https://evil.example/keys"},
            {"issuer": "{url}", "jwks_uri": ["{url}/keys"]},
        ],
    )
    def test_metadata_of_another_or_that_lead_elsewhere(self, scene: Scene, told: dict[str, Any]) -> None:
        provider = scene.provider
        text = json.dumps(told).replace("{url}", provider.url).replace("{port}", str(provider.port))
        provider.says["/.well-known/openid-configuration"] = Said(text.encode())
        assert scene.refused(scene.issuer.mint()) == self.NO_KEYS
        assert provider.times("/keys") == 0

    def test_a_certificate_that_does_not_verify_opens_nothing(self, scene: Scene, tmp_path: Path) -> None:
        kit = Kit.make(tmp_path / "second", **trusting(Authority.make(tmp_path / "other"), scene.provider))
        kit.user("robot")
        new = NewIssuer(name="pipelines", issuer=scene.issuer.url, audience=AUDIENCE)
        kit.custody.trusted_issuers.create(kit.administrator, new)
        workload = NewWorkload(name="deploy", issuer="pipelines", subject=SUBJECT, user="robot")
        kit.custody.workloads.create(kit.administrator, workload)
        theirs = Scene(kit, scene.provider, scene.issuer, "", scene.workload)
        assert theirs.refused(scene.issuer.mint()) == self.NO_KEYS
        assert theirs.refused(forged({"alg": "none", "kid": "x"}, scene.issuer.claims(), b"x"))
        kit.close()


class TestWhatIsTrusted:
    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"issuer": "http://127.0.0.1/"}, "issuer"),
            ({"issuer": "https://evil.example"}, "issuer"),
            ({"issuer": "https://user@login.microsoftonline.com"}, "issuer"),
            ({"issuer": "https://login.microsoftonline.com/?x"}, "issuer"),
            ({"issuer": "https://LOGIN.microsoftonline.com"}, "issuer"),
            ({"issuer": ""}, "issuer"),
            ({"audience": ""}, "audience"),
            ({"audience": "a\nb"}, "audience"),
            ({"algorithms": ()}, "algorithms"),
            ({"algorithms": ("none",)}, "algorithms"),
            ({"algorithms": ("RS256", "HS256")}, "algorithms"),
            ({"longest_lifetime": 59 * SECOND}, "longest_lifetime"),
            ({"longest_lifetime": 90_001 * SECOND}, "longest_lifetime"),
            ({"clock_skew": 301 * SECOND}, "clock_skew"),
            ({"keys": NewKeys(url="https://evil.example/keys")}, "jwks_url"),
            ({"keys": NewKeys(url="http://login.microsoftonline.com/keys")}, "jwks_url"),
            ({"keys": NewKeys(document="{}")}, "jwks"),
            ({"keys": NewKeys(document='{"keys": [{"kty": "oct", "k": "AA", "kid": "a"}]}')}, "jwks"),
            ({"keys": NewKeys("https://login.microsoftonline.com/keys", "{}")}, "jwks_url"),
            ({"name": "Upper"}, "name"),
        ],
    )
    def test_what_will_not_do_is_refused_by_its_field(self, lasting: Scene, given: dict[str, Any], field: str) -> None:
        usual = {"name": "second", "issuer": "https://login.microsoftonline.com/t/v2.0", "audience": AUDIENCE}
        with pytest.raises(InvalidInput) as caught:
            lasting.kit.custody.trusted_issuers.create(lasting.administrator, NewIssuer(**{**usual, **given}))
        assert caught.value.field == field
        assert caught.value.advice

    def test_an_issuer_is_trusted_once_and_a_name_not_used_again(self, scene: Scene) -> None:
        issuers, by = scene.kit.custody.trusted_issuers, scene.administrator
        again = NewIssuer(name="second", issuer=scene.issuer.url, audience=AUDIENCE)
        with pytest.raises(Conflict) as caught:
            issuers.create(by, again)
        assert caught.value.field == "issuer"
        issuers.delete(by, "pipelines")
        with pytest.raises(Conflict) as caught:
            issuers.create(by, NewIssuer(name="pipelines", issuer=scene.issuer.url, audience=AUDIENCE))
        assert caught.value.code == "name-taken"
        assert issuers.create(by, again).name == "second"
        assert scene.refused(scene.issuer.mint()) == "its subject is bound to no user (issuer second)"

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"subject": ""}, "subject"),
            ({"subject": "a\nb"}, "subject"),
            ({"subject": "x" * 513}, "subject"),
            ({"name": ""}, "name"),
            ({"user": "nobody"}, "user"),
            ({"issuer": "nobody"}, "issuer"),
            ({"claims": {"sub": "x"}}, "claims"),
            ({"claims": {"a": 1.5}}, "claims"),
            ({"claims": {"a": None}}, "claims"),
            ({"claims": {"a": ["x"]}}, "claims"),
            ({"claims": {"ü": "x"}}, "claims"),
            ({"claims": {f"c{number}": 1 for number in range(17)}}, "claims"),
            ({"networks": ("nowhere",)}, "networks"),
            ({"expires_at": 1}, "expires_at"),
            ({"subject": SUBJECT}, "subject"),
        ],
    )
    def test_a_binding_that_will_not_do(self, lasting: Scene, given: dict[str, Any], field: str) -> None:
        with pytest.raises(KeyferryError) as caught:
            lasting.bind(**{"name": "second", "subject": "another", **given})
        assert caught.value.field == field
        assert isinstance(caught.value, Conflict if given.get("subject") == SUBJECT else InvalidInput)

    def test_after_a_binding_is_revoked_the_subject_may_be_bound_anew(self, scene: Scene) -> None:
        scene.kit.custody.workloads.revoke(scene.administrator, scene.workload.workload.id)
        with pytest.raises(Conflict, match="revoked already"):
            scene.kit.custody.workloads.revoke(scene.administrator, scene.workload.workload.id)
        again = scene.bind("again")
        assert scene.comes_in(scene.issuer.mint()).workload_id == again.workload.id

    def test_users_see_and_end_their_own(self, scene: Scene) -> None:
        robot = scene.kit.sign_in("robot")
        listed = scene.kit.custody.workloads.list(robot, size=10).items
        assert [(each.workload.name, each.issuer, each.user) for each in listed] == [("deploy", "pipelines", "robot")]
        assert scene.kit.custody.workloads.list(scene.kit.user("other"), size=10).items == ()
        scene.kit.custody.workloads.revoke(robot, scene.workload.workload.id)
        assert scene.refused(scene.issuer.mint())
