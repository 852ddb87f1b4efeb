"""Sign-outs that a provider sends: each is signed, for us, in time, and once alone; and our own, answered."""

import base64
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from tests.custody.vouching import idp
from tests.identity.saml_idp import ENTITY_ID, PERSISTENT, SAML, SAMLP, SLO_URL, SamlIdp, stamp
from tests.identity.saml_scene import PUBLIC_URL, SamlScene

from keyferry.custody.caller import Caller
from keyferry.custody.identity_binding import NewIdentity
from keyferry.errors import NotAuthenticated, NotFound
from keyferry.identity.opening import SignedIn, Unfinished
from keyferry.material.secret import Secret
from keyferry.testing import ADDRESS, Kit

RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
RSA_SHA1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamlScene]:
    kit = Kit.make(Path(tmp_path_factory.mktemp("saml")) / "home", public_url=PUBLIC_URL)
    yield SamlScene.of(kit)
    kit.close()


def come(scene: SamlScene, session: str = "session-1") -> Caller:
    flow = scene.flow()
    issued = scene.present(scene.good(flow, session=session), flow).issued
    return scene.kit.installation.authenticator.authenticate(issued.text.reveal().decode(), ADDRESS)


def is_open(scene: SamlScene, caller: Caller) -> bool:
    try:
        scene.kit.custody.keys.list(caller, size=1)
    except NotAuthenticated:
        return False
    return True


def request(scene: SamlScene, **different: Any) -> str:
    said: dict[str, Any] = {
        "id": f"_{uuid.uuid4().hex}",
        "issued": stamp(),
        "destination": scene.sp.slo_url,
        "issuer": ENTITY_ID,
        "name_id": "s-1",
        "sessions": ("session-1",),
        "ends": "",
        **different,
    }
    indexes = "".join(f"<samlp:SessionIndex>{each}</samlp:SessionIndex>" for each in said["sessions"])
    return (
        f'<samlp:LogoutRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{said["id"]}" Version="2.0"'
        f' IssueInstant="{said["issued"]}" Destination="{said["destination"]}"{said["ends"]}>'
        f"<saml:Issuer>{said['issuer']}</saml:Issuer>"
        f'<saml:NameID Format="{PERSISTENT}">{said["name_id"]}</saml:NameID>{indexes}</samlp:LogoutRequest>'
    )


def query(
    message: str,
    *,
    kind: str = "SAMLRequest",
    signer: SamlIdp | None = None,
    algorithm: str = RSA_SHA256,
    relay: str | None = None,
    sign: bool = True,
) -> str:
    squeezing = zlib.compressobj(9, zlib.DEFLATED, -15)
    squeezed = squeezing.compress(message.encode()) + squeezing.flush()
    found = f"{kind}={quote(base64.b64encode(squeezed).decode(), safe='')}"
    if relay is not None:
        found += f"&RelayState={quote(relay, safe='')}"
    if not sign:
        return found
    found += f"&SigAlg={quote(algorithm, safe='')}"
    digest = SHA1() if algorithm == RSA_SHA1 else SHA256()
    key: Any = (signer or idp()).key
    signature = key.sign(found.encode(), padding.PKCS1v15(), digest)
    return f"{found}&Signature={quote(base64.b64encode(signature).decode(), safe='')}"


def send(scene: SamlScene, sent: str, kept: str | None = None) -> str | None:
    return scene.kit.installation.single_sign_on.receive_sign_out(scene.name, sent, kept, ADDRESS)


def inflated(address: str, kind: str) -> str:
    (value,) = parse_qs(urlsplit(address).query)[kind]
    return zlib.decompress(base64.b64decode(value), -15).decode()


def test_the_sessions_that_are_named_end_and_the_provider_is_told(scene: SamlScene) -> None:
    first, second = come(scene, "a"), come(scene, "b")
    answer = send(scene, query(request(scene, sessions=("a",)), relay="back"))
    assert answer is not None
    assert answer.startswith(f"{SLO_URL}?SAMLResponse=")
    assert parse_qs(urlsplit(answer).query)["RelayState"] == ["back"]
    assert "Signature=" in answer
    assert "status:Success" in inflated(answer, "SAMLResponse")
    assert (is_open(scene, first), is_open(scene, second)) == (False, True)


def test_without_a_session_all_of_the_persons_end(scene: SamlScene) -> None:
    callers = [come(scene, each) for each in "cd"]
    send(scene, query(request(scene, sessions=())))
    assert not any(is_open(scene, each) for each in callers)


def test_a_session_that_a_second_factor_has_completed_ends_and_is_signed_out_there(scene: SamlScene) -> None:
    kit, name = scene.kit, scene.kit.user("kim").user_id
    app = kit.set_up_app(kit.sign_in("kim"))
    kit.custody.identities.bind(kit.administrator, name, NewIdentity(provider=scene.name, subject="kim-there"))
    callers = {}
    for number, session in enumerate(("kims-first", "kims-second")):
        flow = scene.flow()
        came = scene.bring(scene.good(flow, name_id="kim-there", session=session), flow)
        assert isinstance(came, Unfinished)
        code = Secret(app.recovery_codes[number].encode())
        ended = kit.installation.sign_in.steps.by_code(came.ticket.reveal().decode(), code, ADDRESS)
        assert isinstance(ended, SignedIn)
        callers[session] = Caller(name, ended.issued.token.id, ADDRESS)
    begun = kit.installation.single_sign_on.begin_sign_out(callers["kims-second"].token_id or "")
    assert begun is not None
    assert "<samlp:SessionIndex>kims-second</samlp:SessionIndex>" in inflated(begun.address, "SAMLRequest")
    send(scene, query(request(scene, name_id="kim-there", sessions=("kims-first",))))
    assert [is_open(scene, each) for each in callers.values()] == [False, True]


def test_nobody_elses_end(scene: SamlScene) -> None:
    caller = come(scene, "e")
    other = scene.kit.user("bystander")
    send(scene, query(request(scene, name_id="s-2", sessions=())))
    send(scene, query(request(scene, sessions=("f",))))
    assert is_open(scene, caller)
    assert is_open(scene, other)


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "unsigned": ({}, {"sign": False}),
    "signed by another": ({}, {"signer": SamlIdp()}),
    "signed with SHA-1": ({}, {"algorithm": RSA_SHA1}),
    "signed with what is not known": ({}, {"algorithm": "none"}),
    "of another issuer": ({"issuer": "https://evil.example.org"}, {}),
    "for somebody else": ({"destination": "https://other.example.org/slo"}, {}),
    "too old": ({"issued": stamp(-1000)}, {}),
    "of the future": ({"issued": stamp(500_000)}, {}),
    "ended": ({"ends": f' NotOnOrAfter="{stamp(-300)}"'}, {}),
    "a response in its place": ({}, {"kind": "SAMLResponse"}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_sign_out_that_is_not_believed_ends_nothing(scene: SamlScene, what: str) -> None:
    different, how = REFUSED[what]
    caller = come(scene, "session-1")
    with pytest.raises(NotAuthenticated) as caught:
        send(scene, query(request(scene, **different), **how))
    assert caught.value.code == "sign-in-refused"
    assert is_open(scene, caller)


def test_nor_one_that_was_changed_or_comes_twice(scene: SamlScene) -> None:
    caller = come(scene, "session-1")
    sent = query(request(scene, sessions=("nobody's",)), relay="r")
    for changed in (
        sent.replace("RelayState=r", "RelayState=s"),
        sent.replace("&RelayState=r", ""),
        f"{sent}&RelayState=r",
        sent.replace("SAMLRequest=", "SAMLRequest=A"),
        f"SAMLRequest=AAAA&{sent}",
        "",
        "SAMLRequest=%%%&SigAlg=x&Signature=y",
    ):
        with pytest.raises(NotAuthenticated):
            send(scene, changed)
    send(scene, sent)
    with pytest.raises(NotAuthenticated):
        send(scene, sent)
    assert is_open(scene, caller)


def test_a_message_that_would_grow_is_not_read(scene: SamlScene) -> None:
    with pytest.raises(NotAuthenticated):
        send(scene, query(f"<x>{'a' * 5_000_000}</x>"))


def test_our_own_sign_out_is_signed_and_its_answer_is_for_this_browser(scene: SamlScene) -> None:
    caller = come(scene, "mine")
    single_sign_on = scene.kit.installation.single_sign_on
    begun = single_sign_on.begin_sign_out(caller.token_id or "")
    assert begun is not None
    message = inflated(begun.address, "SAMLRequest")
    assert "<samlp:SessionIndex>mine</samlp:SessionIndex>" in message
    assert ">s-1</saml:NameID>" in message
    assert "Signature=" in begun.address
    answer = (
        f'<samlp:LogoutResponse xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_r" Version="2.0"'
        f' IssueInstant="{stamp()}" Destination="{scene.sp.slo_url}" InResponseTo="{begun.flow.kept["request_id"]}">'
        f"<saml:Issuer>{ENTITY_ID}</saml:Issuer></samlp:LogoutResponse>"
    )
    kept = single_sign_on.flows.seal(begun.flow)
    assert send(scene, query(answer, kind="SAMLResponse"), kept) is None
    for other in (None, single_sign_on.flows.seal(scene.flow())):
        with pytest.raises(NotAuthenticated):
            send(scene, query(answer, kind="SAMLResponse"), other)
    password = scene.kit.sign_in("first-admin")
    assert single_sign_on.begin_sign_out(password.token_id or "") is None


def test_there_is_nothing_to_say_to_a_provider_that_is_not_there(scene: SamlScene) -> None:
    with pytest.raises(NotFound):
        scene.kit.installation.single_sign_on.receive_sign_out("nowhere", "", None, ADDRESS)
