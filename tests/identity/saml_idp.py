"""A SAML identity provider of a test's own: its keys, its metadata, and answers that can be made wrong."""

import base64
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.algorithms import SignatureConstructionMethod
from signxml.signer import XMLSigner

ENTITY_ID = "https://idp.example.org/metadata"
SSO_URL = "https://idp.example.org/sso"
SLO_URL = "https://idp.example.org/slo"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def certificate_of(key: PrivateKey, *, days: int = 30) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.example.org")])
    begins = datetime.now(UTC) - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins - timedelta(days=400))
        .not_valid_after(begins + timedelta(days=days))
        .sign(key, SHA256())
    )


@dataclass
class SamlIdp:
    """What a real one would have."""

    entity_id: str = ENTITY_ID
    key: PrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    @cached_property
    def certificate(self) -> x509.Certificate:
        return certificate_of(self.key)

    def metadata(self, *further: x509.Certificate, more: str = "", attributes: str = "") -> str:
        keys = "".join(
            f'<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{in_base64(each)}'
            "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
            for each in (self.certificate, *further)
        )
        redirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
        return (
            '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" '
            f'xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{self.entity_id}" {attributes}>'
            '<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
            f'{keys}<md:SingleLogoutService Binding="{redirect}" Location="{SLO_URL}"/>'
            f'<md:SingleSignOnService Binding="{redirect}" Location="{SSO_URL}"/></md:IDPSSODescriptor>{more}'
            "</md:EntityDescriptor>"
        )

    def configuration(self, **more: Any) -> dict[str, Any]:
        return {"metadata": self.metadata(), **more}


def in_base64(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
Element = Any


def stamp(seconds: int = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an answer says. A text that is None is left out, its element or attribute with it."""

    acs_url: str
    audience: str | None
    request_id: str | None
    issuer: str = ENTITY_ID
    destination: str | None = "the same"
    recipient: str | None = "the same"
    name_id: str = "s-1"
    name_id_format: str = PERSISTENT
    name_id_more: str = ""
    begins: str | None = field(default_factory=lambda: stamp(-30))
    ends: str | None = field(default_factory=lambda: stamp(300))
    confirmed_until: str | None = field(default_factory=lambda: stamp(300))
    confirmed_for: str | None = "the same"
    method: str = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
    conditions: bool = True
    conditions_more: str = ""
    statement: bool = True
    session: str | None = "session-1"
    context: str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
    status: str = "urn:oasis:names:tc:SAML:2.0:status:Success"
    version: str = "2.0"
    attributes: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"mail": ("ann@example.org",)})
    id: str = field(default_factory=lambda: f"_{uuid.uuid4().hex}")
    assertion_id: str = field(default_factory=lambda: f"_{uuid.uuid4().hex}")

    def xml(self) -> Element:
        """The response, not signed yet."""
        return etree.fromstring(self.response(self.assertion()))

    def response(self, inner: str) -> str:
        destination = self.acs_url if self.destination == "the same" else self.destination
        return (
            f'<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{self.id}" Version="{self.version}"'
            f' IssueInstant="{stamp()}"{_attribute("Destination", destination)}'
            f"{_attribute('InResponseTo', self.request_id)}><saml:Issuer>{self.issuer}</saml:Issuer>"
            f'<samlp:Status><samlp:StatusCode Value="{self.status}"/></samlp:Status>{inner}</samlp:Response>'
        )

    def assertion(self) -> str:
        recipient = self.acs_url if self.recipient == "the same" else self.recipient
        confirmed_for = self.request_id if self.confirmed_for == "the same" else self.confirmed_for
        audience = (
            ""
            if self.audience is None
            else (
                f"<saml:AudienceRestriction><saml:Audience>{self.audience}</saml:Audience></saml:AudienceRestriction>"
            )
        )
        conditions = (
            f"<saml:Conditions{_attribute('NotBefore', self.begins)}{_attribute('NotOnOrAfter', self.ends)}>"
            f"{audience}{self.conditions_more}</saml:Conditions>"
        )
        statement = (
            f'<saml:AuthnStatement AuthnInstant="{stamp()}"{_attribute("SessionIndex", self.session)}>'
            f"<saml:AuthnContext><saml:AuthnContextClassRef>{self.context}</saml:AuthnContextClassRef>"
            "</saml:AuthnContext></saml:AuthnStatement>"
        )
        attributes = "".join(
            f'<saml:Attribute Name="{name}">'
            + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
            + "</saml:Attribute>"
            for name, values in self.attributes.items()
        )
        return (
            f'<saml:Assertion xmlns:saml="{SAML}" ID="{self.assertion_id}" Version="{self.version}"'
            f' IssueInstant="{stamp()}"><saml:Issuer>{self.issuer}</saml:Issuer><saml:Subject>'
            f'<saml:NameID Format="{self.name_id_format}"{self.name_id_more}>{self.name_id}</saml:NameID>'
            f'<saml:SubjectConfirmation Method="{self.method}"><saml:SubjectConfirmationData'
            f"{_attribute('NotOnOrAfter', self.confirmed_until)}{_attribute('Recipient', recipient)}"
            f"{_attribute('InResponseTo', confirmed_for)}/></saml:SubjectConfirmation></saml:Subject>"
            f"{conditions if self.conditions else ''}{statement if self.statement else ''}"
            f"<saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion>"
        )


def _attribute(name: str, value: str | None) -> str:
    return "" if value is None else f' {name}="{value}"'


def signed(
    element: Element,
    idp: SamlIdp,
    *,
    method: str = "rsa-sha256",
    digest: str = "sha256",
    c14n: str = "http://www.w3.org/2001/10/xml-exc-c14n#",
    key: Any = None,
    certificate: x509.Certificate | None = None,
) -> Element:
    """The element with a signature of its own, in place."""
    signer = _AnySigner(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm=method,
        digest_algorithm=digest,
        c14n_algorithm=c14n,
    )
    signer.excise_empty_xmlns_declarations = False
    alone = etree.fromstring(etree.tostring(element, with_tail=False))
    place = etree.Element(f"{{{DS}}}Signature", nsmap={"ds": DS}, Id="placeholder")
    alone.insert(1, place)  # after the issuer, where the schema has it
    shown = idp.certificate if certificate is None else certificate
    made = signer.sign(
        alone,
        key=idp.key if key is None else key,
        cert=[shown.public_bytes(Encoding.PEM).decode()] if key is None or certificate is not None else None,
        reference_uri=f"#{element.get('ID')}",
        id_attribute="ID",
    )
    parent = element.getparent()
    if parent is not None:
        parent.replace(element, made)
    return made


class _AnySigner(XMLSigner):
    """One that signs with what nobody should."""

    def check_deprecated_methods(self) -> None:
        return


def assertion_of(response: Element) -> Element:
    (found,) = response.findall(f"{{{SAML}}}Assertion")
    return found
