"""A class of faults that key management servers have had, as a rule: that of what somebody else says of a caller.

A statement is taken apart, the part that reads well is believed, and another part is what was signed; or the statement
itself says by which key and which algorithm it wants to be judged. `tests/identity/test_saml_attacks.py`,
`test_oidc.py` and `test_workloads.py` there try each protocol at length; here the door is asked.
"""

import hashlib
import hmac
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.api.conftest import Person
from tests.identity.minting import AUDIENCE, RSA_KEY, SUBJECT, Issuer, part, public
from tests.security.conftest import Scene

from keyferry.custody.issuer_facts import NewKeys
from keyferry.custody.trusted_issuers import NewIssuer
from keyferry.custody.workloads import NewWorkload

ISSUER = Issuer("https://login.microsoftonline.com/pipelines")
#: whom the issuer vouches for, and whom it does not
OTHER = "repo:example/deploy:ref:refs/heads/evil"
STRANGE_KEY = rsa.generate_private_key(65537, 2048)

Forge = Callable[[str], str]


def with_header(token: str, **header: object) -> str:
    return f"{part(header)}.{token.partition('.')[2]}"


def under_anothers_signature(_: str) -> str:
    """What would be let in, with the signature of what the same issuer says of another."""
    header, _, signature = ISSUER.mint(sub=OTHER).split(".")
    return f"{header}.{part(ISSUER.claims())}.{signature}"


def by_hmac(token: str) -> str:
    """Signed with the public key, as if that were a secret."""
    key = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = f"{part({'alg': 'HS256', 'kid': 'first'})}.{token.split('.')[1]}"
    return f"{text}.{part(hmac.digest(key, text.encode(), hashlib.sha256))}"


def twice(token: str) -> str:
    """Claims that say it twice, and are signed: which of both is read would follow from the parser."""
    claims = json.dumps(ISSUER.claims(sub=OTHER))[:-1] + f', "sub": "{SUBJECT}"}}'
    text = f"{token.partition('.')[0]}.{part(claims.encode())}"
    return f"{text}.{part(RSA_KEY.sign(text.encode(), PKCS1v15(), SHA256()))}"


FORGED: dict[str, Forge] = {
    "no-algorithm-at-all": lambda token: with_header(token, alg="none", kid="first"),
    "the-algorithm-of-the-statements-choice": by_hmac,
    "the-key-of-the-statements-choice": lambda _: ISSUER.mint(
        key=STRANGE_KEY, headers={"jwk": public(STRANGE_KEY, "first")}
    ),
    "a-key-at-an-address-of-its-choice": lambda _: ISSUER.mint(
        key=STRANGE_KEY, headers={"jku": "https://evil.example/keys", "x5u": "https://evil.example/key"}
    ),
    "other-claims-under-the-signature": under_anothers_signature,
    "claims-that-say-it-twice": twice,
    "a-second-statement-behind-the-first": lambda token: f"{token}.{part(ISSUER.claims())}",
    "a-subject-in-the-header": lambda _: ISSUER.mint(sub=OTHER, headers={"sub": SUBJECT}),
    "somebody-else": lambda _: ISSUER.mint(sub=OTHER),
    "for-somebody-else": lambda _: ISSUER.mint(aud="https://elsewhere.example"),
}


@pytest.fixture(scope="module")
def vouched_for(scene: Scene) -> Callable[[str], int]:
    """Presents a token at the REST door; a good one is the user's. Answers the status."""
    custody, me = scene.kit.custody, scene.caller(scene.administrator)
    keys = NewKeys(document=json.dumps(ISSUER.key_set))
    custody.trusted_issuers.create(me, NewIssuer(name="pipelines", issuer=ISSUER.url, audience=AUDIENCE, keys=keys))
    new = NewWorkload(name="deploy", issuer="pipelines", subject=SUBJECT, user="user")
    custody.workloads.create(me, new)

    def present(token: str) -> int:
        answer = Person(scene.door.client, "deploy", "", token)("GET", f"/keys/{scene.key}")
        assert (scene.key in answer.text) == (answer.status_code == 200)
        return int(answer.status_code)

    return present


class TestAFederatedStatementIsParsedAndThenBelieved:
    @pytest.mark.parametrize("how", FORGED)
    def test_only_what_the_signature_covers_is_read_and_by_the_keys_that_are_known(
        self, vouched_for: Callable[[str], int], how: str
    ) -> None:
        good = ISSUER.mint()
        forged = FORGED[how](good)
        assert vouched_for(good) == 200
        assert vouched_for(forged) == 401
        assert vouched_for(good) == 200, "what was refused has spoilt nothing"

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(place=st.integers(0, 10_000), other=st.sampled_from("AQgwz09-_.="))
    def test_a_statement_of_which_anything_was_changed_is_none(
        self, vouched_for: Callable[[str], int], place: int, other: str
    ) -> None:
        good = ISSUER.mint()
        at = place % (len(good) - 1)  # the last character holds bits that mean nothing
        changed = good[:at] + other + good[at + 1 :]
        assert vouched_for(changed) == (200 if changed == good else 401)
