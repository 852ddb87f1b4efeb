"""Metadata of a provider: what is taken of it, and what is refused; and our own, as a provider reads it."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
from tests.certificates import pem_of_version_2
from tests.custody.vouching import idp
from tests.identity.saml_idp import ENTITY_ID, SLO_URL, SSO_URL, SamlIdp, certificate_of, in_base64, signed, stamp

from keyferry.errors import InvalidInput
from keyferry.identity.saml.kind import completed, configured
from keyferry.identity.saml.metadata import own_metadata, read_metadata

MD = "urn:oasis:names:tc:SAML:2.0:metadata"


def read(text: str, *, entity_id: str | None = None, certificate: str | None = None) -> Any:
    return read_metadata(text.encode(), entity_id=entity_id, certificate=certificate)


def refused(text: str, **how: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        read(text, **how)
    assert caught.value.code == "provider-answer-refused"
    return caught.value.detail


def test_what_is_needed_is_kept() -> None:
    coming = SamlIdp().certificate
    found = read(idp().metadata(coming))
    assert (found.entity_id, found.sso_url, found.slo_url) == (ENTITY_ID, SSO_URL, SLO_URL)
    assert found.certificates == (in_base64(idp().certificate), in_base64(coming))
    elsewhere = OneLogin_Saml2_IdPMetadataParser.parse(idp().metadata())["idp"]
    assert elsewhere["singleSignOnService"]["url"] == found.sso_url
    assert elsewhere["x509cert"] == found.certificates[0]


def test_the_one_that_is_meant_is_taken_of_several() -> None:
    both = f'<md:EntitiesDescriptor xmlns:md="{MD}">{idp().metadata()}{SamlIdp("https://b").metadata()}</md:EntitiesDescriptor>'
    assert read(both, entity_id="https://b").entity_id == "https://b"
    assert refused(both) == "The metadata describes 2 such providers."
    assert refused(both, entity_id="https://c") == "The metadata describes 0 such providers."


WEAK = certificate_of(rsa.generate_private_key(65537, 1024))

REFUSED: dict[str, tuple[str, str]] = {
    "a service provider": (f'<md:EntityDescriptor xmlns:md="{MD}" entityID="x"/>', "describes no identity provider"),
    "something else": ("<x/>", "This is no metadata of SAML 2.0."),
    "no name": (idp().metadata().replace(f'entityID="{ENTITY_ID}"', ""), "entityID is missing"),
    "expired": (idp().metadata(attributes=f'validUntil="{stamp(-10)}"'), "has expired"),
    "a time that is none": (idp().metadata(attributes='validUntil="soon"'), "is no time"),
    "no sign-in by redirect": (idp().metadata().replace("HTTP-Redirect", "HTTP-POST"), "no SingleSignOnService"),
    "plain HTTP": (idp().metadata().replace(SSO_URL, "http://idp.example.org/sso"), "no plain https address"),
    "a script": (idp().metadata().replace(SSO_URL, "javascript:alert(1)"), "no plain https address"),
    "a fragment": (idp().metadata().replace(SSO_URL, f"{SSO_URL}#x"), "no plain https address"),
    "a loopback address that is none": (
        idp().metadata().replace(SSO_URL, "http://127.0.0.1.evil.example.org/"),
        "no plain https address",
    ),
    "no certificate": (idp().metadata().replace('use="signing"', 'use="encryption"'), "names 0 certificates"),
    "a certificate that is none": (
        idp().metadata().replace(in_base64(idp().certificate), "AAAA"),
        "cannot be read|can be read",
    ),
    "a weak key": (idp().metadata(WEAK), "neither RSA of 2048 bits"),
    "a document type": ("<!DOCTYPE x>" + idp().metadata(), "document type"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_will_not_do_is_refused(what: str) -> None:
    document, why = REFUSED[what]
    detail = refused(document)
    assert any(each in detail for each in why.split("|")), detail


def test_metadata_that_is_pinned_is_signed_with_it() -> None:
    pinned = in_base64(idp().certificate)
    root = etree.fromstring(idp().metadata(attributes='ID="_m"'))
    document = etree.tostring(signed(root, idp())).decode()
    assert read(document, certificate=pinned).entity_id == ENTITY_ID
    not_verified = "The metadata's signature does not verify with the certificate that is pinned."
    assert refused(idp().metadata(), certificate=pinned) == not_verified
    assert refused(document.replace(SSO_URL, "https://evil.example.org/sso"), certificate=pinned) == not_verified
    assert refused(document, certificate=in_base64(SamlIdp().certificate)) == not_verified


def test_a_configuration_keeps_what_is_not_given_anew() -> None:
    first = configured({"metadata": idp().metadata(), "idp_initiated": True}, None)
    edited = configured({"allow_cbc": True, "idp_initiated": False}, first)
    assert edited == {**first, "allow_cbc": True, "idp_initiated": False}
    by_address = configured({"metadata_url": "https://idp.example.org/m"}, edited)
    fetched = completed(by_address, lambda _: SamlIdp("https://b").metadata().encode())
    assert fetched["idp"]["entity_id"] == "https://b"
    back = configured({"metadata": idp().metadata()}, fetched)
    assert "metadata_url" not in back
    pem = idp().certificate.public_bytes(Encoding.PEM).decode()
    pinned = configured({"metadata_certificate": pem, "metadata_url": "https://x"}, None)
    assert pinned["metadata_certificate"] == in_base64(idp().certificate)
    assert "metadata_certificate" not in configured({"metadata_certificate": None}, pinned)


def test_a_pinned_certificate_has_to_be_one() -> None:
    good = idp().certificate.public_bytes(Encoding.PEM)
    damaged = in_base64(idp().certificate).replace("A", "!", 1)
    for wrong in ("AAAA", "é", damaged, pem_of_version_2(good).decode(), good.decode().replace("M", "N", 1)):
        with pytest.raises(InvalidInput) as caught:
            configured({"metadata_certificate": wrong, "metadata_url": "https://x"}, None)
        assert caught.value.field == "configuration.metadata_certificate"


def test_our_own_says_where_we_are_and_what_we_take() -> None:
    pem = idp().certificate.public_bytes(Encoding.PEM).decode()
    made = own_metadata(
        "https://k/sso/a/metadata", "https://k/sso/a/acs", "https://k/sso/a/slo", (pem,), sign_requests=True
    )
    root = etree.fromstring(made)
    (sp,) = root.findall(f"{{{MD}}}SPSSODescriptor")
    assert root.get("entityID") == "https://k/sso/a/metadata"
    assert (sp.get("WantAssertionsSigned"), sp.get("AuthnRequestsSigned")) == ("true", "true")
    assert [each.get("use") for each in sp.findall(f"{{{MD}}}KeyDescriptor")] == ["signing", "encryption"]
    (acs,) = sp.findall(f"{{{MD}}}AssertionConsumerService")
    assert acs.get("Location") == "https://k/sso/a/acs"
    assert b"rsa-1_5" not in made
