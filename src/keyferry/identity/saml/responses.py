"""A provider's answer, judged (SAML 2.0 profiles section 4.1.4.3): what it says of a person, or why it is refused.

1. The document is read, with nothing in it that could be read in two ways. 2. It is for us, of the provider, and an
answer to what this browser was sent for. 3. It holds one assertion, which is signed itself or lies in what is signed;
from then on, only what was signed is looked at. 4. The assertion is of the provider, about one subject, for us, and in
time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import quoteattr

from keyferry.clock import SECOND, Microseconds
from keyferry.custody.provider_mapping import Attributes
from keyferry.identity.saml.addresses import ServiceProvider
from keyferry.identity.saml.certificates import pinned
from keyferry.identity.saml.decryption import decrypt
from keyferry.identity.saml.kind import SamlConfiguration
from keyferry.identity.saml.signatures import is_signed, verified_root
from keyferry.identity.saml.xml import SAML, SAMLP, XmlRefused, parse, text_of
from keyferry.material.secret import Secret

if TYPE_CHECKING:
    from lxml.etree import _Element

SUCCESS: Final = "urn:oasis:names:tc:SAML:2.0:status:Success"
BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
TRANSIENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
UNSPECIFIED: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
#: contexts that say that the person has shown a second factor
SECOND_FACTOR: Final = frozenset(
    {"https://refeds.org/profile/mfa", "http://schemas.microsoft.com/claims/multipleauthn"}
)
MOST_ATTRIBUTES: Final = 200
MOST_VALUES: Final = 2000

_CONDITIONS: Final = frozenset(
    f"{{{SAML}}}{name}" for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an answer is judged by.

    Attributes:
        own: our key, for what is encrypted.
        request_id: of the request that this browser was sent with; None for none.
        skew: how far the provider's clock may be off.
    """

    configuration: SamlConfiguration
    sp: ServiceProvider
    own: Sequence[Secret]
    request_id: str | None
    now: Microseconds
    skew: Microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What a provider says of a person.

    Attributes:
        until: when it could be presented no longer.
        session: what the provider calls its session with the person.
    """

    id: str
    name_id: str
    name_id_format: str
    attributes: Attributes
    until: Microseconds
    session: str | None
    second_factor: bool


def judge(data: bytes, expected: Expected) -> Assertion:
    """
    Raises:
        XmlRefused: it is not believed; says why, for the audit log alone.
    """
    root = parse(data)
    _require_plain(root)
    _require(root.tag == f"{{{SAMLP}}}Response" and root.get("Version") == "2.0", "no response of SAML 2.0")
    _require(root.get("Destination") == expected.sp.acs_url, "another destination")
    issuer = root.find(f"{{{SAML}}}Issuer")
    if issuer is not None:
        _require(text_of(issuer) == expected.configuration.idp.entity_id, "another issuer of the response")
    _require_answer(root.get("InResponseTo"), expected)
    _require_success(root)
    certificates = [pinned(each) for each in expected.configuration.idp.certificates]
    signed = is_signed(root)
    response = verified_root(root, certificates) if signed else root
    if signed:  # what is signed is judged once more: what was looked at above may not have been
        _require(response.get("Destination") == expected.sp.acs_url, "another destination")
        _require_answer(response.get("InResponseTo"), expected)
        _require_success(response)
    assertion = _assertion(response, expected)
    if is_signed(assertion):
        assertion = verified_root(assertion, certificates)
    else:
        _require(signed, "no signature")
    return _judged(assertion, expected)


def _assertion(response: "_Element", expected: Expected) -> "_Element":
    """The one assertion, in clear."""
    clear, encrypted = f"{{{SAML}}}Assertion", f"{{{SAML}}}EncryptedAssertion"
    everywhere = [*response.iter(clear), *response.iter(encrypted)]
    found = [*response.findall(clear), *response.findall(encrypted)]
    _require(len(found) == 1 and len(everywhere) == 1, f"{len(everywhere)} assertions")
    (only,) = found
    if only.tag == clear:
        _require(not expected.configuration.require_encryption, "an assertion that is not encrypted")
        return only
    opened = _in_its_place(decrypt(only, expected.own, allow_cbc=expected.configuration.allow_cbc), only)
    _require(opened.tag == clear and len(list(opened.iter(clear))) == 1, "something else was encrypted")
    return opened


def _in_its_place(plain: bytes, encrypted: "_Element") -> "_Element":
    """The element that was encrypted, with the namespaces of where it stood (XML Encryption 1.1 section 4.5)."""
    from lxml import etree

    names = "".join(
        f" xmlns{'' if prefix is None else f':{prefix}'}={quoteattr(uri)}" for prefix, uri in encrypted.nsmap.items()
    )
    holder = parse(f"<x{names}>".encode() + plain + b"</x>")
    _require_plain(holder)
    _require(len(holder) == 1 and not holder.text and not holder[0].tail, "something else was encrypted")
    return parse(etree.tostring(holder[0]))


def _judged(assertion: "_Element", expected: Expected) -> Assertion:
    id_ = assertion.get("ID") or ""
    _require(assertion.get("Version") == "2.0" and 0 < len(id_) <= 256, "no assertion of SAML 2.0")
    issuer = text_of(_one(assertion, "Issuer"))
    _require(issuer == expected.configuration.idp.entity_id, "another issuer")
    subject = _one(assertion, "Subject")
    name = _one(subject, "NameID")
    name_id = text_of(name)
    _require(name_id != "", "an empty NameID")
    _require(name.get("NameQualifier", issuer) == issuer, "a NameID of somebody else's")
    _require(name.get("SPNameQualifier", expected.sp.entity_id) == expected.sp.entity_id, "a NameID for somebody else")
    confirmed = [_confirmation(each, expected) for each in subject.findall(f"{{{SAML}}}SubjectConfirmation")]
    reasons = [why for why in confirmed if why is not None]
    _require(bool(confirmed) and None in confirmed, reasons[0] if reasons else "nothing confirms the subject")
    until = _conditions(assertion, expected)
    session, second_factor = _authentication(assertion, expected)
    return Assertion(
        id=id_,
        name_id=name_id,
        name_id_format=name.get("Format", UNSPECIFIED),
        attributes=_attributes(assertion),
        until=until,
        session=session,
        second_factor=second_factor,
    )


def _confirmation(element: "_Element", expected: Expected) -> str | None:
    """Why this does not confirm the subject; None if it does."""
    data = element.find(f"{{{SAML}}}SubjectConfirmationData")
    if element.get("Method") != BEARER or data is None:
        return "no confirmation by bearer"
    if data.get("Recipient") != expected.sp.acs_url:
        return "another recipient"
    if data.get("NotBefore") is not None or data.get("NotOnOrAfter") is None:
        return "a confirmation without its end"
    if not expected.now - expected.skew < _moment(data.get("NotOnOrAfter")):
        return "expired"
    if data.get("InResponseTo") != expected.request_id:
        return "not what this browser was sent for"
    return None


def _conditions(assertion: "_Element", expected: Expected) -> Microseconds:
    """When the assertion ends."""
    conditions = _one(assertion, "Conditions")
    for each in conditions:
        _require(each.tag in _CONDITIONS, "a condition that is not known")
    begins, ends = conditions.get("NotBefore"), conditions.get("NotOnOrAfter")
    _require(ends is not None, "conditions without an end")
    until = _moment(ends) + expected.skew
    _require(expected.now < until, "expired")
    _require(begins is None or _moment(begins) - expected.skew <= expected.now, "not yet valid")
    restrictions = conditions.findall(f"{{{SAML}}}AudienceRestriction")
    _require(bool(restrictions), "no audience")
    for restriction in restrictions:
        audiences = [text_of(each) for each in restriction.findall(f"{{{SAML}}}Audience")]
        _require(expected.sp.entity_id in audiences, "another audience")
    return until


def _authentication(assertion: "_Element", expected: Expected) -> tuple[str | None, bool]:
    statements = assertion.findall(f"{{{SAML}}}AuthnStatement")
    _require(len(statements) == 1, f"{len(statements)} statements of authentication")
    (statement,) = statements
    ends = statement.get("SessionNotOnOrAfter")
    _require(ends is None or expected.now - expected.skew < _moment(ends), "a session that has ended")
    contexts = {text_of(each) for each in statement.iter(f"{{{SAML}}}AuthnContextClassRef")}
    session = statement.get("SessionIndex")
    _require(session is None or len(session) <= 512, "a SessionIndex that is too long")
    return session, bool(contexts & SECOND_FACTOR)


def _attributes(assertion: "_Element") -> dict[str, list[str]]:
    """Those whose values are texts, by name; of the same name, the values together."""
    found: dict[str, list[str]] = {}
    values = 0
    for attribute in assertion.iterfind(f"{{{SAML}}}AttributeStatement/{{{SAML}}}Attribute"):
        name = attribute.get("Name") or ""
        for value in attribute.findall(f"{{{SAML}}}AttributeValue"):
            if len(value) == 0:
                found.setdefault(name, []).append(text_of(value))
                values += 1
    _require(len(found) <= MOST_ATTRIBUTES and values <= MOST_VALUES, "too many attributes")
    return found


def _require_answer(answered: str | None, expected: Expected) -> None:
    if expected.request_id is None:
        _require(expected.configuration.idp_initiated, "nobody asked for it, and that is not allowed")
        _require(answered is None, "an answer to something that this browser was not sent for")
    else:
        _require(answered == expected.request_id, "not what this browser was sent for")


def _require_success(response: "_Element") -> None:
    statuses = response.findall(f"{{{SAMLP}}}Status/{{{SAMLP}}}StatusCode")
    _require(len(statuses) == 1 and statuses[0].get("Value") == SUCCESS, "the provider refused the sign-in")


def _require_plain(root: "_Element") -> None:
    """No comments and no instructions: what is read around them could be read in two ways."""
    from lxml import etree

    for each in root.getroottree().iter(etree.Comment, etree.ProcessingInstruction, etree.Entity):
        raise XmlRefused(f"a {type(each).__name__.strip('_').lower()} in it", code="provider-answer-refused")


def _one(element: "_Element", name: str) -> "_Element":
    found = element.findall(f"{{{SAML}}}{name}")
    _require(len(found) == 1, f"{len(found)} of {name}, not one")
    return found[0]


def _moment(text: str | None) -> Microseconds:
    """A time of XML Schema, in UTC (core section 1.3.3)."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        raise XmlRefused("a time that is none", code="provider-answer-refused") from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return int(found.timestamp() * SECOND)


def _require(holds: object, why: str) -> None:
    if not holds:
        raise XmlRefused(why, code="provider-answer-refused")
