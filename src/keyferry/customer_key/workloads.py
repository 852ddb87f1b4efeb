"""The workloads that a Customer Key may encrypt: who uses the key, with which rights, and what follows onboarding.

Microsoft documents the application ids, the permissions and the cmdlets
(learn.microsoft.com/purview/customer-key-set-up and customer-key-managedhsm). Which values `-Scenario` takes is not
documented in full; a value that nobody has been seen to use says so in `scenario_confirmed`.
"""

from dataclasses import dataclass
from typing import Final

from keyferry.errors import InvalidInput

PERMISSIONS: Final = ("get", "wrapKey", "unwrapKey")
"""What a workload's service principal needs, and all that it needs; in the spelling of access policies."""

VAULT_ROLE: Final = "Key Vault Crypto Service Encryption User"
"""The built-in Azure role that grants `PERMISSIONS` at a vault under role-based access control."""

MANAGED_HSM_ROLE: Final = "Managed HSM Crypto Service Encryption User"
"""The local role of a Managed HSM that grants them there."""

ONBOARDING_APPLICATION: Final = "19f7f505-34aa-44a4-9dcc-6a768854d2ea"
"""The application of the onboarding service. Not in Microsoft's documentation: several public runbooks name it."""

ONBOARDING: Final = "onboarding"
"""What that application is called where workloads are named."""

MODULE: Final = "M365CustomerKeyOnboarding"
"""The PowerShell module that has the onboarding cmdlets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One way to use a Customer Key.

    Attributes:
        name: what Keyferry calls it, in options and in REST.
        title: what people call it.
        application_id: the client id of the application whose service principal wraps and unwraps.
        application: that application's name.
        scenario: the value of `-Scenario`, and whether it has been seen in use.
        mandatory_retention: its onboarding still goes by a mandatory retention period of the subscriptions and an
            e-mail, so that the keys' recovery level must be `Recoverable+ProtectedSubscription`.
        mailbox: where that e-mail goes.
        offer: the name of the FastTrack offer that onboarded it before 2022.
        policy_cmdlets: what a person runs afterwards, in this order, with `{uri1}` and `{uri2}` for the keys.
    """

    name: str
    title: str
    application_id: str
    application: str
    scenario: str
    scenario_confirmed: bool
    mandatory_retention: bool
    mailbox: str
    offer: str
    policy_cmdlets: tuple[str, ...]


WORKLOADS: Final[dict[str, Workload]] = {
    each.name: each
    for each in (
        Workload(
            name="multi-workload",
            title="Microsoft 365, several workloads (Exchange, Teams, Copilot, Purview Information Protection)",
            application_id="c066d759-24ae-40e7-a56f-027002b5d3e4",
            application="M365DataAtRestEncryption",
            scenario="MDEP",
            scenario_confirmed=True,
            mandatory_retention=False,
            mailbox="m365-ck@service.microsoft.com",
            offer="Request encryption key help for Microsoft 365",
            policy_cmdlets=(
                "New-M365DataAtRestEncryptionPolicy -Name POLICY -AzureKeyIDs {uri1},{uri2}",
                "Set-M365DataAtRestEncryptionPolicyAssignment -DataEncryptionPolicy POLICY",
                "Get-M365DataAtRestEncryptionPolicyAssignment",
            ),
        ),
        Workload(
            name="exchange",
            title="Exchange, mailbox by mailbox",
            application_id="00000002-0000-0ff1-ce00-000000000000",
            application="Office 365 Exchange Online",
            scenario="EXO",
            scenario_confirmed=False,
            mandatory_retention=False,
            mailbox="exock@microsoft.com",
            offer="Request encryption key help for Exchange",
            policy_cmdlets=(
                "New-DataEncryptionPolicy -Name POLICY -Description TEXT -AzureKeyIDs {uri1},{uri2}",
                "Set-Mailbox -Identity MAILBOX -DataEncryptionPolicy POLICY",
                "Get-DataEncryptionPolicy",
            ),
        ),
        Workload(
            name="sharepoint",
            title="SharePoint and OneDrive",
            application_id="00000003-0000-0ff1-ce00-000000000000",
            application="Office 365 SharePoint Online",
            scenario="SPO",
            scenario_confirmed=False,
            mandatory_retention=True,
            mailbox="spock@microsoft.com",
            offer="Request encryption key help for SharePoint and OneDrive for Business",
            policy_cmdlets=(
                (
                    "Register-SPODataEncryptionPolicy -PrimaryKeyVaultName {vault1} -PrimaryKeyName {name1} "
                    "-PrimaryKeyVersion {version1} -SecondaryKeyVaultName {vault2} -SecondaryKeyName {name2} "
                    "-SecondaryKeyVersion {version2}"
                ),
                "Get-SPODataEncryptionPolicy",
            ),
        ),
    )
}
"""Every workload by its name. Adding one means adding a row."""

_OTHER_NAMES: Final = {each.scenario.lower(): each.name for each in WORKLOADS.values()}


def workload_named(name: str) -> Workload:
    """The workload of a name, or of a scenario's value (`EXO`), without regard to case.

    Raises:
        InvalidInput: there is none.
    """
    wanted = name.strip().lower()
    found = WORKLOADS.get(_OTHER_NAMES.get(wanted, wanted))
    if found is None:
        advice = f"Give one of {', '.join(WORKLOADS)}."
        raise InvalidInput("There is no such workload.", field="workload", advice=advice)
    return found


def workloads_named(names: tuple[str, ...]) -> tuple[Workload, ...]:
    """The workloads of several names, each once, in the order of the table.

    Raises:
        InvalidInput: there is none of a name, or no name is given.
    """
    if not names:
        advice = f"Give at least one of {', '.join(WORKLOADS)}."
        raise InvalidInput("No workload is given.", field="workload", advice=advice)
    chosen = {workload_named(name).name for name in names}
    return tuple(each for name, each in WORKLOADS.items() if name in chosen)
