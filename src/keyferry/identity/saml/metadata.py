"""Metadata of both sides (SAML 2.0 metadata): an identity provider's is read, our own is written."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from keyferry.errors import InvalidInput, KeyferryError
from keyferry.identity.saml.certificates import pinned, read_pinned
from keyferry.identity.saml.xml import DS, MD, SAMLP, XmlRefused, parse, text_of

if TYPE_CHECKING:
    from lxml.etree import _Element

REDIRECT: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
MOST_CERTIFICATES: Final = 8
_LONGEST_ENTITY_ID: Final = 1024  # SAML core section 8.3.6


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """What a provider publishes of itself, as far as it is needed.

    Attributes:
        sso_url, slo_url: to where a browser is sent, by HTTP-Redirect; of a sign-out None, if it takes none.
        slo_answer_url: where answers to its own sign-outs go, if that is another address.
        certificates: that it signs with, base64 of DER; several while it changes from one to the next.
    """

    entity_id: str
    sso_url: str
    slo_url: str | None
    slo_answer_url: str | None
    certificates: tuple[str, ...]

    def as_kept(self) -> dict[str, Any]:
        """As a configuration holds it."""
        return {**asdict(self), "certificates": list(self.certificates)}

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "IdentityProvider":
        """What `as_kept` gave."""
        return cls(**{**kept, "certificates": tuple(kept["certificates"])})


def read_metadata(data: bytes, *, entity_id: str | None, certificate: str | None) -> IdentityProvider:
    """An identity provider's metadata.

    Args:
        entity_id: which of several; None where there is one alone.
        certificate: that the metadata must be signed with, base64 of DER; None where no signature is asked for.

    Raises:
        InvalidInput: it will not do; says why.
    """
    root = parse(data)
    if certificate is not None:
        root = _signed(root, certificate)
    _require_valid(root)
    entity = _entity(root, entity_id)
    _require_valid(entity)
    descriptor = next(
        (
            each
            for each in entity.findall(f"{{{MD}}}IDPSSODescriptor")
            if SAMLP in each.get("protocolSupportEnumeration", "")
        ),
        None,
    )
    if descriptor is None:
        raise _refused("The metadata describes no identity provider of SAML 2.0.")
    found = entity.get("entityID") or ""
    if not 0 < len(found) <= _LONGEST_ENTITY_ID or not found.isprintable():
        raise _refused("The metadata's entityID is missing, or too long.")
    sso_url, _ = _endpoint(descriptor, "SingleSignOnService")
    if sso_url is None:
        raise _refused("The metadata names no SingleSignOnService with the binding HTTP-Redirect.")
    slo_url, slo_answer_url = _endpoint(descriptor, "SingleLogoutService")
    return IdentityProvider(found, sso_url, slo_url, slo_answer_url, _certificates(descriptor))


def _signed(root: "_Element", certificate: str) -> "_Element":
    from keyferry.identity.saml.signatures import verified_root

    try:
        return verified_root(root, [pinned(certificate)])
    except KeyferryError:
        raise _refused("The metadata's signature does not verify with the certificate that is pinned.") from None


def _entity(root: "_Element", entity_id: str | None) -> "_Element":
    if root.tag == f"{{{MD}}}EntityDescriptor":
        entities = [root]
    elif root.tag == f"{{{MD}}}EntitiesDescriptor":
        entities = [
            each
            for each in root.iter(f"{{{MD}}}EntityDescriptor")
            if each.find(f"{{{MD}}}IDPSSODescriptor") is not None
        ]
    else:
        raise _refused("This is no metadata of SAML 2.0.")
    chosen = [each for each in entities if entity_id is None or each.get("entityID") == entity_id]
    if len(chosen) != 1:
        raise InvalidInput(
            f"The metadata describes {len(chosen)} such providers.",
            code="provider-answer-refused",
            field="configuration.entity_id",
            advice="Give the entityID of the one that is meant.",
        )
    return chosen[0]


def _require_valid(element: "_Element") -> None:
    """The metadata's own end, if it has one (metadata section 2.3)."""
    until = element.get("validUntil")
    if until is None:
        return
    try:
        ends = datetime.fromisoformat(until)
    except ValueError:
        raise _refused("The metadata's validUntil is no time.") from None
    if (ends if ends.tzinfo else ends.replace(tzinfo=UTC)) <= datetime.now(UTC):
        raise _refused(f"The metadata has expired: it was valid until {until[:40]}.")


def _endpoint(descriptor: "_Element", name: str) -> tuple[str | None, str | None]:
    for each in descriptor.findall(f"{{{MD}}}{name}"):
        if each.get("Binding") == REDIRECT:
            location = each.get("Location") or ""
            answers = each.get("ResponseLocation")
            for address in filter(None, (location, answers)):
                _require_address(address)
            return location, answers
    return None, None


def _require_address(address: str) -> None:
    """Browsers are sent there by a redirection, and nobody is asked in the name of the server."""
    plain = address.isascii() and address.isprintable() and " " not in address and len(address) <= 2048
    loopback = address.startswith(("http://127.0.0.1:", "http://127.0.0.1/", "http://localhost:", "http://localhost/"))
    if not plain or "#" in address or not (address.startswith("https://") or loopback):
        raise _refused("An address in the metadata is no plain https address.")


def _certificates(descriptor: "_Element") -> tuple[str, ...]:
    found: list[str] = []
    for key in descriptor.findall(f"{{{MD}}}KeyDescriptor"):
        if key.get("use") in {None, "signing"}:
            found += [
                read_pinned(text_of(each), "configuration.metadata") for each in key.iter(f"{{{DS}}}X509Certificate")
            ]
    unique = tuple(dict.fromkeys(found))
    if not 0 < len(unique) <= MOST_CERTIFICATES:
        raise _refused(
            f"The metadata names {len(unique)} certificates to sign with; 1 to {MOST_CERTIFICATES} are taken."
        )
    return unique


def _refused(detail: str) -> InvalidInput:
    return XmlRefused(
        detail,
        code="provider-answer-refused",
        field="configuration.metadata",
        advice="Get the identity provider's metadata anew, and give it as it is.",
    )


def own_metadata(
    entity_id: str, acs_url: str, slo_url: str, certificates: Sequence[str], *, sign_requests: bool
) -> bytes:
    """Our own metadata for one provider; not signed: it is fetched over TLS, or handed over by whoever sets it up.

    Args:
        certificates: PEM; each for signing and for encrypting, the one in use first.
    """
    from xml.sax.saxutils import escape, quoteattr

    encoded = ["".join(line for line in each.splitlines() if not line.startswith("-----")) for each in certificates]
    keys = "".join(
        f'<md:KeyDescriptor use="{use}"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{escape(each)}'
        f"</ds:X509Certificate></ds:X509Data></ds:KeyInfo>{methods}</md:KeyDescriptor>"
        for use, methods in (("signing", ""), ("encryption", _ENCRYPTION))
        for each in encoded
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<md:EntityDescriptor xmlns:md="{MD}" xmlns:ds="{DS}" entityID={quoteattr(entity_id)}>'
        f'<md:SPSSODescriptor protocolSupportEnumeration="{SAMLP}" WantAssertionsSigned="true"'
        f' AuthnRequestsSigned="{str(sign_requests).lower()}">{keys}'
        f"<md:SingleLogoutService Binding={quoteattr(REDIRECT)} Location={quoteattr(slo_url)}/>"
        f"<md:AssertionConsumerService Binding={quoteattr(POST)} Location={quoteattr(acs_url)}"
        ' index="0" isDefault="true"/></md:SPSSODescriptor></md:EntityDescriptor>\n'
    ).encode()


_ENCRYPTION: Final = "".join(
    f'<md:EncryptionMethod Algorithm="{algorithm}"/>'
    for algorithm in (
        "http://www.w3.org/2009/xmlenc11#aes256-gcm",
        "http://www.w3.org/2009/xmlenc11#aes128-gcm",
        "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
    )
)
