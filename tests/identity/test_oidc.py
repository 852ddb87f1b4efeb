"""Signing in through an OpenID Connect provider that lies, or is lied about."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from tests.conftest import Founded
from tests.custody.reading import details_of, events_of
from tests.identity.minting import RSA_KEY, Issuer, part, public, seconds
from tests.identity.provider import Authority, Provider, Said, asking, providing, publishes, trusting

from keyferry.custody.identity_binding import NewIdentity
from keyferry.custody.provider_kinds import Kind
from keyferry.custody.provider_writing import NewProvider, ProviderEdit
from keyferry.custody.providers import ProviderDetail
from keyferry.errors import InvalidInput, KeyferryError, NotAuthenticated
from keyferry.identity.flows import Purpose
from keyferry.identity.opening import SignedIn, Unfinished
from keyferry.identity.provider_sign_in import Trial
from keyferry.identity.single_sign_on import Arrived
from keyferry.material.secret import Secret
from keyferry.testing import Kit

ADDRESS = "127.0.0.1"
CLIENT = "keyferry"
PUBLIC = "https://keys.example.org"
SECRET = Secret(b"not-a-secret:with signs"[:12])
STRANGE_KEY = rsa.generate_private_key(65537, 2048)


@dataclass
class Begun:
    """A sign-in that a browser began: what it was sent away with, and the cookie that it keeps."""

    asked: dict[str, str]
    cookie: str


@dataclass
class Scene:
    """An installation, and a provider that answers as a test says."""

    kit: Kit
    provider: Provider
    issuer: Issuer
    told: dict[str, Any] = field(default_factory=dict)

    def begin(self, name: str = "corporate", *, wanted: str = "/", test: bool = False) -> Begun:
        sso = self.kit.installation.single_sign_on
        begun = sso.begin_test(self.kit.administrator, name) if test else sso.begin(name, wanted=wanted)
        return Begun(dict(parse_qsl(urlsplit(begun.address).query)), sso.flows.seal(begun.flow))

    def tokens(self, begun: Begun, **claims: Any) -> dict[str, Any]:
        """What the token endpoint gives; the ID token is for this sign-in, unless `claims` say otherwise."""
        usual = {"aud": CLIENT, "sub": "alice", "nonce": begun.asked["nonce"], "email": "alice@example.org"}
        return {"token_type": "Bearer", "access_token": "at", "id_token": self.issuer.mint(**{**usual, **claims})}

    def gives(self, answer: dict[str, Any] | Said) -> None:
        self.provider.says["/token"] = answer if isinstance(answer, Said) else Said(json.dumps(answer).encode())

    def comes_back(self, begun: Begun, *, cookie: str | None = "own", name: str = "corporate", **said: Any) -> Arrived:
        """What comes of what the browser brings back: code, state and issuer, unless `said` says otherwise."""
        usual = {"code": "the-code", "state": begun.asked["state"], "iss": self.issuer.url}
        query = urlencode({key: value for key, value in {**usual, **said}.items() if value is not None})
        return self.brings(query, begun.cookie if cookie == "own" else cookie, name)

    def brings(self, query: str, cookie: str | None, name: str = "corporate") -> Arrived:
        sso = self.kit.installation.single_sign_on
        return sso.receive(
            name, cookie, ADDRESS, lambda provider, flow: sso.oidc.receive(provider, query, flow), kind=Kind.OIDC
        )

    def refused(self, come: Callable[[], object]) -> str:
        """Why, as the audit log says; whoever came hears nothing of it."""
        self.kit.custody.gate.refusals.take()
        with pytest.raises(NotAuthenticated) as caught:
            come()
        assert (caught.value.code, caught.value.detail) == ("sign-in-refused", "The sign-in was refused.")
        ((refusal, _),) = self.kit.custody.gate.refusals.take()
        return refusal.reason.partition(": ")[2].rstrip(".")

    def connect(self, name: str, *, credential: Secret | None = SECRET, **more: Any) -> ProviderDetail:
        configuration = {"issuer": self.issuer.url, "client_id": CLIENT, **more.pop("configuration", {})}
        mapping = more.pop("mapping", {"user_name": "sub", "email": "email"})
        new = NewProvider(
            name=name, kind="oidc", configuration=configuration, credential=credential, mapping=mapping, **more
        )
        providers, by = self.kit.custody.providers, self.kit.administrator
        providers.create(by, new)
        return providers.enable(by, name, untested=True)


def speaks(provider: Provider, issuer: Issuer, /, **more: Any) -> None:
    """The provider publishes what sign-ins need, or what `more` says otherwise; None leaves it out."""
    usual = {
        "authorization_endpoint": f"{provider.url}/authorize",
        "token_endpoint": f"{provider.url}/token",
        "userinfo_endpoint": f"{provider.url}/userinfo",
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
        "authorization_response_iss_parameter_supported": True,
    }
    publishes(provider, issuer.url, issuer.key_set, **{**usual, **more})


@pytest.fixture
def provider(authority: Authority) -> Iterator[Provider]:
    with providing(authority) as found:
        yield found


def staged(kit: Kit, provider: Provider) -> Scene:
    issuer = Issuer(provider.url)
    speaks(provider, issuer)
    scene = Scene(kit, provider, issuer)
    scene.connect("corporate", just_in_time=True)
    return scene


@pytest.fixture
def scene(authority: Authority, provider: Provider, founded: Founded, tmp_path: Path) -> Iterator[Scene]:
    kit = founded.copy(tmp_path / "home", **trusting(authority, provider, public_url=PUBLIC))
    yield staged(kit, provider)
    kit.close()


@pytest.fixture(scope="module")
def lasting(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """For what lets nobody in."""
    with asking(authority, tmp_path_factory.mktemp("lasting") / "home", public_url=PUBLIC) as (kit, provider):
        yield staged(kit, provider)


def test_a_sign_in_on_both_databases(authority: Authority, provider: Provider, make_kit: Callable[..., Kit]) -> None:
    scene = staged(make_kit(**trusting(authority, provider, public_url=PUBLIC)), provider)
    begun = scene.begin(wanted="/keys")
    assert begun.asked["redirect_uri"] == f"{PUBLIC}/sso/corporate/callback"
    assert (begun.asked["response_type"], begun.asked["scope"]) == ("code", "openid")
    scene.gives(scene.tokens(begun))

    came = scene.comes_back(begun)

    assert came.wanted == "/keys"
    assert isinstance(came.result, SignedIn)
    assert came.result.issued.user.name == "alice"
    # the code went to the token endpoint with the verifier of the challenge, and with the secret in a header
    form = {name: value[0] for name, value in parse_qs(provider.sent[-1].decode()).items()}
    assert begun.asked["code_challenge_method"] == "S256"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
    assert begun.asked["code_challenge"] == challenge
    assert (form["code"], form["grant_type"]) == ("the-code", "authorization_code")
    assert form["redirect_uri"] == begun.asked["redirect_uri"]
    assert "client_secret" not in form
    sent = base64.b64decode(
        provider.headers[provider.asked.index("/token")]["authorization"].removeprefix("Basic ")
    ).decode()
    assert sent == f"{CLIENT}:{SECRET.reveal().decode()}"
    # what was used up is used up, on either database
    assert scene.refused(lambda: scene.comes_back(begun)) == "presented before"


def test_everything_new_each_time(scene: Scene) -> None:
    first, second = scene.begin(), scene.begin()
    for name in ("state", "nonce", "code_challenge"):
        assert first.asked[name] != second.asked[name]
        assert len(first.asked[name]) >= 43


def test_the_second_sign_in_comes_to_the_same_account(scene: Scene) -> None:
    users = []
    for _ in range(2):
        begun = scene.begin()
        scene.gives(scene.tokens(begun))
        result = scene.comes_back(begun).result
        assert isinstance(result, SignedIn)
        users.append(result.issued.user.id)
    assert users[0] == users[1]


def test_no_token_and_no_code_is_kept_or_logged(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    begun = scene.begin()
    told = scene.tokens(begun)
    scene.gives(told)
    scene.comes_back(begun)
    scene.kit.background.tick()
    said = capfd.readouterr()
    home = scene.kit.installation.settings.home
    kept = b"".join(file.read_bytes() for file in home.glob("keyferry.db*"))
    for secret in (told["id_token"], "the-code", begun.asked["nonce"], SECRET.reveal().decode()):
        assert secret not in said.out + said.err
        assert secret.encode() not in kept


def test_a_test_opens_no_session(scene: Scene) -> None:
    scene.kit.custody.providers.disable(scene.kit.administrator, "corporate")
    begun = scene.begin(test=True)
    scene.gives(scene.tokens(begun, groups=["a", "b"], realm_access={"roles": ["x"]}))
    result = scene.comes_back(begun).result
    assert isinstance(result, Trial)
    seen = scene.kit.custody.providers.tested(scene.kit.administrator, "corporate", result.test_id)
    assert seen.attributes["groups"] == ["a", "b"]
    assert seen.attributes["realm_access.roles"] == ["x"]


Attack = Callable[[Scene, Begun], object]
STATE = "Its state is not that of the sign-in that this browser began"
BROWSER = "The sign-in was not begun in this browser, or was begun at another provider"
ISSUER = "The answer is another issuer's, or does not say whose it is"

#: what is brought back, and why it is refused; the token endpoint would give a good ID token
BROUGHT: dict[str, tuple[Attack, str]] = {
    "no-cookie": (lambda it, begun: it.comes_back(begun, cookie=None), BROWSER),
    "a-cookie-that-was-made-up": (lambda it, begun: it.comes_back(begun, cookie="AAAA"), BROWSER),
    "the-cookie-of-another-browser": (lambda it, begun: it.comes_back(begun, cookie=it.begin().cookie), STATE),
    "no-state": (lambda it, begun: it.comes_back(begun, state=None), STATE),
    "another-state": (lambda it, begun: it.comes_back(begun, state="x"), STATE),
    "a-state-that-begins-so": (lambda it, begun: it.comes_back(begun, state=begun.asked["state"][:-1]), STATE),
    "another-issuer": (lambda it, begun: it.comes_back(begun, iss="https://evil.example"), ISSUER),
    "no-issuer-where-one-is-told": (lambda it, begun: it.comes_back(begun, iss=None), ISSUER),
    "no-code": (lambda it, begun: it.comes_back(begun, code=None), "The answer holds no code"),
    "an-endless-code": (lambda it, begun: it.comes_back(begun, code="x" * 9000), "The answer holds no code"),
    "an-endless-query": (lambda it, begun: it.comes_back(begun, code="x" * 20_000), "The answer is too long"),
    "a-token-instead": (lambda it, begun: it.comes_back(begun, code=None, id_token="eyJ"), "The answer holds no code"),
    "two-states": (
        lambda it, begun: it.brings(f"code=c&state={begun.asked['state']}&state=x", begun.cookie),
        "A parameter of the answer stands twice",
    ),
    "access-denied": (
        lambda it, begun: it.comes_back(begun, code=None, error="access_denied"),
        "The provider answered access_denied",
    ),
    "an-error-and-a-code": (
        lambda it, begun: it.comes_back(begun, error="<script>"),
        "The provider answered an error",
    ),
    "no-such-provider": (
        lambda it, begun: it.comes_back(begun, name="nowhere"),
        "there is no such provider",
    ),
}


@pytest.mark.parametrize("name", BROUGHT)
def test_what_a_browser_brings_is_not_believed(lasting: Scene, name: str) -> None:
    attack, reason = BROUGHT[name]
    begun = lasting.begin()
    lasting.gives(lasting.tokens(begun))
    lasting.provider.asked.clear()
    assert lasting.refused(lambda: attack(lasting, begun)) == reason
    assert "/token" not in lasting.provider.asked  # no code was sent anywhere


def unsigned(claims: dict[str, Any]) -> str:
    return f"{part({'alg': 'none', 'kid': 'first'})}.{part(claims)}.{part(b'x')}"


def hmac_with(secret: bytes) -> Callable[[Scene, Begun], dict[str, Any]]:
    def made(it: Scene, begun: Begun) -> dict[str, Any]:
        import hmac

        claims = it.issuer.claims(aud=CLIENT, sub="alice", nonce=begun.asked["nonce"])
        signed = f"{part({'alg': 'HS256', 'kid': 'first'})}.{part(claims)}"
        return {"id_token": f"{signed}.{part(hmac.digest(secret, signed.encode(), hashlib.sha256))}"}

    return made


ALGORITHM = "it is signed with an algorithm that is not allowed, or not signed at all"
FOR_ANOTHER = "it is for another audience, or for others too"
PEM = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

#: what of the token endpoint's answer is another, and why it is refused
GIVEN: dict[str, tuple[Callable[[Scene, Begun], dict[str, Any]], str]] = {
    "none": (
        lambda it, begun: {"id_token": unsigned(it.issuer.claims(aud=CLIENT, nonce=begun.asked["nonce"]))},
        ALGORITHM,
    ),
    "hs256-with-the-public-key": (hmac_with(PEM), ALGORITHM),
    "hs256-with-the-client-secret": (hmac_with(SECRET.reveal()), ALGORITHM),
    "another-key": (
        lambda it, begun: {
            "id_token": it.issuer.mint(key=STRANGE_KEY, aud=CLIENT, nonce=begun.asked["nonce"]),
        },
        "its signature is not valid",
    ),
    "key-in-the-header": (
        lambda it, begun: {
            "id_token": it.issuer.mint(
                key=STRANGE_KEY,
                headers={"jwk": public(STRANGE_KEY, "first"), "jku": f"{it.provider.url}/theirs"},
                aud=CLIENT,
                nonce=begun.asked["nonce"],
            )
        },
        "its signature is not valid",
    ),
    "unknown-key": (
        lambda it, begun: {
            "id_token": it.issuer.mint(headers={"kid": "../first"}, aud=CLIENT, nonce=begun.asked["nonce"])
        },
        "it names a key that its issuer does not have for it",
    ),
    "another-issuer": (lambda it, begun: it.tokens(begun, iss="https://evil.example"), "it is another issuer's"),
    "another-audience": (lambda it, begun: it.tokens(begun, aud="another"), FOR_ANOTHER),
    "audience-among-others": (lambda it, begun: it.tokens(begun, aud=[CLIENT, "another"], azp=CLIENT), FOR_ANOTHER),
    "no-audience": (lambda it, begun: it.tokens(begun, aud=None), FOR_ANOTHER),
    "another-party": (lambda it, begun: it.tokens(begun, azp="another"), "it was issued to another party"),
    "expired": (lambda it, begun: it.tokens(begun, iat=seconds() - 900, exp=seconds() - 121), "it has expired"),
    "no-end": (lambda it, begun: it.tokens(begun, exp=None), "it does not say exp"),
    "made-long-ago": (
        lambda it, begun: it.tokens(begun, iat=seconds() - 800, nbf=None),
        "it was made too long ago",
    ),
    "not-yet": (lambda it, begun: it.tokens(begun, iat=seconds() + 200, nbf=None), "it is not valid yet"),
    "no-nonce": (lambda it, begun: it.tokens(begun, nonce=None), "its nonce is not that of this sign-in"),
    "another-nonce": (
        lambda it, begun: it.tokens(begun, nonce=it.begin().asked["nonce"]),
        "its nonce is not that of this sign-in",
    ),
    "another-access-token": (
        lambda it, begun: it.tokens(begun, at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
        "it came with another access token",
    ),
    "no-subject": (lambda it, begun: it.tokens(begun, sub=None), "it does not say sub"),
    "endless-subject": (lambda it, begun: it.tokens(begun, sub="x" * 256), "it does not say sub"),
    "subject-with-a-line-end": (lambda it, begun: it.tokens(begun, sub="alice\n"), "it does not say sub"),
    "logout-token": (
        lambda it, begun: {
            "id_token": it.issuer.mint(headers={"typ": "logout+jwt"}, aud=CLIENT, nonce=begun.asked["nonce"])
        },
        "it is a token of another kind",
    ),
    "access-token": (
        lambda it, begun: {
            "id_token": it.issuer.mint(headers={"typ": "at+jwt"}, aud=CLIENT, nonce=begun.asked["nonce"])
        },
        "it is a token of another kind",
    ),
}


@pytest.mark.parametrize("name", GIVEN)
def test_an_id_token_is_not_believed(lasting: Scene, name: str) -> None:
    """Code injection among them: another sign-in's code gives another nonce."""
    attack, reason = GIVEN[name]
    begun = lasting.begin()
    lasting.gives({**lasting.tokens(begun), **attack(lasting, begun)})
    refused = lasting.refused(lambda: lasting.comes_back(begun))
    assert refused == f"The ID token is refused: {reason}"
    assert "/theirs" not in lasting.provider.asked


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Said(b"{}", 400), "The token endpoint refused the code, with status 400"),
        (Said(b"", 302, headers={"Location": "https://127.0.0.1:1/"}), "redirection, which is not followed"),
        (Said(b"x"), "The provider answered with something other than a JSON object"),
        (Said(b"{}"), "The token endpoint gave no ID token"),
        (Said(b'{"token_type": "DPoP", "id_token": "x"}'), "The token endpoint gave no ID token"),
        (Said(bytes(2_000_000)), "answered with more than"),
    ],
    ids=["refused", "redirect", "no-json", "nothing", "another-type", "giant"],
)
def test_a_token_endpoint_that_gives_nothing_lets_nobody_in(lasting: Scene, answer: Said, reason: str) -> None:
    begun = lasting.begin()
    lasting.gives(answer)
    assert reason in lasting.refused(lambda: lasting.comes_back(begun))


def test_the_code_of_one_provider_is_not_sent_to_another(authority: Authority, scene: Scene) -> None:
    """Mix-up (RFC 9207): a browser that began at an honest provider is led to another's address, or answers from it."""
    with providing(authority) as evil:
        speaks(evil, Issuer(evil.url))
        kit = scene.kit
        hosts = [scene.provider.host, evil.host]
        kit.close()
        settings = kit.installation.settings
        (settings.home / "keyferry.toml").write_text(
            (settings.home / "keyferry.toml").read_text().replace(json.dumps(hosts[:1]), json.dumps(hosts))
        )
        again = Kit.open(settings.home)
        try:
            mixed = Scene(again, scene.provider, scene.issuer)
            Scene(again, evil, Issuer(evil.url)).connect("evil", just_in_time=True)
            begun = mixed.begin("corporate")
            assert mixed.refused(lambda: mixed.comes_back(begun, name="evil", iss=evil.url)) == BROWSER
            assert mixed.refused(lambda: mixed.comes_back(begun, iss=evil.url)) == ISSUER
            assert "/token" not in evil.asked + scene.provider.asked
        finally:
            again.close()


def test_a_sign_in_that_took_too_long_is_begun_again(scene: Scene) -> None:
    begun = scene.begin()
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=601)):
        scene.gives(scene.tokens(begun))
        assert scene.refused(lambda: scene.comes_back(begun)) == BROWSER


def test_a_disabled_provider_lets_nobody_in(scene: Scene) -> None:
    begun = scene.begin()
    scene.gives(scene.tokens(begun))
    scene.kit.custody.providers.disable(scene.kit.administrator, "corporate")
    assert scene.refused(lambda: scene.comes_back(begun))
    with pytest.raises(KeyferryError) as caught:
        scene.begin()
    assert caught.value.code == "not-found"


@pytest.mark.parametrize("sub", ["Alice", "alice ", "ALICE"])
def test_a_subject_in_another_case_or_with_a_blank_is_another_person(scene: Scene, sub: str) -> None:
    by = scene.kit.administrator
    scene.connect("strict", mapping={"user_name": "preferred_username"})
    scene.kit.user("alice")
    scene.kit.custody.identities.bind(by, "alice", NewIdentity(provider="strict", subject="alice"))
    begun = scene.begin("strict")
    scene.gives(scene.tokens(begun, sub=sub))
    assert scene.refused(lambda: scene.comes_back(begun, name="strict"))
    begun = scene.begin("strict")
    scene.gives(scene.tokens(begun))
    scene.comes_back(begun, name="strict")


@pytest.mark.parametrize("verified", [None, False, "true", 1])
def test_an_address_that_is_not_verified_is_nobodys_name(scene: Scene, verified: object) -> None:
    by = scene.kit.administrator
    scene.connect("by-mail", mapping={"user_name": "email"})
    scene.kit.user("alice")
    new = NewIdentity(provider="by-mail", user_name="alice@example.org")
    scene.kit.custody.identities.bind(by, "alice", new)
    begun = scene.begin("by-mail")
    scene.gives(scene.tokens(begun, sub="mallory", email_verified=verified))
    assert scene.refused(lambda: scene.comes_back(begun, name="by-mail"))
    begun = scene.begin("by-mail")
    scene.gives(scene.tokens(begun, email_verified=True))
    result = scene.comes_back(begun, name="by-mail").result
    assert isinstance(result, SignedIn)
    assert result.issued.user.name == "alice"


def test_userinfo_is_of_the_same_person_or_of_no_use(scene: Scene) -> None:
    mapping = {"user_name": "sub", "display_name": "name"}
    scene.connect("further", configuration={"userinfo": True}, mapping=mapping, just_in_time=True)
    for answer in ({"sub": "mallory", "name": "M"}, {"name": "M"}):
        scene.provider.says["/userinfo"] = Said(json.dumps(answer).encode())
        begun = scene.begin("further")
        scene.gives(scene.tokens(begun))
        refused = scene.refused(lambda: scene.comes_back(begun, name="further"))  # noqa: B023  # called at once
        assert refused == "The provider's userinfo is of another person"
    scene.provider.says["/userinfo"] = Said(json.dumps({"sub": "alice", "name": "Alice", "iss": "x"}).encode())
    begun = scene.begin("further")
    scene.gives(scene.tokens(begun))
    result = scene.comes_back(begun, name="further").result
    assert isinstance(result, SignedIn)
    assert result.issued.user.display_name == "Alice"
    assert scene.provider.headers[-1]["authorization"] == "Bearer at"


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_private_key_signs_an_assertion_for_the_token_endpoint(scene: Scene, kind: str) -> None:
    key = RSA_KEY if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made = scene.connect("by-key", credential=Secret(pem), just_in_time=True)
    begun = scene.begin("by-key")
    scene.gives(scene.tokens(begun))
    scene.comes_back(begun, name="by-key")

    form = {name: value[0] for name, value in parse_qs(scene.provider.sent[-1].decode()).items()}
    shown = jwt.PyJWK(made.configuration["public_key"])
    assert "d" not in made.configuration["public_key"]
    header = jwt.get_unverified_header(form["client_assertion"])
    assert header["kid"] == made.configuration["public_key"]["kid"]
    claims = jwt.decode(
        form["client_assertion"], shown.key, algorithms=[header["alg"]], audience=f"{scene.provider.url}/token"
    )
    assert (claims["iss"], claims["sub"], claims["exp"] - claims["iat"]) == (CLIENT, CLIENT, 60)
    assert "authorization" not in scene.provider.headers[-1]


def test_a_public_client_and_a_secret_in_the_form(scene: Scene) -> None:
    scene.connect("public", credential=None, just_in_time=True)
    begun = scene.begin("public")
    scene.gives(scene.tokens(begun))
    scene.comes_back(begun, name="public")
    assert b"client_id=keyferry" in scene.provider.sent[-1]
    assert "authorization" not in scene.provider.headers[-1]
    speaks(scene.provider, scene.issuer, token_endpoint_auth_methods_supported=["client_secret_post"])
    scene.connect("posting")
    begun = scene.begin("posting")
    scene.gives(Said(b"{}", 400))
    scene.refused(lambda: scene.comes_back(begun, name="posting"))
    assert b"client_secret=" in scene.provider.sent[-1]


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"issuer": "https://evil.example"}, "provider-answer-refused"),
        ({"token_endpoint": "http://127.0.0.1/token"}, "provider-answer-refused"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "provider-answer-refused"),
        ({"jwks_uri": None}, "provider-answer-refused"),
        ({"code_challenge_methods_supported": ["plain"]}, "provider-answer-refused"),
        ({"response_types_supported": ["id_token"]}, "provider-answer-refused"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "provider-answer-refused"),
        ({"id_token_signing_alg_values_supported": "RS256"}, "provider-answer-refused"),
    ],
)
def test_a_provider_that_cannot_do_what_is_asked_is_not_made(scene: Scene, told: dict[str, Any], code: str) -> None:
    """PKCE downgrade among them."""
    speaks(scene.provider, scene.issuer, **told)
    with pytest.raises(KeyferryError) as caught:
        scene.connect("second")
    assert caught.value.code == code
    assert caught.value.advice


@pytest.mark.parametrize(
    ("configuration", "field"),
    [
        ({"issuer": "http://127.0.0.1"}, "configuration.issuer"),
        ({"issuer": ""}, "configuration.issuer"),
        ({"client_id": ""}, "configuration.client_id"),
        ({"client_id": "a\nb"}, "configuration.client_id"),
        ({"scopes": "openid \u00fc"}, "configuration.scopes"),
        ({"scopes": 1}, "configuration.scopes"),
        ({"algorithms": ["none"]}, "configuration.algorithms"),
        ({"algorithms": "HS256"}, "configuration.algorithms"),
        ({"userinfo": "yes"}, "configuration.userinfo"),
        ({"sign_out": 1}, "configuration.sign_out"),
        ({"prompt": "none"}, "configuration.prompt"),
        ({"response_mode": "fragment"}, "configuration.response_mode"),
    ],
)
def test_a_configuration_that_will_not_do(lasting: Scene, configuration: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        lasting.connect("second", configuration=configuration)
    assert caught.value.field == field


@pytest.mark.parametrize("credential", [b"", b"two words", b"x" * 1025, b"-----BEGIN PRIVATE KEY-----\nx"])
def test_a_credential_that_will_not_do(lasting: Scene, credential: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        lasting.connect("second", credential=Secret(credential))
    assert caught.value.code == "credential-refused"


def test_an_edit_takes_members_away_and_keeps_the_issuer(scene: Scene) -> None:
    providers, by = scene.kit.custody.providers, scene.kit.administrator
    providers.disable(by, "corporate")
    edited = providers.edit(by, "corporate", ProviderEdit(configuration={"scopes": "email", "prompt": "login"}))
    assert edited.configuration["scopes"] == ["openid", "email"]
    edited = providers.edit(by, "corporate", ProviderEdit(configuration={"scopes": None, "prompt": None}))
    assert edited.configuration["scopes"] == ["openid"]
    assert "prompt" not in edited.configuration
    with pytest.raises(InvalidInput) as caught:
        providers.edit(by, "corporate", ProviderEdit(configuration={"issuer": "https://gitlab.com"}))
    assert caught.value.field == "configuration.issuer"


class TestSignOuts:
    EVENT = "http://schemas.openid.net/event/backchannel-logout"

    def claims(self, **more: Any) -> dict[str, Any]:
        usual: dict[str, Any] = {"aud": CLIENT, "sub": "alice", "events": {self.EVENT: {}}, "jti": "one", "nbf": None}
        return {**usual, **more}

    def signed_in(self, scene: Scene, **claims: Any) -> str:
        begun = scene.begin()
        scene.gives(scene.tokens(begun, **claims))
        result = scene.comes_back(begun).result
        assert isinstance(result, SignedIn)
        return result.issued.text.reveal().decode()

    def works(self, scene: Scene, token: str) -> bool:
        try:
            caller = scene.kit.installation.authenticator.authenticate(token, ADDRESS)
            scene.kit.custody.users.show(caller, caller.user_id)
        except NotAuthenticated:
            return False
        return True

    def tells(self, scene: Scene, headers: dict[str, Any] | None = None, **more: Any) -> None:
        token = scene.issuer.mint(headers=headers or {"typ": "logout+jwt"}, **self.claims(**more))
        scene.kit.installation.single_sign_on.receive_back_channel("corporate", token, ADDRESS)

    def test_sessions_of_the_subject_end(self, scene: Scene) -> None:
        hers, his = self.signed_in(scene), self.signed_in(scene, sub="bob")
        self.tells(scene)
        assert not self.works(scene, hers)
        assert self.works(scene, his)
        assert scene.refused(lambda: self.tells(scene)) == "sign-out: presented before"

    def test_one_session_ends_where_it_is_named(self, scene: Scene) -> None:
        first, second = self.signed_in(scene, sid="s1"), self.signed_in(scene, sid="s2")
        self.tells(scene, sid="s1")
        assert not self.works(scene, first)
        assert self.works(scene, second)

    def test_a_session_that_a_second_factor_has_completed_ends_too(self, scene: Scene) -> None:
        kit = scene.kit
        app = kit.set_up_app(kit.user("kim"))
        kit.custody.identities.bind(kit.administrator, "kim", NewIdentity(provider="corporate", subject="kim-there"))
        begun = scene.begin()
        scene.gives(scene.tokens(begun, sub="kim-there", sid="kims"))
        came = scene.comes_back(begun).result
        assert isinstance(came, Unfinished)
        code = Secret(app.recovery_codes[0].encode())
        ended = kit.installation.sign_in.steps.by_code(came.ticket.reveal().decode(), code, ADDRESS)
        assert isinstance(ended, SignedIn)
        hers = ended.issued.text.reveal().decode()
        self.tells(scene, sub="kim-there", sid="another")
        assert self.works(scene, hers)
        self.tells(scene, sub="kim-there", sid="kims", jti="two")
        assert not self.works(scene, hers)

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"events": None}, "it tells of no sign-out"),
            ({"events": {"other": {}}}, "it tells of no sign-out"),
            ({"nonce": "x"}, "it is an ID token"),
            ({"jti": None}, "it does not say jti"),
            ({"sub": None}, "it does not say sub"),
            ({"aud": "another"}, FOR_ANOTHER),
            ({"iss": "https://evil.example"}, "it is another issuer's"),
            ({"iat": 1, "exp": 2}, "it has expired"),
            ({"headers": {"typ": "at+jwt"}}, "it is a token of another kind"),
        ],
    )
    def test_what_is_not_believed_ends_nothing(self, scene: Scene, changed: dict[str, Any], reason: str) -> None:
        hers = self.signed_in(scene)
        refused = scene.refused(lambda: self.tells(scene, **changed))
        assert refused == f"The logout token is refused: {reason}"
        assert self.works(scene, hers)

    def test_an_id_token_signs_nobody_out(self, scene: Scene) -> None:
        begun = scene.begin()
        sso = scene.kit.installation.single_sign_on
        token = scene.tokens(begun)["id_token"]
        assert "no sign-out" in scene.refused(lambda: sso.receive_back_channel("corporate", token, ADDRESS))

    def test_who_signs_out_here_is_led_to_the_provider_where_that_is_asked_for(self, scene: Scene) -> None:
        sso = scene.kit.installation.single_sign_on
        speaks(scene.provider, scene.issuer, end_session_endpoint=f"{scene.provider.url}/end")
        scene.connect("leading", configuration={"sign_out": True}, just_in_time=True)
        begun = scene.begin("leading")
        scene.gives(scene.tokens(begun))
        result = scene.comes_back(begun, name="leading").result
        assert isinstance(result, SignedIn)
        away = sso.begin_sign_out(result.issued.token.id)
        assert away is not None
        assert away.flow.purpose is Purpose.SIGN_OUT
        assert away.address == f"{scene.provider.url}/end?" + urlencode(
            {"client_id": CLIENT, "post_logout_redirect_uri": f"{PUBLIC}/sign-in"}
        )
        assert sso.begin_sign_out(scene.kit.sign_in("first-admin").token_id or "") is None


def test_the_audit_log_names_the_provider(scene: Scene) -> None:
    begun = scene.begin()
    scene.gives(scene.tokens(begun))
    scene.comes_back(begun)
    made = [event for event in events_of(scene.kit, "user.create") if event.object_name == "alice"]
    assert [details_of(event)["provider"] for event in made] == ["corporate"]
