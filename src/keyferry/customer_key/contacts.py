"""The contact information of an onboarding request: whom Microsoft asks, and who may approve.

It is read from a file of one's own, TOML or JSON:

    organization = "Contoso Ltd"
    tenant_id = "11111111-2222-3333-4444-555555555555"
    tenant_domain = "contoso.onmicrosoft.com"

    [primary_contact]
    name = "…"
    email = "…"
    phone = "+44 20 7946 0000"
    title = "…"                     # may be left out

    [[authorized_officers]]         # at least one, better two: they can approve the irrevocable loss of data
    name = "…"
    email = "…"
    phone = "…"

The FastTrack offer asked for all of this. Today's onboarding cmdlet takes only the tenant's id; the rest serves the
e-mails that follow, and a support case. Every fault of a file is told, not only the first.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from keyferry.customer_key.powershell import require_visible
from keyferry.errors import InvalidInput
from keyferry.ids import is_id_shaped

MAX_OFFICERS: Final = 10
_MAX_CHARACTERS: Final = 256
# RFC 5321 section 4.1.2's dot-string at a domain name; quoted local parts and address literals are nobody's contact.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?=.{{3,254}}\Z){_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})+\Z")
_DOMAIN = re.compile(rf"(?=.{{4,253}}\Z){_LABEL}(\.{_LABEL})+\Z")
_PHONE = re.compile(r"[+(]?[0-9][0-9 ()./-]{5,30}\Z")
_ADVICE: Final = "See docs/azure-byok.md for the file's members; nothing was recorded."


@dataclass(frozen=True, slots=True)
class Contact:
    """One person."""

    name: str
    email: str
    phone: str
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Contacts:
    """Who asks, for which tenant.

    Attributes:
        organization: the legal name.
        tenant_id: the Microsoft 365 tenant's GUID, lower case.
        tenant_domain: a domain of the tenant's, for the subject of e-mails; None when it was left out.
        primary: whom Microsoft writes to.
        officers: who may approve the destruction of keys; at least one.
    """

    organization: str
    tenant_id: str
    tenant_domain: str | None
    primary: Contact
    officers: tuple[Contact, ...]

    def document(self) -> dict[str, Any]:
        """The same as members of JSON, as REST keeps it and the file holds it."""
        return {
            "organization": self.organization,
            "tenant_id": self.tenant_id,
            **({} if self.tenant_domain is None else {"tenant_domain": self.tenant_domain}),
            "primary_contact": _person_document(self.primary),
            "authorized_officers": [_person_document(each) for each in self.officers],
        }


class ContactsRefused(InvalidInput):
    """Contact information that will not do.

    Attributes:
        faults: from each field at fault to what is wrong with it.
    """

    default_code = "contacts-refused"

    def __init__(self, faults: Mapping[str, str]) -> None:
        told = "; ".join(f"{field}: {what}" for field, what in faults.items())
        super().__init__(f"The contact information will not do: {told}.", field=next(iter(faults)), advice=_ADVICE)
        self.faults = dict(faults)


def read_contacts_file(data: bytes) -> Contacts:
    """Read a TOML or JSON file (one that begins with a brace is JSON).

    Raises:
        ContactsRefused: it is neither, or a field of it will not do.
    """
    try:
        text = data.decode("utf-8-sig")
        members = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (UnicodeDecodeError, ValueError, RecursionError):  # tomllib's and json's errors are ValueErrors
        raise ContactsRefused({"contacts": "the file is neither TOML nor JSON"}) from None
    return read_contacts(members)


def read_contacts(members: object) -> Contacts:
    """Validate contact information, as `Contacts.document` gives it.

    Raises:
        ContactsRefused: every field that is missing, unknown or malformed.
    """
    faults: dict[str, str] = {}
    known = {"organization", "tenant_id", "tenant_domain", "primary_contact", "authorized_officers"}
    given = _members(members, "contacts", known, faults)
    organization = _text(given, "", "organization", faults)
    tenant_id = _tenant_id(given, faults)
    tenant_domain = _tenant_domain(given, faults)
    primary = _person(given.get("primary_contact"), "primary_contact", faults)
    officers = _officers(given.get("authorized_officers"), faults)
    if faults:
        raise ContactsRefused(faults)
    return Contacts(organization, tenant_id, tenant_domain, primary, officers)


def _members(value: object, field: str, known: set[str], faults: dict[str, str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        faults[field] = "is missing" if value is None else "is not a table of members"
        return {}
    prefix = "" if field == "contacts" else f"{field}."
    for name in value:
        if name not in known:
            faults[f"{prefix}{name}"[:_MAX_CHARACTERS]] = f"is not known here (known: {', '.join(sorted(known))})"
    return value


def _officers(value: object, faults: dict[str, str]) -> tuple[Contact, ...]:
    field = "authorized_officers"
    if not isinstance(value, list) or not value:
        faults[field] = "at least one person is needed, as [[authorized_officers]]"
        return ()
    if len(value) > MAX_OFFICERS:
        faults[field] = f"{len(value)} people are given; at most {MAX_OFFICERS} are taken"
        return ()
    people = tuple(_person(each, f"{field}[{index}]", faults) for index, each in enumerate(value))
    addresses = [person.email.lower() for person in people if person.email]
    if len(set(addresses)) < len(addresses):
        faults[field] = "two of them have the same e-mail address"
    return people


def _person(value: object, field: str, faults: dict[str, str]) -> Contact:
    given = _members(value, field, {"name", "email", "phone", "title"}, faults)
    if field in faults:
        return Contact("", "", "")
    name = _text(given, f"{field}.", "name", faults)
    email = _matching(given, field, "email", faults)
    phone = _matching(given, field, "phone", faults)
    title = _text(given, f"{field}.", "title", faults) if given.get("title") is not None else None
    return Contact(name, email, phone, title)


_SHAPES: Final = {
    "email": (_EMAIL, "is no e-mail address such as kim@contoso.com"),
    "phone": (_PHONE, "is no telephone number such as +44 20 7946 0000"),
}


def _matching(given: Mapping[str, Any], field: str, name: str, faults: dict[str, str]) -> str:
    text = _text(given, f"{field}.", name, faults)
    shape, complaint = _SHAPES[name]
    if text and not shape.match(text):
        faults[f"{field}.{name}"] = complaint
    return text


def _tenant_id(given: Mapping[str, Any], faults: dict[str, str]) -> str:
    text = _text(given, "", "tenant_id", faults)
    if text and (not is_id_shaped(text) or UUID(text).int == 0):
        faults["tenant_id"] = "is no GUID such as 11111111-2222-3333-4444-555555555555"
    return text.lower()


def _tenant_domain(given: Mapping[str, Any], faults: dict[str, str]) -> str | None:
    if given.get("tenant_domain") is None:
        return None
    text = _text(given, "", "tenant_domain", faults)
    if text and not _DOMAIN.match(text):
        faults["tenant_domain"] = "is no domain name such as contoso.onmicrosoft.com"
    return text.lower()


def _text(given: Mapping[str, Any], prefix: str, name: str, faults: dict[str, str]) -> str:
    """A member that must be a line of text; empty, and a fault noted, when it is not."""
    value = given.get(name)
    field = f"{prefix}{name}"
    if value is None:
        faults[field] = "is missing"
        return ""
    if not isinstance(value, str) or not value.strip():
        faults[field] = "is not a text, or is empty"
        return ""
    if len(value) > _MAX_CHARACTERS:
        faults[field] = f"has more than {_MAX_CHARACTERS} characters"
        return ""
    try:
        require_visible(value.strip())
    except InvalidInput:
        faults[field] = "holds a control character, a line end, or a character that cannot be seen"
        return ""
    return value.strip()


def _person_document(person: Contact) -> dict[str, str]:
    title = {} if person.title is None else {"title": person.title}
    return {"name": person.name, "email": person.email, "phone": person.phone, **title}
