"""Sign-outs that a provider sends (SAML 2.0 profiles section 4.4), once the signature of the query has verified."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from keyferry.clock import SECOND, Microseconds
from keyferry.identity.saml.messages import Received
from keyferry.identity.saml.responses import UNSPECIFIED
from keyferry.identity.saml.xml import SAML, SAMLP, XmlRefused, parse, text_of

if TYPE_CHECKING:
    from lxml.etree import _Element

#: how old a request may be that does not say when it ends
_LASTS: Final[Microseconds] = 300 * SECOND
_MOST_SESSIONS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOut:
    """A provider has signed a person out.

    Attributes:
        sessions: that end; none for all of the person's.
        until: when it could be presented no longer.
        relay: what goes back with the answer.
    """

    id: str
    name_id: str
    name_id_format: str
    sessions: tuple[str, ...]
    until: Microseconds
    relay: str | None


def read_sign_out(received: Received, issuer: str, destination: str, now: Microseconds, skew: Microseconds) -> SignOut:
    """
    Raises:
        XmlRefused: it is not for us, not of the provider, or out of time.
    """
    root = parse(received.message)
    _require(root.tag == f"{{{SAMLP}}}LogoutRequest" and root.get("Version") == "2.0", "no LogoutRequest")
    _require_from(root, issuer, destination)
    issued = _moment(root.get("IssueInstant"))
    ends = root.get("NotOnOrAfter")
    until = (issued + _LASTS if ends is None else _moment(ends)) + skew
    _require(issued - skew <= now < until, "expired, or not yet valid")
    names = root.findall(f"{{{SAML}}}NameID")
    _require(len(names) == 1, "not one NameID")
    sessions = tuple(text_of(each) for each in root.findall(f"{{{SAMLP}}}SessionIndex"))
    _require(len(sessions) <= _MOST_SESSIONS, "too many sessions")
    id_ = root.get("ID") or ""
    _require(0 < len(id_) <= 256, "no ID")
    relay = received.relay
    return SignOut(
        id=id_,
        name_id=text_of(names[0]),
        name_id_format=names[0].get("Format", UNSPECIFIED),
        sessions=sessions,
        until=until,
        relay=relay if relay is None or len(relay) <= 1024 else None,
    )


def read_answer(received: Received, issuer: str, destination: str, expected: str | None) -> None:
    """
    Raises:
        XmlRefused: it is no answer to what this browser was sent for.
    """
    root = parse(received.message)
    _require(root.tag == f"{{{SAMLP}}}LogoutResponse" and root.get("Version") == "2.0", "no LogoutResponse")
    _require_from(root, issuer, destination)
    _require(expected is not None and root.get("InResponseTo") == expected, "not what this browser was sent for")


def _require_from(root: "_Element", issuer: str, destination: str) -> None:
    issuers = root.findall(f"{{{SAML}}}Issuer")
    _require(len(issuers) == 1 and text_of(issuers[0]) == issuer, "another issuer")
    _require(root.get("Destination") == destination, "another destination")


def _moment(text: str | None) -> Microseconds:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        raise XmlRefused("a time that is none", code="provider-answer-refused") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * SECOND)


def _require(holds: object, why: str) -> None:
    if not holds:
        raise XmlRefused(f"sign-out: {why}", code="provider-answer-refused")
