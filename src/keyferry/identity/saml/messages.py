"""What goes to a provider and comes from it by HTTP-Redirect (SAML bindings section 3.4), through the browser."""

import base64
import binascii
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote_plus
from xml.sax.saxutils import escape, quoteattr

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from keyferry.identity.saml.addresses import ServiceProvider
from keyferry.identity.saml.metadata import POST
from keyferry.identity.saml.responses import SUCCESS
from keyferry.identity.saml.xml import MOST_BYTES, SAML, SAMLP, XmlRefused
from keyferry.ids import new_id
from keyferry.material.secret import Secret

_RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_METHODS: Final[dict[str, tuple[str, type[HashAlgorithm]]]] = {
    f"http://www.w3.org/2001/04/xmldsig-more#{kind}-sha{bits}": (kind, digest)
    for kind in ("rsa", "ecdsa")
    for bits, digest in ((256, SHA256), (384, SHA384), (512, SHA512))
}
_NAMES: Final = f'xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}"'
_LONGEST_QUERY: Final = 64 * 1024


def new_message_id() -> str:
    """An ID that XML takes: it begins with no digit."""
    return f"_{new_id().replace('-', '')}"


def authn_request(sp: ServiceProvider, destination: str, id_: str, name_id_format: str | None) -> str:
    """Ask a provider to say who is there (core section 3.4)."""
    policy = "" if name_id_format is None else f" Format={quoteattr(name_id_format)}"
    return (
        f'<samlp:AuthnRequest {_NAMES} ID={quoteattr(id_)} Version="2.0" IssueInstant={quoteattr(_now())}'
        f" Destination={quoteattr(destination)} ProtocolBinding={quoteattr(POST)}"
        f" AssertionConsumerServiceURL={quoteattr(sp.acs_url)}><saml:Issuer>{escape(sp.entity_id)}</saml:Issuer>"
        f'<samlp:NameIDPolicy{policy} AllowCreate="true"/></samlp:AuthnRequest>'
    )


def logout_request(
    sp: ServiceProvider, destination: str, id_: str, *, name_id: str, name_id_format: str, session: str | None
) -> str:
    """Tell a provider that a person has signed out here (core section 3.7.1)."""
    index = "" if session is None else f"<samlp:SessionIndex>{escape(session)}</samlp:SessionIndex>"
    return (
        f'<samlp:LogoutRequest {_NAMES} ID={quoteattr(id_)} Version="2.0" IssueInstant={quoteattr(_now())}'
        f" Destination={quoteattr(destination)}><saml:Issuer>{escape(sp.entity_id)}</saml:Issuer>"
        f"<saml:NameID Format={quoteattr(name_id_format)}>{escape(name_id)}</saml:NameID>{index}</samlp:LogoutRequest>"
    )


def logout_response(sp: ServiceProvider, destination: str, answered: str) -> str:
    """Tell a provider that the sessions which it named have ended (core section 3.7.2)."""
    return (
        f'<samlp:LogoutResponse {_NAMES} ID={quoteattr(new_message_id())} Version="2.0"'
        f" IssueInstant={quoteattr(_now())} Destination={quoteattr(destination)} InResponseTo={quoteattr(answered)}>"
        f"<saml:Issuer>{escape(sp.entity_id)}</saml:Issuer><samlp:Status>"
        f'<samlp:StatusCode Value="{SUCCESS}"/></samlp:Status></samlp:LogoutResponse>'
    )


def redirect(destination: str, kind: str, message: str, relay: str | None, own: Secret | None) -> str:
    """The address that takes a message to a provider.

    Args:
        kind: `SAMLRequest` or `SAMLResponse`.
        own: our key in PEM, to sign with; None to send it unsigned.
    """
    squeezing = zlib.compressobj(9, zlib.DEFLATED, -15)
    squeezed = squeezing.compress(message.encode()) + squeezing.flush()
    query = f"{kind}={_quoted(base64.b64encode(squeezed).decode())}"
    if relay is not None:
        query += f"&RelayState={_quoted(relay)}"
    if own is not None:
        query += f"&SigAlg={_quoted(_RSA_SHA256)}"
        key = load_pem_private_key(own.reveal(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        signature = key.sign(query.encode(), padding.PKCS1v15(), SHA256())
        query += f"&Signature={_quoted(base64.b64encode(signature).decode())}"
    return f"{destination}{'&' if '?' in destination else '?'}{query}"


@dataclass(frozen=True, slots=True)
class Received:
    """A message that came by HTTP-Redirect, whose signature has verified."""

    kind: str
    message: bytes
    relay: str | None


def receive_redirect(query: str, certificates: Sequence[x509.Certificate]) -> Received:
    """What a query brings, if one of the certificates' keys has signed it.

    The signature is over the query's own letters, in the order that bindings section 3.4.4.1 gives.

    Raises:
        XmlRefused: it is no such message, or its signature is missing or not believed.
    """
    found = _parameters(query)
    kinds = [kind for kind in ("SAMLRequest", "SAMLResponse") if kind in found]
    if len(kinds) != 1 or "SigAlg" not in found or "Signature" not in found:
        raise _refused("no signed message")
    (kind,) = kinds
    signed = "&".join(f"{name}={found[name]}" for name in (kind, "RelayState", "SigAlg") if name in found)
    method = _METHODS.get(unquote_plus(found["SigAlg"]))
    if method is None:
        raise _refused("a signature algorithm that is not taken")
    signature = _decoded(found["Signature"])
    if not any(_is_signed(each, method, signature, signed.encode()) for each in certificates):
        raise _refused("the signature does not verify with any of the provider's certificates")
    relay = found.get("RelayState")
    return Received(kind, _inflated(_decoded(found[kind])), None if relay is None else unquote_plus(relay))


def _is_signed(
    certificate: x509.Certificate, method: tuple[str, type[HashAlgorithm]], signature: bytes, data: bytes
) -> bool:
    kind, digest = method
    key = certificate.public_key()
    try:
        if kind == "rsa" and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), digest())
            return True
        if kind == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(digest()))
            return True
    except InvalidSignature:
        return False
    return False


def _parameters(query: str) -> dict[str, str]:
    """By name, each as it was written; one that comes twice is refused."""
    if len(query) > _LONGEST_QUERY or not query.isascii():
        raise _refused("a query that is too long, or not ASCII")
    found: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name in found:
            raise _refused("a parameter that comes twice")
        found[name] = value
    return found


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode("".join(unquote_plus(value).replace(" ", "+").split()), validate=True)
    except (ValueError, binascii.Error):
        raise _refused("a value that is no base64") from None


def _inflated(data: bytes) -> bytes:
    inflating = zlib.decompressobj(-15)
    try:
        found = inflating.decompress(data, MOST_BYTES)
    except zlib.error:
        raise _refused("a message that does not inflate") from None
    if inflating.unconsumed_tail:
        raise _refused("a message that is too long")
    return found


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _refused(why: str) -> XmlRefused:
    return XmlRefused(why, code="provider-answer-refused")
