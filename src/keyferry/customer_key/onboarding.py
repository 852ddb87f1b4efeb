"""The onboarding request in today's form: the `New-CustomerKeyOnboardingRequest` command lines.

The cmdlet is of the PowerShell module M365CustomerKeyOnboarding. Its parameters are known from the module's own code:
`-KeyIdentifier1` and `-KeyIdentifier2` since 1.1.0, `-VaultName1`, `-KeyName1` and so on up to 1.0.1. `Validate`
changes nothing; `Enable` is for afterwards. What nobody outside Microsoft can confirm is marked so in what is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from keyferry.customer_key.contacts import Contacts
from keyferry.customer_key.identifiers import KeyReference, parse_key_reference
from keyferry.customer_key.powershell import cmdlet
from keyferry.customer_key.workloads import MODULE, Workload, workloads_named
from keyferry.errors import InvalidInput
from keyferry.ids import is_id_shaped

CMDLET: Final = "New-CustomerKeyOnboardingRequest"
STAND_IN_PATH: Final = "/emulator/customer-key/onboarding-requests"
"""Where an emulator's stand-in for the onboarding service takes requests, below its address."""


class Mode(StrEnum):
    """What `-OnboardingMode` takes, in the order in which they are used."""

    VALIDATE = "Validate"
    ENABLE = "Enable"


@dataclass(frozen=True, slots=True)
class RequestedKey:
    """One key of a request, and the subscription that its vault is in."""

    reference: KeyReference
    subscription_id: str


@dataclass(frozen=True, slots=True)
class OnboardingRequest:
    """What onboarding is asked for.

    Attributes:
        organization_id: the Microsoft 365 tenant's GUID.
        workloads: at least one; each is a request of its own to the service.
        first, second: the pair.
    """

    organization_id: str
    workloads: tuple[Workload, ...]
    first: RequestedKey
    second: RequestedKey


def onboarding_request(
    organization_id: str, workloads: tuple[str, ...], keys: tuple[tuple[str, str], ...]
) -> OnboardingRequest:
    """Judge what a request is made of.

    Args:
        keys: of each of the two keys the identifier and the subscription's id.

    Raises:
        InvalidInput: the tenant or a subscription is no GUID, a workload is unknown, or there are not two keys.
        IdentifierRefused: an identifier will not do.
    """
    if len(keys) != 2:
        raise InvalidInput(
            f"{len(keys)} keys are given; a Customer Key is a pair.", field="keys", advice="Give two keys."
        )
    first, second = (
        RequestedKey(parse_key_reference(identifier), _guid(subscription, f"keys[{index}].subscription_id"))
        for index, (identifier, subscription) in enumerate(keys)
    )
    return OnboardingRequest(_guid(organization_id, "organization_id"), workloads_named(workloads), first, second)


def parameters(request: OnboardingRequest, workload: Workload) -> dict[str, str]:
    """The cmdlet's parameters since module version 1.1.0, but for the mode."""
    return {
        "OrganizationId": request.organization_id,
        "Scenario": workload.scenario,
        "Subscription1": request.first.subscription_id,
        "KeyIdentifier1": request.first.reference.text,
        "Subscription2": request.second.subscription_id,
        "KeyIdentifier2": request.second.reference.text,
    }


def older_parameters(request: OnboardingRequest, workload: Workload) -> dict[str, str]:
    """The same up to module version 1.0.1.

    Raises:
        InvalidInput: a key is not in a vault of Azure's, which that form can name only by its name.
    """
    return {
        "OrganizationId": request.organization_id,
        "Scenario": workload.scenario,
        "Subscription1": request.first.subscription_id,
        "VaultName1": _vault_name(request.first),
        "KeyName1": request.first.reference.name,
        "Subscription2": request.second.subscription_id,
        "VaultName2": _vault_name(request.second),
        "KeyName2": request.second.reference.name,
    }


def command_line(given: Mapping[str, str], mode: Mode) -> str:
    """One call of the cmdlet, on one line."""
    return cmdlet(CMDLET, **given, OnboardingMode=mode.value)


def script(request: OnboardingRequest, *, older_module: bool = False) -> str:
    """The PowerShell that a person runs: for each workload `Validate`, then `Enable` if that succeeded.

    Args:
        older_module: write for module versions up to 1.0.1.
    """
    version = "-MaximumVersion 1.0.1" if older_module else "-MinimumVersion 1.1.0"
    lines = [
        "# Microsoft 365 Customer Key: onboarding request. Run it in PowerShell, as an administrator of the tenant",
        "# who has the role Reader at both subscriptions (unconfirmed: no page of Microsoft's names that role).",
        "$ErrorActionPreference = 'Stop'",
        f"Install-Module -Name {MODULE} {version} -Scope CurrentUser",
        f"Import-Module -Name {MODULE} {version}",
    ]
    write = older_parameters if older_module else parameters
    for workload in request.workloads:
        lines += _for_workload(workload, write(request, workload))
    return "\n".join([*lines, ""])


def policy_lines(request: OnboardingRequest, workload: Workload) -> tuple[str, ...]:
    """What a person runs after onboarding, to put data under the keys."""
    values: dict[str, str] = {}
    for number, key in ((1, request.first), (2, request.second)):
        values |= {
            f"uri{number}": key.reference.text,
            f"vault{number}": key.reference.vault or key.reference.host,
            f"name{number}": key.reference.name,
            f"version{number}": key.reference.version or "VERSION",
        }
    return tuple(line.format_map(values) for line in workload.policy_cmdlets)


def stand_in_body(request: OnboardingRequest, workload: Workload, mode: Mode, contacts: Contacts) -> dict[str, Any]:
    """The request as the stand-in of Keyferry's emulator takes it: the cmdlet's parameters, and the contacts.

    The real service is reached by its cmdlet alone; its wire format is not known.
    """
    return {**parameters(request, workload), "OnboardingMode": mode.value, "Contacts": contacts.document()}


def _for_workload(workload: Workload, given: Mapping[str, str]) -> list[str]:
    marks = []
    if not workload.scenario_confirmed:
        marks.append(
            f"# Unconfirmed: -Scenario {workload.scenario}. Let PowerShell complete the value with the Tab key to see "
            "which ones it takes."
        )
    if workload.mandatory_retention:
        marks.append(
            "# Unconfirmed: that the cmdlet can onboard this workload at all. The documented way is an e-mail to "
            f"{workload.mailbox}."
        )
    return [
        "",
        f"# {workload.title}",
        *marks,
        "# Validate changes nothing.",
        f"$validation = {command_line(given, Mode.VALIDATE)}",
        "$validation | Format-List",
        "$validation.PassedValidations",
        "$validation.FailedValidations",
        "if ($validation.ValidationResult -ne 'Success') {",
        "    throw 'The validation did not succeed: see FailedValidations. Nothing was changed.'",
        "}",
        "# Enable activates the pair.",
        f"$enablement = {command_line(given, Mode.ENABLE)}",
        "$enablement | Format-List",
    ]


def _guid(text: str, field: str) -> str:
    if not is_id_shaped(text.lower()):
        raise InvalidInput("That is no GUID.", field=field, advice="Give it as 11111111-2222-3333-4444-555555555555.")
    return text.lower()


def _vault_name(key: RequestedKey) -> str:
    if key.reference.vault is None or key.reference.managed_hsm:
        raise InvalidInput(
            f"{key.reference.host} is no vault of Azure's, and the older module names keys by their vault's name.",
            field="older_module",
            advice="Use module version 1.1.0 or newer, which takes key identifiers.",
        )
    return key.reference.vault
