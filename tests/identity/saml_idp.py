"""A SAML identity provider of a test's own: its keys, its metadata, and answers that can be made wrong."""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

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
