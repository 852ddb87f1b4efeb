"""Answers that an attacker would present: each is refused, and the audit log says why.

The attacker has a genuine answer about themselves, as everybody has who may sign in at the provider, and wants to be
somebody else; or has somebody else's, or none. `EVIL` is whom they want to be.
"""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree
from tests.custody.vouching import idp
from tests.identity.saml_idp import DS, ENTITY_ID, SAML, SAMLP, SamlIdp, assertion_of, certificate_of, signed, stamp
from tests.identity.saml_scene import PUBLIC_URL, SamlScene, as_document, parsed

from keyferry.errors import NotAuthenticated, NotFound
from keyferry.identity.flows import Flow
from keyferry.testing import Kit

Element = Any
EVIL, EVIL_MAIL = "s-administrator", "administrator@example.org"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamlScene]:
    kit = Kit.make(Path(tmp_path_factory.mktemp("saml")) / "home", public_url=PUBLIC_URL)
    yield SamlScene.of(kit)
    kit.close()


def test_a_good_answer_signs_in(scene: SamlScene) -> None:
    flow = scene.flow()
    signed_in = scene.present(scene.good(flow), flow)
    assert signed_in.issued.user.name == "ann@example.org"


@pytest.mark.parametrize("which", ["the assertion", "the response"])
def test_one_signature_is_enough_if_it_covers_the_assertion(scene: SamlScene, which: str) -> None:
    flow = scene.flow()
    response = scene.answer(flow).xml()
    if which == "the assertion":
        signed(assertion_of(response), idp())
    else:
        response = signed(response, idp())
    assert scene.present(as_document(response), flow).issued.user.name == "ann@example.org"


#: what is different in an answer that is well signed, and what the audit log says of it
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"ends": stamp(-120)}, "expired"),
    "confirmed for too short": ({"confirmed_until": stamp(-120)}, "expired"),
    "not yet valid": ({"begins": stamp(500_000)}, "not yet valid"),
    "another audience": ({"audience": "https://other.example.org"}, "another audience"),
    "an audience that begins alike": ({"audience": f"{PUBLIC_URL}/sso/entra/metadata.example.org"}, "another audience"),
    "no audience": ({"audience": None}, "no audience"),
    "another recipient": ({"recipient": f"{PUBLIC_URL}/sso/other/acs"}, "another recipient"),
    "no recipient": ({"recipient": None}, "another recipient"),
    "another destination": ({"destination": "https://other.example.org/acs"}, "another destination"),
    "no destination": ({"destination": None}, "another destination"),
    "another issuer": ({"issuer": "https://evil.example.org"}, "another issuer of the response"),
    "another request": ({"request_id": "_another"}, "not what this browser was sent for"),
    "no request": ({"request_id": None}, "not what this browser was sent for"),
    "another request in the confirmation": ({"confirmed_for": "_another"}, "not what this browser was sent for"),
    "no request in the confirmation": ({"confirmed_for": None}, "not what this browser was sent for"),
    "no conditions": ({"conditions": False}, "0 of Conditions, not one"),
    "conditions without an end": ({"ends": None}, "conditions without an end"),
    "a condition that is not known": ({"conditions_more": "<saml:Condition/>"}, "a condition that is not known"),
    "a confirmation without an end": ({"confirmed_until": None}, "a confirmation without its end"),
    "holder of key": ({"method": "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"}, "no confirmation by bearer"),
    "no authentication": ({"statement": False}, "0 statements of authentication"),
    "refused there": (
        {"status": "urn:oasis:names:tc:SAML:2.0:status:Responder"},
        "the provider refused the sign-in",
    ),
    "SAML 1.1": ({"version": "1.1"}, "no response of SAML 2.0"),
    "a NameID for somebody else": (
        {"name_id_more": ' SPNameQualifier="https://other.example.org"'},
        "a NameID for somebody else",
    ),
    "a NameID of somebody else's": ({"name_id_more": ' NameQualifier="https://evil"'}, "a NameID of somebody else's"),
    "an empty NameID": ({"name_id": " "}, "an empty NameID"),
    "a NameID with an element in it": ({"name_id": f"{EVIL}<saml:x/>.evil"}, "A text has something else in it."),
    "a NameID that is another each time": (
        {"name_id_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"},
        "a NameID that is another each time",
    ),
    "a time that is none": ({"ends": "tomorrow"}, "a time that is none"),
}


@pytest.mark.parametrize("what", WRONG)
def test_an_answer_that_is_signed_and_wrong_is_refused(scene: SamlScene, what: str) -> None:
    different, why = WRONG[what]
    flow = scene.flow()
    assert scene.refused(scene.good(flow, **different), flow) == why


def test_another_issuer_of_the_assertion_alone(scene: SamlScene) -> None:
    flow = scene.flow()
    response = scene.answer(flow).xml()
    assertion_of(response).find(f"{{{SAML}}}Issuer").text = "https://evil.example.org"
    signed(assertion_of(response), idp())
    assert scene.refused(as_document(signed(response, idp())), flow) == "another issuer"


def test_clocks_may_be_off_by_what_was_said(scene: SamlScene) -> None:
    flow = scene.flow()
    different = {"begins": stamp(40), "ends": stamp(-5), "confirmed_until": stamp(-5)}
    assert scene.present(scene.good(flow, **different), flow).issued.user.name == "ann@example.org"


OTHER = SamlIdp()


def _unsigned(response: Element) -> Element:
    return response


def _signed_by(key: Any, **more: Any) -> Callable[[Element], Element]:
    def sign(response: Element) -> Element:
        signed(assertion_of(response), idp(), key=key, **more)
        return response

    return sign


def _signed_as(**how: Any) -> Callable[[Element], Element]:
    def sign(response: Element) -> Element:
        signed(assertion_of(response), idp(), **how)
        return response

    return sign


def _public_key_as_a_password() -> bytes:
    return idp().certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


NOT_BELIEVED = "The signature does not verify with any of the provider's certificates."
#: how an answer is signed that is otherwise right
SIGNED: dict[str, tuple[Callable[[Element], Element], str]] = {
    "unsigned": (_unsigned, "no signature"),
    "with another key": (_signed_by(OTHER.key), NOT_BELIEVED),
    "with another key, whose certificate is in KeyInfo": (
        _signed_by(OTHER.key, certificate=OTHER.certificate),
        NOT_BELIEVED,
    ),
    "with another key, beside the certificate that is pinned": (
        _signed_by(OTHER.key, certificate=idp().certificate),
        NOT_BELIEVED,
    ),
    "with a key of another kind": (
        _signed_by(ec.generate_private_key(ec.SECP256R1()), method="ecdsa-sha256"),
        NOT_BELIEVED,
    ),
    "with SHA-1": (_signed_as(method="rsa-sha1", digest="sha1"), NOT_BELIEVED),
    "with SHA-256 over a digest of SHA-1": (_signed_as(digest="sha1"), NOT_BELIEVED),
    "with HMAC under the public key": (
        _signed_as(method="hmac-sha256", key=_public_key_as_a_password()),
        NOT_BELIEVED,
    ),
    "canonicalised with comments": (
        _signed_as(c14n="http://www.w3.org/2001/10/xml-exc-c14n#WithComments"),
        "The signature has other transforms than SAML's two.",
    ),
    "canonicalised inclusively": (
        _signed_as(c14n="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        "The signature has other transforms than SAML's two.",
    ),
}


@pytest.mark.parametrize("what", SIGNED)
def test_an_answer_that_is_right_and_wrongly_signed_is_refused(scene: SamlScene, what: str) -> None:
    sign, why = SIGNED[what]
    flow = scene.flow()
    assert scene.refused(as_document(sign(scene.answer(flow).xml())), flow) == why


def test_what_was_signed_and_changed_is_refused(scene: SamlScene) -> None:
    flow = scene.flow()
    for old, new in ((b">s-1<", b">s-2<"), (b"ann@example.org", b"bob@example.org"), (b"session-1", b"session-2")):
        document = scene.good(flow)
        assert old in document
        assert scene.refused(document.replace(old, new), flow) == NOT_BELIEVED


def test_an_assertion_of_a_certificate_that_has_expired_is_refused(scene: SamlScene) -> None:
    key = rsa.generate_private_key(65537, 2048)
    old = SamlIdp(key=key)
    old.__dict__["certificate"] = certificate_of(key, days=-10)
    other = SamlScene.of(scene.kit, "expired", metadata=old.metadata())
    flow = other.flow()
    response = other.answer(flow).xml()
    signed(assertion_of(response), old)
    assert other.refused(as_document(response), flow) == NOT_BELIEVED


# Signature wrapping, in the eight forms that "On Breaking SAML: Be Whoever You Want to Be" (2012) led to.


def _evil(element: Element) -> Element:
    """A copy that is about somebody else, under another ID, without a signature."""
    made = copy.deepcopy(element)
    made.set("ID", "_evil")
    for name in made.iter(f"{{{SAML}}}NameID"):
        name.text = EVIL
    for value in made.iter(f"{{{SAML}}}AttributeValue"):
        value.text = EVIL_MAIL
    for signature in list(made.iter(f"{{{DS}}}Signature")):
        signature.getparent().remove(signature)
    return made


def _taken(element: Element) -> Element:
    """The signature, taken out."""
    signature = element.find(f"{{{DS}}}Signature")
    element.remove(signature)
    return signature


def xsw1(response: Element) -> Element:
    """The signed response inside the signature, which is the evil response's."""
    evil = _evil(response)
    for inner in evil.findall(f"{{{SAML}}}Assertion"):
        inner.set("ID", "_evil-assertion")
    original = copy.deepcopy(response)
    signature = _taken(original)
    evil.insert(1, signature)
    signature.append(original)
    return evil


def xsw2(response: Element) -> Element:
    """The signed response before the signature, both in the evil response."""
    evil = _evil(response)
    for inner in evil.findall(f"{{{SAML}}}Assertion"):
        inner.set("ID", "_evil-assertion")
    original = copy.deepcopy(response)
    signature = _taken(original)
    evil.insert(1, original)
    evil.insert(2, signature)
    return evil


def xsw3(response: Element) -> Element:
    """The evil assertion before the signed one."""
    original = assertion_of(response)
    response.insert(response.index(original), _evil(original))
    return response


def xsw4(response: Element) -> Element:
    """The signed assertion inside the evil one."""
    original = assertion_of(response)
    evil = _evil(original)
    response.replace(original, evil)
    evil.append(original)
    return response


def xsw5(response: Element) -> Element:
    """The evil assertion with the signature, the signed one behind it without."""
    original = assertion_of(response)
    evil = _evil(original)
    signature = _taken(original)
    response.replace(original, evil)
    evil.insert(1, signature)
    response.append(original)
    return response


def xsw6(response: Element) -> Element:
    """The evil assertion with the signature, the signed one inside it."""
    original = assertion_of(response)
    evil = _evil(original)
    signature = _taken(original)
    response.replace(original, evil)
    evil.insert(1, signature)
    signature.append(original)
    return response


def xsw7(response: Element) -> Element:
    """The evil assertion among extensions, under the signed one's ID."""
    original = assertion_of(response)
    evil = _evil(original)
    evil.set("ID", original.get("ID"))
    extensions = etree.Element(f"{{{SAMLP}}}Extensions")
    extensions.append(evil)
    response.insert(1, extensions)
    return response


def xsw8(response: Element) -> Element:
    """The evil assertion with the signature, the signed one in an object of it, under the same ID."""
    original = assertion_of(response)
    evil = _evil(original)
    evil.set("ID", original.get("ID"))
    signature = _taken(original)
    response.replace(original, evil)
    evil.insert(1, signature)
    held = etree.SubElement(signature, f"{{{DS}}}Object")
    held.append(original)
    return response


#: each form about the signature that it is about, and where both the response and the assertion have one
WRAPPINGS = [(wrap, covered) for wrap in (xsw1, xsw2) for covered in ("the response", "both")]
WRAPPINGS += [(wrap, covered) for wrap in (xsw3, xsw4, xsw5, xsw6, xsw7, xsw8) for covered in ("the assertion", "both")]


@pytest.mark.parametrize(
    ("wrap", "covered"), WRAPPINGS, ids=[f"{wrap.__name__}-{covered}" for wrap, covered in WRAPPINGS]
)
def test_a_signature_does_not_vouch_for_something_beside_it(
    scene: SamlScene, wrap: Callable[[Element], Element], covered: str
) -> None:
    flow = scene.flow()
    response = scene.answer(flow).xml()
    if covered != "the response":
        signed(assertion_of(response), idp())
    if covered != "the assertion":
        response = signed(response, idp())
    document = as_document(wrap(parsed(as_document(response))))
    assert EVIL.encode() in document
    reason = scene.refused(document, flow)
    assert reason in {NOT_BELIEVED, "no signature"} or "assertions" in reason or reason.startswith("The signature ")
    with pytest.raises(NotFound):
        scene.kit.custody.users.show(scene.kit.administrator, EVIL_MAIL)


#: what two readers could read differently
TWICE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a comment in the NameID": (
        lambda it: it.replace(b">s-1<", b">s<!-- -->-1<"),
        "a comment in it",
    ),
    "an instruction in the NameID": (
        lambda it: it.replace(b">s-1<", b">s<?x y?>-1<"),
        "a processinginstruction in it",
    ),
    "a comment anywhere": (
        lambda it: it.replace(b"</samlp:Response>", b"<!-- --></samlp:Response>"),
        "a comment in it",
    ),
    "a document type": (
        lambda it: b"<!DOCTYPE x>" + it,
        "The document has a document type.",
    ),
    "entities that grow": (
        lambda it: (
            b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + it.replace(b">s-1<", b">&b;<")
        ),
        "The document has a document type.",
    ),
    "an entity that reads a file": (
        lambda it: b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + it.replace(b">s-1<", b">&a;<"),
        "The document has a document type.",
    ),
    "a document type in UTF-16": (
        lambda it: ("<!DOCTYPE x>" + it.decode()).encode("utf-16"),
        "The document is no UTF-8.",
    ),
    "a document type in UTF-7": (
        lambda it: b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE x+AD4-' + it,
        "The document is no XML.",
    ),
    "no XML": (lambda it: it[:-1], "The document is no XML."),
    "an empty document": (lambda _: b"", "The document is no XML."),
    "too long a document": (lambda it: it + b" " * 2_000_000, "a response that is too long"),
    "too many elements": (
        lambda it: it.replace(b"</samlp:Response>", b"<x/>" * 30_000 + b"</samlp:Response>"),
        "The document has more than 20000 elements.",
    ),
    "something else": (lambda _: b"<x/>", "no response of SAML 2.0"),
}


@pytest.mark.parametrize("what", TWICE)
def test_a_document_that_could_be_read_in_two_ways_is_not_read(scene: SamlScene, what: str) -> None:
    change, why = TWICE[what]
    flow = scene.flow()
    document = change(scene.good(flow))
    assert scene.refused(document, flow) == why


def test_a_name_is_read_whole_though_a_comment_was_signed(scene: SamlScene) -> None:
    """Signed with the comment in it: a reader of the first text alone would take it for the Administrator."""
    flow = scene.flow()
    response = scene.answer(flow, name_id=f"{EVIL}<!-- -->.evil.example").xml()
    signed(assertion_of(response), idp())
    assert scene.refused(as_document(response), flow) == "a comment in it"


def test_two_assertions_are_one_too_many(scene: SamlScene) -> None:
    flow = scene.flow()
    response = scene.answer(flow).xml()
    second = copy.deepcopy(assertion_of(response))
    second.set("ID", "_second")
    response.append(second)
    for each in response.findall(f"{{{SAML}}}Assertion"):
        signed(each, idp())
    assert scene.refused(as_document(signed(response, idp())), flow) == "2 assertions"
    flow = scene.flow()
    empty = scene.answer(flow).xml()
    empty.remove(assertion_of(empty))
    assert scene.refused(as_document(signed(empty, idp())), flow) == "0 assertions"


def test_an_answer_is_taken_once_by_any_node(scene: SamlScene) -> None:
    flow = scene.flow()
    document = scene.good(flow)
    scene.present(document, flow)
    assert scene.refused(document, flow) == "presented before"
    other = Kit.open(scene.kit.installation.settings.home)
    try:
        assert scene.refused(document, flow, kit=other) == "presented before"
    finally:
        other.close()


def test_a_flow_serves_for_one_answer(scene: SamlScene) -> None:
    flow = scene.flow()
    scene.present(scene.good(flow), flow)
    assert scene.refused(scene.good(flow), flow) == "presented before"


def test_an_answer_is_for_the_browser_that_was_sent(scene: SamlScene) -> None:
    """Whoever has somebody else come with an answer about themselves would see what that person then does."""
    mine, others = scene.flow(), scene.flow()
    assert scene.refused(scene.good(mine), others) == "not what this browser was sent for"
    assert scene.refused(scene.good(mine), None) == "nobody asked for it, and that is not allowed"
    assert scene.refused(scene.good(None), None) == "nobody asked for it, and that is not allowed"
    elsewhere = Flow(provider_id="01900000-0000-7000-8000-000000000000", kept=mine.kept)
    assert scene.refused(scene.good(mine), elsewhere) == "not what this browser was sent for"


def test_an_answer_that_nobody_asked_for_is_taken_where_that_is_allowed(scene: SamlScene) -> None:
    allowing = SamlScene.of(scene.kit, "allowing", idp_initiated=True)
    different = {"attributes": {"mail": ("unasked@example.org",)}}
    signed_in = allowing.present(allowing.good(None, **different), None)
    assert signed_in.issued.user.name == "unasked@example.org"
    flow = allowing.flow()
    answered = "an answer to something that this browser was not sent for"
    assert allowing.refused(allowing.good(flow), None) == answered


def test_an_answer_for_one_provider_is_none_for_another(scene: SamlScene) -> None:
    other = SamlScene.of(scene.kit, "other")
    flow = scene.flow()
    mine = other.flow()
    assert other.refused(scene.good(flow), mine) == "another destination"


def test_an_attribute_that_comes_twice_is_no_name(scene: SamlScene) -> None:
    flow = scene.flow()
    attributes = {"mail": ("one@example.org", "two@example.org")}
    different = {"attributes": attributes, "name_id": "s-twice"}
    assert scene.refused(scene.good(flow, **different), flow).endswith("has no value, or several")


def test_nothing_is_presented_to_a_provider_that_is_not_there(scene: SamlScene) -> None:
    flow = scene.flow()
    nowhere = SamlScene(scene.kit, "nowhere")
    assert nowhere.refused(scene.good(flow), flow) == "there is no such provider"


@pytest.mark.parametrize("response", ["", "%%%", "é", "A" * 3_000_000, "====", "PHg+"])
def test_what_is_no_response_is_refused(scene: SamlScene, response: str) -> None:
    single_sign_on = scene.kit.installation.single_sign_on
    with pytest.raises(NotAuthenticated):
        single_sign_on.receive(
            scene.name, None, None, lambda provider, flow: single_sign_on.saml.receive(provider, response, flow)
        )


def test_the_providers_next_certificate_is_taken_while_both_are_published(scene: SamlScene) -> None:
    coming = SamlIdp()
    other = SamlScene.of(scene.kit, "rolling", metadata=idp().metadata(coming.certificate))
    for number, each in enumerate((idp(), coming)):
        flow = other.flow()
        response = other.answer(flow, name_id=f"r-{number}", attributes={"mail": (f"r{number}@example.org",)}).xml()
        signed(assertion_of(response), each)
        assert other.present(as_document(response), flow).issued.user.name == f"r{number}@example.org"
    assert ENTITY_ID in other.kit.custody.providers.show(other.kit.administrator, "rolling").provider.configuration


def test_a_provider_may_sign_with_elliptic_curves(scene: SamlScene) -> None:
    curve = SamlIdp(key=ec.generate_private_key(ec.SECP384R1()))
    other = SamlScene.of(scene.kit, "curves", metadata=curve.metadata())
    flow = other.flow()
    response = other.answer(flow, attributes={"mail": ("curve@example.org",)}).xml()
    signed(assertion_of(response), curve, method="ecdsa-sha384", digest="sha384")
    assert other.present(as_document(response), flow).issued.user.name == "curve@example.org"
