"""Our own key is replaced while people sign in: two keys are published, and both are read, until one is retired."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from tests.custody.reading import details_of, events_of
from tests.custody.vouching import idp, own_key
from tests.identity.saml_idp import DS, assertion_of, in_base64, signed
from tests.identity.saml_scene import PUBLIC_URL, SamlScene, as_document
from tests.identity.test_saml_encrypted import encrypted

from keyferry.custody.provider_kinds import KeyStep
from keyferry.custody.provider_writing import ProviderEdit
from keyferry.errors import Conflict, NotAuthenticated
from keyferry.identity.flows import Flow
from keyferry.identity.oidc import kind as oidc_kind
from keyferry.identity.saml.certificates import make_own
from keyferry.identity.saml.own_keys import OwnKeys
from keyferry.material.secret import Secret
from keyferry.testing import Kit

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
NEXT = make_own("next")[0]


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    kit = Kit.make(Path(tmp_path_factory.mktemp("saml")) / "home", public_url=PUBLIC_URL)
    yield kit
    kit.close()


@pytest.fixture
def scene(kit: Kit) -> SamlScene:
    """A provider of its own for each test, enabled."""
    return SamlScene.of(kit, f"rolls-{len(kit.custody.providers.list(kit.administrator, size=100).items)}")


def published(scene: SamlScene, use: str) -> list[x509.Certificate]:
    """The certificates of our metadata; another implementation finds nothing wrong with it."""
    single_sign_on = scene.kit.installation.single_sign_on
    metadata = single_sign_on.saml.metadata(single_sign_on.provider(scene.name))
    settings: Any = OneLogin_Saml2_Settings
    sp = {"entityId": scene.sp.entity_id, "assertionConsumerService": {"url": scene.sp.acs_url}}
    assert settings({"sp": sp}, sp_validation_only=True).validate_metadata(metadata.decode()) == []
    found = etree.fromstring(metadata).iterfind(f".//{{{MD}}}KeyDescriptor[@use='{use}']//{{{DS}}}X509Certificate")
    return [
        x509.load_pem_x509_certificate(
            f"-----BEGIN CERTIFICATE-----\n{each.text}\n-----END CERTIFICATE-----\n".encode()
        )
        for each in found
    ]


def encrypted_to(scene: SamlScene, own: Secret, flow: Flow) -> bytes:
    """An answer whose assertion xmlsec has encrypted to this key."""
    response = scene.answer(flow, attributes={"mail": (f"ann@{scene.name}.example.org",)}).xml()
    signed(assertion_of(response), idp())
    encrypted(assertion_of(response), own=own)
    return as_document(response)


def opens(scene: SamlScene, own: Secret) -> bool:
    """Whether somebody is let in with such an answer; it is refused for this alone otherwise."""
    flow = scene.flow()
    document = encrypted_to(scene, own, flow)
    try:
        return scene.present(document, flow).issued.user.name == f"ann@{scene.name}.example.org"
    except NotAuthenticated:
        assert scene.refused(document, flow) == "encrypted assertion: it does not open with our key"
        return False


def signs_with(scene: SamlScene, certificate: x509.Certificate) -> bool:
    """Whether our requests verify with it (SAML 2.0 bindings section 3.4.4.1)."""
    address = scene.kit.installation.single_sign_on.begin(scene.name).address
    said, _, _ = urlsplit(address).query.partition("&Signature=")
    signature = base64.b64decode(parse_qs(urlsplit(address).query)["Signature"][0])
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    try:
        key.verify(signature, said.encode(), padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def certificate_in(pem: Secret) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.reveal())


def test_a_roll_over_from_its_first_step_to_its_last(scene: SamlScene) -> None:
    keys, by = scene.kit.custody.provider_keys, scene.kit.administrator
    old, new = certificate_in(own_key()), certificate_in(NEXT)
    assert published(scene, "signing") == published(scene, "encryption") == [old]
    assert not opens(scene, NEXT)

    keys.prepare(by, scene.name, credential=NEXT)
    assert published(scene, "signing") == published(scene, "encryption") == [old, new]
    assert (signs_with(scene, old), signs_with(scene, new)) == (True, False)
    for each in (own_key(), NEXT):
        assert opens(scene, each)

    promoted = keys.promote(by, scene.name)
    assert promoted.provider.enabled
    assert published(scene, "signing") == published(scene, "encryption") == [new]
    assert (signs_with(scene, old), signs_with(scene, new)) == (False, True)
    for each in (own_key(), NEXT):
        assert opens(scene, each)

    retired = keys.retire(by, scene.name)
    assert not opens(scene, own_key())
    assert opens(scene, NEXT)
    assert b"PRIVATE" not in (retired.provider.credential or b"")
    steps = [details_of(each)["step"] for each in events_of(scene.kit, "identity-provider.key")]
    assert steps[-3:] == ["prepare", "promote", "retire"]


def test_what_xmlsec_encrypts_to_the_second_certificate_of_the_metadata_is_read(scene: SamlScene) -> None:
    scene.kit.custody.provider_keys.prepare(scene.kit.administrator, scene.name)
    certificates = published(scene, "encryption")
    assert len(certificates) == 2
    for certificate in certificates:
        pem = f"-----BEGIN CERTIFICATE-----\n{in_base64(certificate)}\n-----END CERTIFICATE-----\n"
        assert opens(scene, Secret(pem.encode()))


def test_a_next_key_that_was_never_in_use_is_discarded(scene: SamlScene) -> None:
    keys, by = scene.kit.custody.provider_keys, scene.kit.administrator
    before = scene.kit.custody.providers.show(by, scene.name).configuration
    keys.prepare(by, scene.name, credential=NEXT)
    assert keys.discard(by, scene.name).configuration == before
    assert not opens(scene, NEXT)


@pytest.mark.parametrize(
    ("done", "step"),
    [
        ((), KeyStep.PROMOTE),
        ((), KeyStep.DISCARD),
        ((), KeyStep.RETIRE),
        ((KeyStep.PREPARE,), KeyStep.PREPARE),
        ((KeyStep.PREPARE,), KeyStep.RETIRE),
        ((KeyStep.PREPARE, KeyStep.PROMOTE), KeyStep.PROMOTE),
        ((KeyStep.PREPARE, KeyStep.PROMOTE, KeyStep.PREPARE), KeyStep.PROMOTE),
    ],
)
def test_a_step_that_does_not_follow_is_refused(done: tuple[KeyStep, ...], step: KeyStep) -> None:
    keys = OwnKeys(own_key())
    for each in done:
        keys = OwnKeys.of(keys.after(each, NEXT).as_kept())
    with pytest.raises(Conflict) as caught:
        keys.after(step, NEXT)
    assert caught.value.code == "key-roll-over"


def test_renewing_the_key_at_once_ends_a_roll_over(scene: SamlScene) -> None:
    by = scene.kit.administrator
    scene.kit.custody.provider_keys.prepare(by, scene.name, credential=NEXT)
    renewed = scene.kit.custody.providers.edit(by, scene.name, ProviderEdit(renew_credential=True, untested=True))
    assert "next_certificate" not in renewed.configuration
    assert len(published(scene, "signing")) == 1
    assert not opens(scene, NEXT)


def test_a_key_that_was_given_with_something_before_it_is_kept_clean(scene: SamlScene) -> None:
    given = Secret(b"{bag attributes}\n" + NEXT.reveal())
    scene.kit.custody.provider_keys.prepare(scene.kit.administrator, scene.name, credential=given)
    scene.kit.custody.provider_keys.promote(scene.kit.administrator, scene.name)
    assert opens(scene, NEXT)


def test_a_provider_of_another_protocol_has_no_key_to_roll() -> None:
    with pytest.raises(Conflict) as caught:
        oidc_kind.rolled(Secret(b"a client's secret"), KeyStep.PREPARE, None)
    assert caught.value.code == "key-roll-over"
