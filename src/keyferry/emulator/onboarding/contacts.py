"""Whether the contact information of a request is complete and well-formed.

    {"organization": TEXT, "tenant_id": GUID, "tenant_domain": DOMAIN (may be left out),
     "primary_contact": {"name", "email", "phone", "title" (may be left out)},
     "authorized_officers": [the same, at least one, no e-mail address twice]}

The officers are those who may approve the irrevocable destruction of keys. The FastTrack offer asked for them; that
today's service takes contact information in its request is unconfirmed.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from keyferry.emulator.management.names import is_guid

MAX_OFFICERS: Final = 10
MAX_CHARACTERS: Final = 256
_EMAIL: Final = re.compile(r"(?=.{6,254}\Z)[^\s@<>\"(),:;\[\]\\]+@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]{2,}", re.ASCII)
_PHONE: Final = re.compile(r"[+(]?[0-9][0-9 ()./-]{5,30}", re.ASCII)
_DOMAIN: Final = re.compile(r"(?=.{4,253}\Z)([A-Za-z0-9-]+\.)+[A-Za-z0-9-]{2,}", re.ASCII)
_KNOWN: Final = ("organization", "tenant_id", "tenant_domain", "primary_contact", "authorized_officers")
_OF_A_PERSON: Final = ("name", "email", "phone", "title")


def faults(contacts: object, tenant_id: str) -> Iterator[tuple[str, str]]:
    """Every field that will not do, with what is wrong with it.

    Args:
        tenant_id: the tenant that the request is for; the contacts must be of the same one.
    """
    if not isinstance(contacts, Mapping):
        yield "Contacts", "it is missing, or no object"
        return
    yield from _unknown(contacts, _KNOWN, "Contacts")
    if not _is_text(contacts.get("organization")):
        yield "Contacts.organization", "it is not the organization's name"
    own = contacts.get("tenant_id")
    if not isinstance(own, str) or not is_guid(own):
        yield "Contacts.tenant_id", "it is not a GUID"
    elif own.lower() != tenant_id.lower():
        yield "Contacts.tenant_id", "it is another tenant than OrganizationId"
    domain = contacts.get("tenant_domain")
    if domain is not None and not (isinstance(domain, str) and _DOMAIN.fullmatch(domain)):
        yield "Contacts.tenant_domain", "it is not a domain's name"
    yield from _person(contacts.get("primary_contact"), "Contacts.primary_contact")
    yield from _officers(contacts.get("authorized_officers"))


def _officers(given: object) -> Iterator[tuple[str, str]]:
    at = "Contacts.authorized_officers"
    if not isinstance(given, list) or not 0 < len(given) <= MAX_OFFICERS:
        yield at, f"it is not a list of 1 to {MAX_OFFICERS} people"
        return
    for index, person in enumerate(given):
        yield from _person(person, f"{at}[{index}]")
    addresses = [str(person.get("email")).lower() for person in given if isinstance(person, Mapping)]
    if len(set(addresses)) < len(addresses):
        yield at, "two of them have the same e-mail address"


def _person(given: object, at: str) -> Iterator[tuple[str, str]]:
    if not isinstance(given, Mapping):
        yield at, "it is missing, or no object"
        return
    yield from _unknown(given, _OF_A_PERSON, at)
    if not _is_text(given.get("name")):
        yield f"{at}.name", "it is not a person's name"
    if not _matches(_EMAIL, given.get("email")):
        yield f"{at}.email", "it is not an e-mail address"
    if not _matches(_PHONE, given.get("phone")):
        yield f"{at}.phone", "it is not a telephone number, such as +44 20 7946 0000"
    if given.get("title") is not None and not _is_text(given["title"]):
        yield f"{at}.title", "it is not a text"


def _unknown(given: Mapping[str, Any], known: tuple[str, ...], at: str) -> Iterator[tuple[str, str]]:
    for name in given:
        if name not in known:
            yield f"{at}.{name[:MAX_CHARACTERS]}", f"it is not known here; known are {', '.join(known)}"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= MAX_CHARACTERS


def _matches(shape: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and shape.fullmatch(value) is not None
