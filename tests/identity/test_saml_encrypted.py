"""Encrypted assertions: what is taken, and what is refused. Another implementation, xmlsec, encrypts them."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import xmlsec as _xmlsec
from lxml import etree
from tests.custody.vouching import idp, own_key
from tests.identity.saml_idp import DS, SAML, SamlIdp, assertion_of, signed
from tests.identity.saml_scene import PUBLIC_URL, SamlScene, as_document

from keyferry.identity.saml.certificates import make_own
from keyferry.material.secret import Secret
from keyferry.testing import Kit

xmlsec: Any = _xmlsec  # its stubs say less than it has
XENC = "http://www.w3.org/2001/04/xmlenc#"
GCM = (xmlsec.Transform.AES128_GCM, xmlsec.Transform.AES256_GCM)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamlScene]:
    kit = Kit.make(Path(tmp_path_factory.mktemp("saml")) / "home", public_url=PUBLIC_URL)
    yield SamlScene.of(kit, require_encryption=True)
    kit.close()


def encrypted(
    assertion: Any,
    *,
    own: Secret | None = None,
    cipher: Any = xmlsec.Transform.AES256_GCM,
    transport: Any = xmlsec.Transform.RSA_OAEP,
) -> Any:
    """An EncryptedAssertion in the place of an assertion."""
    pem = (own or own_key()).reveal()
    manager = xmlsec.KeysManager()
    key = xmlsec.Key.from_memory(pem[pem.index(b"-----BEGIN CERT") :], xmlsec.constants.KeyDataFormatCertPem, None)
    manager.add_key(key)
    parent = assertion.getparent()
    data = xmlsec.template.encrypted_data_create(parent, cipher, type=xmlsec.EncryptionType.ELEMENT, ns="xenc")
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="dsig")
    wrapped = xmlsec.template.add_encrypted_key(info, transport)
    xmlsec.template.encrypted_data_ensure_cipher_value(wrapped)
    context = xmlsec.EncryptionContext(manager)
    bits = {"aes128": 128, "aes192": 192, "aes256": 256}[cipher.name.partition("-")[0]]
    context.key = xmlsec.Key.generate(xmlsec.constants.KeyDataAes, bits, xmlsec.constants.KeyDataTypeSession)
    alone = etree.fromstring(etree.tostring(assertion, with_tail=False))
    holder = etree.Element(f"{{{SAML}}}EncryptedAssertion", nsmap={"saml": SAML})
    holder.append(alone)
    made = context.encrypt_xml(data, alone)
    if made.getparent() is not holder:
        holder.append(made)
    parent.replace(assertion, holder)
    return holder


def answer(scene: SamlScene, flow: Any, change: Callable[[Any], object] = lambda _: None, **how: Any) -> bytes:
    """An answer with a signed assertion that is encrypted, and changed afterwards."""
    response = scene.answer(flow).xml()
    signed(assertion_of(response), idp())
    change(encrypted(assertion_of(response), **how))
    return as_document(response)


@pytest.mark.parametrize("cipher", GCM, ids=["aes128-gcm", "aes256-gcm"])
def test_an_encrypted_assertion_signs_in(scene: SamlScene, cipher: Any) -> None:
    flow = scene.flow()
    document = answer(scene, flow, cipher=cipher)
    assert b"ann@example.org" not in document
    assert scene.present(document, flow).issued.user.name == "ann@example.org"


def test_one_that_is_not_encrypted_is_refused_where_that_is_asked_for(scene: SamlScene) -> None:
    flow = scene.flow()
    assert scene.refused(scene.good(flow), flow) == "an assertion that is not encrypted"


def test_anybody_can_encrypt_so_what_is_inside_is_signed(scene: SamlScene) -> None:
    flow = scene.flow()
    response = scene.answer(flow).xml()
    encrypted(assertion_of(response))
    assert scene.refused(as_document(response), flow) == "no signature"
    evil = scene.answer(flow).xml()
    signed(assertion_of(evil), SamlIdp())
    encrypted(assertion_of(evil))
    assert "does not verify" in scene.refused(as_document(evil), flow)


def test_cbc_is_taken_where_an_administrator_said_so(scene: SamlScene) -> None:
    flow = scene.flow()
    refused = "encrypted assertion: the content is encrypted in a way that is not taken"
    assert scene.refused(answer(scene, flow, cipher=xmlsec.Transform.AES128), flow) == refused
    other = SamlScene.of(scene.kit, "cbc", allow_cbc=True)
    flow = other.flow()
    different = {"attributes": {"mail": ("cbc@example.org",)}}
    response = other.answer(flow, **different).xml()
    signed(assertion_of(response), idp())
    encrypted(assertion_of(response), cipher=xmlsec.Transform.AES256)
    assert other.present(as_document(response), flow).issued.user.name == "cbc@example.org"


def test_a_key_under_pkcs_1_v1_5_is_refused(scene: SamlScene) -> None:
    flow = scene.flow()
    document = answer(scene, flow, transport=xmlsec.Transform.RSA_PKCS1)
    assert scene.refused(document, flow) == "encrypted assertion: the key is encrypted in a way that is not taken"


def test_what_is_for_another_key_does_not_open(scene: SamlScene) -> None:
    flow = scene.flow()
    document = answer(scene, flow, own=make_own("another")[0])
    assert scene.refused(document, flow) == "encrypted assertion: it does not open with our key"


def _flip(place: int) -> Callable[[Any], None]:
    """One bit of a value: the key's is the first in the document's order that is found below its EncryptedKey."""

    def change(element: Any) -> None:
        key, data = sorted(element.iter(f"{{{XENC}}}CipherValue"), key=lambda each: len(each.text))
        value = (key, data)[place]
        content = bytearray(base64.b64decode(value.text))
        content[-1] ^= 1
        value.text = base64.b64encode(bytes(content)).decode()

    return change


def _without(tag: str) -> Callable[[Any], None]:
    def change(element: Any) -> None:
        for each in list(element.iter(tag)):
            each.getparent().remove(each)

    return change


def _with_reference(element: Any) -> None:
    """A key that is said to be elsewhere: nothing is fetched."""
    (info,) = list(element.iter(f"{{{DS}}}KeyInfo"))
    for each in list(info):
        info.remove(each)
    etree.SubElement(info, f"{{{DS}}}RetrievalMethod", URI="file:///etc/passwd")


def _short(element: Any) -> None:
    for value in element.iter(f"{{{XENC}}}CipherValue"):
        value.text = "AAAA"


def _no_base64(element: Any) -> None:
    for value in element.iter(f"{{{XENC}}}CipherValue"):
        value.text = "%%%"


CHANGED: dict[str, tuple[Callable[[Any], None], str]] = {
    "a bit of the key": (_flip(0), "it does not open with our key"),
    "a bit of the content": (_flip(1), "it does not open with our key"),
    "no key": (_without(f"{{{XENC}}}EncryptedKey"), "there are 0 of EncryptedKey, not one"),
    "no content": (_without(f"{{{XENC}}}CipherData"), "there are 0 of CipherData, not one"),
    "no method": (_without(f"{{{XENC}}}EncryptionMethod"), "there are 0 of EncryptionMethod, not one"),
    "a key that is elsewhere": (_with_reference, "there are 0 of EncryptedKey, not one"),
    "too short": (_short, "it does not open with our key"),
    "no base64": (_no_base64, "a value is no base64"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_what_was_changed_is_refused(scene: SamlScene, what: str) -> None:
    change, why = CHANGED[what]
    flow = scene.flow()
    assert scene.refused(answer(scene, flow, change), flow) == f"encrypted assertion: {why}"


def test_what_is_encrypted_is_one_assertion_and_nothing_else(scene: SamlScene) -> None:
    flow = scene.flow()
    response = scene.answer(flow).xml()
    assertion = assertion_of(response)
    second = etree.fromstring(etree.tostring(assertion))
    second.set("ID", "_second")
    assertion.append(second)
    signed(assertion, idp())
    encrypted(assertion_of(response))
    assert scene.refused(as_document(response), flow) == "something else was encrypted"
    flow = scene.flow()
    response = scene.answer(flow).xml()
    signed(assertion_of(response), idp())
    holder = encrypted(assertion_of(response))
    response.append(etree.fromstring(etree.tostring(holder)))
    assert scene.refused(as_document(response), flow) == "2 assertions"
