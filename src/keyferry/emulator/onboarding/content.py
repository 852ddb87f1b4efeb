"""What an onboarding request says: the cmdlet's parameters, and the contact information.

    {"OrganizationId": GUID, "Scenario": "MDEP", "Subscription1": GUID, "KeyIdentifier1": URL, "Subscription2": GUID,
     "KeyIdentifier2": URL, "OnboardingMode": "Validate", "Contacts": {…, see contacts.py}}

A member that is missing, of another type or unknown is refused and nothing is recorded; what a member says is judged by
the validations, and every judgement is recorded.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from keyferry.emulator.failures import AzureFailure

_TEXTS: Final = ("OrganizationId", "Subscription1", "KeyIdentifier1", "Subscription2", "KeyIdentifier2")
_KNOWN: Final = (*_TEXTS, "Scenario", "OnboardingMode", "Contacts")
MAX_CHARACTERS: Final = 512


class Mode(StrEnum):
    """`OnboardingMode`: Validate changes nothing; Enable activates what was validated."""

    VALIDATE = "Validate"
    ENABLE = "Enable"


class Scenario(StrEnum):
    """`Scenario`: which workload's data the pair is to protect.

    MDEP, the multi-workload policy, has been seen in use with the real service; that it takes EXO (Exchange) and SPO
    (SharePoint and OneDrive), spelled so, is unconfirmed.
    """

    MDEP = "MDEP"
    EXO = "EXO"
    SPO = "SPO"

    @property
    def application_id(self) -> str:
        """The application whose service principal uses the keys."""
        return _APPLICATIONS[self]

    @property
    def needs_protected_subscription(self) -> bool:
        """Whether it is onboarded by a mandatory retention period of the subscriptions, as SharePoint is."""
        return self is Scenario.SPO


_APPLICATIONS: Final = {
    Scenario.MDEP: "c066d759-24ae-40e7-a56f-027002b5d3e4",
    Scenario.EXO: "00000002-0000-0ff1-ce00-000000000000",
    Scenario.SPO: "00000003-0000-0ff1-ce00-000000000000",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A request without its mode, so that what is enabled can be told to be what was validated."""

    organization_id: str
    scenario: Scenario
    subscriptions: tuple[str, str]
    identifiers: tuple[str, str]
    contacts: Any

    def document(self) -> dict[str, Any]:
        """The members of the request."""
        return {
            "OrganizationId": self.organization_id,
            "Scenario": self.scenario.value,
            "Subscription1": self.subscriptions[0],
            "KeyIdentifier1": self.identifiers[0],
            "Subscription2": self.subscriptions[1],
            "KeyIdentifier2": self.identifiers[1],
            "Contacts": self.contacts,
        }

    def digest(self) -> str:
        """SHA-256 over the members in a fixed form, in hex."""
        return hashlib.sha256(json.dumps(self.document(), sort_keys=True).encode()).hexdigest()


def read(body: Mapping[str, Any]) -> tuple[Content, Mode]:
    """Read a request.

    Raises:
        AzureFailure: 400 InvalidRequest, naming the member.
    """
    unknown = sorted(set(body) - set(_KNOWN))
    if unknown:
        raise _refused(unknown[0][:MAX_CHARACTERS], f"is not known here; known are {', '.join(_KNOWN)}")
    for name in _TEXTS:
        value = body.get(name)
        if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_CHARACTERS:
            raise _refused(name, f"is not a text of 1 to {MAX_CHARACTERS} characters")
    mode = _one_of(body, "OnboardingMode", tuple(Mode))
    return content_of({**body, "Scenario": _one_of(body, "Scenario", tuple(Scenario))}), Mode(mode)


def content_of(members: Mapping[str, Any]) -> Content:
    """The content that `Content.document` gave the members of."""
    return Content(
        organization_id=members["OrganizationId"].strip().lower(),
        scenario=Scenario(members["Scenario"]),
        subscriptions=(members["Subscription1"].strip().lower(), members["Subscription2"].strip().lower()),
        identifiers=(members["KeyIdentifier1"].strip(), members["KeyIdentifier2"].strip()),
        contacts=members.get("Contacts"),
    )


def _one_of(body: Mapping[str, Any], name: str, values: tuple[str, ...]) -> str:
    given = str(body.get(name)).lower()
    for value in values:
        if value.lower() == given:
            return value
    raise _refused(name, f"is none of {', '.join(values)}")


def _refused(name: str, what: str) -> AzureFailure:
    return AzureFailure(400, "InvalidRequest", f"The member {name} {what}. Nothing was recorded.")
